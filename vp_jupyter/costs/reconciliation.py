"""Does a month add up: its balances, its transactions, and what the rates say should have been charged?"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NamedTuple

import pandas as pd

from .exact import PLACES, units
from .spending import total

TOLERANCE = Decimal("0.01")  # USD
_CLOCK = 2 / 3600  # hours: a charge that goes on ends now, which is known to the second
_SHORTEST = pd.Timedelta(minutes=1)  # of a charge whose rate can be told


class Difference(NamedTuple):
    """Something that does not add up: what was expected and what is there, USD, and of which machine."""

    what: str
    expected: Decimal
    found: Decimal
    resource_id: str | None = None

    @property
    def difference(self) -> Decimal:
        """What is there beyond what was expected, USD."""
        return self.found - self.expected


def reconcile(
    lines: pd.DataFrame,
    *,
    opening: Decimal,
    delta: Decimal,
    closing: Decimal,
    previous_closing: Decimal | None = None,
    rates: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Every difference in a month, none where it adds up.

    `lines` are its transactions (`tables.transactions`); `opening`, `delta` and `closing` what its report
    says of the balance, `previous_closing` what the month before says (USD). Exactly: opening = the closing
    before, opening + delta = closing, delta = the sum of the transactions, none of which is there twice.
    Within `TOLERANCE` a charge, for each charge of a minute or more: amount = hours * rate, where the rate
    (USD per hour) is

    - what `rates` (id, rate_hourly, as of `burn`) knows, for what runs now: all its charges together;
    - otherwise, for a VM, the one that most hours of the same instance were charged at, since a VM keeps its
      rate; for a volume or rental, which can be resized, the one before and after, where those are the same.

    Columns: what, resource_id, expected, found, difference (USD), the largest difference first.
    """
    checks = [
        Difference("opening balance + movement = closing balance", opening + delta, closing),
        Difference("movement = sum of the transactions", delta, total(lines)),
        *_twice(lines),
        *_uneven(lines),
    ]
    if previous_closing is not None:
        checks.append(
            Difference("opening balance = closing balance of the month before", previous_closing, opening)
        )
    if rates is not None:
        checks += _running(lines, rates)
    wrong = sorted(
        (one for one in checks if one.difference), key=lambda one: abs(one.difference), reverse=True
    )
    return pd.DataFrame(
        {
            "what": pd.array([one.what for one in wrong], dtype="str"),
            "resource_id": pd.array([one.resource_id for one in wrong], dtype="str"),
            "expected": pd.Series([one.expected for one in wrong], dtype=object),
            "found": pd.Series([one.found for one in wrong], dtype=object),
            "difference": pd.Series([one.difference for one in wrong], dtype=object),
        }
    )


def _twice(lines: pd.DataFrame) -> Iterator[Difference]:
    for row in lines[lines.duplicated(["id", "start"])].itertuples():
        yield Difference(f"transaction {row.id} is there once", Decimal(0), row.amount, row.resource_id)


def _rated(lines: pd.DataFrame) -> pd.DataFrame:
    """The charges with their cost in millionths of USD, their hours, and cost per hour (a float)."""
    charges = lines[(lines["entry"] == "charge") & (lines["end"] - lines["start"] >= _SHORTEST)]
    hours = (charges["end"] - charges["start"]) / pd.Timedelta(hours=1)
    cost = -units(charges["amount"])
    return charges.assign(cost=cost, hours=hours, rate=cost / hours).sort_values("start")


def _uneven(lines: pd.DataFrame) -> Iterator[Difference]:
    """Charges at another rate than the rest of their instance."""
    charges = _rated(lines)
    rounded = charges.assign(step=charges["rate"].round(-2))
    longest = rounded.groupby(["instance_id", "step"])["hours"].sum().sort_values().reset_index()
    usual = longest.drop_duplicates("instance_id", keep="last").set_index("instance_id")["step"]
    steps = rounded.groupby("instance_id")["step"]
    before, after = steps.shift(), steps.shift(-1)
    beside = before.where(before == after, rounded["step"])
    should = rounded["instance_id"].map(usual).where(rounded["resource"] == "vm", beside)
    expected = charges["hours"] * should
    wrong = (rounded["step"] != should) & _differ(charges["cost"], expected)
    for row, amount in zip(charges[wrong].itertuples(), expected[wrong], strict=True):
        what = f"charge from {row.start:%Y-%m-%d %H:%M} UTC = its hours at the rate of its instance"
        yield Difference(what, _dollars(-amount), row.amount, row.resource_id)


def _running(lines: pd.DataFrame, rates: pd.DataFrame) -> Iterator[Difference]:
    """What runs, against its rate of now: the charges that still go on, summed for each thing."""
    charges = _rated(lines)
    going_on = charges[charges["completed"].isna()]
    known = dict(zip(rates["id"], units(rates["rate_hourly"]), strict=True))
    charged: Any = going_on.groupby("resource_id").agg(rate=("rate", "sum"), hours=("hours", "max"))
    for row in charged[charged.index.isin(list(known))].itertuples():
        expected, found = known[row.Index] * row.hours, row.rate * row.hours
        if _differ(found, expected, slack=known[row.Index] * _CLOCK):
            what = "charges that go on = their hours at the rate of now"
            yield Difference(what, _dollars(-expected), _dollars(-found), row.Index)


def _differ(cost: Any, expected: Any, slack: float = 0.0) -> Any:
    """Whether costs differ by more than the tolerance and some slack, in millionths of USD."""
    return abs(cost - expected) > float(TOLERANCE) * 10**PLACES + slack


def _dollars(micro: float) -> Decimal:
    return Decimal(round(micro)).scaleb(-PLACES)
