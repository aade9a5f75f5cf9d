"""Every documented operation has a client method, a route of the sandbox and a command of %vp."""

from __future__ import annotations

import re

import pytest

from tests.support import data
from vp_jupyter.api import Client
from vp_jupyter.magics import run  # noqa: F401  # registers the commands
from vp_jupyter.magics.grammar import COMMANDS

# operation: the client's method, the %vp command
TABLE = {
    "GET /locations/": ("locations.list", "locations"),
    "GET /locations/{location_id}": ("locations.get", "locations"),
    "GET /hostnodes/{hostnode_id}": ("hostnodes.get", "locations"),
    "POST /virtual-machines/instant": ("vms.launch", "launch"),
    "GET /virtual-machines/": ("vms.list", "ls"),
    "GET /virtual-machines/{virtual_machine_id}": ("vms.get", "show"),
    "PATCH /virtual-machines/{virtual_machine_id}": ("vms.update", "rename"),
    "DELETE /virtual-machines/{virtual_machine_id}": ("vms.delete", "rm"),
    "PUT /virtual-machines/{virtual_machine_id}/power-status": ("vms.start", "start"),
    "GET /instant-deploy-presets/": ("presets.list", "prices"),
    "GET /instant-deploy-presets/{instant_deploy_preset_id}": ("presets.get", "prices"),
    "GET /bare-metal/locations": ("metal.locations", "prices"),
    "POST /bare-metal/": ("metal.launch", "launch"),
    "GET /bare-metal/": ("metal.list", "ls"),
    "PUT /bare-metal/{baremetal_rental_id}/power-status": ("metal.stop", "stop"),
    "DELETE /bare-metal/{baremetal_rental_id}": ("metal.delete", "rm"),
    "PATCH /bare-metal/{baremetal_rental_id}": ("metal.update", "tag"),
    "POST /bare-metal/{baremetal_rental_id}/reboot": ("metal.reboot", "reboot"),
    "GET /billing/transactions": ("billing.transactions", "bill"),
    "GET /billing/reports/{year}/{month}/transactions": ("billing.report", "report"),
    "GET /organization/ssh-keys": ("ssh_keys.list", "keys"),
    "POST /organization/ssh-keys": ("ssh_keys.add", "keys add"),
    "DELETE /organization/ssh-keys/{ssh_key_id}": ("ssh_keys.delete", "keys rm"),
    "POST /validate/cloudinit": ("cloud_init.validate", "validate"),
    "POST /storage/": ("storage.create", "storage create"),
    "GET /storage/": ("storage.list", "storage"),
    "PATCH /storage/{storage_id}": ("storage.update", "storage resize"),
    "GET /storage/{storage_id}": ("storage.get", "storage show"),
}
OPERATIONS = [f"{one['method']} {one['path']}" for one in data("documented.json")]


def test_the_documentation_has_28_operations():
    assert len(OPERATIONS) == 28
    assert set(TABLE) == set(OPERATIONS)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_operation_has_a_method_and_a_command(operation):
    method, command = TABLE[operation]
    family, name = method.split(".")
    with Client("key", "http://127.0.0.1:9") as client:
        assert callable(getattr(getattr(client, family), name))
    assert tuple(command.split()) in COMMANDS


def test_every_operation_has_a_route_in_the_sandbox(sandbox):
    import httpx

    def shape(path):
        return re.sub(r"\{[^}]+\}", "{}", path)

    spec = httpx.get(f"{sandbox.base_url}/openapi.json").json()
    routes = {
        f"{method.upper()} {shape(path.removeprefix('/api/v1'))}"
        for path, methods in spec["paths"].items()
        for method in methods
    }
    assert {shape(operation) for operation in OPERATIONS} - routes == set()
