"""What everybody who looks is told: how the budget stands, which leases are over."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from .. import costs, tables
from ..api import Machine
from ..api.machines import total_rate
from ..costs import Budget, Standing
from ..formats import cents, rate
from ..history import history
from ..session import Session


class Budgeted(NamedTuple):
    """A budget, and what of its current period is spent (USD) by `now`."""

    budget: Budget
    spent: Decimal
    now: datetime


def budgeted(session: Session) -> Budgeted | None:
    """Read what is spent of the budget; None where there is none."""
    budget = session.budget
    if budget is None:
        return None
    today = session.today()
    start, _ = budget.span(session.client.now())
    parts = history(session.client, start.date(), today)
    spent = -costs.total(tables.joined([part.lines for part in parts]), "charge")
    return Budgeted(budget, spent, parts[-1].end)


def standing(spent: Budgeted | None, burn_hourly: Decimal) -> Standing | None:
    """The budget's current period, if everything burns `burn_hourly` (USD per hour) from now on; None where
    there is no budget."""
    if spent is None:
        return None
    return costs.standing(spent.budget, now=spent.now, spent=spent.spent, burn_hourly=burn_hourly)


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
    daily = 24 * total_rate(machines)
    names = ", ".join(f"{one.label} ({rate(one.rate_hourly)})" for one in machines)
    verb = "The lease is over for" if len(machines) == 1 else "The leases are over for"
    return f"{verb} {names}: {cents(daily)} a day."
