"""Sums of the account are the service's own, however they are grouped."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vp_jupyter import costs, tables
from vp_jupyter.api.billing import Period
from vp_jupyter.api.records import Details, Transaction
from vp_jupyter.costs.exact import amounts, units

WAYS = [
    ["hour"],
    ["day"],
    ["week"],
    ["month"],
    ["machine"],
    ["kind"],
    ["type"],
    ["part"],
    ["tag"],
    ["tag:team"],
    ["day", "machine"],
    ["month", "tag"],
]


@pytest.mark.parametrize("by", WAYS, ids="-".join)
def test_every_month_sums_to_the_service_s_own_figure_to_the_last_digit(history, by):
    for period in history.periods:
        lines = tables.transactions([period])
        spent = costs.spend(lines, by, start=period.start, end=period.end, labels=history.labels)
        charged = sum(-abs(one.period_amount) for one in period.transactions if "charge" in one.details.type)
        assert spent["net"].sum() == period.balances.delta
        assert -spent["charged"].sum() == charged


def test_months_of_a_longer_period_are_the_service_s_months(history):
    spent = costs.spend(history.lines, ["month"], start=history.start, end=history.now)
    assert list(spent["net"]) == [period.balances.delta for period in history.periods]
    assert list(spent["partial"]) == [False] * (len(spent) - 1) + [True]


def test_a_day_is_what_the_service_answers_for_that_day_to_a_millionth_a_line(history):
    spent = costs.spend(history.lines, ["day"], start=history.start, end=history.now).set_index("day")
    for back in range(1, 60, 7):
        day = (history.now - timedelta(days=back)).date()
        answer = history.client.billing.transactions(day, day)
        charged = sum(-one.period_amount for one in answer if one.details.type.endswith("charge"))
        ours = spent.loc[pd.Timestamp(day, tz="UTC"), "charged"]
        assert abs(ours - charged) <= Decimal("0.000001") * len(answer)


def test_a_single_time_has_no_gaps_and_says_what_is_partial(history):
    start = history.start + timedelta(days=40, hours=7)
    lines = history.lines[history.lines["end"] > pd.Timestamp(start)]
    days = costs.spend(lines, ["day"], start=start, end=history.now)
    inside = days[days["day"] >= pd.Timestamp(start).normalize()]
    assert (inside["day"].diff().dropna() == pd.Timedelta(days=1)).all()
    assert inside["partial"].iloc[0]
    assert inside["partial"].iloc[-1]
    assert not inside["partial"].iloc[1:-1].any()


def test_tags_share_their_machine_and_what_has_ended_is_not_called_untagged(history):
    spent = costs.spend(
        history.lines, ["tag"], start=history.start, end=history.now, labels=history.labels
    ).set_index("tag")
    machines = costs.spend(
        history.lines, ["machine"], start=history.start, end=history.now, labels=history.labels
    )
    known = machines[machines["id"].isin(history.labels["id"])]
    tags = dict(zip(history.labels["id"], history.labels["tags"], strict=True))
    untagged = sum(row.charged for row in known.itertuples() if not tags[row.id])
    ended = machines[~machines["id"].isin(history.labels["id"])]["charged"].sum()
    assert spent.loc["(untagged)", "charged"] == untagged
    assert spent.loc["(ended, tags unknown)", "charged"] == ended
    assert spent.loc["(account)", "charged"] == 0


def test_names_are_joined_onto_ids_and_the_ended_keep_a_label(history):
    spent = costs.spend(
        history.lines, ["machine"], start=history.start, end=history.now, labels=history.labels
    )
    names = dict(zip(history.labels["id"], history.labels["name"], strict=True))
    for row in spent.itertuples():
        assert row.machine == (
            names.get(row.id) or ("(account)" if not row.id else f"{row.machine.split()[0]} {row.id[:8]}")
        )


def test_a_word_that_is_nothing_to_group_by_is_refused(history):
    for by in (["weather"], [], ["day", "week"], ["tag", "tag:team"], ["day", "day"]):
        with pytest.raises(ValueError, match="nothing to group by"):
            costs.spend(history.lines, by, start=history.start, end=history.now)


def test_a_charge_lowers_the_balance_whichever_sign_the_service_writes():
    start = datetime(2026, 3, 1, tzinfo=UTC)
    item = Transaction(
        id="a",
        total_amount=Decimal("3.5"),
        timestamp_creation=start,
        timestamp_completion=start + timedelta(hours=1),
        details=Details(type="charge"),
    )
    lines = tables.transactions([Period(start, start + timedelta(days=31), [item])])
    assert costs.total(lines, "charge") == Decimal("-3.5")


MICRO = st.integers(-(10**15), 10**15)


@given(st.lists(MICRO, max_size=20))
def test_money_as_whole_numbers_and_back_is_the_same_money(values):
    column = amounts(np.array(values, dtype=np.int64))
    assert [Decimal(value).scaleb(-6) for value in values] == list(column)
    assert list(units(pd.Series(column))) == values


def test_an_amount_that_does_not_fit_is_refused_and_a_missing_one_is_nothing():
    column = pd.Series(tables.money([Decimal("1.25"), None]))
    assert list(units(column)) == [1_250_000, 0]
    with pytest.raises(ValueError, match="data loss"):
        units(pd.Series(tables.money([Decimal("1e-12")])))
    with pytest.raises(ValueError, match="does not fit"):
        units(pd.Series([Decimal(10) ** 14], dtype=pd.ArrowDtype(pa.decimal128(38, 6))))


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 10**10), st.integers(0, 30 * 86_400_000_000), st.integers(0, 86_400_000_000)
        ),
        min_size=1,
        max_size=12,
    ),
    st.sampled_from(["hour", "day", "week", "month"]),
)
def test_however_charges_lie_their_parts_sum_to_them(charges, unit):
    begin = datetime(2026, 3, 1, tzinfo=UTC)
    period = Period(
        begin,
        begin + timedelta(days=31),
        [
            Transaction(
                id=str(number),
                total_amount=Decimal(-amount).scaleb(-6),
                timestamp_creation=begin + timedelta(microseconds=offset),
                timestamp_completion=begin + timedelta(microseconds=offset + length),
                details=Details(type="charge"),
            )
            for number, (amount, offset, length) in enumerate(charges)
        ],
    )
    lines = tables.transactions([period])
    spent = costs.spend(lines, [unit], start=period.start, end=period.end)
    assert units(spent["charged"]).sum() == sum(amount for amount, *_ in charges)
    assert (units(spent["charged"]) >= 0).all()
