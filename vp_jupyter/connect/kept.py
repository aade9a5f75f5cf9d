"""An ssh process that stays up until it is closed, or this process ends."""

from __future__ import annotations

import contextlib
import subprocess
import threading
import time

from .failures import failure
from .ssh import Ssh
from .target import Target

_READY = "vp-ready"
_OPENING = 40.0  # seconds for a connection to come up; ssh's own limits are shorter


class Kept:
    """A connection of its own, made when this returns. Raises `ConnectionFailed` with a sentence otherwise.

    `words` are further arguments of ssh, forwards say; `settings` further settings of ssh_config. `asks` is
    run there for one line that is kept as `answer`.
    """

    def __init__(self, ssh: Ssh, target: Target, *words: str, asks: str = "", **settings: str) -> None:
        self.target = target
        self.answer = ""
        self._said = bytearray()
        self._up = threading.Event()
        ssh.prepare()
        # What it runs ends with its input, and that ends with this process, however it ends.
        command = f"echo {_READY} {asks}; exec cat >/dev/null"
        self._process = subprocess.Popen(  # noqa: S603
            ssh.argv(target, command, *words, **{"ControlMaster": "no", "ControlPath": "none", **settings}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # an interrupt of the notebook is not for it
        )
        self._threads = [threading.Thread(target=read, daemon=True) for read in (self._listen, self._collect)]
        for thread in self._threads:
            thread.start()
        try:
            self._wait_until_up(ssh)
        except BaseException:
            self.close()
            raise

    @property
    def is_open(self) -> bool:
        """Whether it is up now."""
        return self._process.poll() is None

    def has_ended(self, within: float) -> bool:
        """Whether it ends in so many seconds."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(within)
        return not self.is_open

    def close(self) -> None:
        """End it, and everything that uses it."""
        process = self._process
        with contextlib.suppress(OSError):
            process.stdin.close()  # type: ignore[union-attr]  # it is a pipe
        process.terminate()
        try:
            process.wait(1)
        except subprocess.TimeoutExpired:  # ssh can overlook a signal until its next packet
            process.kill()
            process.wait()
        for thread in self._threads:
            thread.join()
        for pipe in (process.stdout, process.stderr):
            pipe.close()  # type: ignore[union-attr]

    def _wait_until_up(self, ssh: Ssh) -> None:
        deadline = time.monotonic() + _OPENING
        while not self._up.wait(0.05):
            if not self.is_open or time.monotonic() > deadline:
                timed_out = self.is_open
                self.close()
                said = "timed out" if timed_out else self._said.decode(errors="replace")
                raise failure(ssh, self.target, said)

    def _listen(self) -> None:
        for line in self._process.stdout:  # type: ignore[union-attr]
            # What a login prints of its own comes before it.
            if line.startswith(_READY.encode()):
                self.answer = line.decode(errors="replace").removeprefix(_READY).strip()
                self._up.set()

    def _collect(self) -> None:
        for line in self._process.stderr:  # type: ignore[union-attr]
            self._said += line
            del self._said[:-4000]
