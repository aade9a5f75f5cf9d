"""A listing is complete and without duplicates for whatever stood still while it was read."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vp_jupyter.api import Client, Patience, UnexpectedAnswer
from vp_jupyter.api.paging import every
from vp_jupyter.api.records import Page, SshKey
from vp_jupyter.sandbox import Sandbox
from vp_jupyter.sandbox.faults import Fault, Faults, Rule

QUICK = Patience(connect=1, phase=0.5, pause=0.002, budget=5, look=0.3)


@pytest.fixture
def sandbox():
    with Sandbox(seed=7, months=0, time_scale=0) as one:
        yield one


def fill(sandbox, number):
    """Volumes, by their names."""
    with sandbox.cloud.lock:
        for place in range(number):
            sandbox.cloud.volumes.create(f"volume-{place:03}", 1)
        return {volume.name: volume for volume in sandbox.cloud.volumes.all()}


@given(data=st.data())
@settings(max_examples=300, deadline=None, derandomize=True)
def test_whatever_stood_still_is_listed_once_although_all_else_comes_and_goes(data):
    size, seed = data.draw(st.integers(2, 7)), data.draw(st.integers(0, 2**32))
    lot = random.Random(seed)
    steady = [f"steady-{place}" for place in range(data.draw(st.integers(0, 40)))]
    there = [*steady, *(f"passing-{place}" for place in range(20))]
    lot.shuffle(there)
    order = [one for one in there if one in steady]
    changes = data.draw(st.integers(0, 12))

    def read(offset):
        nonlocal changes
        results = [SshKey(id=one) for one in there[offset : offset + size]]
        page = Page(results=results, total_result_count=len(there), has_next=offset + size < len(there))
        if changes and lot.random() < 0.5:
            changes -= 1
            passing = [one for one in there if one not in steady]
            if passing and lot.random() < 0.6:
                there.remove(lot.choice(passing))
            else:
                there.insert(lot.randint(0, len(there)), f"new-{lot.random()}")
        return page

    found = [key.id for key in every(read, asked="a listing")]
    assert len(found) == len(set(found))
    assert set(steady) <= set(found)
    if not changes:
        assert [one for one in found if one in steady] == order or set(order) <= set(found)


def test_a_listing_that_shrinks_between_its_pages_misses_nothing(sandbox):
    volumes = fill(sandbox, 60)
    gone = [f"volume-{place:03}" for place in range(5)]

    def shrink():
        with sandbox.cloud.lock:
            for name in gone:
                sandbox.cloud.volumes.delete(volumes[name])

    with Client(sandbox.api_key, sandbox.base_url, page_size=10, patience=QUICK) as client:
        sandbox.faults = Faults(Rule(Fault("event", event=shrink), path="storage/*", skip=1))
        listed = [volume.name for volume in client.storage.list()]
        assert sandbox.faults.met
    assert len(listed) == len(set(listed))
    assert set(volumes) - set(gone) <= set(listed)


@pytest.mark.parametrize(
    "gone", [range(20, 40), range(40, 60), range(0, 60, 2)], ids=["middle", "end", "half"]
)
def test_a_listing_that_becomes_much_shorter_misses_nothing(sandbox, gone):
    volumes = fill(sandbox, 60)
    gone = [f"volume-{place:03}" for place in gone]

    def shrink():
        with sandbox.cloud.lock:
            for name in gone:
                sandbox.cloud.volumes.delete(volumes[name])

    with Client(sandbox.api_key, sandbox.base_url, page_size=4, patience=QUICK) as client:
        sandbox.faults = Faults(Rule(Fault("event", event=shrink), path="storage/*", skip=7))
        listed = [volume.name for volume in client.storage.list()]
    assert len(listed) == len(set(listed))
    assert set(volumes) - set(gone) <= set(listed)


@pytest.mark.parametrize("kind", ["stall", "cut", "reset", "html", "status"])
def test_a_page_in_the_middle_that_fails_is_read_again(sandbox, kind):
    fill(sandbox, 60)
    with Client(sandbox.api_key, sandbox.base_url, page_size=10, patience=QUICK) as client:
        sandbox.faults = Faults(Rule(Fault(kind, seconds=0.01), path="storage/*", skip=2, times=2))
        assert len(client.storage.list()) == 60
        assert len(sandbox.faults.met) == 2


def pages(*, total, lies, size=5, there=23):
    def read(offset):
        results = [SshKey(id=str(place)) for place in range(there)][offset : offset + size]
        return Page(results=results, total_result_count=total, has_next=lies(offset))

    return read


@pytest.mark.parametrize("total", [None, 0, 7, 23, 24, 10**12])
def test_has_next_that_lies_yes_ends_all_the_same(total):
    found = every(pages(total=total, lies=lambda _: True), asked="a listing")
    assert [one.id for one in found] == [str(place) for place in range(23)]


@pytest.mark.parametrize("total", [23, 24, 10**12])
def test_has_next_that_lies_no_is_caught_by_the_count(total):
    found = every(pages(total=total, lies=lambda _: False), asked="a listing")
    assert [one.id for one in found] == [str(place) for place in range(23)]


def test_a_service_that_knows_no_offsets_is_read_once():
    def read(_):
        return Page(
            results=[SshKey(id=str(place)) for place in range(9)], has_next=True, total_result_count=99
        )

    assert len(every(read, asked="a listing")) == 9


def test_a_page_larger_than_was_asked_for_is_taken_whole():
    def read(offset):
        return Page(results=[SshKey(id=str(place)) for place in range(offset, 5000)], has_next=False)

    assert len(every(read, asked="a listing")) == 5000


def test_a_listing_that_never_stands_still_is_a_named_error():
    turn = iter(range(10**9))

    def read(offset):
        now = next(turn)
        return Page(
            results=[SshKey(id=f"{now}-{place}") for place in range(5)], has_next=True, total_result_count=50
        )

    with pytest.raises(UnexpectedAnswer, match="faster than it can be read"):
        every(read, asked="a listing")
