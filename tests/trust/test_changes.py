"""What changes something tells the outcome that it had, whatever happens to requests and answers."""

from __future__ import annotations

import httpx
import pytest

from tests.support import KEY
from vp_jupyter.api import (
    Client,
    Conflict,
    ConnectionFailed,
    NotFound,
    OutcomeUnknown,
    Patience,
    RateLimited,
    ServiceUnavailable,
    VoltageParkError,
)
from vp_jupyter.sandbox import Sandbox
from vp_jupyter.sandbox.faults import Fault, Faults, Rule

QUICK = Patience(connect=1, phase=0.3, pause=0.002, budget=5, look=0.3)
LOST = [
    Fault("reset", acts=True),
    Fault("cut"),
    Fault("status", acts=True, status=502),
    Fault("empty", acts=True),
]
LOST_IDS = ["reset", "cut", "502", "empty"]


@pytest.fixture
def sandbox():
    with Sandbox(seed=7, months=0, time_scale=0) as one:
        yield one


@pytest.fixture
def client(sandbox):
    with Client(sandbox.api_key, sandbox.base_url, patience=QUICK) as one:
        yield one


@pytest.fixture
def vm(client):
    preset = next(one for one in client.offers() if one.kind == "vm" and one.gpus == 1 and not one.sold_out)
    return client.vms.launch(preset.id, "one").id


def strike(sandbox, fault, method="*", path="*", **options):
    sandbox.faults = Faults(Rule(fault, method, path, **options))
    return sandbox.faults


@pytest.mark.parametrize("fault", LOST, ids=LOST_IDS)
def test_an_end_whose_answer_is_lost_is_an_end(sandbox, client, vm, fault):
    faults = strike(sandbox, fault, "DELETE")
    client.vms.delete(vm)
    assert faults.met
    assert client.vms.list() == []
    with pytest.raises(NotFound):
        client.vms.delete(vm)


@pytest.mark.parametrize("fault", LOST, ids=LOST_IDS)
def test_a_volume_whose_answer_is_lost_is_one_volume(sandbox, client, fault):
    faults = strike(sandbox, fault, "POST")
    made = client.storage.create("data", 10)
    assert faults.met
    assert [volume.id for volume in client.storage.list()] == [made.id]
    with pytest.raises(Conflict):
        client.storage.create("data", 10)


@pytest.mark.parametrize("fault", LOST, ids=LOST_IDS)
def test_a_key_and_a_forward_whose_answers_are_lost_are_there_once(sandbox, client, vm, fault):
    strike(sandbox, fault, "POST", times=2)
    added = client.ssh_keys.add("laptop", KEY)
    sandbox.faults = None
    strike(sandbox, fault, "POST", "virtual-machines/*")
    made = client.vms.forward(vm, 8888)
    assert [key.id for key in client.ssh_keys.list()] == [added.id]
    assert [one for one in client.vms.get(vm).port_forwards if one.internal_port == 8888] == [made]


def test_a_page_of_something_in_between_is_no_end(sandbox, client, vm):
    faults = strike(sandbox, Fault("html", status=200), "DELETE", times=2)
    client.vms.delete(vm)
    assert len(faults.met) == 2
    assert client.vms.list() == []


def test_a_key_that_is_refused_says_why_and_is_not_looked_for(client):
    client.ssh_keys.add("laptop", KEY)
    with pytest.raises(VoltageParkError) as caught:
        client.ssh_keys.add("laptop", KEY)
    assert caught.value.status in (400, 409, 422)


@pytest.mark.parametrize("fault", LOST[:3], ids=LOST_IDS[:3])
def test_power_names_tags_and_nodes_are_as_they_were_asked_to_be(sandbox, client, vm, fault):
    strike(sandbox, fault, "P*", times=10)
    for method in ("PUT", "PATCH"):
        strike(sandbox, fault, method, times=2)
        if method == "PUT":
            client.vms.stop(vm, release=True)
        else:
            client.vms.update(vm, name="renamed", tags=["a"])
    got = client.vms.get(vm)
    assert (got.status, got.name, got.tags) == ("StoppedDisassociated", "renamed", ["a"])


def test_nodes_that_were_given_back_twice_are_given_back_once(sandbox, client):
    offer = next(one for one in client.offers() if one.kind == "metal" and (one.available or 0) >= 3)
    id = client.metal.launch(offer.id, "three", gpu_count=24, network_type=offer.network).id
    sandbox.cloud.rentals.all()[0].ready = sandbox.cloud.now()
    nodes = [node.public_ip for node in client.metal.get(id).node_networking]
    strike(sandbox, Fault("reset", acts=True), "PATCH")
    client.metal.remove_nodes(id, nodes[:1])
    assert [node.public_ip for node in client.metal.get(id).node_networking] == nodes[1:]
    strike(sandbox, Fault("reset", acts=True), "POST")
    client.metal.reboot(id, nodes[1:])
    assert client.metal.get(id).status == "Pending"


