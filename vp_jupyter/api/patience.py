"""Trying again, and knowing what came of what was tried."""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from .errors import OutcomeUnknown, VoltageParkError

T = TypeVar("T")

_TRIES = 5
_LONGEST_PAUSE = 8.0
LAUNCH_TAG = "launch:"  # begins the tag that each deploy carries


class Patience(NamedTuple):
    """How long a client tries, in seconds.

    `connect` is for a connection, `phase` for each further phase of a request (sending, waiting, the gaps
    within an answer). After a failure that may pass, the first pause is at most `pause`, each next at most
    twice as long; no try begins later than `budget` after the first. What may or may not have been launched
    is looked for during `look`.
    """

    connect: float = 10.0
    phase: float = 30.0
    pause: float = 0.25
    budget: float = 60.0
    look: float = 60.0


def repeated(
    attempt: Callable[[], T], patience: Patience, *, done: Callable[[VoltageParkError], T] | None = None
) -> T:
    """Do what may be done twice, and again after a failure that may pass, with pauses of a random length
    (full jitter), or as long as the service asks.

    A try whose answer is lost may have been carried out, and can make the next one fail. `done` gets such a
    failure: it gives the result where everything is as it was to be, and raises the failure otherwise. Reads
    have none.
    """
    pauses = _Pauses(patience)
    in_doubt = False
    while True:
        try:
            return attempt()
        except VoltageParkError as error:
            failure = error
        if in_doubt and done is not None and not failure.passing:
            return done(failure)
        in_doubt = in_doubt or failure.may_have_acted
        if not pauses.before_next(failure):
            if in_doubt and done is not None:
                failure.may_have_acted = True  # in one of the tries before
                failure.args = (
                    f"{failure} It may have been carried out all the same: look before you go on.",
                )
            raise failure


def once(
    attempt: Callable[[], T], patience: Patience, *, look: Callable[[], T | None], what: str, again: str = ""
) -> T:
    """Do what must not be done twice.

    As long as it is certain that nothing was done, it is tried again like what may be repeated. Where it is
    not certain, `look` is asked until it finds what was done, or `patience.look` has passed. Raises
    `OutcomeUnknown` then, which names `what` was looked for and says how to look `again`.
    """
    pauses = _Pauses(patience)
    while True:
        try:
            return attempt()
        except VoltageParkError as error:
            failure = error
        if failure.may_have_acted:
            break
        if not pauses.before_next(failure):
            raise failure
    found, could_look = _search(look, patience)
    if found is not None:
        return found
    span = f"{patience.look:.0f} s"
    looked = f"for {span} {what} did not appear" if could_look else f"it could not be looked at for {span}"
    raise OutcomeUnknown(
        f"{failure} Whether it was carried out is not known: {looked}. {again}".rstrip(), looked=could_look
    )


def launch_tag() -> str:
    """A tag that no other deploy has."""
    return f"{LAUNCH_TAG}{secrets.token_hex(8)}"


def _search(look: Callable[[], T | None], patience: Patience) -> tuple[T | None, bool]:
    """What is found in time, and whether the last look was a real one."""
    until = time.monotonic() + patience.look
    pause = patience.pause
    while True:
        try:
            found, could_look = look(), True
        except VoltageParkError:
            found, could_look = None, False
        if found is not None or time.monotonic() >= until:
            return found, could_look
        time.sleep(min(pause, max(until - time.monotonic(), 0.0)))
        pause = min(2 * pause, _LONGEST_PAUSE)


class _Pauses:
    """The pauses between the tries of one thing."""

    def __init__(self, patience: Patience) -> None:
        self._until = time.monotonic() + patience.budget
        self._longest = patience.pause
        self._tries = 0

    def before_next(self, failure: VoltageParkError) -> bool:
        """Pause before another try; tells whether one is worth it."""
        self._tries += 1
        wished = getattr(failure, "retry_after", None)
        pause = random.uniform(0, self._longest) if wished is None else max(wished, 0.0)
        self._longest = min(2 * self._longest, _LONGEST_PAUSE)
        if not failure.passing or self._tries == _TRIES or time.monotonic() + pause > self._until:
            return False
        time.sleep(pause)
        return True
