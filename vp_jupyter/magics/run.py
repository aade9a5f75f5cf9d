"""From a line to a result: parse, run, and turn every failure into one sentence."""

from __future__ import annotations

import functools
import traceback
from argparse import ArgumentParser
from typing import Any

from ..api import VoltageParkError
from ..formats import plain
from ..refused import Refused
from ..session import Session
from . import (
    CommandFailed,
    account,
    billing,
    connect,
    grammar,
    keys,
    launch,
    leases,
    machines,
    market,
    panel,
    planning,
    remote,
    scale,
    storage,
    watch,
)
from .grammar import Finished

FAMILIES = (
    account,
    panel,
    market,
    launch,
    watch,
    machines,
    connect,
    remote,
    scale,
    leases,
    keys,
    storage,
    planning,
    billing,
)  # in the order of the help


@functools.cache
def parser() -> ArgumentParser:
    """The grammar of all commands."""
    return grammar.build()


def run(session: Session, line: str, cell: str | None = None) -> Any:
    """Run one %vp line, or a %%vp cell, and give what it answers.

    Raises `CommandFailed`, whose whole display is a sentence.
    """
    debug = "--debug" in line.split()
    try:
        arguments = grammar.parse(parser(), line)
        chosen = arguments.command
        if cell is not None and not chosen.takes_cell:
            raise Refused(f"%%vp {' '.join(chosen.words)} takes no cell body: write it as %vp, on one line.")
        arguments.cell = cell
        return chosen.run(session, arguments)
    except Finished:
        return None
    except (VoltageParkError, Refused) as error:
        if debug:
            traceback.print_exc()
        message = _printable(str(error))
    raise CommandFailed(message)


def _printable(message: str) -> str:
    """A message whose lines are kept and whose other control characters are not."""
    return "\n".join(plain(line) for line in message.splitlines())
