"""The account in a period: what was charged, for what, and what is ahead."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import pandas as pd

from .. import costs, plots, tables
from ..api import together
from ..api.billing import Balances
from ..api.days import end_of_month
from ..costs import Forecast
from ..history import history
from ..refused import Refused
from ..session import Session

HISTORY = 180  # days that a forecast looks back, and to the beginning of that month
TIMES = ("hour", "day", "week", "month")


class Account(NamedTuple):
    """The lines of the account from `start` to before `end` (UTC; when they were read, if that is first), and
    the balances of its last month where that is whole."""

    lines: Any  # as `tables.transactions`
    labels: Any  # as `tables.labels`
    start: datetime
    end: datetime
    balances: Balances | None

    @property
    def days(self) -> str:
        """The period in words."""
        last = (self.end - timedelta(microseconds=1)).date()
        return f"{self.start:%Y-%m-%d} to {last:%Y-%m-%d}"


def account(
    session: Session, earliest: date, latest: date, *, types: Sequence[str] = (), fresh: bool = False
) -> Account:
    """Read the days from `earliest` to `latest` (UTC), with what is known of what was billed; `fresh` as for
    `history`."""
    parts, labels = together(
        lambda: history(session.client, earliest, latest, types=types, archive=session.archive, fresh=fresh),
        session.labels,
    )
    start, end, balances = parts[0].start, parts[-1].end, parts[-1].balances
    return Account(tables.joined([part.lines for part in parts]), labels, start, end, balances)


def spend(known: Account, by: Sequence[str]) -> Any:
    """Its charges by times and things, as `costs.spend`. Raises `Refused` for what they cannot be put by."""
    try:
        return costs.spend(known.lines, by, start=known.start, end=known.end, labels=known.labels)
    except ValueError as error:
        raise Refused(f"{error} See %vp bill -h.") from None


def plot(spent: Any, by: Sequence[str], known: Account) -> plots.Plot:
    """Bars over time, or areas of things where there is no time among `by`."""
    times = [one for one in by if one in TIMES]
    things = [one for one in by if one not in times]
    if times:
        return plots.spend_bars(spent, times[0], group=things[0] if things else None)
    return plots.treemap(spent, things, period=known.days)


class Ahead(NamedTuple):
    """What is ahead to the end of the day `last`: the forecast, the account that it looks back on, and the
    balance (USD)."""

    forecast: Forecast
    known: Account
    balance: Decimal
    last: date

    def plot(self, session: Session) -> plots.Plot:
        """This month's charges, cumulated, against its budget, and the fan of the forecast."""
        known = self.known
        begin = known.end.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        month = known.lines[known.lines["end"] > pd.Timestamp(begin)]
        daily = costs.spend(month, ["day"], start=begin, end=known.end)
        daily = daily[daily["day"] >= pd.Timestamp(begin)].reset_index(drop=True)
        budget = session.budget
        limit = budget.amount if budget is not None and budget.period == "month" else None
        return plots.spend_cumulative(daily, now=known.end, budget=limit, forecast=self.forecast)


def ahead(session: Session, last: date | None = None) -> Ahead:
    """The forecast to the end of a day (UTC), this month's last where none is named.

    Raises `Refused` where the day is over, or where the library that forecasts is not installed.
    """
    today = session.today()
    last = last or end_of_month(today)
    if last < today:
        raise Refused(f"{last} is over: a forecast goes ahead.")
    first = (today - timedelta(days=HISTORY)).replace(day=1)
    known, rate_hourly = together(lambda: account(session, first, today), session.client.billing.hourly_rate)
    assert known.balances is not None  # whole months have them
    balance = known.balances.closing
    until = datetime(last.year, last.month, last.day, tzinfo=known.end.tzinfo) + timedelta(days=1)
    try:
        found = costs.forecast(
            known.lines,
            start=known.start,
            now=known.end,
            until=until,
            burn_hourly=rate_hourly,
            balance=balance,
        )
    except ImportError as error:
        raise Refused(str(error)) from None
    return Ahead(found, known, balance, last)
