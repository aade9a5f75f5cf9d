"""The simulated clock: everything the sandbox calls "now" comes from here."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class Clock:
    """now = start + real time elapsed * scale + whatever was advanced by hand.

    It never goes back, and it ticks in whole milliseconds: the service writes its timestamps with three
    decimals, so whoever multiplies a rate by two timestamps gets what was billed. scale=0 stands still.
    """

    def __init__(
        self, start: datetime, scale: float = 1.0, *, ticker: Callable[[], float] = time.monotonic
    ) -> None:
        if start.tzinfo is None:
            raise ValueError("The start of the clock needs a time zone, for example datetime.now(UTC).")
        if not 0 <= scale < float("inf"):
            raise ValueError("time_scale is a number from 0 (stands still) upwards.")
        self._start = start.astimezone(UTC)
        self._scale = scale
        self._ticker = ticker
        self._began = ticker()
        self._advanced = timedelta(0)

    def now(self) -> datetime:
        elapsed = timedelta(seconds=(self._ticker() - self._began) * self._scale)
        moment = self._start + elapsed + self._advanced
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)

    def advance(self, by: timedelta) -> None:
        if by < timedelta(0):
            raise ValueError("The clock only goes forward.")
        _ = self.now() + by  # beyond the year 9999 this raises, before anything has changed
        self._advanced += by
