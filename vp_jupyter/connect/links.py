"""Kept connections: one for each machine, shared by everything that runs there."""

from __future__ import annotations

import shutil
import tempfile
import threading
from pathlib import Path

from .kept import Kept
from .ssh import MULTIPLEXES, Ssh
from .target import Target


class Link:
    """A connection to one node: made when it is needed, and again after it was lost. Where ssh cannot share
    connections (Windows), every process makes one of its own."""

    def __init__(self, ssh: Ssh, target: Target, socket: Path | None) -> None:
        self.ssh = ssh
        self.target = target
        self._socket = socket
        self._kept: Kept | None = None
        self._lock = threading.Lock()

    def argv(self, command: str) -> list[str]:
        """The command line that runs `command` there, over the connection.

        Raises `ConnectionFailed` with a sentence where there is none to be had.
        """
        return self.ssh.argv(self.target, command, **self.open())

    def open(self) -> dict[str, str]:
        """Connect, where that is not so already; gives the settings with which ssh and scp use it."""
        own = {"ClearAllForwardings": "yes"}
        if self._socket is None:
            self.ssh.prepare()
            return own
        with self._lock:
            if self._kept is None or not self._kept.is_open:
                self._end()
                self._kept = Kept(
                    self.ssh, self.target, **own, ControlMaster="yes", ControlPath=str(self._socket)
                )
        return {**own, "ControlMaster": "no", "ControlPath": str(self._socket)}

    @property
    def was_lost(self) -> bool:
        """Whether the connection has ended, which ssh's exit status 255 alone does not say."""
        # The process that says 255 can be a little ahead of the one that was cut off.
        return self._kept is None or self._kept.has_ended(within=1.0)

    def close(self) -> None:
        """End the connection and all that runs over it."""
        with self._lock:
            self._end()

    def _end(self) -> None:
        if self._kept is not None:
            self._kept.close()
            self._kept = None
        if self._socket is not None:
            self._socket.unlink(missing_ok=True)


class Links:
    """The connections of a notebook."""

    def __init__(self) -> None:
        self._links: dict[tuple[Ssh, Target], Link] = {}
        self._folder: Path | None = None

    def to(self, ssh: Ssh, target: Target) -> Link:
        """The connection to a node; it is made when it is used."""
        if (ssh, target) not in self._links:
            socket = self._sockets() / str(len(self._links)) if MULTIPLEXES else None
            self._links[ssh, target] = Link(ssh, target, socket)
        return self._links[ssh, target]

    def close(self) -> None:
        """End all of them."""
        for link in self._links.values():
            link.close()
        self._links.clear()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def _sockets(self) -> Path:
        if self._folder is None:
            # Private, and not in the system's own place: the path of a socket must be short.
            self._folder = Path(tempfile.mkdtemp(prefix="vp-ssh-", dir="/tmp"))
        return self._folder
