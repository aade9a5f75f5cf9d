"""Carrying bytes between two sockets."""

import asyncio
import socket
from contextlib import suppress


async def relay(one: socket.socket, other: socket.socket) -> None:
    """Carry bytes both ways until both sides have ended; the sockets are non-blocking, and stay open."""
    await asyncio.gather(_carry(one, other), _carry(other, one))


async def _carry(source: socket.socket, target: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    with suppress(OSError):
        while data := await loop.sock_recv(source, 65_536):
            await loop.sock_sendall(target, data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
