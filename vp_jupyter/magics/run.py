"""From a line to a result: parse, run, and turn every failure into one sentence."""

from __future__ import annotations

import functools
import importlib
import traceback
from argparse import ArgumentParser
from types import ModuleType
from typing import Any

from ..api import VoltageParkError
from ..cards import Note
from ..formats import plain
from ..refused import Refused
from ..session import Session
from . import CommandFailed, grammar
from .dialogue import say
from .grammar import Finished

#: Which module has which commands, in the order of the help: a line imports only what it needs.
FAMILIES = {
    "account": ("help", "login", "logout", "sandbox", "whoami"),
    "panel": ("panel",),
    "market": ("locations", "prices"),
    "launch": ("launch", "validate"),
    "watch": ("watch",),
    "machines": ("ls", "show"),
    "changing": ("forward", "reboot", "relocate", "rename", "rm", "start", "stop", "tag", "wait"),
    "connect": ("cp", "kernel", "kubeconfig", "ssh", "tunnel", "tunnels"),
    "remote": ("run",),
    "scale": ("dask", "torchrun"),
    "leases": ("lease", "reap"),
    "keys": ("keys",),
    "storage": ("storage",),
    "planning": ("budget", "burn", "compare", "forecast", "waste"),
    "billing": ("bill", "export", "report"),
}


def families(word: str | None = None) -> list[ModuleType]:
    """The module of the command that begins with a word, if any, or all of them; its commands are then
    registered."""
    names = [name for name, words in FAMILIES.items() if word is None or word in words]
    return [importlib.import_module(f".{name}", __package__) for name in names]


def parser(line: str) -> ArgumentParser:
    """The grammar of the command that a line names; of all of them, where there is none of that name."""
    word = next((word for word in line.split() if not word.startswith("-")), "help")
    if not families(word):
        families()
        return _built(None)
    return _built(word)


@functools.cache
def _built(word: str | None) -> ArgumentParser:
    return grammar.build(word)


def run(session: Session, line: str, cell: str | None = None) -> Any:
    """Run one %vp line, or a %%vp cell, and give what it answers.

    Raises `CommandFailed`, whose whole display is a sentence.
    """
    debug = "--debug" in line.split()
    try:
        arguments = grammar.parse(parser(line), line)
        chosen = arguments.command
        if cell is not None and not chosen.takes_cell:
            raise Refused(f"%%vp {' '.join(chosen.words)} takes no cell body: write it as %vp, on one line.")
        arguments.cell = cell
        answer = chosen.run(session, arguments)
        if not isinstance(answer, Note):
            return answer
        say(answer)  # wherever in its cell the line stands: of values a cell shows the last alone
        return None
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
