"""Until when a machine is wanted, written into its tags, where everybody who works with it can read it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol, TypeVar


class _Tagged(Protocol):
    @property
    def tags(self) -> Sequence[str]: ...


Tagged = TypeVar("Tagged", bound=_Tagged)
PREFIX = "until:"  # the tag is ``until:2026-11-24T18:30Z``
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def duration(text: str) -> timedelta:
    """``30s``, ``90m``, ``6h``, ``2d``, ``1w``, or several: ``1d12h``. Raises `ValueError` otherwise."""
    parts = re.findall(r"(\d+(?:\.\d+)?)([smhdw])", text.strip().lower())
    if not parts or "".join(number + unit for number, unit in parts) != text.strip().lower():
        raise ValueError(f"{text!r} is no time span: write 90m, 6h, 2d or 1d12h.")
    try:
        span = sum((timedelta(**{_UNITS[unit]: float(number)}) for number, unit in parts), timedelta())
    except OverflowError:
        raise ValueError(f"{text!r} is longer than anybody plans.") from None
    if span <= timedelta():
        raise ValueError(f"{text!r} is no time at all.")
    return span


def lease_tag(end: datetime) -> str:
    """The tag that says until when (to the minute, rounded up, UTC)."""
    up = end.astimezone(UTC) + timedelta(seconds=59, microseconds=999_999)
    return f"{PREFIX}{up:%Y-%m-%dT%H:%MZ}"


def leased(tags: Iterable[str], end: datetime | None) -> list[str]:
    """The tags with a lease until `end` in place of any other; with None without one."""
    kept = [tag for tag in tags if lease_end([tag]) is None]
    return kept if end is None else [*kept, lease_tag(end)]


def lease_end(tags: Iterable[str]) -> datetime | None:
    """Until when a machine with these tags is wanted; None where no tag says so in a way that can be read.
    Of several the earliest counts."""
    ends = []
    for tag in tags:
        if tag.startswith(PREFIX):
            try:
                ends.append(
                    datetime.strptime(tag.removeprefix(PREFIX), "%Y-%m-%dT%H:%MZ").replace(tzinfo=UTC)
                )
            except ValueError:
                continue
    return min(ends, default=None)


def ended_leases(machines: Iterable[Tagged], now: datetime) -> list[Tagged]:
    """Those of the machines, or whatever has tags, whose lease is over."""
    return [one for one in machines if (end := lease_end(one.tags)) is not None and end <= now]
