"""Programs on machines: their output as it comes, their status, and an end to them in every case."""

from __future__ import annotations

import codecs
import contextlib
import queue
import shlex
import subprocess
import threading
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ..api import together
from ..api.errors import VoltageParkError
from .failures import lost
from .links import Link

# It gets the cell by its input, of any length and never as part of a command line, and then the names of
# signals for it and what it has started. When its input ends before the cell, the connection is lost or the
# notebook gone: the cell is told so, and two seconds later ended. After an interrupt nothing that the cell
# has started stays; after an ordinary end what it left in the background does. Job control gives the cell a
# process group of its own, and does not make it deaf to interrupts as a plain background process is.
_RUNNER = """\
set -m
cell=$(mktemp "${TMPDIR:-/tmp}/vp-cell-XXXXXX") || exit 125
trap 'rm -f "$cell" "$cell.told"' EXIT
head -c "$1" >"$cell"
[ "$(wc -c <"$cell")" -eq "$1" ] || exit 125
shift
exec 3<&0 </dev/null
"$@" "$cell" 3<&- &
group=$!
exec 2>/dev/null
{
    while read -r signal; do : >"$cell.told"; kill -s "$signal" -- "-$group"; done
    kill -s HUP -- "-$group"
    sleep 2
    kill -s KILL -- "-$group"
} <&3 >/dev/null &
watcher=$!
exec 3<&-
wait "$group"
status=$?
kill -s KILL -- "-$watcher"
[ ! -e "$cell.told" ] || kill -s KILL -- "-$group"
exit "$status"
"""

SHELL = "bash -l"

#: What an interrupt sends, the first time and then.
_SIGNALS = ("INT", "TERM", "KILL")


class Piece(NamedTuple):
    """Some output: from which of the links (by its number), on ``stdout`` or ``stderr``."""

    place: int
    stream: str
    text: str


class Outcome(NamedTuple):
    """How a program ended: its exit status, and the failure of its connection where that was lost."""

    status: int
    failure: VoltageParkError | None


class Program:
    """A program that runs on a machine until it ends, is stopped, or this process ends."""

    def __init__(
        self, link: Link, source: str, *, interpreter: str = SHELL, heard: Callable[[str, str], None]
    ) -> None:
        """Start it. `interpreter` is shell words that a file of `source` is appended to; `heard` is called
        from threads with the stream and the text, and with an empty text when a stream ends."""
        self.link = link
        self._tail = ""
        self._outcome: Outcome | None = None
        body = source.encode()
        command = f"bash -c {shlex.quote(_RUNNER)} vp {len(body)} {interpreter}"
        self._process = subprocess.Popen(  # noqa: S603
            link.argv(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._input: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._input.put(body)
        self._threads = [
            threading.Thread(target=self._feed, daemon=True),
            *(
                threading.Thread(target=self._read, args=(stream, heard), daemon=True)
                for stream in ("stdout", "stderr")
            ),
        ]
        for thread in self._threads:
            thread.start()

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    @property
    def tail(self) -> str:
        """The last of what it wrote to stderr."""
        return self._tail

    def signal(self, name: str) -> None:
        """Send it, and all it started, a signal: INT, TERM, KILL."""
        self._input.put(f"{name}\n".encode())

    def wait(self, timeout: float | None = None) -> Outcome:
        """Wait until it has ended. Raises `subprocess.TimeoutExpired`."""
        if self._outcome is None:
            status = self._process.wait(timeout)
            self._input.put(None)
            for thread in self._threads:
                thread.join()
            failed = lost(self.link.target) if status == 255 and self.link.was_lost else None
            self._outcome = Outcome(status, failed)
        return self._outcome

    def stop(self) -> None:
        """Tell it to end, without waiting for that: its input ends, and so its watcher ends it."""
        self._input.put(None)

    def close(self) -> None:
        """End it now."""
        self.stop()
        if self.runs:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(4)
        if self.runs:
            self._process.kill()
        self.wait()

    def _feed(self) -> None:
        pipe = self._process.stdin
        assert pipe is not None
        with contextlib.suppress(OSError):  # it has ended
            while (data := self._input.get()) is not None:
                pipe.write(data)
                pipe.flush()
        with contextlib.suppress(OSError):
            pipe.close()

    def _read(self, stream: str, heard: Callable[[str, str], None]) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        with getattr(self._process, stream) as pipe:
            while data := pipe.read1(65_536):
                text = decoder.decode(data)
                if stream == "stderr":
                    self._tail = (self._tail + text)[-4000:]
                if text:
                    heard(stream, text)
        if text := decoder.decode(b"", final=True):
            heard(stream, text)
        heard(stream, "")


def run(
    links: Sequence[Link],
    source: str,
    *,
    interpreter: str = SHELL,
    show: Callable[[Piece], None] = lambda _: None,
) -> tuple[list[Outcome], bool]:
    """Run a cell on every link at once; gives how each ended, and whether it was interrupted.

    `show` is called in this thread with output as it comes. An interrupt goes to the programs, and a second
    and third one more firmly; a fourth leaves.
    """
    heard: queue.SimpleQueue[Piece] = queue.SimpleQueue()
    programs: list[Program] = []
    interrupts = 0
    together(*(link.open for link in links))
    try:
        for place, link in enumerate(links):
            hear = _listener(heard, place)
            programs.append(Program(link, source, interpreter=interpreter, heard=hear))
        streams = 2 * len(programs)
        while streams:
            try:
                piece = heard.get(timeout=0.5)  # Windows interrupts no wait without an end
                if piece.text:
                    show(piece)
                else:
                    streams -= 1
            except queue.Empty:
                if not any(program.runs for program in programs):
                    break  # an interrupt has swallowed the end of a stream
            except KeyboardInterrupt:
                if interrupts == len(_SIGNALS):
                    raise
                for program in programs:
                    program.signal(_SIGNALS[interrupts])
                interrupts += 1
        return [program.wait() for program in programs], interrupts > 0
    finally:
        close_all(programs)


def close_all(programs: Sequence[Program]) -> None:
    """End programs, at once."""
    for program in programs:  # in no thread: when the interpreter ends there are no new ones
        program.stop()
    for program in programs:
        program.close()


def _listener(heard: queue.SimpleQueue[Piece], place: int) -> Callable[[str, str], None]:
    return lambda stream, text: heard.put(Piece(place, stream, text))


def output(link: Link, source: str, *, interpreter: str = SHELL) -> tuple[int, str, str]:
    """Run a short program and give its exit status, its stdout and its stderr. Raises `ConnectionFailed`."""
    printed = {"stdout": "", "stderr": ""}

    def keep(piece: Piece) -> None:
        printed[piece.stream] += piece.text

    (outcome,), interrupted = run([link], source, interpreter=interpreter, show=keep)
    if interrupted:
        raise KeyboardInterrupt
    if outcome.failure is not None:
        raise outcome.failure
    return outcome.status, printed["stdout"], printed["stderr"]


def remote_path(text: str) -> str:
    """A path on a machine as a word for its shell, where ``~/`` is the home there."""
    return "~/" + shlex.quote(text[2:]) if text.startswith("~/") else shlex.quote(text)
