"""The books: they add up, whatever happens and however time is cut."""

import itertools
from calendar import monthrange
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sandbox.conftest import NOW, ONE_GPU
from vp_jupyter.sandbox.clock import Clock
from vp_jupyter.sandbox.cloud import Cloud
from vp_jupyter.sandbox.history import seeded_cloud
from vp_jupyter.sandbox.ledger import EVER, FOREVER, month_bounds
from vp_jupyter.sandbox.refusals import Refused

BEGIN = datetime(2026, 1, 30, 22, 15, 3, 141000, tzinfo=UTC)
MOMENTS = st.timedeltas(timedelta(days=-9), timedelta(days=120)).map(lambda after: BEGIN + after)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "launch",
                "rent",
                "stop",
                "start",
                "release",
                "relocate",
                "delete",
                "shrink",
                "unrent",
                "volume",
                "resize",
                "attach",
                "unvolume",
                "credit",
                "wait",
            ]
        ),
        st.integers(0, 99),
        st.timedeltas(timedelta(0), timedelta(days=6)),
    ),
    max_size=30,
)


class Life:
    """A cloud that something happens to, step by step."""

    def __init__(self):
        self.clock = Clock(BEGIN, 0)
        self.cloud = seeded_cloud(1, self.clock, 0)
        self.ledger = self.cloud.world.ledger
        self.ledger.pay_in(self.cloud.world.new_id(), "stripe_deposit", Decimal("90000.000000"), BEGIN)

    def live(self, steps):
        for name, number, pause in steps:
            with suppress(Refused):  # a refusal must leave the books as whole as a success
                self.act(name, number)
            self.clock.advance(pause)

    def act(self, name, number):
        cloud, now = self.cloud, self.cloud.now()
        vm = _one(cloud.vms.all(), number)
        rental = _one(cloud.rentals.all(), number)
        volume = _one(cloud.volumes.all(), number)
        if name == "launch":
            cloud.vms.launch(_one([*cloud.catalog.presets], number), "vm")
        elif name == "rent":
            network = ("infiniband", "ethernet")[number % 2]
            cloud.rentals.launch(_one([*cloud.catalog.locations], number), "m", 8 * (number % 4 + 1), network)
        elif name == "volume":
            cloud.volumes.create(f"v{number}", number * 7 + 1)
        elif name == "credit" and self.ledger.entries:
            cloud.world.ledger.pay_in(cloud.world.new_id(), "other", Decimal(number), now, "thanks")
        elif name in ("stop", "start", "release", "relocate", "delete") and vm:
            getattr(cloud.vms, name)(vm)
        elif name == "shrink" and rental:
            cloud.rentals.remove_nodes(rental, [rental.nodes[0].public_ip])
        elif name == "unrent" and rental:
            cloud.rentals.delete(rental)
        elif name == "resize" and volume:
            cloud.volumes.update(volume, name=None, size_gb=number * 11 + 1, order_ids=None)
        elif name == "attach" and volume and rental:
            cloud.volumes.update(volume, name=None, size_gb=None, order_ids=[rental.id])
        elif name == "unvolume" and volume:
            cloud.volumes.delete(volume)

    def total(self, since, until):
        now = self.cloud.now()
        found = self.ledger.transactions(self.ledger.lines(since, until, now), since, until, now)
        return sum((one.in_period for one in found), Decimal(0))


def _one(things, number):
    return things[number % len(things)] if things else None


def lived(steps):
    life = Life()
    life.live(steps)
    return life


few = settings(max_examples=60, deadline=None)


@few
@given(STEPS)
def test_every_month_adds_up_and_the_next_one_goes_on_from_there(steps):
    life = lived(steps)
    now = life.cloud.now()
    before = Decimal(0)
    for year, month in [(2025, 12)] + [(2026, m) for m in range(1, 13)]:
        since, until = month_bounds(year, month)
        start, end = life.ledger.balance(since, now), life.ledger.balance(until, now)
        assert start == before
        assert end - start == life.total(since, until)
        before = end
    assert before == life.cloud.world.balance()


