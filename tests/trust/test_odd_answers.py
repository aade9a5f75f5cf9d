"""Odd answers and odd lines: either right or an error of ours, never a crash and never a wrong number."""

from __future__ import annotations

import copy
import json
import time
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.test_records import EXAMPLES, RECORDED, priced
from vp_jupyter import listings, tables
from vp_jupyter.api import UnexpectedAnswer
from vp_jupyter.api.billing import Period
from vp_jupyter.api.machines import from_rental, from_vm
from vp_jupyter.api.records import Page, Rental, Transaction, VirtualMachine
from vp_jupyter.api.wire import decoded
from vp_jupyter.magics import grammar
from vp_jupyter.magics.completion import complete
from vp_jupyter.magics.grammar import COMMANDS, Finished
from vp_jupyter.magics.run import families, parser
from vp_jupyter.refused import Refused

NOW = datetime(2026, 11, 1, tzinfo=UTC)
ANSWERS = [(record, priced(answer)) for record, answer in EXAMPLES + RECORDED]

ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(
        [
            "",
            "NaN",
            "-0",
            "1e400",
            "1.5",
            "0.0000000000000000000001",
            "2026-13-01T00:00:00Z",
            "\ud800",
            "Zombie",
        ]
    ),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)
quick = settings(max_examples=400, deadline=None, derandomize=True)


def places(value, path=()):
    """The paths of everything in a JSON value."""
    yield path
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, child in children:
        yield from places(child, (*path, key))


def changed(draw, answer):
    """An answer in which some places are missing, something else, or more."""
    answer = copy.deepcopy(answer)
    for _ in range(draw(st.integers(1, 4))):
        path = draw(st.sampled_from([one for one in places(answer) if one] or [()]))
        if not path:
            return draw(ODD)
        parent = answer
        for key in path[:-1]:
            parent = parent[key]
        match draw(st.sampled_from(["lose", "odd", "text", "more"])):
            case "lose" if isinstance(parent, dict):
                del parent[path[-1]]
            case "text":
                parent[path[-1]] = str(parent[path[-1]])
            case "more" if isinstance(parent, dict):
                parent[draw(st.text(max_size=4))] = draw(ODD)
            case _:
                parent[path[-1]] = draw(ODD)
    return answer


def used(answer):
    """What all commands do with an answer."""
    records = answer.results if isinstance(answer, Page) else answer if isinstance(answer, list) else [answer]
    machines = [from_vm(one) for one in records if isinstance(one, VirtualMachine)]
    machines += [from_rental(one) for one in records if isinstance(one, Rental)]
    if machines:
        shown = listings.machines(machines, NOW)
        repr(shown), shown._repr_html_()
        total = sum((one.rate_hourly for one in machines if one.rate_hourly is not None), start=Decimal(0))
        assert isinstance(total, Decimal)
    lines = [one for one in records if isinstance(one, Transaction)]
    if lines:
        frame = tables.transactions([Period(datetime(2026, 10, 1, tzinfo=UTC), NOW, lines)])
        sent = [one.total_amount if one.period_amount is None else one.period_amount for one in lines]
        assert [abs(Decimal(amount)) for amount in frame["amount"]] == [abs(amount) for amount in sent]


@quick
@given(st.data())
def test_an_odd_answer_is_used_or_refused_by_name(data):
    record, answer = data.draw(st.sampled_from(ANSWERS))
    sent = json.dumps(changed(data.draw, answer)).encode()
    with suppress(UnexpectedAnswer):
        used(decoded(sent, record, asked="GET /x"))


@quick
@given(st.binary(max_size=200), st.sampled_from([record for record, _ in ANSWERS]))
def test_bytes_of_any_kind_are_used_or_refused(content, record):
    with suppress(UnexpectedAnswer):
        decoded(content, record, asked="GET /x")


@quick
@given(st.data())
def test_what_is_cut_anywhere_is_refused(data):
    record, answer = data.draw(st.sampled_from(ANSWERS))
    sent = json.dumps(answer).encode()
    with pytest.raises(UnexpectedAnswer):
        decoded(sent[: data.draw(st.integers(0, len(sent) - 1))], record, asked="GET /x")


@given(amount=st.decimals(allow_nan=False, allow_infinity=False, places=6), number=st.booleans())
def test_an_amount_is_the_same_as_a_text_and_as_a_number(amount, number):
    written = f"{amount:f}" if number else f'"{amount:f}"'
    line = decoded(f'{{"id": "a", "total_amount": {written}}}'.encode(), Transaction, asked="")
    assert line.total_amount == amount


families()
WORDS = sorted({word for words in COMMANDS for word in words})
LINES = st.one_of(
    st.text(max_size=60),
    st.lists(
        st.one_of(
            st.sampled_from(WORDS),
            st.sampled_from(
                ["--gpus", "--by", "--yes", "--", "-h", "--nonesuch", "--debug", "'", "\\", "$x"]
            ),
            st.text(max_size=10),
            st.integers().map(str),
        ),
        max_size=8,
    ).map(" ".join),
)


@settings(max_examples=1500, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(LINES)
def test_a_line_of_any_kind_is_understood_or_refused_in_words(line):
    with suppress(Refused, Finished):
        grammar.parse(parser(line), line)


def test_tab_offers_something_or_nothing_after_any_line(shell):
    magics = shell.magics_manager.registry["VP"]

    @settings(max_examples=500, deadline=None, derandomize=True)
    @given(LINES)
    def offered(line):
        begun, offers = complete(magics, f"%vp {line}", began=time.monotonic())
        assert all(isinstance(offer, str) for offer in [begun, *offers])

    offered()
