"""What TAB offers after %vp: commands, flags, and live names."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from ..api import Client
from ..api.naming import named
from ..formats import plain
from .grammar import COMMANDS, Command
from .run import FAMILIES, families

if TYPE_CHECKING:
    from . import VP

PATIENCE = 0.14  # seconds that a first listing may take before TAB answers without names

_LIVE: dict[str, tuple[Callable[[Client], Any], Callable[[Any], str]]] = {
    "machines": (lambda client: client.machines.list(), named),
    "keys": (lambda client: client.ssh_keys.list(), named),
    "volumes": (lambda client: client.storage.list(), named),
    "presets": (lambda client: client.offers(), lambda offer: offer.id if offer.kind == "vm" else ""),
    "locations": (lambda client: client.locations.list(), lambda place: place.city or place.id),
}
_pool = ThreadPoolExecutor(1, thread_name_prefix="vp-tab")


def complete(magics: VP, line: str, *, began: float) -> tuple[str, list[str]]:
    """The word that is begun at the end of a line with %vp in it, and what it can become; never raises. What
    takes longer than `PATIENCE` since TAB was pressed (`began`, by `time.monotonic`) is left out."""
    until = began + PATIENCE
    rest = re.split(r"%vp\s", line)[-1]
    words = rest.split()
    begun = words.pop() if words and not rest[-1:].isspace() else ""
    return begun, _offers(magics, words, begun, until)


def _offers(magics: VP, words: list[str], begun: str, until: float) -> list[str]:
    if not words:
        return _starting(begun, sorted(word for family in FAMILIES.values() for word in family))
    families(words[0])
    command, used = _command(words)
    if command is None:
        return []
    children = [known[-1] for known in COMMANDS if known[:-1] == command.words] if not used else []
    if begun.startswith("-"):
        flags = [flag for argument in command.arguments for flag in argument.flags if flag.startswith("--")]
        return _starting(begun, [*flags, "--help"])
    choices, live = _expected(command, used)
    found = _starting(begun, [*children, *choices, *(_names(magics, live, until) if live else [])])
    return found or ([begun] if live else [])  # where a name is wanted, Python's are none


def _command(words: list[str]) -> tuple[Command | None, list[str]]:
    """The command that the words name, and the words that remain for it."""
    for length in (2, 1):
        if tuple(words[:length]) in COMMANDS and len(words) >= length:
            return COMMANDS[tuple(words[:length])], words[length:]
    return None, words


def _expected(command: Command, used: list[str]) -> tuple[list[str], str | None]:
    """The fixed choices and the kind of live names that fit at the cursor."""
    if used and used[-1].startswith("-"):
        for argument in command.arguments:
            takes_value = argument.options.get("action", "append") == "append"
            if used[-1] in argument.flags and takes_value:
                return list(argument.options.get("choices", ())), argument.live
    for argument in command.arguments:
        if not argument.flags[0].startswith("-"):
            return list(argument.options.get("choices", ())), argument.live
    return [], None


def _names(magics: VP, kind: str, until: float) -> list[str]:
    """Live names from the last listing, or from a new one where that comes in time."""
    fetch, name = _LIVE[kind]
    session = magics.session
    waiting = _pool.submit(session.seen, kind, fetch=fetch, max_age=magics.refresh)
    try:
        items = waiting.result(max(until - time.monotonic(), 0))
    except Exception:  # a completion that fails is no completion
        return []
    return [word for label in map(name, items) if (word := label and _quoted(label))]


def _quoted(label: str) -> str:
    """A name as one word of a line; none for what could not be read back from it."""
    return "" if plain(label) != label else f'"{label}"' if " " in label else shlex.quote(label)


def _starting(begun: str, offers: list[str]) -> list[str]:
    wanted = begun.strip("\"'").casefold()
    return [offer for offer in offers if offer.strip("\"'").casefold().startswith(wanted)]
