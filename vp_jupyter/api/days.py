"""Days and months, UTC: the account is kept by them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta


def midnight(day: date) -> datetime:
    """Its beginning."""
    return datetime.combine(day, time(), UTC)


def next_month(day: date) -> date:
    """The first day of the month after the one that a day is in."""
    return (day.replace(day=1) + timedelta(days=31)).replace(day=1)


def end_of_month(day: date) -> date:
    """The last day of the month that a day is in."""
    return next_month(day) - timedelta(days=1)


def months(earliest: date, latest: date) -> Iterator[tuple[date, date]]:
    """The first and the last day of each part of the days that lies in one calendar month."""
    while earliest <= latest:
        yield earliest, min(latest, end_of_month(earliest))
        earliest = next_month(earliest)
