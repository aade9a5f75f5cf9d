"""An ssh server whose programs have a network of their own, and in it nothing but a loopback.

It is reached on the loopback of the computer that runs it: its socket was there before. Prints its port.
"""

import asyncio
import ctypes
import fcntl
import os
import socket
import struct
import subprocess
import sys

import asyncssh

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
SIOCSIFFLAGS, IFF_UP = 0x8914, 1


def leave() -> None:
    """Into a network of one's own, and bring its loopback up."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET if os.geteuid() == 0 else CLONE_NEWUSER | CLONE_NEWNET):
        sys.exit(os.strerror(ctypes.get_errno()))
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh", b"lo", IFF_UP))


class Server(asyncssh.SSHServer):
    def connection_requested(self, *_) -> bool:
        return True

    def server_requested(self, *_) -> bool:
        return True


async def run(process: asyncssh.SSHServerProcess) -> None:
    program = subprocess.Popen(
        ["bash", "-c", process.command or "exit 1"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    await process.redirect(program.stdin, program.stdout, program.stderr)
    process.exit(await asyncio.to_thread(program.wait))


async def serve(listening: socket.socket, authorized: str) -> None:
    host_key = asyncssh.generate_private_key("ssh-ed25519")
    server = await asyncssh.listen(
        sock=listening,
        server_factory=Server,
        server_host_keys=[host_key],
        authorized_client_keys=authorized,
        process_factory=run,
        encoding=None,
    )
    await server.wait_closed()


listening = socket.create_server(("127.0.0.1", 0))
leave()
print(listening.getsockname()[1], flush=True)
asyncio.run(serve(listening, sys.argv[1]))
