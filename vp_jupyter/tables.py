"""API records as pandas DataFrames: the one place that knows columns and dtypes.

Money is ``decimal128`` through Arrow, exact; times are ``datetime64[us, UTC]``; what has few values is a
category; counts are nullable integers. Ids are plain texts, usable as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pandas.api.types import union_categoricals

from .api.billing import Period
from .api.machines import Machine
from .api.naming import named
from .api.offers import Offer
from .api.records import LinkedInstance, Location, SshKey, Volume

MONEY_PLACES = 6  # decimal places that the service's rates and amounts have


def money(values: Iterable[Decimal | None]) -> pd.api.extensions.ExtensionArray:
    """A column of USD, exact: ``decimal128(18, 6)``, with more places where a value has more."""
    column = list(values)
    try:
        array = pa.array(column, pa.decimal128(18, MONEY_PLACES))
    except pa.ArrowInvalid:  # that would round
        places = max([MONEY_PLACES, *(-_exponent(value) for value in column if value is not None)])
        array = pa.array(column, pa.decimal128(38, places))
    return pd.array(array, dtype=pd.ArrowDtype(array.type))


def _exponent(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return exponent if isinstance(exponent, int) else 0


def timestamps(values: Iterable[datetime | None]) -> pd.Series[Any]:
    """A column of times in UTC."""
    return pd.Series(pd.to_datetime(list(values), utc=True)).astype("datetime64[us, UTC]")


def categories(values: Iterable[str | None]) -> pd.Categorical:
    """A column of texts with few values."""
    column = list(values)
    names = sorted({name for name in column if name is not None})
    codes = pc.index_in(_arrow(column), _arrow(names)).fill_null(-1)
    return pd.Categorical.from_codes(codes.to_numpy(), pd.Index(names, dtype="str"))


def counts(values: Iterable[int | None]) -> pd.api.extensions.ExtensionArray:
    """A column of whole numbers, some of them unknown."""
    return pd.array(list(values), dtype="Int64")


def texts(values: Iterable[str | None]) -> pd.api.extensions.ExtensionArray:
    """A column of texts."""
    return pd.array(_arrow(values), dtype="str")


def _arrow(values: Iterable[str | None]) -> pa.Array:
    return pa.array(list(values), pa.large_string())


def _frame(columns: Mapping[str, Any]) -> pd.DataFrame:
    """A frame from its columns; a column of lists stays one of objects."""
    return pd.DataFrame(
        {
            name: pd.Series(column, dtype=object) if isinstance(column, list) else column
            for name, column in columns.items()
        }
    )


def machines(items: Sequence[Machine], now: datetime) -> pd.DataFrame:
    """VMs and rentals together, a row each.

    Columns: name, kind, status, gpus, gpu_model, address (``host:port``, the first node's), nodes,
    rate_hourly (USD per hour in its present state), created, age (timedelta to `now`), tags (lists),
    operating_system, network, id.
    """
    created = timestamps(item.created for item in items)
    return _frame(
        {
            "name": texts(item.name for item in items),
            "kind": categories(item.kind for item in items),
            "status": categories(item.status for item in items),
            "gpus": counts(item.gpus for item in items),
            "gpu_model": categories(item.gpu_model for item in items),
            "address": texts(_address(item) for item in items),
            "nodes": counts(len(item.endpoints) if item.kind == "metal" else 1 for item in items),
            "rate_hourly": money(item.rate_hourly for item in items),
            "created": created,
            "age": pd.Timestamp(now) - created,
            "tags": [list(item.tags) for item in items],
            "operating_system": categories(item.operating_system for item in items),
            "network": categories(item.network for item in items),
            "id": texts(item.id for item in items),
        }
    )


def labels(things: Iterable[Machine | Volume]) -> pd.DataFrame:
    """What is known of the things that are billed, a row each. Columns: id, name, tags (lists)."""
    things = [*things]
    return _frame(
        {
            "id": texts(one.id for one in things),
            "name": texts(named(one) for one in things),
            "tags": [list(one.tags) if isinstance(one, Machine) else [] for one in things],
        }
    )


def _address(machine: Machine) -> str | None:
    if not machine.endpoints:
        return None
    host, port = machine.endpoints[0]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def offers(items: Sequence[Offer], place: Callable[[str], str]) -> pd.DataFrame:
    """What is for sale, a row each; `place` names a location by its id.

    Columns: kind, gpus (of one unit), gpu_model, network, operating_system, rate_hourly (USD per hour for
    the unit), rate_per_gpu_hour, rate_daily (24 hours), available (units that can be had now; missing: some,
    uncounted), sold_out, locations (those that have some), vcpus, ram_gb, storage_gb, id (the preset's, for
    metal the location's).
    """
    return _frame(
        {
            "kind": categories(item.kind for item in items),
            "gpus": counts(item.gpus for item in items),
            "gpu_model": categories(item.gpu_model for item in items),
            "network": categories(item.network for item in items),
            "operating_system": categories(item.operating_system for item in items),
            "rate_hourly": money(item.rate_hourly for item in items),
            "rate_per_gpu_hour": money(item.rate_per_gpu_hour for item in items),
            "rate_daily": money(24 * item.rate_hourly for item in items),
            "available": counts(item.available for item in items),
            "sold_out": pd.array([item.sold_out for item in items], dtype="boolean"),
            "locations": [
                [place(id) for id, count in item.stock.items() if count is None or count > 0]
                for item in items
            ],
            "vcpus": counts(item.vcpus for item in items),
            "ram_gb": pd.array([item.ram_gb for item in items], dtype="Float64"),
            "storage_gb": pd.array([item.storage_gb for item in items], dtype="Float64"),
            "id": texts(item.id for item in items),
        }
    )


def hostnodes(items: Sequence[Location]) -> pd.DataFrame:
    """Locations, a row for each hostnode (one without, where a location lists none).

    Columns: city, region, country, gpus, gpu_model, vcpus, ram_gb, storage_gb (free now), rate_per_gpu_hour
    (USD), rate_per_vcpu_hour, rate_per_gb_ram_hour, rate_per_gb_storage_hour, free_ports, hostnode_id,
    location_id.
    """
    rows = [(place, node) for place in items for node in (*place.hostnodes,) or (None,)]
    free = [node.available_resources if node else None for _, node in rows]
    price = [node.pricing if node else None for _, node in rows]
    return _frame(
        {
            "city": texts(place.city for place, _ in rows),
            "region": texts(place.region for place, _ in rows),
            "country": texts(place.country for place, _ in rows),
            "gpus": counts(has.gpu_count if has else 0 for has in free),
            "gpu_model": categories(has.gpu_model if has else None for has in free),
            "vcpus": counts(has.vcpu_count if has else None for has in free),
            "ram_gb": pd.array([has.ram_gb if has else None for has in free], dtype="Float64"),
            "storage_gb": pd.array([has.storage_gb if has else None for has in free], dtype="Float64"),
            "rate_per_gpu_hour": money(
                min((p.per_gpu_hr or {}).values(), default=None) if p else None for p in price
            ),
            "rate_per_vcpu_hour": money(p.per_vcpu_hr if p else None for p in price),
            "rate_per_gb_ram_hour": money(p.per_gb_ram_hr if p else None for p in price),
            "rate_per_gb_storage_hour": money(p.per_gb_storage_hr if p else None for p in price),
            "free_ports": counts(len(node.available_ports) if node else 0 for _, node in rows),
            "hostnode_id": texts(node.id if node else None for _, node in rows),
            "location_id": texts(place.id for place, _ in rows),
        }
    )


def ssh_keys(items: Sequence[SshKey]) -> pd.DataFrame:
    """The organization's public keys. Columns: name, type, comment, content, id."""
    parts = [(item.content or "").split(None, 2) for item in items]
    return _frame(
        {
            "name": texts(item.name for item in items),
            "type": categories(part[0] if part else None for part in parts),
            "comment": texts(part[2] if len(part) > 2 else None for part in parts),
            "content": texts(item.content for item in items),
            "id": texts(item.id for item in items),
        }
    )


def volumes(items: Sequence[Volume], machine_name: Callable[[str], str]) -> pd.DataFrame:
    """Storage volumes; `machine_name` names a rental by its id.

    Columns: name, size_gb, used_gb (missing where it was not asked for), status, rate_hourly (USD per hour),
    attached_to (names), id.
    """
    return _frame(
        {
            "name": texts(item.name for item in items),
            "size_gb": counts(item.size_in_gb for item in items),
            "used_gb": pd.array(
                [
                    None if item.used_capacity_bytes is None else item.used_capacity_bytes / 1e9
                    for item in items
                ],
                dtype="Float64",
            ),
            "status": categories(item.status for item in items),
            "rate_hourly": money(item.rate_hourly for item in items),
            "attached_to": [[machine_name(id) for id in item.order_ids] for item in items],
            "id": texts(item.id for item in items),
        }
    )


def transactions(periods: Sequence[Period]) -> pd.DataFrame:
    """Lines of the account, a row for each period that a line falls into.

    Columns: start and end (the part of the line's time that lies in the period, half-open; equal where money
    moved at one moment), entry (charge, credit, deposit or other), type (the service's: charge,
    stripe_deposit, …), resource (vm, metal, storage, or missing), resource_id (of the VM, rental or volume),
    part (compute or storage, of a VM), amount (USD that fall into the period, as they move the
    balance: charges below zero), total_amount (of the whole transaction), created, completed (missing: goes
    on), instance_id (the billed life of a thing: each keeps one rate unless it is resized), note, id.
    """
    items = [item for period in periods for item in period.transactions]
    sizes = [len(period.transactions) for period in periods]
    first, last = (
        np.repeat(timestamps(ends).to_numpy("datetime64[us]"), sizes)
        for ends in ([period.start for period in periods], [period.end for period in periods])
    )
    details = [item.details for item in items]
    linked = [detail.linked_instance or _NOTHING for detail in details]
    kinds = categories([detail.type for detail in details])
    entries = _of_category(kinds, _entry)
    charges = np.asarray(entries == "charge")
    created = timestamps([item.timestamp_creation for item in items])
    completed = timestamps([item.timestamp_completion for item in items])
    # What is missing (NaT) gives way to the period's own ends.
    start = np.fmax(created.to_numpy("datetime64[us]"), first)
    end = np.fmax(start, np.fmin(completed.to_numpy("datetime64[us]"), last))
    totals = [item.total_amount for item in items]
    amounts = [item.period_amount for item in items]
    vms, metal = ([getattr(one, name) for one in linked] for name in ("virtual_machine_id", _METAL))
    return _frame(
        {
            "start": pd.Series(start).dt.tz_localize("UTC"),
            "end": pd.Series(end).dt.tz_localize("UTC"),
            "entry": pd.Categorical(entries, categories=ENTRIES),
            "type": kinds,
            "resource": _resources(kinds, vms, metal),
            "resource_id": texts(
                [
                    vm or rental or one.storage_id or one.id
                    for vm, rental, one in zip(vms, metal, linked, strict=True)
                ]
            ),
            "part": categories([_PARTS.get(one.type) for one in linked]),
            "amount": _moved([t if p is None else p for t, p in zip(totals, amounts, strict=True)], charges),
            "total_amount": _moved(totals, charges),
            "created": created,
            "completed": completed,
            "instance_id": texts([one.id for one in linked]),
            "note": texts([detail.note_public for detail in details]),
            "id": texts([item.id for item in items]),
        }
    )


def joined(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Frames of the same columns, one after the other; what is a category in them stays one."""
    if len(frames) == 1:
        return frames[0]
    columns: dict[str, Any] = {}
    for name in frames[0]:
        parts = [frame[name] for frame in frames]
        if isinstance(parts[0].dtype, pd.CategoricalDtype):
            columns[name] = union_categoricals(parts, sort_categories=True)
        elif len({part.dtype for part in parts}) > 1:  # money, some of it with more places
            columns[name] = money(None if pd.isna(usd) else usd for part in parts for usd in part)
        else:
            columns[name] = pd.concat(parts, ignore_index=True)
    return pd.DataFrame(columns, copy=False)


ENTRIES = ["charge", "credit", "deposit", "other"]
_PARTS: dict[str | None, str] = {"virtual_machine_instance": "compute", "storage_block_instance": "storage"}
_METAL = "baremetal_rental_id"
_NOTHING = LinkedInstance()


def _of_category(column: pd.Categorical, kind: Callable[[str | None], str | None]) -> Any:
    """A kind for each value of a column, which depends on its category alone; None where that has none."""
    kinds = np.array([*map(kind, column.categories), kind(None)], dtype=object)  # code -1 is what is missing
    return kinds[column.codes]


def _entry(type: str | None) -> str:
    """What a transaction does to the account, by the service's type of it."""
    match (type or "").rpartition("_")[2]:
        case "charge":
            return "charge"
        case "payout":
            return "credit"
        case "deposit":
            return "deposit"
        case _:
            return "other"


def _moved(values: list[Decimal], charges: Any) -> pd.api.extensions.ExtensionArray:
    """Amounts as they move the balance; no document says which sign the service gives to a charge."""
    column = pa.array(money(values))
    moved = pc.if_else(charges, pc.negate(pc.abs(column)), column)
    return pd.array(moved, dtype=pd.ArrowDtype(column.type))


def _resources(kinds: pd.Categorical, vms: list[str | None], metal: list[str | None]) -> pd.Categorical:
    """What kind of thing each transaction is for: by what it is linked to, or else by its type."""
    of_type = _of_category(kinds, _resource)
    return categories(
        [
            "vm" if vm else "metal" if rental else kind
            for vm, rental, kind in zip(vms, metal, of_type, strict=True)
        ]
    )


def _resource(type: str | None) -> str | None:
    for beginning, kind in (("baremetal", "metal"), ("storage", "storage")):
        if (type or "").startswith(beginning):
            return kind
    return "vm" if type in ("charge", "payout") else None
