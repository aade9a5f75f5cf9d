"""The command that runs a cell on a machine: run."""

from __future__ import annotations

import re
import sys
from argparse import Namespace
from collections.abc import Sequence
from typing import Any

from ..api import ConnectionFailed
from ..connect.remote import SHELL, Piece, remote_path, run
from ..refused import Refused
from ..session import Session
from .connect import NODE, USER
from .grammar import MACHINES, arg, command

GROUP = "Connect"


@command(
    "run",
    MACHINES,
    NODE,
    USER,
    arg("--all-nodes", action="store_true", help="on every node of a rental at once"),
    arg("--python", action="store_true", help="the cell is Python, and not for the shell"),
    arg("--interpreter", help="the Python there (default: VP.remote_python)"),
    arg("--out", metavar="VAR", help="keep what it prints on stdout in a variable, too"),
    group=GROUP,
    takes_cell=True,
)
def run_cell(session: Session, args: Namespace) -> Any:
    """Run the cell on a machine: its output comes as it is printed, its exit status is the result.

    On several machines or nodes at once every line is labelled, and the result is the list of statuses. The
    notebook's interrupt reaches the cell there, and nothing of it stays.
    """
    if args.cell is None:
        raise Refused("What to run? Begin a cell with %%vp run NAME, and write it below.")
    if args.out is not None and not args.out.isidentifier():
        raise Refused(f"{args.out!r} is no name of a variable.")
    if args.all_nodes and args.node is not None:
        raise Refused("Either --node or --all-nodes.")
    reach = session.reach
    node = None if args.all_nodes else args.node or 0
    machines = [session.machine(reference) for reference in args.machines]
    targets = [one for machine in machines for one in reach.targets(machine, node=node, user=args.user)]
    is_python = args.python or args.interpreter
    python = remote_path(args.interpreter or session.settings.remote_python)
    show = _Printer([one.label for one in targets] if len(targets) > 1 else [""])
    outcomes, interrupted = run(
        [reach.link(target) for target in targets],
        args.cell,
        interpreter=f"{python} -u" if is_python else SHELL,
        show=show,
    )
    show.flush()
    if args.out is not None:
        session.variables[args.out] = show.printed
    if failures := [str(one.failure) for one in outcomes if one.failure is not None]:
        raise ConnectionFailed(" ".join(failures))
    if interrupted:
        raise Refused("Interrupted; nothing of the cell is left running there.")
    statuses = [one.status for one in outcomes]
    return statuses if len(targets) > 1 else statuses[0]


class _Printer:
    """Shows output as it comes; from several places in whole lines, each with the label of its place."""

    def __init__(self, labels: Sequence[str]) -> None:
        width = max(map(len, labels))
        self._labels = [f"{label.ljust(width)} │ " if label else "" for label in labels]
        self._begun: dict[tuple[int, str], str] = {}
        self.printed = ""

    def __call__(self, piece: Piece) -> None:
        if piece.stream == "stdout":
            self.printed += piece.text
        text = piece.text
        if label := self._labels[piece.place]:
            key = piece.place, piece.stream
            *lines, self._begun[key] = re.split(r"(?<=\n)|(?<=\r)(?!\n)", self._begun.get(key, "") + text)
            text = "".join(label + line for line in lines)
        self._write(piece.stream, text)

    def flush(self) -> None:
        """Show lines that have not ended and will not."""
        for (place, stream), text in self._begun.items():
            if text:
                self._write(stream, f"{self._labels[place]}{text}\n")
        self._begun.clear()

    @staticmethod
    def _write(stream: str, text: str) -> None:
        if text:
            file = sys.stderr if stream == "stderr" else sys.stdout
            file.write(text)
            file.flush()
