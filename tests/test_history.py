"""The account over months: what is kept of it, by whom it can be read, and when it is believed."""

from __future__ import annotations

import os
import re
import stat
import time
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import httpx
import pandas as pd
import pytest

from vp_jupyter import tables
from vp_jupyter.api import Client
from vp_jupyter.archive import GOOD_FOR, Archive
from vp_jupyter.history import history
from vp_jupyter.sandbox import Sandbox

NOW = datetime(2026, 11, 23, 14, 30, 5, tzinfo=UTC)
FIRST, TODAY = date(2026, 6, 1), NOW.date()


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(seed=7, now=NOW, time_scale=0, months=6) as running:
        yield running


@pytest.fixture
def asked(monkeypatch):
    """The months whose reports are asked for, in their order."""
    send, months = httpx.Client.send, []

    def record(self, request, **options):
        if found := re.search("/billing/reports/([0-9]+)/([0-9]+)/", request.url.path):
            months.append(f"{found[1]}-{found[2]:0>2}")
        return send(self, request, **options)

    monkeypatch.setattr(httpx.Client, "send", record)
    return months


@pytest.fixture
def archive(client, home):
    client.billing.hourly_rate()  # which tells the service's time
    return Archive(client.account)


@pytest.fixture
def read(client, archive, asked):
    """The lines of some days by way of the archive, and which months were asked for."""

    def lines(first=FIRST, last=TODAY, **options):
        asked.clear()
        parts = history(client, first, last, archive=archive, **options)
        return tables.joined([part.lines for part in parts])

    return lines


@pytest.fixture
def direct(client):
    """The same lines as the service gives them now."""
    return lambda: tables.transactions(client.billing.history(FIRST, TODAY))


def same(one, other):
    pd.testing.assert_frame_equal(one, other)
    return True


def test_a_second_call_reads_only_the_open_month_and_gives_the_same_to_the_last_digit(read, direct, asked):
    first = read()
    assert sorted(asked) == [f"2026-{month:02}" for month in range(6, 12)]
    second = read()
    assert asked == ["2026-11"]
    assert same(first, direct())
    assert same(second, first)


def test_another_kernel_reads_what_this_one_has_kept(read, sandbox, asked):
    first = read()
    asked.clear()
    with Client(sandbox.api_key, sandbox.base_url) as other:
        other.billing.hourly_rate()
        parts = history(other, FIRST, TODAY, archive=Archive(other.account))
    assert asked == ["2026-11"]
    assert same(tables.joined([part.lines for part in parts]), first)


def test_only_its_owner_can_read_what_is_kept_and_no_key_is_in_it(read, sandbox, home):
    read()
    folder = next((home / ".cache" / "vp_jupyter").iterdir())
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    files = sorted(folder.iterdir())
    assert [file.name for file in files] == [f"2026-{month:02}.parquet" for month in range(6, 11)]
    for file in files:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert sandbox.api_key.encode() not in file.read_bytes()
    assert sandbox.api_key not in folder.name


def test_what_is_booked_into_the_past_later_is_seen(read, direct, sandbox, asked):
    read()
    books = sandbox.cloud
    at = datetime(2026, 8, 10, tzinfo=UTC)
    with books.lock:
        books.world.ledger.pay_in(books.world.new_id(), "other", Decimal("12.34"), at, "a correction")
    corrected = read()
    assert "a correction" in set(corrected["note"])
    assert same(corrected, direct())
    read()
    assert asked == ["2026-11"]


def test_a_month_in_which_a_charge_goes_on_is_not_kept(asked):
    just_over = datetime(2026, 11, 1, 0, 30, tzinfo=UTC)
    with (
        Sandbox(seed=7, now=just_over, time_scale=0, months=3) as sandbox,
        Client(sandbox.api_key, sandbox.base_url) as client,
    ):
        client.billing.hourly_rate()
        archive = Archive(client.account)
        for _ in range(2):
            asked.clear()
            parts = history(client, date(2026, 9, 1), just_over.date(), archive=archive)
    assert parts[1].lines["completed"].isna().any()
    assert sorted(asked) == ["2026-10", "2026-11"]


