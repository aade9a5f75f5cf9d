"""The account in the terms of FOCUS, the FinOps Open Cost and Usage Specification."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

import pandas as pd
import pyarrow as pa

from .exact import amounts, units
from .spending import known

PROVIDER = "Voltage Park"
FOCUS_VERSION = "1.2"

_HOUR_US = 3_600_000_000
_STEP = Decimal("1e-9")  # of hours, and of USD per hour
_SERVICES = {
    # resource and part: category, service, kind of resource, SKU
    ("vm", "compute"): ("Compute", "Virtual Machines", "Virtual Machine", "vm-compute-hour"),
    ("vm", "storage"): ("Storage", "Virtual Machines", "Virtual Machine", "vm-storage-hour"),
    ("metal", ""): ("Compute", "Bare Metal", "Bare-Metal Rental", "bare-metal-hour"),
    ("storage", ""): ("Storage", "Storage Volumes", "Storage Volume", "volume-hour"),
}
_NO_SERVICE = ("Other", "Account", None, None)
_CATEGORIES = {"charge": "Usage", "credit": "Credit", "other": "Adjustment"}


def focus(
    lines: pd.DataFrame, *, account_id: str, account_name: str | None, labels: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Lines of the account (`tables.transactions`) as FOCUS 1.2 (https://focus.finops.org): the 21 mandatory
    columns and those conditional ones that apply to what is sold by the hour.

    Costs are USD, charges above zero and credits below; a charge's period is half-open, in UTC and whole
    seconds, and within one billing period, a calendar month. Deposits are payments, no costs, and are left
    out. Unit prices are per hour of the resource, cost divided by hours. `labels` (`tables.labels`) gives
    names and tags of what is still there; a tag ``key:value`` or ``key=value`` is a key with its value, any
    other a key that is true.
    """
    lines = lines[lines["entry"] != "deposit"].reset_index(drop=True)
    usage = (lines["entry"] == "charge").to_numpy()
    cost = amounts(-units(lines["amount"]))
    start = lines["start"].dt.floor("s")
    end = lines["end"].dt.floor("s").where(usage, start + pd.Timedelta(days=1))
    end = end.where(end > start, start + pd.Timedelta(seconds=1))
    month = _month(start)
    next_month = _month(month + pd.Timedelta(days=31))
    end = end.where(end <= next_month, next_month)
    pairs = zip(
        lines["resource"].astype("str").fillna(""), lines["part"].astype("str").fillna(""), strict=True
    )
    services = [_SERVICES.get(pair, _SERVICES.get((pair[0], ""), _NO_SERVICE)) for pair in pairs]
    hours = _hours(lines, usage)
    price = _unit_price(-units(lines["amount"]), hours)
    names, tags = known(labels)
    ids = [id if isinstance(id, str) else None for id in lines["resource_id"]]
    unit = _texts("Hours" if one is not None else None for one in hours)
    return pd.DataFrame(
        {
            "BilledCost": cost,
            "BillingAccountId": _texts([account_id] * len(lines)),
            "BillingAccountName": _texts([account_name] * len(lines)),
            "BillingCurrency": _texts(["USD"] * len(lines)),
            "BillingPeriodStart": month,
            "BillingPeriodEnd": next_month,
            "ChargeCategory": _texts(_CATEGORIES[str(entry)] for entry in lines["entry"]),
            "ChargeClass": _texts([None] * len(lines)),
            "ChargeDescription": _texts(map(_description, lines["note"], services)),
            "ChargeFrequency": _texts("Usage-Based" if one else "One-Time" for one in usage),
            "ChargePeriodStart": start,
            "ChargePeriodEnd": end,
            "ConsumedQuantity": _decimals(hours),
            "ConsumedUnit": unit,
            "ContractedCost": cost,
            "ContractedUnitPrice": _decimals(price),
            "EffectiveCost": cost,
            "InvoiceIssuerName": _texts([PROVIDER] * len(lines)),
            "ListCost": cost,
            "ListUnitPrice": _decimals(price),
            "PricingCategory": _texts("Standard" if one else None for one in usage),
            "PricingQuantity": _decimals(hours),
            "PricingUnit": unit,
            "ProviderName": _texts([PROVIDER] * len(lines)),
            "PublisherName": _texts([PROVIDER] * len(lines)),
            "RegionId": _texts([None] * len(lines)),
            "RegionName": _texts([None] * len(lines)),
            "ResourceId": _texts(ids),
            "ResourceName": _texts(names.get(id or "") for id in ids),
            "ResourceType": _texts(
                kind if id else None for (_, _, kind, _), id in zip(services, ids, strict=True)
            ),
            "ServiceCategory": _texts(category for category, *_ in services),
            "ServiceName": _texts(name for _, name, *_ in services),
            "SkuId": _texts(sku if one else None for (*_, sku), one in zip(services, usage, strict=True)),
            "Tags": _texts(_tags(tags[id]) if id in tags else None for id in ids),
        }
    )


def _month(times: pd.Series[Any]) -> pd.Series[Any]:
    first = times.dt.normalize()
    return first - pd.to_timedelta(first.dt.day - 1, unit="D")


def _hours(lines: pd.DataFrame, usage: Any) -> list[Any]:
    """The hours of each charge, to nine places; None for what is no usage."""
    spans = (lines["end"] - lines["start"]).dt.total_seconds().mul(1e6).round().astype("int64")
    return [
        (Decimal(int(span)) / _HOUR_US).quantize(_STEP) if one and span else None
        for span, one in zip(spans, usage, strict=True)
    ]


def _unit_price(cost: Any, hours: Sequence[Any]) -> list[Any]:
    return [
        (Decimal(int(one)).scaleb(-6) / time).quantize(_STEP) if time else None
        for one, time in zip(cost, hours, strict=True)
    ]


def _description(note: Any, service: tuple[str | None, ...]) -> str | None:
    return note if isinstance(note, str) else f"{service[1]}, by the hour" if service[2] else None


def _tags(tags: Sequence[str]) -> str:
    pairs: dict[str, str | bool] = {}
    for tag in tags:
        key, mark, value = tag.partition(":" if ":" in tag else "=")
        pairs[key] = value if mark else True
    return json.dumps(pairs, ensure_ascii=False)


def _texts(values: Iterable[str | None]) -> pd.api.extensions.ExtensionArray:
    return pd.array([*values], dtype="str")


def _decimals(values: Sequence[Decimal | None]) -> pd.api.extensions.ExtensionArray:
    return pd.array(values, dtype=pd.ArrowDtype(pa.decimal128(38, 9)))
