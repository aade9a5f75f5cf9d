"""Forecasts: the interval covers about what it says, short histories are told, sums are consistent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from vp_jupyter import costs, tables
from vp_jupyter.api.billing import Period
from vp_jupyter.api.records import Details, Transaction
from vp_jupyter.costs.forecasting import LEVEL, TESTED, full_days, simulate

DAYS = 120
MONTH_END = datetime(2026, 12, 1, tzinfo=UTC)


def bursty(rng):
    spend = np.full(DAYS, 20.0)
    for start in np.flatnonzero(rng.random(DAYS) < 0.06):
        spend[start : start + rng.integers(2, 8)] += rng.choice([48, 190, 380])
    return spend


HISTORIES = {
    "steady": lambda rng: 100 + rng.normal(0, 8, DAYS),
    "growing": lambda rng: 20 + 1.5 * np.arange(DAYS) + rng.normal(0, 12, DAYS),
    "weekly": lambda rng: 50 + 40 * (np.arange(DAYS) % 7 < 5) + rng.normal(0, 6, DAYS),
    "bursty": bursty,
    "empty": lambda rng: np.zeros(DAYS),
}


@pytest.mark.parametrize("kind", HISTORIES)
def test_the_interval_covers_about_what_it_says(kind):
    covered = []
    for seed in range(20):
        daily = pd.Series(HISTORIES[kind](np.random.default_rng(seed)))
        sums = simulate(daily.iloc[:-TESTED], TESTED, paths=400).sum(axis=0)
        low, high = np.quantile(sums, ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
        covered.append(low <= daily.iloc[-TESTED:].sum() <= high)
    assert np.mean(covered) >= LEVEL - 0.2  # of 20, so give or take two standard errors


def ahead(history, **changes):
    given = {
        "start": history.start,
        "now": history.now,
        "until": MONTH_END,
        "burn_hourly": history.client.billing.hourly_rate(),
        "balance": history.client.billing.balance(),
    } | changes
    return costs.forecast(history.lines, **given)


def test_both_ways_are_told_with_how_they_did(history):
    told = ahead(history)
    going_on, statistical = told.summary.itertuples()
    hours = (MONTH_END - history.now) / timedelta(hours=1)
    assert going_on.spend == pytest.approx(float(history.client.billing.hourly_rate()) * hours)
    assert statistical.low <= statistical.spend <= statistical.high
    assert (told.summary["tests"] >= 8).all()
    assert (told.summary["error_daily"] > 0).all()
    assert 0.5 <= statistical.coverage <= 1
    assert going_on.empty_at > pd.Timestamp(history.now)
    assert (told.fan[["low", "middle", "high"]].diff().dropna() >= 0).all(axis=None)
    assert ahead(history).summary.equals(told.summary), "the same account gets the same forecast"


def test_a_short_history_gets_a_sentence_in_place_of_a_guess(history):
    start = history.now - timedelta(days=9)
    lines = history.lines[history.lines["end"] > pd.Timestamp(start)]
    told = costs.forecast(
        lines, start=start, now=history.now, until=MONTH_END, burn_hourly=Decimal(2), balance=Decimal(100)
    )
    assert list(told.summary["method"]) == ["what runs now goes on"]
    assert "8 full days of history, too few" in told.notes[0]
    assert told.fan.empty


def test_an_account_that_never_spent_is_forecast_without_a_number_too_many():
    now = datetime(2026, 11, 20, tzinfo=UTC)
    start = now - timedelta(days=19)
    lines = tables.transactions([Period(start, now, [])], now)
    told = costs.forecast(
        lines, start=start, now=now, until=MONTH_END, burn_hourly=Decimal(0), balance=Decimal(50)
    )
    assert told.summary["spend"].tolist() == [0.0]
    assert told.summary["empty_at"].isna().all()


def test_today_is_no_day_of_the_history_since_it_is_not_over():
    now = datetime(2026, 11, 20, 12, tzinfo=UTC)
    items = [
        Transaction(
            id="a",
            total_amount=Decimal("-96"),
            timestamp_creation=now - timedelta(days=4),
            details=Details(type="charge"),
        )
    ]
    start = datetime(2026, 11, 1, tzinfo=UTC)
    lines = tables.transactions([Period(start, MONTH_END, items)], now)
    hours = costs.spend(lines, ["hour"], start=start, end=now)
    daily = full_days(hours.set_index("hour")["charged"].astype(float), start, now)
    assert [f"{day:%m-%d}" for day in daily.index] == ["11-16", "11-17", "11-18", "11-19"]
    assert daily.tolist() == [12.0, 24.0, 24.0, 24.0]