def test_a_month_alone_is_believed_only_if_the_months_after_it_lead_to_an_answer_of_now(read, asked):
    read(date(2026, 8, 1), date(2026, 8, 31))
    read(date(2026, 8, 1), date(2026, 8, 31))
    assert asked == ["2026-08"]  # nothing is known of September and October
    read()
    august = read(date(2026, 8, 1), date(2026, 8, 31))
    assert asked == ["2026-11"]
    assert set(august["start"].dt.month) == {8}


def test_parts_of_months_and_chosen_types_are_the_service_s_own(read, client):
    read()
    some = read(date(2026, 9, 10), TODAY, types=["virtual_machine"])
    periods = client.billing.history(date(2026, 9, 10), TODAY, types=["virtual_machine"])
    assert same(some, tables.transactions(periods))


def test_what_is_kept_can_be_passed_over_and_is_replaced(read, asked):
    read()
    read(fresh=True)
    assert len(asked) == 6
    read()
    assert asked == ["2026-11"]


def aged(seconds):
    return lambda file: os.utime(file, (time.time() - seconds, time.time() - seconds))


def rotten(file):
    content = bytearray(file.read_bytes())
    content[len(content) // 3] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize(
    "harm",
    [
        lambda file: file.write_bytes(file.read_bytes()[: file.stat().st_size // 2]),
        lambda file: file.write_bytes(b""),
        rotten,
        aged(GOOD_FOR + 60),
        aged(-3600),
    ],
    ids=["cut", "empty", "rotten", "old", "from the future"],
)
def test_a_file_that_is_not_good_any_more_is_read_anew(read, home, asked, harm):
    first = read()
    for file in home.rglob("*.parquet"):
        harm(file)
    assert same(read(), first)
    assert len(asked) == 6
    read()
    assert asked == ["2026-11"]


def test_a_file_of_another_version_is_read_anew(read, asked, monkeypatch):
    first = read()
    monkeypatch.setattr("vp_jupyter.archive.__version__", "0.0.1")
    assert same(read(), first)
    assert len(asked) == 6


def test_one_file_that_is_missing_is_read_alone_and_vouches_for_those_before_it(read, home, asked):
    first = read()
    next(home.rglob("2026-09.parquet")).unlink()
    assert same(read(), first)
    assert sorted(asked) == ["2026-09", "2026-11"]


def test_a_folder_that_cannot_be_written_costs_the_speed_and_nothing_else(read, direct, home):
    cache = home / ".cache"
    cache.write_text("a file where a folder should be")
    assert same(read(), direct())
    assert same(read(), direct())


def test_accounts_are_kept_apart_and_one_that_nobody_asks_for_is_forgotten(read, home, archive):
    other = Archive("another-account")
    read()
    root = home / ".cache" / "vp_jupyter"
    (root / "another-account").mkdir()
    assert other.balances(date(2026, 8, 1)) is None
    long_ago = time.time() - 100 * 86_400
    os.utime(root / "another-account", (long_ago, long_ago))
    read(fresh=True)
    assert [folder.name for folder in root.iterdir()] == [archive._folder.name]


def test_a_month_to_come_is_not_kept(read, home):
    read(date(2026, 11, 1), date(2027, 1, 31))
    assert not [*home.rglob("*.parquet")]


def test_months_whose_amounts_have_more_places_than_others_stay_exact():
    usual, finer = (
        pd.DataFrame({"amount": tables.money(amounts)})
        for amounts in ([Decimal("1.5"), None], [Decimal("0.123456789")])
    )
    joined = tables.joined([usual, finer])["amount"]
    assert joined.sum() == Decimal("1.623456789")
    assert str(joined.dtype) == "decimal128(38, 9)[pyarrow]"


def test_logging_out_deletes_what_is_kept(vp, home):
    first = datetime.now(UTC).date().replace(day=1) - timedelta(days=40)
    vp(f"bill --from {first.replace(day=1)} --by month")
    assert [*home.rglob("*.parquet")]
    vp("logout")
    assert not [*home.rglob("*.parquet")]


def test_it_can_be_switched_off(vp, shell, home):
    first = datetime.now(UTC).date().replace(day=1) - timedelta(days=40)
    shell.run_line_magic("config", "VP.keep_months = False")
    vp(f"bill --from {first.replace(day=1)} --by month")
    assert not [*home.rglob("*.parquet")]
