"""The commands about money in a real shell: what they answer is what the service says."""

from __future__ import annotations

import csv
import subprocess
import sys
from datetime import timedelta
from decimal import Decimal

import pandas as pd
import pytest

from vp_jupyter.formats import usd


@pytest.fixture(autouse=True)
def own_store(tmp_path, monkeypatch):
    """IPython's store, where a budget is kept, is the test's own."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))


def test_the_burn_is_the_service_s_rate_with_why_and_how_long_the_balance_lasts(vp, client):
    burning = vp("burn")
    assert burning["rate_hourly"].sum() == client.billing.hourly_rate()
    shown = repr(burning)
    assert "stopped, billed in full" in shown
    assert "volume unattached" in shown
    assert "$/730 h" in shown
    assert "lasts" in shown
    assert "The service names" not in shown
    assert set(vp("burn --by kind")["kind"]) == {"vm", "metal", "volume"}


@pytest.mark.parametrize("by", ["month", "machine", "kind", "type", "tag", "tag:team"])
def test_a_bill_by_anything_sums_to_the_report(vp, client, by):
    now = client.now()
    last = now.replace(day=1) - timedelta(days=1)
    report = client.billing.report(last.year, last.month)
    first = last.replace(day=1)
    spent = vp(f"bill --from {first:%Y-%m-%d} --to {last:%Y-%m-%d} --by {by}")
    assert spent["net"].sum() == report.balance_delta_in_period
    assert "(UTC)" in repr(spent)


def test_a_period_that_is_not_over_is_marked(vp):
    assert repr(vp("bill --last 3d --by day")).splitlines()[-2].endswith("in part")


def test_a_report_is_checked(vp, client):
    now = client.now()
    last = now.replace(day=1) - timedelta(days=1)
    wrong = vp(f"report {last.year} {last.month} --check")
    assert wrong.empty
    assert "Everything adds up." in repr(wrong)
    # Of the month that goes on only what no clock decides: here ten minutes pass in a second.
    assert not vp("report --check")["what"].str.contains("balance|sum|once").any()


def test_a_forecast_tells_two_ways_their_backtests_and_draws_itself(vp):
    told = vp("forecast --plot")
    assert list(told["method"]) == ["what runs now goes on", "the history goes on"]
    assert (told["tests"] > 0).all()
    assert "80% interval" in repr(told)
    assert "cumulated (UTC)" in vp.printed


def test_a_job_is_compared_and_a_pause_is_weighed(vp):
    ways = vp("compare --gpus 16 --hours 200")
    best = ways.iloc[0]
    assert best["total"] == 200 * best["rate_hourly"]
    assert "sold out" in repr(ways)
    assert set(vp("compare --gpus 16 --hours 2d --network infiniband")["network"]) == {"infiniband"}
    stopped = vp("ls").set_index("status").loc["Stopped", "name"]
    shown = repr(vp(f"compare --pause {stopped} --hours 3d"))
    assert "deleted and launched again" in shown
    assert "after" in shown


def test_waste_is_found_with_a_command_that_ends_it(vp):
    found = vp("waste")
    finding = found[found["what"].str.startswith("stopped")].iloc[0]
    before = vp("burn")["rate_hourly"].sum()
    vp(f"{finding['command'].removeprefix('%vp ')} --yes")
    saved = 24 * (before - vp("burn")["rate_hourly"].sum())
    assert 0 < saved <= finding["rate_daily"]


def test_a_lease_is_a_tag_that_shows_what_is_left_and_reap_ends_what_is_over(vp, client, sandbox):
    vp("launch --gpus 1 --name leased --for 6h --yes --no-wait")
    machines = vp("ls").set_index("name")
    assert timedelta(hours=5) < machines.loc["leased", "lease_left"] <= timedelta(hours=6, minutes=1)
    assert machines.loc["leased", "tags"][0].startswith("until:")
    assert vp("reap") == "No lease is over."
    vp("lease leased 1d")
    assert vp("ls").set_index("name").loc["leased", "lease_left"] > timedelta(hours=23)
    sandbox.advance(timedelta(days=2))
    assert "over" in repr(vp("ls"))
    assert "leased ($1.99/h)" in vp("reap --dry-run")
    assert "leased" in [machine.name for machine in client.machines.list()]
    vp("reap")
    assert "add --yes" in vp.printed
    assert vp("reap --yes") == "Ended leased."
    assert "leased" not in [machine.name for machine in client.machines.list()]


def test_cron_ends_what_has_outlived_its_lease_and_nothing_else(vp, client, sandbox):
    vp("launch --gpus 1 --name over --for 1h --yes --no-wait")
    vp("launch --gpus 1 --name going-on --for 9d --yes --no-wait")
    sandbox.advance(timedelta(hours=3))
    before = {machine.id for machine in client.machines.list()}
    over = client.machines.find("over")

    def reap(*words):
        command = [sys.executable, "-m", "vp_jupyter.cli", "reap", *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout

    assert f"would end over ({over.id})" in reap("--dry-run")
    assert f"ended over ({over.id})" in reap()
    assert {machine.id for machine in client.machines.list()} == before - {over.id}


def test_a_budget_warns_and_a_launch_that_breaks_it_needs_an_explicit_word(vp, client):
    assert vp("budget").startswith("There is no budget")
    shown = repr(vp("budget 1/month"))
    assert "% of the month's budget of $1.00 is spent" in shown
    assert "budget of $1.00" in repr(vp("burn"))
    vp("launch --gpus 1 --name broke --yes")
    assert "--over-budget launches all the same" in vp.printed
    assert "broke" not in [machine.name for machine in client.machines.list()]
    vp("launch --gpus 1 --name broke --yes --no-wait --over-budget")
    assert client.machines.find("broke")
    vp("budget 1000000/month")
    assert "budget of" not in repr(vp("burn"))
    assert vp("budget --rm") == "There is no budget any more."


def test_an_export_holds_the_exact_lines_and_focus_its_columns(vp, client, tmp_path):
    now = client.now()
    last = now.replace(day=1) - timedelta(days=1)
    days = f"--from {last.replace(day=1):%Y-%m-%d} --to {last:%Y-%m-%d}"
    report = client.billing.report(last.year, last.month)
    vp(f"export {tmp_path}/lines.parquet {days}")
    lines = pd.read_parquet(tmp_path / "lines.parquet", dtype_backend="pyarrow")
    assert lines["amount"].sum() == report.balance_delta_in_period
    vp(f"export {tmp_path}/focus.csv --focus {days}")
    with (tmp_path / "focus.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["ProviderName"] == "Voltage Park"
    charged = sum(
        -line.period_amount for line in report.transactions if line.details.type != "stripe_deposit"
    )
    assert sum(Decimal(row["BilledCost"]) for row in rows) == charged


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("bill --by weather", "weather is nothing to group by"),
        ("compare --gpus 8", "For how long"),
        ("compare --gpus 0 --hours 3", "at least one GPU"),
        ("compare --gpus 8 --hours soon", "is no time span"),
        ("compare --gpus 8 --hours nan", "is no number of hours"),
        ("forecast --to 2020-01-01", "is over"),
        ("budget much", "is no budget"),
        ("lease nonesuch 3h", "no machine"),
        ("launch --gpus 1 --for ever", "is no time span"),
        ("export notes.txt", "is no format"),
        ("export /nonexistent/x.csv", "cannot be written"),
        ("report 2026 13 --check", "is no month"),
    ],
)
def test_a_mistake_is_answered_with_a_sentence(vp, line, says):
    vp(line)
    assert says in vp.printed
    assert "Traceback" not in vp.printed


def test_the_bill_s_caption_is_exact(vp, client):
    now = client.now()
    last = now.replace(day=1) - timedelta(days=1)
    report = client.billing.report(last.year, last.month)
    charged = -sum(line.period_amount for line in report.transactions if "charge" in line.details.type)
    assert f"charged {usd(charged)}" in repr(vp(f"report {last.year} {last.month}"))
