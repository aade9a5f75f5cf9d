"""Sums are the service's, to the last digit, in every zone, at every month's end."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from vp_jupyter import costs, tables
from vp_jupyter.api import Client
from vp_jupyter.api.billing import months
from vp_jupyter.sandbox import Sandbox

ENDS = {
    "a leap day": datetime(2028, 3, 2, 5, 30, tzinfo=UTC),
    "the first second of a month": datetime(2027, 3, 1, 0, 0, 0, tzinfo=UTC),
    "the last second of a year": datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC),
    "a month of 31 days after one of 30": datetime(2026, 10, 31, 12, 0, tzinfo=UTC),
}
ZONES = ("Pacific/Kiritimati", "America/New_York", "Europe/Berlin", "Asia/Kathmandu", "UTC")


@pytest.fixture(scope="module", params=ENDS.values(), ids=ENDS)
def account(request):
    """A client of a cloud where it is that time, and the first day of its past."""
    now = request.param
    with (
        Sandbox(seed=11, months=3, now=now, time_scale=0) as sandbox,
        Client(sandbox.api_key, sandbox.base_url) as client,
    ):
        client.billing.hourly_rate()
        yield client, (now.date().replace(day=1) - timedelta(days=80)).replace(day=1)


@pytest.fixture(params=ZONES)
def zone(request, monkeypatch):
    """The zone of who looks."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


def total(amounts):
    return sum(map(Decimal, amounts), start=Decimal(0))


def test_each_month_is_its_lines_its_delta_and_its_ends(account):
    client, first = account
    today = client.now().date()
    closing = None
    for start, _ in months(first, today):
        report = client.billing.report(start.year, start.month)
        lines = total(line.period_amount for line in report.transactions)
        assert lines == report.balance_delta_in_period
        assert report.balance_at_period_start + lines == report.balance_at_period_end
        assert closing in (None, report.balance_at_period_start)
        closing = report.balance_at_period_end


def test_a_charge_that_straddles_months_is_whole_in_their_sum(account):
    client, first = account
    frame = tables.transactions(client.billing.history(first, client.now().date()))
    inside = frame[(frame["created"] >= str(first)) & frame["completed"].notna()]
    parts = inside.groupby("id").agg(parts=("amount", list), whole=("total_amount", "first"))
    straddling = parts[parts["parts"].map(len) > 1]
    assert len(straddling)
    for row in parts.itertuples():
        assert total(row.parts) == Decimal(row.whole)


def test_days_and_hours_add_up_to_their_months_wherever_one_looks(account, zone):
    client, first = account
    today = client.now().date()
    periods = client.billing.history(first, today)
    frame = tables.transactions(periods)
    start, end = periods[0].start, periods[-1].end
    sums = {
        unit: costs.spend(frame, [unit], start=start, end=end) for unit in ("hour", "day", "week", "month")
    }
    whole = total(sums["month"]["charged"])
    assert whole > 0
    for unit, spent in sums.items():
        assert total(spent["charged"]) == whole, unit
    for month in sums["month"].itertuples():
        days = sums["day"][(sums["day"]["day"].dt.month == month.month.month)]
        days = days[days["day"].dt.year == month.month.year]
        assert total(days["charged"]) == Decimal(month.charged)
    assert {str(when.tzinfo) for when in sums["day"]["day"]} == {"UTC"}
    assert list(sums["day"]["day"].dt.date) == sorted(set(sums["day"]["day"].dt.date))


def test_the_29th_of_february_is_a_day_like_any_other():
    now = datetime(2028, 3, 2, tzinfo=UTC)
    with (
        Sandbox(seed=11, months=2, now=now, time_scale=0) as sandbox,
        Client(sandbox.api_key, sandbox.base_url) as client,
    ):
        client.billing.hourly_rate()
        (period,) = client.billing.history(date(2028, 2, 1), date(2028, 2, 29))
        assert period.balances is not None, "the whole month is its report"
        (day,) = client.billing.history(date(2028, 2, 29), date(2028, 2, 29))
        listed = tables.transactions([day])
        spent = costs.spend(tables.transactions([period]), ["day"], start=period.start, end=period.end)
    leap = spent[spent["day"].dt.date == date(2028, 2, 29)]
    charged = -total(listed[listed["entry"] == "charge"]["amount"])
    assert charged > 0
    assert abs(total(leap["charged"]) - charged) <= Decimal("0.000001") * len(listed)
