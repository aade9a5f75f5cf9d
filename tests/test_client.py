"""The client against the sandbox, over real HTTP."""

from __future__ import annotations

import threading
from datetime import timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest

from tests.support import KEY
from vp_jupyter.api import (
    AuthenticationError,
    Client,
    ConnectionFailed,
    InvalidRequest,
    NotFound,
    UnexpectedAnswer,
    key_from_environment,
)
from vp_jupyter.api.records import Volume
from vp_jupyter.api.transport import Transport


@pytest.fixture
def requests(monkeypatch):
    """Every request that goes out: method, path, headers."""
    seen = []
    send = httpx.Client.send

    def watched(self, request, **options):
        seen.append(request)
        return send(self, request, **options)

    monkeypatch.setattr(httpx.Client, "send", watched)
    return seen


def a_preset(client, gpus=1):
    return next(o for o in client.offers() if o.kind == "vm" and o.gpus == gpus and not o.sold_out)


def test_a_vm_lives_from_launch_to_end(client):
    id = client.vms.launch(a_preset(client).id, "life", organization_ssh_keys="all", tags=["a"]).id
    assert client.vms.get(id).status in ("Relocating", "Running")
    assert client.vms.wait(id, poll=0.1).status == "Running"
    assert client.vms.update(id, name="renamed", tags=["b"]).tags == ["b"]
    full = client.vms.get(id).pricing.total_associated_per_hr
    client.vms.stop(id)
    assert client.machines.find("renamed").rate_hourly == full
    client.vms.stop(id, release=True)
    released = client.machines.find("renamed")
    assert released.status == "StoppedDisassociated"
    assert released.rate_hourly == client.vms.get(id).pricing.total_disassociated_per_hr < full
    client.vms.relocate(id)
    client.vms.start(id)
    client.vms.wait(id, poll=0.1)
    made = client.vms.forward(id, 8888)
    assert made.internal_port == 8888
    client.vms.unforward(id, 8888)
    assert 8888 not in [forward.internal_port for forward in client.vms.get(id).port_forwards]
    client.vms.delete(id)
    with pytest.raises(NotFound):
        client.vms.get(id)


def test_a_rental_lives_from_launch_to_end(client, sandbox):
    offer = next(o for o in client.offers() if o.kind == "metal" and (o.available or 0) >= 2)
    volume = client.storage.create("life", 100)
    id = client.metal.launch(
        offer.id, "cluster", gpu_count=16, network_type=offer.network, storage_id=volume.id
    ).id
    assert client.metal.get(id).status == "Pending"
    sandbox.advance(timedelta(minutes=20))
    rental = client.metal.wait(id, poll=0.1)
    assert rental.rate_hourly == 2 * offer.rate_hourly
    assert client.storage.get(volume.id).order_ids == [id]
    first, second = [node.public_ip for node in rental.node_networking]
    client.metal.reboot(id, [first])
    assert client.metal.get(id).status == "Pending"
    sandbox.advance(timedelta(minutes=20))
    client.metal.stop(id)
    assert client.machines.get(client.machines.find("cluster")).status == "Stopped"
    client.metal.start(id)
    client.metal.update(id, tags=["x"])
    client.metal.remove_nodes(id, [second])
    assert client.metal.get(id).node_count == 1
    client.metal.delete(id)
    client.storage.update(volume.id, size_in_gb=200, name="longer")
    client.storage.delete(volume.id)


def test_places_and_presets_and_the_organization_can_be_read(client):
    place = client.locations.list()[0]
    assert client.locations.get(place.id).label == place.label
    node = next(node for place in client.locations.list() for node in place.hostnodes)
    assert client.hostnodes.get(node.id).id == node.id
    preset = client.presets.list()[0]
    assert client.presets.get(preset.id).rate_hourly == preset.rate_hourly
    where = client.presets.locations()[0]
    assert client.presets.location(where.id).id == where.id
    assert client.organization.notify(["a@example.org"]).billing_notification_target_emails == [
        "a@example.org"
    ]
    assert client.organization.get().billing_notification_target_emails == ["a@example.org"]
    assert client.storage.hourly_rate_per_gb() == Decimal("0.00017408")


def test_a_key_is_added_and_removed(client):
    key = client.ssh_keys.add("test key", KEY)
    assert key.id in [one.id for one in client.ssh_keys.list()]
    client.ssh_keys.delete(key.id)
    assert key.id not in [one.id for one in client.ssh_keys.list()]


def test_a_report_adds_up_and_the_rate_is_the_sum_of_what_runs(client):
    now = client.locations.list() and client.now()
    report = client.billing.report(now.year, now.month)
    moved = sum(line.period_amount for line in report.transactions)
    assert moved == report.balance_delta_in_period
    assert report.balance_at_period_start + moved == report.balance_at_period_end
    running = sum(machine.rate_hourly for machine in client.machines.list())
    volumes = sum(volume.rate_hourly for volume in client.storage.list())
    assert client.billing.hourly_rate() == running + volumes


