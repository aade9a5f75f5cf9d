"""The ssh server of one sandbox machine: a program of its own, which runs inside the machine's confinement.

`python -P sshd.py FD`, with its settings as JSON on stdin. The socket FD brings connections: two bytes with
the port they are for, and the connection itself as a file descriptor. Port 22 is answered here, any other is
joined to that port of the machine's loopback. When the socket ends, so does the machine. This file is all of
vp_jupyter that can be seen from in there, so it imports nothing of it.
"""

from __future__ import annotations

import asyncio
import base64
import fcntl
import hmac
import json
import os
import signal
import socket
import struct
import sys
import termios
from contextlib import suppress
from pathlib import Path
from typing import Any, TypedDict

import asyncssh

SSH_PORT = 22


class Settings(TypedDict):
    """What the machine is told when it comes up."""

    login: str
    keys: list[str]  # the blobs, in base64
    password: str | None
    host_key: str  # OpenSSH's form
    home: str
    motd: str
    environment: dict[str, str]
    script: str | None  # a shell script to run now
    refusal: str | None  # why it does nothing for whoever logs in, if so


class Login(asyncssh.SSHServer):
    """Lets in one login, by its keys or its password, and forwards ports inside the machine."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._keys = {base64.b64decode(key) for key in settings["keys"]}

    def begin_auth(self, username: str) -> bool:
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return username == self._settings["login"] and key.public_data in self._keys

    def password_auth_supported(self) -> bool:
        return self._settings["password"] is not None

    def validate_password(self, username: str, password: str) -> bool:
        wanted = self._settings["password"]
        right = wanted is not None and hmac.compare_digest(password.encode(), wanted.encode())
        return right and username == self._settings["login"]

    def connection_requested(self, dest_host: str, dest_port: int, orig_host: str, orig_port: int) -> bool:
        return self._settings["refusal"] is None

    def server_requested(self, listen_host: str, listen_port: int) -> bool:
        return self._settings["refusal"] is None

    def session_requested(self) -> Refusal:
        return Refusal(self._settings["refusal"] or "")  # asked for only where there is no process factory


class Refusal(asyncssh.SSHServerSession[bytes]):
    """Says its sentence to whatever is asked, and ends."""

    def __init__(self, sentence: str) -> None:
        self._sentence = sentence
        self._channel: asyncssh.SSHServerChannel[bytes] | None = None

    def connection_made(self, chan: asyncssh.SSHServerChannel[bytes]) -> None:
        self._channel = chan

    def shell_requested(self) -> bool:
        return True

    def exec_requested(self, command: str) -> bool:
        return True

    def subsystem_requested(self, subsystem: str) -> bool:
        return True

    def session_started(self) -> None:
        assert self._channel is not None
        self._channel.write_stderr(f"{self._sentence}\r\n".encode())
        self._channel.exit(1)


class Machine:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._tasks: set[asyncio.Task[None]] = set()
        self._groups: set[int] = set()
        self._options: dict[str, Any] = {
            "server_factory": lambda: Login(settings),
            "server_host_keys": [asyncssh.import_private_key(settings["host_key"])],
            "server_version": "Sandbox",
            "encoding": None,
            "line_editor": False,  # there are real terminals here
            "agent_forwarding": False,
            "gss_host": None,
            "login_timeout": 60,
        }
        if settings["refusal"] is None:
            self._options |= {"process_factory": self._session, "sftp_factory": True, "allow_scp": True}

    async def run(self, control: socket.socket) -> None:
        """Answer what the socket brings, until it ends."""
        loop, gone = asyncio.get_running_loop(), asyncio.Event()

        def arrived() -> None:
            try:
                port, fds, _, _ = socket.recv_fds(control, 2, 1)
            except OSError:
                port, fds = b"", []
            if fds:
                connection = socket.socket(fileno=fds[0])
                connection.setblocking(False)
                self._keep(self._serve(int.from_bytes(port), connection))
            if not port:
                gone.set()

        if self._settings["script"] is not None:
            self._keep(self._first_start(self._settings["script"]))
        loop.add_reader(control, arrived)
        control.send(b"+")  # up
        await gone.wait()
        for group in self._groups:
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)

    def _keep(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _first_start(self, script: str) -> None:
        """Its output goes where this program's does, to the log of cloud-init."""
        run = await asyncio.create_subprocess_exec(
            *("/bin/sh", script),
            env=self._settings["environment"],
            stdin=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        print(f"The commands of cloud-init ended with status {await run.wait()}.", flush=True)

    async def _serve(self, port: int, connection: socket.socket) -> None:
        with suppress(OSError, TimeoutError, asyncssh.Error):
            if port == SSH_PORT:
                await asyncssh.run_server(connection, **self._options)
            else:
                with connection:
                    await _join(connection, port)

    async def _session(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        """A command or a shell, as sshd runs them."""
        settings, command = self._settings, process.command
        if process.subsystem:
            return process.exit(1)
        environment = settings["environment"] | {
            name: value for name, value in process.env.items() if name == "LANG" or name.startswith("LC_")
        }
        if process.term_type is None:
            ours, theirs = _pipes()
        else:
            environment["TERM"] = process.term_type
            ours, theirs = _terminal(*process.term_size)
            if command is None:
                with suppress(OSError), Path(settings["motd"]).open("rb") as motd:
                    process.stdout.write(motd.read().replace(b"\n", b"\r\n"))
        try:
            child = await asyncio.create_subprocess_exec(
                *(environment["SHELL"], *(("-c", command) if command is not None else ("-l",))),
                env=environment,
                cwd=settings["home"],
                stdin=theirs[0],
                stdout=theirs[1],
                stderr=theirs[2],
                start_new_session=True,
                preexec_fn=_control if process.term_type is not None else None,
            )
        finally:
            for fd in {*theirs}:
                os.close(fd)
        self._groups.add(child.pid)
        process.set_redirect_pid(child.pid)
        # Plain descriptors: asyncio's streams are read twice by asyncssh when it pauses and goes on at once.
        await process.redirect(**ours)
        status = await child.wait()
        self._groups.discard(child.pid)
        with suppress(OSError, asyncssh.Error):  # whoever asked has gone
            await process.stdout.drain()
            await process.stderr.drain()
            if status < 0:
                process.exit_with_signal(signal.Signals(-status).name.removeprefix("SIG"))
            else:
                process.exit(status)


def _pipes() -> tuple[dict[str, int], list[int]]:
    """What goes to and comes from a program: our ends, and its own."""
    (stdin, ours), (out, stdout), (err, stderr) = (os.pipe() for _ in range(3))
    return {"stdin": ours, "stdout": out, "stderr": err}, [stdin, stdout, stderr]


def _terminal(columns: int, rows: int, width: int, height: int) -> tuple[dict[str, int], list[int]]:
    """The same through a terminal of that size."""
    ours, theirs = os.openpty()
    fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, width, height))
    return {"stdin": os.dup(ours), "stdout": ours}, [theirs] * 3


def _control() -> None:
    """Take the terminal on stdin as one's own, whose interrupts one gets."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


async def _join(connection: socket.socket, port: int) -> None:
    """Carry bytes both ways between a connection and a port of this loopback, until both sides have ended."""
    outside = await asyncio.open_connection(sock=connection)
    try:
        inside = await asyncio.open_connection("127.0.0.1", port)
    except OSError:  # nothing listens there
        return outside[1].close()
    try:
        await asyncio.gather(_carry(outside[0], inside[1]), _carry(inside[0], outside[1]))
    finally:
        for _, writer in (outside, inside):
            writer.close()


async def _carry(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while data := await source.read(65_536):
        target.write(data)
        await target.drain()
    target.write_eof()


def main() -> None:
    settings: Settings = json.load(sys.stdin)
    control = socket.socket(fileno=int(sys.argv[1]))
    control.set_inheritable(False)
    control.setblocking(False)
    os.umask(0o022)
    os.chdir(settings["home"])
    asyncio.run(Machine(settings).run(control))


if __name__ == "__main__":
    main()
