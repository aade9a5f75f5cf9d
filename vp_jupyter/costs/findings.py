"""Money that buys nothing: what, how much a day, and the command that ends it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from .exact import amounts, units
from .leases import lease_end, leased

IDLE_LONG = timedelta(days=3)  # a released machine that nobody started again
NEARLY_EMPTY = 0.05  # of a volume's size


class _Finding(NamedTuple):
    what: str
    thing: Any
    command: str
    wasted: bool = True  # whether all it costs is wasted; an untagged machine is only hard to explain


def waste(machines: pd.DataFrame, volumes: pd.DataFrame, now: datetime) -> pd.DataFrame:
    """What could be ended, from `tables.machines` and `tables.volumes`, the dearest first.

    Stopped but billed in full; released for longer than `IDLE_LONG` (by its age, since the service does not
    say when it was released); leases that are over; rentals that failed; volumes attached to nothing, or
    filled to less than `NEARLY_EMPTY` where it is known; machines without tags, which cost nothing to mend.

    Columns: name, what, rate_daily (USD per day of 24 hours that ending it saves), command (a line that ends
    it; it asks before it does), id.
    """
    found = [
        *(finding for row in machines.itertuples() for finding in _machine(row, now)),
        *(finding for row in volumes.itertuples() for finding in _volume(row)),
    ]
    rates = units(
        pd.Series([one.thing.rate_hourly for one in found], dtype=machines["rate_hourly"].dtype)
    ) * np.array([24 * one.wasted for one in found], dtype=np.int64)
    frame = pd.DataFrame(
        {
            "name": pd.array([one.thing.name for one in found], dtype="str"),
            "what": pd.array([one.what for one in found], dtype="str"),
            "rate_daily": amounts(rates),
            "command": pd.array([one.command for one in found], dtype="str"),
            "id": pd.array([one.thing.id for one in found], dtype="str"),
        }
    )
    return frame.sort_values("rate_daily", ascending=False, kind="stable", ignore_index=True)


def _machine(row: Any, now: datetime) -> Iterator[_Finding]:
    name = shlex.quote(row.name or row.id)
    end = lease_end(row.tags)
    if row.status == "Failed":
        yield _Finding("failed, and still there", row, f"%vp rm {name}")
    elif end is not None and end <= now:
        yield _Finding(f"its lease is over since {end:%Y-%m-%d %H:%M} UTC", row, f"%vp rm {name}")
    elif row.status == "Stopped":
        ending = f"%vp stop {name} --release" if row.kind == "vm" else f"%vp rm {name}"
        yield _Finding("stopped, but billed in full", row, ending)
    elif row.status == "StoppedDisassociated" and row.age > IDLE_LONG:
        yield _Finding("released long ago, its storage is billed", row, f"%vp rm {name}")
    if not leased(row.tags, None):
        yield _Finding(
            "no tags: nobody can tell what it is for", row, f"%vp tag {name} project:…", wasted=False
        )


def _volume(row: Any) -> Iterator[_Finding]:
    name = shlex.quote(row.name or row.id)
    if not row.attached_to:
        yield _Finding("a volume attached to nothing", row, f"%vp storage rm {name}")
    elif not pd.isna(row.used_gb) and row.used_gb < NEARLY_EMPTY * row.size_gb:
        yield _Finding(
            f"a volume filled to {row.used_gb / row.size_gb:.0%}", row, f"%vp storage resize {name} …"
        )
