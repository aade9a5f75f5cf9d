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
_CHUNK = 65_536


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
            self._options |= {"process_factory": self._session, "sftp_factory": Files}

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
        """A command or a shell, as sshd runs them.

        The bytes are carried here: where asyncssh does so itself, some are lost when much comes at once.
        """
        settings, command = self._settings, process.command
        environment = settings["environment"] | {
            name: value for name, value in process.env.items() if name == "LANG" or name.startswith("LC_")
        }
        on_terminal = process.term_type is not None
        if on_terminal:
            environment["TERM"] = process.term_type or ""
            (entry, *exits), theirs = _terminal(*process.term_size)
            if command is None:
                with suppress(OSError), Path(settings["motd"]).open("rb") as motd:
                    process.stdout.write(motd.read().replace(b"\n", b"\r\n"))
        else:
            (entry, *exits), theirs = _pipes()
        try:
            child = await asyncio.create_subprocess_exec(
                *(environment["SHELL"], *(("-c", command) if command is not None else ("-l",))),
                env=environment,
                cwd=settings["home"],
                stdin=theirs[0],
                stdout=theirs[1],
                stderr=theirs[2],
                start_new_session=True,
                preexec_fn=_control_terminal if on_terminal else None,
            )
        finally:
            for fd in {*theirs}:
                os.close(fd)
        self._groups.add(child.pid)
        source = await _writer(entry)
        sinks = [await _reader(fd) for fd in exits]
        self._keep(_hang_up(process, source.transport, *(transport for _, transport in sinks)))
        self._keep(_feed(process, source, child.pid, on_terminal=on_terminal))
        carrying = [
            asyncio.create_task(_carry_out(reader, writer))
            for (reader, _), writer in zip(sinks, (process.stdout, process.stderr), strict=False)
        ]
        if not on_terminal:
            await asyncio.wait(carrying)
        status = await child.wait()
        self._groups.discard(child.pid)
        # What was left in the background keeps its terminal, but not its connection.
        await asyncio.wait(carrying, timeout=1)
        with suppress(OSError, asyncssh.Error):  # whoever asked has gone
            if status < 0:
                process.exit_with_signal(signal.Signals(-status).name.removeprefix("SIG"))
            else:
                process.exit(status)


class Files(asyncssh.SFTPServer):
    """Files as the machine's programs see them."""

    def exit(self) -> None:
        self.channel.exit(0)  # OpenSSH's scp takes a session without a status for one that failed


def _pipes() -> tuple[list[int], list[int]]:
    """What leads to a program's input and from its outputs: our ends, and its own."""
    (stdin, entry), (out, stdout), (err, stderr) = (os.pipe() for _ in range(3))
    return [entry, out, err], [stdin, stdout, stderr]


def _terminal(*size: int) -> tuple[list[int], list[int]]:
    """The same through a terminal."""
    ours, theirs = os.openpty()
    _resize(ours, *size)
    return [os.dup(ours), ours], [theirs] * 3


def _resize(terminal: int, columns: int, rows: int, width: int, height: int) -> None:
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, width, height))


def _control_terminal() -> None:
    """Take the terminal on stdin as one's own, whose interrupts one gets."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


async def _writer(fd: int) -> asyncio.StreamWriter:
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.connect_write_pipe(
        asyncio.streams.FlowControlMixin, os.fdopen(fd, "wb", 0)
    )
    return asyncio.StreamWriter(transport, protocol, None, loop)


async def _reader(fd: int) -> tuple[asyncio.StreamReader, asyncio.ReadTransport]:
    loop, reader = asyncio.get_running_loop(), asyncio.StreamReader()
    transport, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(fd, "rb", 0)
    )
    return reader, transport


async def _feed(
    process: asyncssh.SSHServerProcess[bytes],
    source: asyncio.StreamWriter,
    group: int,
    *,
    on_terminal: bool,
) -> None:
    """Bring a program what comes for it, signals included."""
    with suppress(OSError, asyncssh.Error):
        while True:
            try:
                data = await process.stdin.read(_CHUNK)
            except asyncssh.TerminalSizeChanged as now:
                _resize(source.get_extra_info("pipe").fileno(), *now.term_size)
            except asyncssh.BreakReceived:
                os.killpg(group, signal.SIGINT)
            except asyncssh.SignalReceived as received:
                if (number := getattr(signal, f"SIG{received.signal}", None)) is not None:
                    os.killpg(group, number)
            else:
                if not data:
                    break
                source.write(data)
                await source.drain()
    if not on_terminal:
        source.close()


async def _carry_out(reader: asyncio.StreamReader, writer: asyncssh.SSHWriter[bytes]) -> None:
    """Bring what a program says to whoever asked; the terminal of one that has ended is an error."""
    with suppress(OSError, asyncssh.Error):
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()


async def _hang_up(process: asyncssh.SSHServerProcess[bytes], *transports: asyncio.BaseTransport) -> None:
    """When the connection has ended, nobody listens to the program any more."""
    await process.wait_closed()
    for transport in transports:
        transport.close()


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
    while data := await source.read(_CHUNK):
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
