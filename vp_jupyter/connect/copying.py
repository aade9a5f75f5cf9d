"""Files to machines and back, by scp."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ..api.errors import InvalidRequest
from .failures import last_line, lost
from .links import Link
from .ssh import program

#: What scp writes on a terminal: ``weights.bin   45%  120MB  60.1MB/s   00:02 ETA``.
_PROGRESS = re.compile(r"^(?P<name>.*\S)\s+(?P<percent>\d{1,3})%\s+(?P<size>\S+)\s+(?P<rate>\S+/s)")


def copy(
    link: Link,
    sources: Sequence[str],
    destination: str,
    *,
    upload: bool,
    progress: Callable[[str], None] = lambda _: None,
) -> None:
    """Copy files and whole folders to a machine, or from it.

    The paths of the machine are as its own scp takes them, relative to the login's home. `progress` is called
    with ``name 45% of …`` as it goes on, where this computer has terminals to show it on. Raises
    `InvalidRequest` with what scp says, `ConnectionFailed` where the connection is not there or is lost.
    """
    target = link.target
    settings = link.open()
    host = f"[{target.host}]" if ":" in target.host else target.host
    there = f"{target.login}@{host}:"
    local = [_local(path) for path in (sources if upload else [destination])]
    files = [*local, there + destination] if upload else [*(there + path for path in sources), *local]
    command = [program("scp"), "-r", *link.ssh.options(target, **settings), "--", *files]
    status, words = _run(command, progress)
    if status:
        if re.search("connection|broken pipe", words, re.IGNORECASE) and link.was_lost:
            raise lost(target)
        complaint = re.sub(r"^(\S*scp: )+", "", last_line(words))
        raise InvalidRequest(f"Nothing more was copied: {complaint or 'scp failed and says no more'}.")


def _local(path: str) -> str:
    """A path of this computer that scp cannot take for a host's."""
    path = os.path.expanduser(path)  # noqa: PTH111  # a Path would lose a closing slash
    return path if os.path.isabs(path) else os.path.join(".", path)  # noqa: PTH117, PTH118


def _run(command: list[str], progress: Callable[[str], None]) -> tuple[int, str]:
    """Run scp and give its exit status and what it complains of. It shows how far it is on a terminal alone,
    so it gets one, where there are any."""
    if sys.platform == "win32":
        done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, check=False)  # noqa: S603
        return done.returncode, done.stderr.decode(errors="replace")
    import pexpect

    complaints = []
    terminal = pexpect.spawn(command[0], command[1:], timeout=None, dimensions=(24, 120))
    try:
        for line in _lines(terminal):
            if found := _PROGRESS.match(line):
                progress("{name} {percent}%, {size}, {rate}".format(**found.groupdict()))
            else:
                complaints.append(line)
        terminal.wait()  # it has closed the terminal, and may not have ended yet
    finally:
        terminal.close(force=True)
    return terminal.exitstatus or terminal.signalstatus or 0, "\n".join(complaints)


def _lines(terminal: Any) -> Iterator[str]:
    """What is written on a terminal, line by rewritten line."""
    import pexpect

    rest = b""
    with contextlib.suppress(pexpect.EOF):
        while True:
            *lines, rest = re.split(rb"[\r\n]+", rest + terminal.read_nonblocking(4096))
            yield from (line.decode(errors="replace") for line in lines)
    yield rest.decode(errors="replace")
