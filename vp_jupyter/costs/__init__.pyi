"""The public names of `costs`, and where each is at home."""

# ruff: noqa: I001  (a line for each module)

from .budgets import (
    Budget as Budget,
    Standing as Standing,
    parse_budget as parse_budget,
    standing as standing,
)
from .burning import burn as burn, burn_by as burn_by
from .comparison import Pause as Pause, compare as compare, pause as pause
from .export import write as write
from .findings import waste as waste
from .finops import focus as focus
from .forecasting import Forecast as Forecast, forecast as forecast
from .leases import (
    duration as duration,
    ended_leases as ended_leases,
    lease_end as lease_end,
    lease_tag as lease_tag,
    leased as leased,
)
from .quotes import HOURS_PER_MONTH as HOURS_PER_MONTH, Quote as Quote, quote as quote, runway as runway
from .reconciliation import reconcile as reconcile
from .spending import spend as spend, total as total