@few
@given(STEPS, st.lists(MOMENTS, max_size=6))
def test_however_time_is_cut_the_pieces_sum_to_the_whole(steps, cuts):
    life = lived(steps)
    edges = [EVER, *sorted(cuts), FOREVER]
    pieces = [life.total(a, b) for a, b in itertools.pairwise(edges) if a < b]
    assert sum(pieces) == life.total(EVER, FOREVER) == life.cloud.world.balance()


@few
@given(STEPS)
def test_totals_sum_to_the_balance_and_no_transaction_is_there_twice_or_longer_than_a_day(steps):
    life = lived(steps)
    now = life.cloud.now()
    found = life.ledger.transactions(life.ledger.lines(EVER, FOREVER, now), EVER, FOREVER, now)
    assert sum(one.total for one in found) == life.cloud.world.balance()
    assert len({one.id for one in found}) == len(found)
    assert [one.created for one in found] == sorted((one.created for one in found), reverse=True)
    for one in found:
        assert one.total == one.in_period
        assert (one.completed or now) - one.created <= timedelta(days=1)
        assert one.completed is None or one.completed <= now


@few
@given(STEPS)
def test_the_burn_is_the_sum_of_what_the_lists_show(steps):
    cloud = lived(steps).cloud
    vms = [
        vm.pricing.storage if vm.power == "stopped_disassociated" else vm.pricing.associated
        for vm in cloud.vms.all()
    ]
    metal = [len(rental.nodes) * 8 * rental.location.price(rental.network) for rental in cloud.rentals.all()]
    volumes = [
        (Decimal("0.00017408") * volume.size_gb).quantize(Decimal("0.000001"))
        for volume in cloud.volumes.all()
    ]
    assert cloud.world.ledger.burn() == sum([*vms, *metal, *volumes], Decimal(0))


@few
@given(STEPS)
def test_an_hour_costs_what_the_burn_says(steps):
    life = lived(steps)
    burn, before = life.ledger.burn(), life.cloud.world.balance()
    life.clock.advance(timedelta(hours=1))
    # Each running charge is cut to whole micro-dollars, so one each may have been due already.
    running = sum(getattr(entry, "end", entry) is None for entry in life.ledger.entries)
    assert abs(before - life.cloud.world.balance() - burn) <= running * Decimal("0.000001")


@few
@given(STEPS)
def test_stock_is_never_negative_and_all_of_it_returns(steps):
    life = Life()
    cloud, catalog = life.cloud, life.cloud.catalog

    def stock():
        hostnodes = [(h.free_gpus, len(h.available_ports)) for h in catalog.hostnodes.values()]
        return hostnodes, [node.rental_id for place in catalog.locations.values() for node in place.nodes]

    whole = stock()
    for step in steps:
        life.live([step])
        hostnodes, renters = stock()
        assert all(0 <= gpus <= 8 for gpus, _ in hostnodes)
        assert sorted(map(str, filter(None, renters))) == sorted(
            str(rental.id) for rental in cloud.rentals.all() for _ in rental.nodes
        )
    for vm in cloud.vms.all():
        cloud.vms.delete(vm)
    for rental in cloud.rentals.all():
        cloud.rentals.delete(rental)
    assert stock() == whole


# ---- the same through the API ----


def pages(api, **params):
    found, more = [], True
    while more:
        page = api.get("/billing/transactions", params={"limit": 100, "offset": len(found), **params}).json()
        found += page["results"]
        more = page["has_next"]
    assert len(found) == page["total_result_count"]
    return found


def total(transactions, what="period_amount"):
    return sum((Decimal(one[what]) for one in transactions), Decimal(0))


