"""Every operation works from the client and from %vp: what each really sends, against the documents."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from IPython.core.interactiveshell import InteractiveShell

from tests.support import KEY, data, ipython
from vp_jupyter.api import Client
from vp_jupyter.sandbox import Sandbox

DOCUMENTED = [f"{one['method']} {one['path']}" for one in data("documented.json")]
#: What the live service has besides, and published clients use.
FURTHER = [
    "GET /virtual-machines/instant/locations",
    "GET /virtual-machines/instant/locations/{location_id}",
    "POST /virtual-machines/{virtual_machine_id}/relocate",
    "POST /virtual-machines/{virtual_machine_id}/port-forward",
    "DELETE /virtual-machines/{virtual_machine_id}/port-forward",
    "GET /bare-metal/{baremetal_rental_id}",
    "PATCH /bare-metal/{baremetal_rental_id}/remove-nodes",
    "GET /organization",
    "PATCH /organization",
    "GET /billing/hourly-rate",
    "GET /storage/hourly-rate",
    "DELETE /storage/{storage_id}",
]
OPERATIONS = [*DOCUMENTED, *FURTHER]
SCRIPT = "#cloud-config\npackages: [htop]\n"


def use_client(client: Client) -> None:
    """Every operation of the client, once."""
    place = client.locations.list()[0]
    client.hostnodes.get(client.locations.get(place.id).hostnodes[0].id)
    preset = next(offer for offer in client.offers() if offer.kind == "vm" and not offer.sold_out)
    client.presets.get(preset.id)
    client.presets.location(client.presets.locations()[0].id)
    client.cloud_init.validate(SCRIPT)
    key = client.ssh_keys.add("covered", KEY)
    client.ssh_keys.list()
    vm = client.vms.launch(preset.id, "covered", organization_ssh_keys=[key.id]).id
    client.vms.wait(vm, poll=0.1)
    client.vms.update(vm, tags=["a"])
    client.vms.forward(vm, 8888)
    client.vms.unforward(vm, 8888)
    client.vms.stop(vm, release=True)
    client.vms.relocate(vm)
    client.vms.start(vm)
    client.vms.list()
    client.vms.delete(vm)
    site = next(place for place in client.metal.locations() if (place.gpu_count_ethernet or 0) >= 16)
    rental = client.metal.launch(site.id, "covered", gpu_count=16, network_type="ethernet").id
    nodes = [node.public_ip for node in client.metal.wait(rental, poll=0.1).node_networking]
    client.metal.update(rental, name="covered-twice")
    client.metal.stop(rental)
    client.metal.start(rental)
    client.metal.reboot(rental, nodes)
    client.metal.wait(rental, poll=0.1)
    client.metal.remove_nodes(rental, nodes[:1])
    client.metal.list()
    client.metal.delete(rental)
    client.organization.notify(client.organization.get().billing_notification_target_emails)
    volume = client.storage.create("covered", 1).id
    client.storage.hourly_rate_per_gb()
    client.storage.update(volume, size_in_gb=2)
    client.storage.get(volume)
    client.storage.list()
    client.storage.delete(volume)
    client.ssh_keys.delete(key.id)
    client.billing.hourly_rate()
    client.billing.transactions()
    client.billing.report(client.now().year, client.now().month)


def use_magics(shell: InteractiveShell) -> None:
    """The commands of %vp that reach every documented operation, in a notebook's order."""

    def vp(line: str, cell: str | None = None):
        source = f"%vp {line}" if cell is None else f"%%vp {line}\n{cell}"
        result = shell.run_cell(source)
        assert result.success, line
        return result.result

    prices = vp("prices")
    vp(f"prices --preset {prices[prices['kind'] == 'vm']['id'].iloc[0]}")
    places = vp("locations")
    vp(f"locations {places['location_id'].iloc[0]}")
    vp(f"locations --hostnode {places['hostnode_id'].dropna().iloc[0]}")
    vp("whoami --notify lead@example.com")
    vp("validate", SCRIPT)
    vp(f"keys add covered '{KEY}'")
    vp("launch --gpus 1 --name covered --key covered --yes", SCRIPT)
    vp("rename covered covered-vm")
    vp("forward covered-vm 8888")
    vp("forward covered-vm 8888 --rm")
    vp("stop covered-vm --release --yes")
    vp("relocate covered-vm --yes")
    vp("start covered-vm --yes")
    vp("rm covered-vm --yes")
    vp("launch --metal --gpus 16 --name covered-metal --key covered --yes")
    vp("show covered-metal")
    vp("tag covered-metal a b")
    vp("stop covered-metal --yes")
    vp("start covered-metal --yes")
    vp("reboot covered-metal --yes")
    vp("wait covered-metal")
    node = vp("ls").set_index("name").loc["covered-metal", "address"].partition(":")[0]
    vp(f"rm covered-metal --node {node} --yes")
    vp("rm covered-metal --yes")
    vp("keys")
    vp("keys rm covered --yes")
    vp("storage create covered 10 --yes")
    vp("storage resize covered 20 --yes")
    vp("storage show covered")
    vp("storage")
    vp("storage rm covered --yes")
    vp("bill --last 3d")
    vp("report")


@pytest.fixture(scope="module")
def cloud() -> Iterator[Sandbox]:
    with Sandbox(seed=7, time_scale=3600) as running:
        yield running


@pytest.fixture(scope="module")
def by_client(cloud) -> set[str]:
    with recording() as seen, Client(cloud.api_key, cloud.base_url) as client:
        use_client(client)
    return seen


@pytest.fixture(scope="module")
def by_magics(cloud) -> Iterator[set[str]]:
    with recording() as seen, ipython(cloud) as shell:
        use_magics(shell)
    return seen


@contextmanager
def recording() -> Iterator[set[str]]:
    """The requests that succeed, as ``GET /path/``, while they go on as ever."""
    seen: set[str] = set()
    send = httpx.Client.send

    def recorded(self: httpx.Client, request: httpx.Request, **options):
        response = send(self, request, **options)
        if response.is_success:
            seen.add(f"{request.method} {request.url.path.removeprefix('/api/v1')}")
        return response

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(httpx.Client, "send", recorded)
        yield seen


def reached(operation: str, requests: set[str]) -> bool:
    """Whether one of the requests is of that operation; the last slash is the service's to redirect."""
    shape = re.compile(re.sub(r"\{[^}]+\}", r"[^/]*[0-9][^/]*", operation.rstrip("/")) + "/?")
    return any(shape.fullmatch(request) for request in requests)


def test_the_documentation_has_28_operations():
    assert len(set(DOCUMENTED)) == 28


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_operation_works_from_the_client(operation, by_client):
    assert reached(operation, by_client)


@pytest.mark.parametrize("operation", DOCUMENTED)
def test_an_operation_works_from_a_command(operation, by_magics):
    assert reached(operation, by_magics)


def test_every_operation_is_in_the_sandbox_s_own_description(cloud):
    def shape(path: str) -> str:
        return re.sub(r"\{[^}]+\}", "{}", path).rstrip("/")

    spec = httpx.get(f"{cloud.base_url}/openapi.json").json()
    routes = {
        shape(f"{method.upper()} {path.removeprefix('/api/v1')}")
        for path, methods in spec["paths"].items()
        for method in methods
    }
    assert {shape(operation) for operation in OPERATIONS} - routes == set()
