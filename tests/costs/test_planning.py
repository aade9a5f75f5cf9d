"""Burn, waste, comparison, pauses, leases and budgets, counted by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vp_jupyter import costs, tables
from vp_jupyter.costs.leases import PREFIX

NOW = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)


def test_the_burn_is_the_service_s_own_rate_and_says_why(history):
    burning = costs.burn(history.machines, history.volumes)
    assert burning["rate_hourly"].sum() == history.client.billing.hourly_rate()
    assert burning["rate_daily"].sum() == 24 * burning["rate_hourly"].sum()
    assert burning["rate_monthly"].sum() == 730 * burning["rate_hourly"].sum()
    for column in ("why", "kind"):
        assert costs.burn_by(burning, column)["rate_hourly"].sum() == burning["rate_hourly"].sum()
    why = dict(zip(burning["id"], burning["why"], strict=True))
    for row in history.machines.itertuples():
        expected = {
            "Stopped": "stopped, billed in full",
            "StoppedDisassociated": "released, storage only",
            "Running": "running",
        }
        assert why[row.id] == expected.get(row.status, "starting")
    for row in history.volumes.itertuples():
        assert why[row.id] == ("volume in use" if row.attached_to else "volume unattached")


def test_waste_names_what_costs_for_nothing_and_the_command_that_ends_it(history):
    full = tables.volumes([history.client.storage.get(id) for id in history.volumes["id"]], str)
    found = costs.waste(history.machines, full, history.now)
    rates = dict(zip(history.machines["id"], history.machines["rate_hourly"], strict=True))
    for row in history.machines[history.machines["status"] == "Stopped"].itertuples():
        (finding,) = found[(found["id"] == row.id) & (found["rate_daily"] > 0)].itertuples()
        assert finding.rate_daily == 24 * rates[row.id]
        assert finding.command == f"%vp stop {row.name} --release"
    for row in full.itertuples():
        if not row.attached_to:
            assert f"%vp storage rm {row.name}" in set(found["command"])
    assert list(found["rate_daily"]) == sorted(found["rate_daily"], reverse=True)


def test_waste_sees_a_lease_that_is_over_a_failed_rental_and_a_nearly_empty_volume(history):
    machines = history.machines.copy()
    metal = machines.index[machines["kind"] == "metal"][0]
    vm = machines.index[(machines["kind"] == "vm") & (machines["status"] == "Running")][0]
    machines["status"] = machines["status"].astype("str")
    machines.loc[metal, "status"] = "Failed"
    machines.at[vm, "tags"] = [f"{PREFIX}2026-01-01T00:00Z"]
    volumes = history.volumes.copy()
    volumes.at[0, "attached_to"] = ["x"]
    volumes["used_gb"] = volumes["size_gb"] * 0.01
    found = costs.waste(machines, volumes, history.now)
    what = dict(zip(zip(found["id"], found["what"], strict=True), found["command"], strict=True))
    assert (machines.loc[metal, "id"], "failed, and still there") in what
    assert (machines.loc[vm, "id"], "its lease is over since 2026-01-01 00:00 UTC") in what
    assert (machines.loc[vm, "id"], "no tags: nobody can tell what it is for") in what
    assert (volumes.loc[0, "id"], "a volume filled to 1%") in what


def test_a_job_is_priced_in_whole_units_cheapest_first(history):
    offers = tables.offers(history.client.offers(), str)
    ways = costs.compare(offers, gpus=12, hours=Decimal(100), balance=Decimal(3000))
    for row in ways.itertuples():
        unit = (
            offers[(offers["id"] == row.id) & (offers["network"].astype("str") == str(row.network))]
            if row.network == row.network
            else offers[offers["id"] == row.id]
        )
        count = -(-12 // row.gpus)
        assert row.units == count
        assert row.idle_gpus == count * row.gpus - 12
        assert row.rate_hourly == count * unit["rate_hourly"].iloc[0]
        assert row.total == 100 * row.rate_hourly
        assert row.idle_cost * count * row.gpus == pytest.approx(row.total * row.idle_gpus)
        assert row.affordable == (row.total <= 3000)
        left = unit["available"].iloc[0]
        assert row.available == (left >= count)
    some = ways[ways["available"]]
    assert list(some["total"]) == sorted(some["total"])
    assert set(costs.compare(offers, gpus=8, hours=Decimal(1), network="infiniband")["network"]) == {
        "infiniband"
    }
    with pytest.raises(ValueError, match="at least one GPU"):
        costs.compare(offers, gpus=0, hours=Decimal(1))


def test_a_pause_is_cheapest_released_at_first_and_deleted_later():
    short = costs.pause(Decimal("1.99"), Decimal("0.10"), hours=Decimal(5), setup_hours=Decimal("0.5"))
    assert (short.stopped, short.released, short.relaunched) == (
        Decimal("9.95"),
        Decimal("0.50"),
        Decimal("0.995"),
    )
    assert short.cheapest == "released"
    assert short.relaunch_pays_after == Decimal("9.95")
    long = costs.pause(Decimal("1.99"), Decimal("0.10"), hours=Decimal(10), setup_hours=Decimal("0.5"))
    assert long.cheapest == "relaunched"
    metal = costs.pause(Decimal("15.92"), None, hours=Decimal(2), setup_hours=Decimal(1))
    assert metal.released is None
    assert metal.relaunch_pays_after == 1


@given(st.integers(1, 10**7), st.lists(st.text(max_size=12), max_size=5))
def test_a_lease_is_read_as_it_was_written_to_the_minute(minutes, tags):
    end = NOW + timedelta(minutes=minutes)
    with_lease = costs.leased(tags, end)
    assert costs.lease_end(with_lease) == end
    assert costs.leased(with_lease, None) == costs.leased(tags, None)
    assert len(costs.leased(with_lease, end)) == len(with_lease)


@pytest.mark.parametrize(
    ("text", "hours"), [("6h", 6), ("2d", 48), ("90m", 1.5), ("1d12h", 36), ("1.5d", 36), ("1w", 168)]
)
def test_time_spans_are_read(text, hours):
    assert costs.duration(text) == timedelta(hours=hours)


@pytest.mark.parametrize("text", ["", "6", "h", "-6h", "6 hours", "0h", "1e3h", "9999999999999d"])
def test_what_is_no_time_span_is_refused(text):
    with pytest.raises(ValueError, match=r"time|longer"):
        costs.duration(text)


def test_a_lease_that_cannot_be_read_is_none_and_the_earliest_of_several_counts():
    assert costs.lease_end(["until:tomorrow", "until:"]) is None
    assert costs.lease_end(["until:2026-01-02T00:00Z", "until:2026-01-01T00:00Z"]) == datetime(
        2026, 1, 1, tzinfo=UTC
    )


@pytest.mark.parametrize(
    ("text", "amount", "period"),
    [
        ("500/month", 500, "month"),
        ("$40/day", 40, "day"),
        ("1,000.50/week", 1000.5, "week"),
        ("750", 750, "month"),
    ],
)
def test_budgets_are_read(text, amount, period):
    assert costs.parse_budget(text) == (Decimal(str(amount)), period)


@pytest.mark.parametrize("text", ["", "0/month", "-5/day", "500/year", "much", "nan/day"])
def test_what_is_no_budget_is_refused(text):
    with pytest.raises(ValueError, match="no budget"):
        costs.parse_budget(text)


def test_a_budget_tells_its_level_and_where_it_ends():
    budget = costs.parse_budget("1000/month")
    now = costs.standing(budget, now=NOW, spent=Decimal(810), burn_hourly=Decimal(1))
    assert (now.start, now.end) == (datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))
    assert now.at_end == Decimal("987.50")  # 177.5 hours are left
    assert (now.level, now.breaks) == (80, False)
    assert costs.standing(budget, now=NOW, spent=Decimal(810), burn_hourly=Decimal(2)).breaks
    levels = [
        costs.standing(budget, now=NOW, spent=Decimal(s), burn_hourly=Decimal(0)).level
        for s in (499, 500, 800, 1000)
    ]
    assert levels == [0, 50, 80, 100]
    week = costs.parse_budget("70/week").span(NOW)
    assert week == (datetime(2026, 11, 23, tzinfo=UTC), datetime(2026, 11, 30, tzinfo=UTC))