def test_days_and_months_and_everything_agree_over_the_api(sandbox, api):
    year, month = NOW.year, NOW.month
    days = [date(year, month, day).isoformat() for day in range(1, monthrange(year, month)[1] + 1)]
    by_day = sum(total(pages(api, earliest=day, latest=day)) for day in days)
    report = api.get(f"/billing/reports/{year}/{month}/transactions").json()
    start, delta, end = (Decimal(report[f"balance_{part}"]) for part in
                         ("at_period_start", "delta_in_period", "at_period_end"))  # fmt: skip
    assert by_day == delta == total(report["transactions"]) == end - start
    assert end == sandbox.cloud.world.balance() == total(pages(api), "total_amount")
    assert {one["id"] for one in pages(api, earliest=days[0], latest=days[-1])} == {
        one["id"] for one in report["transactions"]
    }


def test_some_transactions_straddle_a_midnight_and_say_which_part_belongs_to_the_day(api):
    straddling = [one for one in pages(api, earliest="2026-08-10", latest="2026-08-10")
                  if one["period_amount"] != one["total_amount"]]  # fmt: skip
    assert straddling


def test_the_hourly_rate_is_the_sum_of_the_lists(api, rent, launch):
    launch()
    rent(16)
    rates = [
        Decimal(vm["pricing"]["total_disassociated_per_hr" if vm["status"] == "StoppedDisassociated"
                              else "total_associated_per_hr"])
        for vm in api.get("/virtual-machines/", params={"limit": 50}).json()["results"]
    ]  # fmt: skip
    for path in ("/bare-metal/", "/storage/"):
        rates += [Decimal(one["rate_hourly"]) for one in api.get(path).json()["results"]]
    assert api.get("/billing/hourly-rate").json() == {"rate_hourly": str(sum(rates))}


def test_an_hour_of_a_vm_is_billed_to_the_microdollar_in_its_two_parts(sandbox, api, launch):
    vm = launch()
    sandbox.advance(timedelta(hours=1))
    mine = [
        one
        for one in pages(api)
        if one["details"].get("linked_instance", {}).get("virtual_machine_id") == vm["id"]
    ]
    amounts = {one["details"]["linked_instance"]["type"]: one["total_amount"] for one in mine}
    assert amounts == {"virtual_machine_instance": "-1.890000", "storage_block_instance": "-0.100000"}
    for one in mine:
        assert one["details"]["type"] == "charge"
        assert one["timestamp_completion"] is None
        assert one["details"]["linked_instance"]["timestamp_deletion"] is None


def test_releasing_a_vm_ends_its_compute_instance_and_starting_opens_another(sandbox, api, launch):
    vm = launch()
    for status in ("stopped_disassociated", "started"):
        sandbox.advance(timedelta(hours=1))
        api.put(f"/virtual-machines/{vm['id']}/power-status", json={"status": status})
    sandbox.advance(timedelta(hours=1))
    mine = [one for one in pages(api, types="virtual_machine")
            if one["details"]["linked_instance"]["virtual_machine_id"] == vm["id"]]  # fmt: skip
    assert [one["total_amount"] for one in mine] == ["-1.890000", "-1.890000"]
    assert len({one["details"]["linked_instance"]["id"] for one in mine}) == 2
    assert [one["details"]["linked_instance"]["timestamp_deletion"] is None for one in mine] == [True, False]


def test_each_type_of_transaction_has_its_shape(api):
    by_type = {}
    for one in pages(api):
        by_type.setdefault(one["details"]["type"], []).append(one)
    for one in by_type["stripe_deposit"]:
        assert set(one["details"]) == {"type"}
        assert Decimal(one["total_amount"]) > 0
    assert all("note_public" in one["details"] for one in by_type["other"])
    common = {"id", "timestamp_creation", "timestamp_deletion"}
    for name, further in (
        ("charge", {"type", "virtual_machine_id"}),
        ("baremetal_charge", {"baremetal_rental_id"}),
        ("storage_charge", {"storage_id"}),
    ):
        for one in by_type[name]:
            assert set(one["details"]["linked_instance"]) == common | further
            assert Decimal(one["total_amount"]) <= 0


