"""What machines cost: pure functions from DataFrames to DataFrames, usable without a notebook.

Every function states the columns it needs and gives; money is exact, in USD; times and periods are UTC.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .budgets import Budget, Standing, parse_budget, standing
    from .burning import burn, burn_by
    from .comparison import Pause, compare, pause
    from .export import write
    from .findings import waste
    from .finops import focus
    from .forecasting import Forecast, forecast
    from .leases import duration, ended_leases, lease_end, lease_tag, leased
    from .quotes import HOURS_PER_MONTH, Quote, quote, runway
    from .reconciliation import reconcile
    from .spending import spend, total

# Each is imported when it is first asked for: a listing needs none of the forecasts.
_HOMES = {
    "budgets": ("Budget", "Standing", "parse_budget", "standing"),
    "burning": ("burn", "burn_by"),
    "comparison": ("Pause", "compare", "pause"),
    "export": ("write",),
    "findings": ("waste",),
    "finops": ("focus",),
    "forecasting": ("Forecast", "forecast"),
    "leases": ("duration", "ended_leases", "lease_end", "lease_tag", "leased"),
    "quotes": ("HOURS_PER_MONTH", "Quote", "quote", "runway"),
    "reconciliation": ("reconcile",),
    "spending": ("spend", "total"),
}

__all__ = [
    "HOURS_PER_MONTH",
    "Budget",
    "Forecast",
    "Pause",
    "Quote",
    "Standing",
    "burn",
    "burn_by",
    "compare",
    "duration",
    "ended_leases",
    "focus",
    "forecast",
    "lease_end",
    "lease_tag",
    "leased",
    "parse_budget",
    "pause",
    "quote",
    "reconcile",
    "runway",
    "spend",
    "standing",
    "total",
    "waste",
    "write",
]


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f".{module}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
