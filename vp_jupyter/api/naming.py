"""One thing among many, by what people call it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from .errors import InvalidRequest, NotFound

T = TypeVar("T")

SOME = 8  # how many names a message lists
_LINE = 80  # characters of a name in a sentence


def named(thing: Any) -> str:
    """A thing's name, or its id where it has none."""
    return str(thing.name or thing.id)


def called(thing: Any) -> str:
    """What to call a thing in a sentence: its name, of which not more than a line."""
    return _short(named(thing))


def pick(reference: str, things: Sequence[T], kind: str, *, name: Callable[[T], str] = named) -> T:
    """The thing of that name or id, or of a unique beginning of either (there capitals do not matter).

    `kind` is what the things are called in a message, `name` gives the name of one. Raises `NotFound` where
    there is none, `InvalidRequest` where there are several.
    """
    wanted = reference.strip()

    def ids(thing: T) -> tuple[str, str]:
        return name(thing), str(thing.id)  # type: ignore[attr-defined]  # whatever has a name has an id

    found = [one for one in things if wanted in ids(one)]
    if not found and wanted:
        begun = wanted.casefold()
        found = [one for one in things if any(text.casefold().startswith(begun) for text in ids(one))]
    if len(found) == 1:
        return found[0]
    some = [f"{_short(name(one))} ({str(one.id)[:8]})" for one in found[:SOME]]  # type: ignore[attr-defined]
    if found:
        raise InvalidRequest(
            f"{_short(reference)!r} could be any of {len(found)} {kind}s: {', '.join(some)}. "
            "Give more of the id."
        )
    known = dict.fromkeys(_short(name(one)) for one in things[:SOME])
    names = ", ".join(known) + (", …" if len(things) > SOME else "")
    raise NotFound(
        f"There is no {kind} {_short(reference)!r}{f'; there are {names}' if things else ', nor any other'}."
    )


def _short(text: str) -> str:
    return text if len(text) <= _LINE else f"{text[: _LINE - 1]}…"
