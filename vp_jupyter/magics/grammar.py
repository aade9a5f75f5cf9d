"""The grammar of %vp: sub-commands with their arguments, parsed by argparse, without its exits."""

from __future__ import annotations

import argparse
import inspect
import shlex
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from ..refused import Refused

if TYPE_CHECKING:
    from ..session import Session

    Run = Callable[[Session, argparse.Namespace], Any]


class Finished(Exception):
    """A command that ended with its help shown."""


class Argument(NamedTuple):
    """One argument of a command; `live` names what TAB offers for it: machines, keys, presets, …"""

    flags: tuple[str, ...]
    options: dict[str, Any]
    live: str | None = None


class Command(NamedTuple):
    """One sub-command: ``ls``, or ``storage create``."""

    words: tuple[str, ...]
    group: str
    run: Run
    arguments: tuple[Argument, ...]
    takes_cell: bool
    takes_rest: bool

    @property
    def summary(self) -> str:
        """Its first sentence."""
        return (self.run.__doc__ or "").strip().split("\n\n")[0]


COMMANDS: dict[tuple[str, ...], Command] = {}


def arg(*flags: str, live: str | None = None, **options: Any) -> Argument:
    """An argument, as for `argparse.ArgumentParser.add_argument`."""
    return Argument(flags, options, live)


YES = arg("-y", "--yes", action="store_true", help="do not ask")
MACHINE = arg("machine", live="machines", help="name, id, or a unique beginning of either")
MACHINES = arg("machines", nargs="+", metavar="machine", live="machines", help="names or ids")


def command(
    name: str, *arguments: Argument, group: str, takes_cell: bool = False, takes_rest: bool = False
) -> Callable[[Run], Run]:
    """Make a function of (session, arguments) the sub-command `name`; its docstring is the help.

    With `takes_cell` it also works as %%vp: the body is then `arguments.cell`, which is None otherwise. With
    `takes_rest` it takes words after ``--`` as they are: `arguments.rest`.
    """

    def register(run: Run) -> Run:
        words = tuple(name.split())
        COMMANDS[words] = Command(words, group, run, arguments, takes_cell, takes_rest)
        return run

    return register


class _Parser(argparse.ArgumentParser):
    """An argument parser that raises where argparse would print and exit."""

    def __init__(self, **options: Any) -> None:
        if sys.version_info >= (3, 14):
            options.setdefault("color", False)
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        raise Refused(f"{message[:1].upper()}{message[1:]}.\n{self.format_usage().strip()}")

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        raise Finished


def build(word: str | None = None) -> argparse.ArgumentParser:
    """The parser of the registered commands that begin with a word, or of all."""
    root = _Parser(prog="%vp", add_help=False)
    root.add_argument("--debug", action="store_true", help="show the whole traceback of a failure")
    parents: dict[tuple[str, ...], Any] = {(): _branches(root)}
    for words, known in sorted(COMMANDS.items()):
        if word not in (None, words[0]):
            continue
        *above, last = words
        parser = parents[tuple(above)].add_parser(
            last, help=known.summary, description=inspect.getdoc(known.run), prog=f"%vp {' '.join(words)}"
        )
        parser.set_defaults(command=known, cell=None, usage=parser.format_usage)
        for argument in known.arguments:
            parser.add_argument(*argument.flags, **argument.options)
        if any(other[:-1] == words for other in COMMANDS):
            parents[words] = _branches(parser)
    return root


def _branches(parser: argparse.ArgumentParser) -> Any:
    return parser.add_subparsers(metavar="command", parser_class=_Parser)


def parse(parser: argparse.ArgumentParser, line: str) -> argparse.Namespace:
    """The arguments of a line. Raises `Refused` with a sentence and the usage, `Finished` after a help."""
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise Refused(f"The line cannot be read: {str(error).lower()}.") from None
    options = [word for word in words if word == "--debug"]
    words = [word for word in words if word != "--debug"]
    if words and not words[0].startswith("-") and (words[0],) not in COMMANDS:
        raise Refused(f"There is no command {words[0]!r}. {_nearest(words[0])}See %vp help.")
    end = words.index("--") if "--" in words else len(words)
    arguments, strange = parser.parse_known_args([*options, *(words[:end] or ["help"])])
    if not hasattr(arguments, "command"):
        raise Refused(f"%vp does not take {' '.join(strange)!r} for a command. See %vp help.")
    arguments.rest = words[end + 1 :]
    if not arguments.command.takes_rest:
        strange += words[end:]
    if strange:
        name = " ".join(arguments.command.words)
        raise Refused(f"%vp {name} does not take {' '.join(strange)!r}.\n{arguments.usage().strip()}")
    return arguments


def _nearest(word: str) -> str:
    import difflib

    close = difflib.get_close_matches(word, [words[0] for words in COMMANDS], n=1)
    return f"Did you mean {close[0]!r}? " if close else ""
