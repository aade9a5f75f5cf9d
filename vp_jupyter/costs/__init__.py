"""What machines cost: pure functions from DataFrames to DataFrames, usable without a notebook.

Every function states the columns it needs and gives; money is exact, in USD; times and periods are UTC.
"""

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
