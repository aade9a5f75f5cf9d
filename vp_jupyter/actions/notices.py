"""What everybody who looks is told: how the budget stands, which leases are over."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from .. import costs, tables
from ..api import Machine
from ..costs import Standing
from ..formats import cents, rate
from ..session import Session


def standing(session: Session, burn_hourly: Decimal) -> Standing | None:
    """The budget's current period, if everything burns `burn_hourly` (USD per hour) from now on; None where
    there is no budget."""
    budget = session.budget
    if budget is None:
        return None
    today = session.today()
    start, _ = budget.span(session.client.now())
    periods = session.client.billing.history(start.date(), today)
    spent = -costs.total(tables.transactions(periods), "charge")
    return costs.standing(budget, now=periods[-1].end, spent=spent, burn_hourly=burn_hourly)


def warning(now: Standing | None) -> str:
    """What to say of a budget; nothing as long as less than half is spent and it will hold."""
    if now is None:
        return ""
    limit = f"the {now.budget.period}'s budget of {cents(now.budget.amount)}"
    said = f"{now.used:.0f}% of {limit} is spent." if now.level else ""
    if now.breaks and now.level < 100:
        more = f"At this rate {limit} will be exceeded: {cents(now.at_end)} by its end."
        said = f"{said} {more}".strip()
    return said


def overdue(machines: Sequence[Machine]) -> str:
    """The machines whose lease is over, in words."""
    daily = sum((24 * one.rate_hourly for one in machines if one.rate_hourly is not None), start=Decimal(0))
    names = ", ".join(f"{one.label} ({rate(one.rate_hourly)})" for one in machines)
    verb = "The lease is over for" if len(machines) == 1 else "The leases are over for"
    return f"{verb} {names}: {cents(daily)} a day."
