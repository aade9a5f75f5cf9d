"""A month that adds up has no differences; each thing that is bent is named."""

from __future__ import annotations

from decimal import Decimal

import pytest

from vp_jupyter import costs, tables
from vp_jupyter.costs.exact import amounts, units


def checked(history, number, **changes):
    period = history.periods[number]
    before = history.periods[number - 1] if number else None
    given = period.balances._asdict() | {"lines": tables.transactions([period], history.now)}
    if before is not None:
        given["previous_closing"] = before.balances.closing
    if period is history.periods[-1]:
        given["rates"] = costs.burn(history.machines, history.volumes)
    given |= changes
    return costs.reconcile(given.pop("lines"), **given)


def test_every_seeded_month_adds_up(history):
    for number in range(len(history.periods)):
        assert checked(history, number).empty


@pytest.mark.parametrize("name", ["opening", "delta", "closing"])
def test_a_balance_that_is_off_by_a_millionth_is_named(history, name):
    right = getattr(history.periods[-2].balances, name)
    wrong = checked(history, -2, **{name: right + Decimal("0.000001")})
    assert set(abs(wrong["difference"])) == {Decimal("0.000001")}
    assert "balance" in " ".join(wrong["what"])


def bent(lines, index, factor):
    """The lines with one amount multiplied."""
    lines = lines.copy()
    values = units(lines["amount"])
    values[index] = round(values[index] * factor)
    lines["amount"] = amounts(values)
    return lines


def test_a_charge_at_another_rate_than_the_rest_of_its_machine_is_named(history):
    lines = tables.transactions([history.periods[-2]], history.now)
    vms = lines[(lines["resource"] == "vm") & (lines["entry"] == "charge") & (lines["part"] == "compute")]
    count = vms["instance_id"].value_counts()
    victim = vms[vms["instance_id"] == count.index[0]].iloc[1]
    wrong = checked(history, -2, lines=bent(lines, victim.name, 1.5))
    named = wrong[wrong["resource_id"] == victim["resource_id"]]
    assert len(named) == 1
    assert f"{victim['start']:%Y-%m-%d %H:%M}" in named["what"].iloc[0]
    assert abs(named["expected"].iloc[0] - victim["amount"]) < Decimal("0.02")


def test_a_transaction_that_is_there_twice_is_named(history):
    import pandas as pd

    lines = tables.transactions([history.periods[-2]], history.now)
    wrong = checked(history, -2, lines=pd.concat([lines, lines.iloc[[3]]], ignore_index=True))
    assert any(f"transaction {lines['id'].iloc[3]} is there once" == what for what in wrong["what"])


def test_what_runs_at_another_rate_than_it_was_charged_at_is_named(history):
    rates = costs.burn(history.machines, history.volumes)
    running = rates[rates["why"] == "running"].iloc[-1]
    changed = rates.copy()
    values = units(changed["rate_hourly"])
    values[rates.index[rates["id"] == running["id"]]] *= 2
    changed["rate_hourly"] = amounts(values)
    wrong = checked(history, -1, rates=changed)
    assert list(wrong["resource_id"]) == [running["id"]]
    assert wrong["what"].iloc[0] == "charges that go on = their hours at the rate of now"
