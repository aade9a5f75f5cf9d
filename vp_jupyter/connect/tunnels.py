"""Ports of a machine on this computer's loopback."""

from __future__ import annotations

import contextlib
import socket
import sys

from .kept import Kept
from .links import Link
from .remote import output
from .ssh import Ssh
from .target import Target

LOOPBACK = "127.0.0.1"


class Tunnel:
    """A port of a machine, at `local_port` of this computer's loopback until it is closed.

    `to` is the address there that the port is at; `answers` tells whether something listened when the tunnel
    was made. Raises `ConnectionFailed` with a sentence where it cannot be made.
    """

    def __init__(
        self, ssh: Ssh, target: Target, port: int, *, to: str = "localhost", local_port: int | None = None
    ) -> None:
        self.target = target
        self.port = port
        # A machine on this computer may have the same loopback: the tunnel would lead to itself.
        self.local_port = local_port or free_port(0 if target.on_this_computer else port)
        self._kept = Kept(
            ssh,
            target,
            *("-L", f"{LOOPBACK}:{self.local_port}:{f'[{to}]' if ':' in to else to}:{port}"),
            asks=f"$(bash -c 'exec 3<>/dev/tcp/{to}/{port}' 2>/dev/null && echo answers)",
            ExitOnForwardFailure="yes",
        )
        self.answers = self._kept.answer == "answers"

    @property
    def is_open(self) -> bool:
        """Whether it is there now."""
        return self._kept.is_open

    def close(self) -> None:
        """End it."""
        self._kept.close()


def shares_loopback(link: Link) -> bool:
    """Whether a machine's loopback is this computer's, as of a sandbox's machine that is not confined."""
    if not link.target.on_this_computer:
        return False
    with socket.create_server((LOOPBACK, 0)) as here:
        status, _, _ = output(link, f"exec 3<>/dev/tcp/{LOOPBACK}/{here.getsockname()[1]}")
    return status == 0


def free_port(wanted: int = 0) -> int:
    """A port of the loopback that nothing listens on: `wanted` if it is one."""
    try:
        return free_ports(1, wanted)[0]
    except OSError:
        return free_ports(1)[0]


def free_ports(count: int, first: int = 0) -> list[int]:
    """Ports of the loopback that nothing listens on, all different. Raises `OSError`."""
    with contextlib.ExitStack() as held:
        ports = []
        for wanted in [first, *[0] * (count - 1)]:
            probe = held.enter_context(socket.socket())
            if sys.platform != "win32":  # where it would take the port from whoever has it
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((LOOPBACK, wanted))
            ports.append(int(probe.getsockname()[1]))
        return ports
