"""A job priced over every way to buy it, and a pause over every way to spend it."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

import numpy as np
import pandas as pd

from .exact import amounts, units


def compare(
    offers: pd.DataFrame,
    *,
    gpus: int,
    hours: Decimal,
    balance: Decimal | None = None,
    network: str | None = None,
) -> pd.DataFrame:
    """A job of `gpus` GPUs for `hours` on each offer (`tables.offers`), cheapest first, sold out last.

    An offer is bought in whole units: ``units = ceil(gpus / offer's gpus)``. In USD: ``rate_hourly = units *
    unit's rate``, ``total = rate_hourly * hours``, ``rate_per_gpu_hour = rate_hourly / gpus asked for``; of
    ``idle_gpus = units * offer's gpus - gpus``, ``idle_cost`` is their share of the total. `network` keeps
    bare metal on that network. `available` says whether so many units can be had now, at one location for
    bare metal; `affordable` whether `balance` covers the total.

    Columns: kind, network, operating_system, gpus (of a unit), units, rate_hourly, rate_per_gpu_hour, total,
    idle_gpus, idle_cost, available, affordable, where (locations), id. Raises `ValueError` where `gpus` or
    `hours` is not above zero.
    """
    if gpus <= 0 or hours <= 0:
        raise ValueError("A job needs at least one GPU and some time.")
    chosen = offers[offers["gpus"] > 0]
    if network is not None:
        chosen = chosen[chosen["network"] == network]
    each = chosen["gpus"].to_numpy(np.int64)
    count = -(-gpus // each)
    hourly = units(chosen["rate_hourly"]) * count
    total = [hours * Decimal(int(rate)).scaleb(-6) for rate in hourly]
    idle = count * each - gpus
    stock = chosen["available"]
    frame = pd.DataFrame(
        {
            "kind": chosen["kind"],
            "network": chosen["network"],
            "operating_system": chosen["operating_system"],
            "gpus": chosen["gpus"],
            "units": count,
            "rate_hourly": amounts(hourly),
            "rate_per_gpu_hour": amounts(np.rint(hourly / gpus).astype(np.int64)),
            "total": _money(total),
            "idle_gpus": idle,
            "idle_cost": _money(
                [cost * int(i) / int(n * g) for cost, i, n, g in zip(total, idle, count, each, strict=True)]
            ),
            "available": (stock.isna() | (stock >= count)) & ~chosen["sold_out"],
            "affordable": [balance is None or cost <= balance for cost in total],
            "where": chosen["locations"],
            "id": chosen["id"],
        }
    )
    return frame.sort_values(
        ["available", "total", "idle_gpus"], ascending=[False, True, True], kind="stable", ignore_index=True
    )


def _money(values: list[Decimal]) -> pd.api.extensions.ExtensionArray:
    return amounts(np.array([round(value.scaleb(6)) for value in values], dtype=np.int64))


class Pause(NamedTuple):
    """What to do with a machine that nobody needs for a while: USD that each way costs over the pause, and
    the hours of pause from which on the cheaper ways begin to pay (None: never)."""

    hours: Decimal
    stopped: Decimal
    released: Decimal | None
    relaunched: Decimal
    release_pays_after: Decimal | None
    relaunch_pays_after: Decimal | None

    @property
    def cheapest(self) -> str:
        """The cheapest way: stopped, released or relaunched."""
        ways = {"stopped": self.stopped, "released": self.released, "relaunched": self.relaunched}
        known = {way: cost for way, cost in ways.items() if cost is not None}
        return min(known, key=lambda way: known[way])


def pause(
    rate_hourly: Decimal, released_rate_hourly: Decimal | None, *, hours: Decimal, setup_hours: Decimal
) -> Pause:
    """A pause of `hours` for a machine that costs `rate_hourly` (USD), kept or given up.

    - stopped: it bills in full, ``rate * hours``;
    - released: its storage bills, ``released rate * hours``; its GPUs may be gone afterwards. None for bare
      metal, which cannot be released;
    - deleted and launched again: ``rate * setup_hours``, for the time to set it up anew. Everything on its
      disk is lost.

    Released is cheaper than stopped from the start where its rate is lower. Deleting is cheaper than stopped
    after ``setup_hours``, and than released after ``rate * setup_hours / released rate``:
    `relaunch_pays_after` is the latter where it can be released, else the former.
    """
    relaunched = rate_hourly * setup_hours
    released = None if released_rate_hourly is None else released_rate_hourly * hours
    kept = rate_hourly if released_rate_hourly is None else min(rate_hourly, released_rate_hourly)
    return Pause(
        hours=hours,
        stopped=rate_hourly * hours,
        released=released,
        relaunched=relaunched,
        release_pays_after=Decimal(0)
        if released_rate_hourly is not None and released_rate_hourly < rate_hourly
        else None,
        relaunch_pays_after=relaunched / kept if kept else None,
    )