def test_a_change_that_never_gets_an_answer_says_that_it_may_have_been_made(sandbox, client, vm):
    strike(sandbox, Fault("status", status=503), "DELETE", times=99)
    with pytest.raises(ServiceUnavailable, match="may have been carried out all the same"):
        client.vms.delete(vm)


def test_a_failure_after_a_try_that_was_in_doubt_is_in_doubt_too(sandbox, client, vm):
    sandbox.faults = Faults(
        Rule(Fault("reset", acts=True), "PATCH"), Rule(Fault("status", status=429), "PATCH", times=99)
    )
    with pytest.raises(RateLimited, match="may have been carried out") as caught:
        client.vms.update(vm, name="renamed")
    assert caught.value.may_have_acted
    assert client.vms.get(vm).name == "renamed"


def test_a_launch_that_was_never_heard_is_named_by_its_tag(sandbox, client):
    preset = next(one for one in client.offers() if one.kind == "vm" and not one.sold_out)
    strike(sandbox, Fault("reset"), "POST")
    with pytest.raises(
        OutcomeUnknown, match=r"launch:[0-9a-f]{16} did not appear.*%vp ls --tag launch:"
    ) as caught:
        client.vms.launch(preset.id, "unheard")
    assert caught.value.looked
    assert client.vms.list() == []
    sandbox.faults = Faults(Rule(Fault("reset"), times=10_000))
    with pytest.raises(OutcomeUnknown, match="could not be looked at"):
        client.vms.launch(preset.id, "unheard")


def test_a_launch_that_was_certainly_not_sent_is_sent_again(sandbox):
    with Client(sandbox.api_key, sandbox.base_url) as client:
        preset = next(one for one in client.offers() if one.kind == "vm" and not one.sold_out)
    with Client(sandbox.api_key, sandbox.base_url, patience=QUICK._replace(pause=0.2)) as client:
        strike(sandbox, Fault("away", seconds=0.1))
        with pytest.raises(httpx.TransportError):
            httpx.get(sandbox.base_url, trust_env=False)
        launched = client.vms.launch(preset.id, "after all")
        assert launched.warning is None, "it was looked for"
        assert [vm.id for vm in client.vms.list()] == [launched.id]


def test_a_throttled_launch_waits_as_long_as_it_is_asked_to(sandbox, client):
    preset = next(one for one in client.offers() if one.kind == "vm" and not one.sold_out)
    faults = strike(sandbox, Fault("status", status=429, retry_after="0"), "POST", times=2)
    launched = client.vms.launch(preset.id, "patient")
    assert len(faults.met) == 2
    assert [vm.id for vm in client.vms.list()] == [launched.id]


def test_a_pause_beyond_all_patience_is_told_at_once(sandbox, client):
    faults = strike(sandbox, Fault("status", status=429, retry_after="3600"), times=99)
    with pytest.raises(VoltageParkError) as caught:
        client.vms.list()
    assert caught.value.retry_after == 3600
    assert len(faults.met) == 1


def test_a_pause_until_a_date_is_by_the_service_s_clock(sandbox, client):
    from datetime import timedelta
    from email.utils import format_datetime

    until = format_datetime(sandbox.cloud.now() + timedelta(seconds=3000), usegmt=True)
    strike(sandbox, Fault("status", status=503, retry_after=until), times=99)
    with pytest.raises(ServiceUnavailable) as caught:
        client.vms.list()
    assert 2990 < caught.value.retry_after <= 3001


@pytest.mark.parametrize(
    ("fault", "tries"),
    [
        (Fault("status", status=400), 1),
        (Fault("status", status=404), 1),
        (Fault("status", status=409), 1),
        (Fault("status", status=429), 5),
        (Fault("status", status=500), 5),
        (Fault("html", status=502), 5),
        (Fault("html", status=200), 5),
        (Fault("empty"), 5),
        (Fault("reset"), 5),
        (Fault("cut"), 5),
        (Fault("stall", seconds=0.01), 5),
        (Fault("shape"), 1),
        (Fault("elsewhere"), 1),
    ],
    ids=lambda one: f"{one.kind} {one.status}" if isinstance(one, Fault) else "",
)
def test_reads_are_tried_again_where_that_can_help_and_end_in_one_sentence(sandbox, client, fault, tries):
    faults = strike(sandbox, fault, times=99)
    with pytest.raises(VoltageParkError) as caught:
        client.vms.list()
    assert len(faults.met) == tries
    assert "\n" not in str(caught.value)
    sandbox.faults = None
    assert client.vms.list() == []


def test_a_service_that_is_not_there_is_told_within_the_budget(sandbox):
    address = sandbox.base_url
    sandbox.stop()
    with (
        Client("key", address, patience=QUICK) as client,
        pytest.raises(ConnectionFailed, match="could not reach"),
    ):
        client.vms.list()
