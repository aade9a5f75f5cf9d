"""How many requests are out at once: fewer when the service asks for fewer, slowly more after that."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from .together import AT_ONCE

_LONGEST_HOLD = 10.0  # seconds


class Pace:
    """A gate that all requests of a client pass. Being throttled halves how many may be out at once and holds
    all of them back for the pause that the service asks for; each answer after that allows a little more
    (additive increase, multiplicative decrease, as in TCP: Chiu and Jain, 1989)."""

    def __init__(self) -> None:
        self._allowed = float(AT_ONCE)
        self._out = 0
        self._not_before = 0.0
        self._changed = threading.Condition()

    @contextmanager
    def gate(self, longest: float) -> Iterator[None]:
        """Be out; waits for at most `longest` seconds for a place."""
        until = time.monotonic() + longest
        with self._changed:
            while (now := time.monotonic()) < until:
                if now < self._not_before:
                    self._changed.wait(min(self._not_before, until) - now)
                elif self._out >= max(int(self._allowed), 1):
                    self._changed.wait(until - now)
                else:
                    break
            self._out += 1
        try:
            yield
        finally:
            with self._changed:
                self._out -= 1
                self._changed.notify_all()

    def throttled(self, pause: float) -> None:
        """The service has asked for a pause of so many seconds. A long one is for who asked, who is told."""
        with self._changed:
            self._allowed = max(self._allowed / 2, 1.0)
            if pause > _LONGEST_HOLD:
                return
            self._not_before = max(self._not_before, time.monotonic() + pause)

    def answered(self) -> None:
        """The service has answered as it should."""
        with self._changed:
            self._allowed = min(self._allowed + 1 / self._allowed, float(AT_ONCE))