def test_types_are_filtered_repeated_or_with_commas(api):
    def kinds(types):
        return {one["details"]["type"] for one in pages(api, types=types)}

    assert kinds("baremetal") == {"baremetal_charge"}
    assert (
        kinds(["storage", "baremetal"])
        == kinds("storage,baremetal")
        == {"baremetal_charge", "storage_charge"}
    )
    blocks = pages(api, types="storage_block")
    assert {one["details"]["linked_instance"]["type"] for one in blocks} == {"storage_block_instance"}
    assert api.get("/billing/transactions", params={"types": "gpu"}).status_code == 422


@pytest.mark.parametrize(
    "params",
    [
        {"earliest": "2026-08-02", "latest": "2026-08-01"},
        {"earliest": "2026-02-30"},
        {"earliest": "2026-8-1"},
        {"latest": "1754006400"},
        {"latest": "2026-08-01T00:00:00Z"},
        {"earliest": ""},
    ],
)
def test_days_are_days_and_in_order(api, params):
    assert api.get("/billing/transactions", params=params).status_code == 422


def test_months_to_come_and_months_before_the_organization_are_empty(sandbox, api):
    future = api.get("/billing/reports/2026/9/transactions").json()
    balance = f"{sandbox.cloud.world.balance():.6f}"
    assert future == {
        "transactions": [],
        "balance_at_period_start": balance,
        "balance_delta_in_period": "0.000000",
        "balance_at_period_end": balance,
    }
    past = api.get("/billing/reports/2020/2/transactions").json()
    assert past["transactions"] == []
    assert past["balance_at_period_end"] == past["balance_at_period_start"] == "0.000000"
    for month in ("2026/0", "2026/13", "0/1", "x/1"):
        assert api.get(f"/billing/reports/{month}/transactions").status_code == 422


# ---- the seeded past ----


@pytest.mark.parametrize("seed", range(12))
def test_the_past_ends_with_a_fleet_worth_looking_at_and_was_never_in_debt(seed):
    cloud = seeded_cloud(seed, Clock(NOW, 0), 6)
    now, ledger = cloud.now(), cloud.world.ledger
    statuses = [vm.status(now) for vm in cloud.vms.all()]
    assert statuses.count("Running") >= 3
    assert {"Stopped", "StoppedDisassociated"} <= set(statuses)
    assert [rental.pending(now) for rental in cloud.rentals.all()] == [False, True]
    [big, _] = cloud.rentals.all()
    assert (len(big.nodes), big.network, big.volume_id is not None) == (2, "infiniband", True)
    assert sum(not cloud.volumes.attached_to(volume) for volume in cloud.volumes.all()) == 2
    assert 1000 < cloud.world.balance() < 12_000
    moments = [NOW - timedelta(hours=6 * n) for n in range(4 * 183)]
    assert all(ledger.balance(moment, now) >= 0 for moment in moments)
    kinds = {one.type for one in ledger.transactions(ledger.lines(EVER, FOREVER, now), EVER, FOREVER, now)}
    assert {"charge", "baremetal_charge", "storage_charge", "stripe_deposit", "other"} <= kinds


def test_the_past_has_goodwill_credits_and_machines_without_tags():
    clouds = [seeded_cloud(seed, Clock(NOW, 0), 6) for seed in (7, 8)]
    types = {entry.type for cloud in clouds for entry in cloud.world.ledger.entries if hasattr(entry, "type")}
    assert {"payout", "baremetal_payout"} <= types


def test_a_new_organization_has_a_thousand_dollars_and_nothing_else():
    cloud = seeded_cloud(7, Clock(NOW, 0), 0)
    assert cloud.world.balance() == Decimal(1000)
    assert not (cloud.vms.all())
    assert not (cloud.rentals.all())
    assert not (cloud.volumes.all())
    assert not (cloud.keys.all())
    assert isinstance(cloud, Cloud)
    assert cloud.vms.launch(next(p for p in cloud.catalog.presets if str(p) == ONE_GPU), "first")
