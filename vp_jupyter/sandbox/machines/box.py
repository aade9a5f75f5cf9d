"""One machine that is up: its processes, from the first connection until it is switched off."""

import asyncio
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from vp_jupyter.sandbox.machines import confinement
from vp_jupyter.sandbox.machines.confinement import Unconfinable, confined, last_line
from vp_jupyter.sandbox.machines.disk import TMP, Disk
from vp_jupyter.sandbox.machines.interpreter import python, search_path, variables
from vp_jupyter.sandbox.machines.roster import Machine

_PROGRAM = Path(__file__).with_name("sshd.py")
_PATIENCE = 60.0  # seconds to come up: a busy computer takes its time
_MARK = "VP_SANDBOX_MACHINE"  # in the environment of all that an unconfined machine starts


class Failed(Exception):
    """The machine does not come up; says why."""


class Box:
    """The processes of one machine, started when they are first needed.

    Where they cannot be confined they run unconfined if that is allowed; otherwise the machine lets in whom
    it should, says why it does nothing, and does nothing. After `end` it is of no more use.
    """

    def __init__(
        self, machine: Machine, disk: Disk, host_key: Callable[[], str], *, unconfined: bool
    ) -> None:
        self._machine = machine
        self._disk = disk
        self._host_key = host_key
        self._may_be_unconfined = unconfined
        self._process: subprocess.Popen[bytes] | None = None
        self._first: int | None = None  # a pidfd of the first process inside, which all others end with
        self._mark: str | None = None  # of an unconfined one
        self._control: socket.socket | None = None
        self._starting = asyncio.Lock()
        self._is_over = False

    async def start(self) -> None:
        """Come up, if it has not. Raises `Failed`."""
        async with self._starting:
            if self._process is not None and self._process.poll() is None:
                return
            self._end_processes()
            try:
                confinement.require()
                await self._start_confined()
            except Unconfinable as unable:
                self._require_use()
                if self._may_be_unconfined:
                    await self._start_unconfined(unable)
                else:
                    await self._start_refusing(unable)

    async def connect(self, port: int) -> socket.socket:
        """A connection to a port inside; comes up first where that is needed. Raises `Failed`."""
        await self.start()
        # A socket of this computer's network would be a way into it for whoever gets hold of it inside.
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with theirs:
            try:
                assert self._control is not None
                socket.send_fds(self._control, [port.to_bytes(2)], [theirs.fileno()])
            except OSError as broken:
                ours.close()
                self._end_processes()
                raise Failed(f"{self._machine.name} has just ended ({broken.strerror}).") from None
        return ours

    def end(self) -> None:
        """End all its processes, now and for good."""
        self._is_over = True
        self._end_processes()

    def _require_use(self) -> None:
        if self._is_over:
            raise Failed(f"{self._machine.name} has just ended.")

    def _end_processes(self) -> None:
        process, self._process = self._process, None
        first, self._first = self._first, None
        mark, self._mark = self._mark, None
        if self._control is not None:
            self._control.close()
        if process is None:
            return
        if first is not None:
            # The kernel ends all the others before this one is gone: nothing writes to the disk any more.
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(first, signal.SIGKILL)
            os.close(first)
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
        process.kill()
        process.wait()
        if mark is not None:
            _end_marked(mark)

    async def _start_confined(self) -> None:
        reading, writing = os.pipe()
        try:
            await self._launch(
                lambda control: confined(_PROGRAM, self._disk, str(control), info_fd=writing),
                self._settings(lambda path: path, self._disk.first_script),
                inherited=(writing,),
            )
            self._first = os.pidfd_open(json.loads(os.read(reading, 4096))["child-pid"])
        except (OSError, Failed) as failed:
            self._end_processes()
            raise Unconfinable(f"{getattr(failed, 'strerror', None) or failed}") from None
        finally:
            os.close(reading)
            os.close(writing)
        self._disk.first_script = None

    async def _start_unconfined(self, unable: Unconfinable) -> None:
        disk = self._disk
        disk.say(f"Not confined ({unable}): what is said to be in / is in {disk.root}.")
        script, disk.first_script = disk.first_script, None
        settings = self._settings(lambda path: str(disk.real(path)), script)
        self._mark = settings["environment"][_MARK] = secrets.token_hex(16)
        await self._launch(lambda control: [*python(), str(_PROGRAM), str(control)], settings)

    async def _start_refusing(self, unable: Unconfinable) -> None:
        settings = self._settings(lambda path: str(self._disk.real(path)), script=None)
        settings["refusal"] = (
            f"{self._machine.name} runs nothing, for its programs cannot be confined on this computer: "
            f"{unable}. Started with --unconfined-machines, the sandbox lets them run as you do."
        )
        await self._launch(lambda control: [*python(), str(_PROGRAM), str(control)], settings)

    async def _launch(
        self,
        command: Callable[[int], list[str]],
        settings: dict[str, Any],
        inherited: tuple[int, ...] = (),
    ) -> None:
        self._require_use()
        ours, theirs = socket.socketpair()
        self._control = ours
        ours.setblocking(False)
        with theirs, tempfile.TemporaryFile() as told, tempfile.TemporaryFile() as said:
            told.write(json.dumps(settings).encode())
            told.seek(0)
            with self._disk.log.open("ab") as log:
                self._process = subprocess.Popen(  # noqa: S603
                    command(theirs.fileno()),
                    stdin=told,
                    stdout=log,
                    stderr=said,
                    pass_fds=(theirs.fileno(), *inherited),
                    env=variables(),
                    cwd="/",
                    start_new_session=True,
                )
            theirs.close()
            up = b""
            with suppress(OSError, TimeoutError):
                up = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(ours, 1), _PATIENCE)
            if not up:
                self._end_processes()
                said.seek(0)
                reason = last_line(said.read().decode(errors="replace")) or "it ends without a word"
                raise Failed(f"{self._machine.name} does not come up: {reason}")

    def _settings(self, at: Callable[[str], str], script: str | None) -> dict[str, Any]:
        """What the ssh server is told; `at` gives the name it has for a path of the machine, `script` is one
        that it is to run."""
        machine = self._machine
        home = at(self._disk.home_path)
        return {
            "login": machine.login,
            "keys": [key.split()[1] for key in machine.authorized_keys if not key.split()[1].endswith(".")],
            "password": machine.password,
            "host_key": self._host_key(),
            "home": home,
            "motd": at("/etc/motd"),
            "script": script and at(script),
            "refusal": None,
            "environment": {
                "HOME": home,
                "LANG": "C.UTF-8",
                "LOGNAME": machine.login,
                "PATH": search_path(),
                "SHELL": shutil.which("bash", path="/usr/bin:/bin:/usr/local/bin") or "/bin/sh",
                "TMPDIR": at(TMP),
                "USER": machine.login,
                **variables(),
            },
        }


def new_host_key() -> str:
    """A private key, in OpenSSH's form."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()


def _end_marked(mark: str) -> None:
    """End what an unconfined machine has left: all that has its mark in the environment."""
    import psutil

    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.environ().get(_MARK) == mark:
                process.kill()
                process.wait(5)
