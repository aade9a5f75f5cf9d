"""How a budget stands: spent, to be spent at this rate, and what one more machine would do to it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

LEVELS = (50, 80, 100)  # percent at which to warn
PERIODS = ("day", "week", "month")  # UTC; weeks begin on Monday

_CENT = Decimal("0.01")


class Budget(NamedTuple):
    """USD that may be spent in each day, week or month."""

    amount: Decimal
    period: str

    def __str__(self) -> str:
        return f"{self.amount:f}/{self.period}"

    def span(self, now: datetime) -> tuple[datetime, datetime]:
        """The current period: its first moment, and the first after it."""
        day = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        if self.period == "day":
            return day, day + timedelta(days=1)
        if self.period == "week":
            monday = day - timedelta(days=day.weekday())
            return monday, monday + timedelta(days=7)
        first = day.replace(day=1)
        return first, (first + timedelta(days=31)).replace(day=1)


class Standing(NamedTuple):
    """A budget now, USD: what of the current period is spent and what will be at its end at the present burn
    rate; `used` is the percentage spent, `level` the highest of `LEVELS` that it has reached (0: none)."""

    budget: Budget
    start: datetime
    end: datetime
    spent: Decimal
    at_end: Decimal

    @property
    def used(self) -> Decimal:
        """Percent of the budget that is spent."""
        return 100 * self.spent / self.budget.amount

    @property
    def level(self) -> int:
        """The highest of `LEVELS` reached; 0 where none is."""
        return max((level for level in LEVELS if self.used >= level), default=0)

    @property
    def breaks(self) -> bool:
        """Whether the period will end above the budget."""
        return self.at_end > self.budget.amount


def parse_budget(text: str) -> Budget:
    """``500/month``, ``$40/day``, ``1,000/week``; a bare number is a month's. Raises `ValueError`."""
    match = re.fullmatch(r"\$?\s*([\d,]+(?:\.\d+)?)\s*(?:/\s*(day|week|month))?", text.strip())
    try:
        amount = Decimal(match[1].replace(",", "")) if match else Decimal(0)
    except InvalidOperation:
        amount = Decimal(0)
    if match is None or amount <= 0:
        raise ValueError(f"{text!r} is no budget: write 500/month, 40/day or 1000/week, in USD.")
    return Budget(amount, match[2] or "month")


def standing(budget: Budget, *, now: datetime, spent: Decimal, burn_hourly: Decimal) -> Standing:
    """How a budget stands: `spent` is USD so far in its current period (`Budget.span`), `burn_hourly` what
    everything costs per hour from now on. At the end of the period: spent + burn * hours that are left."""
    start, end = budget.span(now)
    hours = Decimal(max((end - now).total_seconds(), 0.0)) / 3600
    return Standing(budget, start, end, spent, (spent + burn_hourly * hours).quantize(_CENT))
