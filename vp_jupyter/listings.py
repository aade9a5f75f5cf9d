"""The tables of machines, offers and spending, as magics and panels show them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import pandas as pd

from . import tables
from .api import Machine, Offer
from .costs import lease_end
from .formats import cents, missing, number, short_id, side_by_side, span, usd
from .views import Column, Table


def _left(value: timedelta) -> str:
    return "over" if not missing(value) and value <= timedelta() else span(value)


_MACHINES = [  # what it is called, does and costs first: windows are narrow
    Column("name", "name"),
    Column("status", "status"),
    Column("rate_hourly", "$/h", usd, right=True),
    Column("gpus", "GPUs", number, right=True),
    Column("kind", "kind"),
    Column("age", "age", span, right=True),
    Column("lease_left", "lease left", _left, right=True),
    Column("address", "address"),
    Column("tags", "tags", wraps=True),
    Column("id", "id", short_id),
]

_OFFERS = [
    Column("gpus", "GPUs", number, right=True),
    Column("kind", "kind"),
    Column("network", "network"),
    Column("rate_hourly", "$/h", usd, right=True),
    Column("rate_per_gpu_hour", "$/GPU-h", usd, right=True),
    Column("stock", "to be had", right=True),
    Column("operating_system", "system"),
    Column("locations", "where", side_by_side, wraps=True),
    Column("vcpus", "vCPU", number, right=True),
    Column("ram_gb", "RAM GB", number, right=True),
    Column("storage_gb", "disk GB", number, right=True),
    Column("rate_daily", "$/day", usd, right=True),
    Column("id", "id", short_id),
]


def machines(items: Sequence[Machine], now: datetime, *, caption: str = "") -> Table:
    """Machines with what each costs, and what is left of their leases where any has one."""
    frame = tables.machines(items, now)
    ends = [lease_end(one.tags) for one in items]
    left = [pd.NaT if end is None else end - now for end in ends]
    frame["lease_left"] = pd.Series(left, dtype="timedelta64[us]")
    columns = [column for column in _MACHINES if column.name != "lease_left" or any(ends)]
    return Table.of(frame, columns, caption=caption)


def offers(items: Sequence[Offer], place: Callable[[str], str]) -> Table:
    """Offers as a table, those that are sold out greyed."""
    frame = tables.offers(items, place)
    frame.insert(8, "stock", tables.texts(map(_stock, items)))
    free = sum(not offer.sold_out for offer in items)
    caption = f"{free} of {len(items)} can be had now. Prices in USD; a day is 24 hours."
    return Table.of(frame, _OFFERS, caption=caption, muted="sold_out")


def _stock(offer: Offer) -> str:
    if offer.sold_out:
        return "sold out"
    return "some" if offer.available is None else f"{offer.available:,}"


_SUMS = [
    Column("machine", "machine"),
    Column("kind", "kind"),
    Column("type", "type"),
    Column("part", "part"),
    Column("charged", "charged, USD", cents, right=True),
    Column("credited", "credited", cents, right=True),
    Column("deposited", "paid in", cents, right=True),
    Column("other", "other", cents, right=True),
    Column("partial", "", lambda partial: "in part" if partial else ""),
    Column("id", "id", short_id),
]


def spending(spent: pd.DataFrame, by: Sequence[str], *, caption: str = "") -> Table:
    """Sums of charges, `costs.spend` by those times and things; columns that hold nothing are left out."""
    times = [Column(one, one, _time(one)) for one in by if one in ("hour", "day", "week", "month")]
    things = [Column(one, one) for one in by if one.startswith("tag")]
    nothing = {name for name in ("credited", "deposited", "other") if not spent[name].any()}
    columns = [column for column in [*times, *things, *_SUMS] if column.name not in nothing]
    return Table.of(spent, columns, caption=caption)


def _time(unit: str) -> Callable[[datetime], str]:
    shape = {"hour": "%Y-%m-%d %H:%M UTC", "month": "%Y-%m"}.get(unit, "%Y-%m-%d")
    return lambda value: format(value, shape)