def test_every_page_is_read_and_a_limit_too_high_is_asked_once(client, requests):
    now = client.locations.list() and client.now()
    earliest = (now - timedelta(days=60)).date()
    lines = client.billing.transactions(earliest, now.date())
    with Client(client._transport.key, client.base_url, page_size=100_000) as greedy:
        asked = len(requests)
        assert len(greedy.billing.transactions(earliest, now.date())) >= len(lines) > 100
        greedy.billing.transactions(earliest, now.date())
        limits = [request.url.params["limit"] for request in requests[asked:]]
    assert limits.count("100000") == 1
    assert len({line.id for line in lines}) == len(lines)


def test_the_credential_goes_where_the_documentation_says(client, requests):
    client.vms.list()
    client.ssh_keys.list()
    client.storage.list()
    client.offers()
    client.cloud_init.validate("runcmd: [ls]")
    sent = {
        request.url.path.removeprefix("/api/v1/"): (
            "authorization" in request.headers,
            "x-api-token" in request.headers,
        )
        for request in requests
    }
    assert sent == {
        "virtual-machines/": (True, False),
        "organization/ssh-keys": (True, True),
        "storage/": (True, True),
        "instant-deploy-presets/": (False, False),
        "virtual-machines/instant/locations": (False, False),
        "bare-metal/locations": (False, False),
        "validate/cloudinit": (False, False),
    }


def test_a_redirect_within_the_service_keeps_credential_and_body(client):
    made = client.storage._change("POST", "storage", Volume, body={"name": "redirected", "size_in_gb": 5})
    assert made.name == "redirected"


def test_a_redirect_to_another_host_is_not_followed(requests):
    class Elsewhere(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(307)
            self.send_header("Location", "http://127.0.0.9:1/api/v1/virtual-machines/")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Elsewhere)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        with (
            Client("key", f"http://127.0.0.1:{server.server_port}") as client,
            pytest.raises(UnexpectedAnswer, match="another host"),
        ):
            client.vms.list()
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert {request.url.host for request in requests} == {"127.0.0.1"}


def test_no_key_a_wrong_key_and_no_service_are_told_apart(sandbox):
    with Client(None, sandbox.base_url) as client:
        assert client.offers()
        with pytest.raises(AuthenticationError, match="no API key"):
            client.vms.list()
    with Client("wrong", sandbox.base_url) as client, pytest.raises(AuthenticationError, match="401"):
        client.vms.list()
    with (
        Client("key", "http://127.0.0.1:9") as client,
        pytest.raises(ConnectionFailed, match="could not reach"),
    ):
        client.vms.list()


def test_a_failure_keeps_nothing_that_holds_the_key(sandbox):
    address = sandbox.base_url
    sandbox.stop()
    with Client(sandbox.api_key, address) as client, pytest.raises(ConnectionFailed) as caught:
        client.ssh_keys.list()
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_a_refusal_names_the_field(client):
    with pytest.raises(InvalidRequest) as caught:
        client.storage.create("Not A Name", 100)
    assert "name" in caught.value.fields


@pytest.mark.parametrize("id", ["", ".", ".."])
def test_an_id_that_is_none_reaches_no_other_resource(client, id):
    with pytest.raises(InvalidRequest):
        client.vms.delete(id)


@pytest.mark.parametrize(
    "address", ["http://example.org", "ftp://127.0.0.1", "nonsense", "https://a:b@example.org"]
)
def test_an_address_that_would_betray_the_key_is_refused(address):
    with pytest.raises(InvalidRequest):
        Client("key", address)


def test_a_client_serves_several_threads(client):
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(client.machines.list())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 8
    assert len({len(answer) for answer in answers}) == 1


def test_the_key_is_found_under_every_name_in_use_and_never_shows(monkeypatch):
    for name in (
        "VP_API_TOKEN",
        "VOLTAGE_PARK_TOKEN",
        "VOLTAGE_PARK_API_TOKEN",
        "VOLTAGE_PARK_API_KEY",
        "VP_API_KEY",
    ):
        monkeypatch.setenv(name, f"canary {name}")
        assert key_from_environment().reveal() == f"canary {name}"
    with Client() as client:
        assert "canary" not in f"{client!r} {client} {vars(client)} {vars(client._transport)}"


def test_a_machine_is_found_by_name_id_or_a_unique_beginning(client):
    machine = client.machines.list()[0]
    assert client.machines.find(machine.name) == client.machines.find(machine.id[:13])
    with pytest.raises(NotFound, match="no machine 'nonesuch'"):
        client.machines.find("nonesuch")


def test_the_service_s_clock_is_the_client_s(client, sandbox):
    before = client.locations.list() and client.now()
    sandbox.advance(timedelta(days=40))
    assert client.locations.list()
    assert client.now() - before > timedelta(days=39)


def test_the_transport_closes_with_the_client(sandbox):
    with Client(sandbox.api_key, sandbox.base_url) as client:
        client.vms.list()
    assert isinstance(client._transport, Transport)
    assert client._transport._http.is_closed
