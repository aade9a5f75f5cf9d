"""What one more machine would cost."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import NamedTuple

HOURS_PER_MONTH = 730  # 365 days * 24 hours / 12 months

_LONGEST = timedelta(days=36_500)


class Quote(NamedTuple):
    """The price of a change, USD: what it adds per hour and per day (24 h), what everything then burns per
    hour, and how long the balance lasts at that rate (None: for good, or the balance is not known)."""

    rate_hourly: Decimal
    rate_daily: Decimal
    burn_hourly: Decimal
    balance: Decimal | None
    lasts: timedelta | None


def quote(rate_hourly: Decimal, *, burn_hourly: Decimal, balance: Decimal | None) -> Quote:
    """The quote for `rate_hourly` more on top of `burn_hourly` (both USD per hour)."""
    burn = burn_hourly + rate_hourly
    return Quote(rate_hourly, 24 * rate_hourly, burn, balance, runway(balance, burn))


def runway(balance: Decimal | None, burn_hourly: Decimal) -> timedelta | None:
    """How long a balance (USD) lasts at a burn rate (USD per hour): ``balance / burn``, zero where it is
    used up; None where nothing burns or the balance is not known, and where it is over a century."""
    if balance is None or burn_hourly <= 0:
        return None
    if balance <= 0:
        return timedelta(0)
    hours = balance / burn_hourly
    return None if hours > _LONGEST.days * 24 else timedelta(hours=float(hours))
