"""Virtual machines and rentals: their lives, the stock they take, and what is refused."""

from datetime import timedelta
from ipaddress import ip_address, ip_network
from uuid import UUID

import pytest

from tests.sandbox.conftest import DALLAS, EIGHT_GPUS, NOWHERE, ONE_GPU

DOCUMENTED_KEY = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQDAKOgHv82A6Oi7AWLvBC9N..."


def power(api, machine, status, kind="virtual-machines"):
    return api.put(f"/{kind}/{machine['id']}/power-status", json={"status": status})


def free_gpus(api, hostnode_id):
    return api.get(f"/hostnodes/{hostnode_id}").json()["available_resources"]["gpus"]["h100-sxm5-80gb"][
        "count"
    ]


def metal_free(api, network="infiniband"):
    places = api.get("/bare-metal/locations").json()["results"]
    return next(place for place in places if place["id"] == DALLAS)[f"gpu_count_{network}"]


def available_vms(api):
    places = api.get("/virtual-machines/instant/locations").json()["results"]
    return {
        place["id"]: {p["id"]: p["available_vms"] for p in place["available_presets"]} for place in places
    }


# ---- virtual machines ----


def test_a_vm_comes_up_within_forty_seconds_with_its_address_from_the_start(sandbox, api, launch):
    vm = launch()
    assert (vm["status"], vm["public_ip"]) == ("Relocating", "127.0.0.1")
    [forward] = vm["port_forwards"]
    assert forward["internal_port"] == 22
    assert 20000 <= forward["external_port"] <= 39999
    sandbox.advance(timedelta(seconds=19))
    assert api.get(f"/virtual-machines/{vm['id']}").json()["status"] == "Relocating"
    sandbox.advance(timedelta(seconds=21))
    assert api.get(f"/virtual-machines/{vm['id']}").json()["status"] == "Running"


def test_a_vm_is_priced_as_its_preset_and_in_parts_that_sum(launch):
    pricing = launch(EIGHT_GPUS)["pricing"]
    parts = [pricing[f"{part}_per_hr"] for part in ("gpus", "vcpus", "ram", "storage")]
    assert sum(round(float(part) * 1e6) for part in parts) == 15_920_000
    assert pricing["total_associated_per_hr"] == "15.920000"
    assert pricing["total_disassociated_per_hr"] == "0.800000"
    assert pricing["vcpu_per_hr"] == pricing["vcpus_per_hr"]


def test_a_windows_vm_has_a_remote_desktop_and_no_ssh(api, launch):
    presets = api.get("/instant-deploy-presets/").json()
    windows = next(p["id"] for p in presets if p["operating_system"] == "Windows 10")
    assert [f["internal_port"] for f in launch(windows)["port_forwards"]] == [3389]


def test_launching_takes_from_the_stock_and_deleting_gives_it_back(api, launch):
    before = available_vms(api)
    vm = launch(location_id=DALLAS)
    taken = available_vms(api)
    assert taken[DALLAS][ONE_GPU] == before[DALLAS][ONE_GPU] - 1
    assert (
        vm["port_forwards"][0]["external_port"]
        not in api.get(f"/hostnodes/{vm['hostnode_id']}").json()["available_ports"]
    )
    assert api.delete(f"/virtual-machines/{vm['id']}").status_code == 204
    assert available_vms(api) == before


def test_stock_runs_out_with_a_409_and_the_presets_say_so(sandbox, api, launch):
    with sandbox.cloud.lock:
        for hostnode in sandbox.cloud.catalog.hostnodes.values():
            hostnode.let = 8 - sum(hostnode.leases.values())
    refused = api.post("/virtual-machines/instant", json={"config_id": ONE_GPU, "name": "late"})
    assert (refused.status_code, "No capacity" in refused.json()["detail"]) == (409, True)
    assert all(not p["location_ids_with_availability"] for p in api.get("/instant-deploy-presets/").json())
    assert available_vms(api) == {}


def test_one_location_is_sold_out_of_vms_and_one_has_no_infiniband(api):
    places = api.get("/locations/", params={"limit": 15}).json()["results"]
    free = {p["city"]: sum(free_gpus(api, h["id"]) for h in p["hostnodes"]) for p in places}
    assert free["Sterling"] == 0 < free["Dallas"]
    metal = {p["id"]: p["gpu_count_infiniband"] for p in api.get("/bare-metal/locations").json()["results"]}
    assert {p["city"] for p in places if metal[p["id"]] == 0} == {"Allen"}


def test_a_stopped_vm_keeps_its_gpus_and_a_released_one_gives_them_back(api, launch):
    vm = launch()
    held = free_gpus(api, vm["hostnode_id"])
    assert power(api, vm, "stopped").json() == {"status": "stopped"}
    assert api.get(f"/virtual-machines/{vm['id']}").json()["status"] == "Stopped"
    assert free_gpus(api, vm["hostnode_id"]) == held
    assert power(api, vm, "stopped_disassociated").json() == {"status": "stopped_disassociated"}
    assert api.get(f"/virtual-machines/{vm['id']}").json()["status"] == "StoppedDisassociated"
    assert free_gpus(api, vm["hostnode_id"]) == held + 1


def test_power_changes_that_change_nothing_are_fine(sandbox, api, launch):
    vm = launch()
    sandbox.advance(timedelta(minutes=1))
    assert power(api, vm, "started").status_code == 200
    assert api.get(f"/virtual-machines/{vm['id']}").json()["status"] == "Running"
    for status in ("stopped", "stopped", "stopped_disassociated", "stopped_disassociated"):
        assert power(api, vm, status).status_code == 200
    assert power(api, vm, "stopped").status_code == 409


def test_a_released_vm_whose_place_is_taken_must_be_relocated_to_start(sandbox, api, launch):
    vm = launch()
    assert api.post(f"/virtual-machines/{vm['id']}/relocate").status_code == 409  # not while it runs
    power(api, vm, "stopped_disassociated")
    home = sandbox.cloud.hostnode(UUID(vm["hostnode_id"]))
    home.let += home.free_gpus  # other tenants took what was left
    assert "relocate" in power(api, vm, "started").json()["detail"]
    moved = api.post(f"/virtual-machines/{vm['id']}/relocate")
    assert (moved.status_code, moved.json()["status"]) == (200, "StoppedDisassociated")
    assert moved.json()["hostnode_id"] != vm["hostnode_id"]
    new_home = api.get(f"/hostnodes/{moved.json()['hostnode_id']}").json()
    assert moved.json()["port_forwards"][0]["external_port"] not in new_home["available_ports"]
    old_home = api.get(f"/hostnodes/{vm['hostnode_id']}").json()
    assert vm["port_forwards"][0]["external_port"] in old_home["available_ports"]
    assert power(api, vm, "started").status_code == 200


def test_ports_are_forwarded_and_taken_back(api, launch):
    vm = launch()
    path = f"/virtual-machines/{vm['id']}/port-forward"
    free = api.get(f"/hostnodes/{vm['hostnode_id']}").json()["available_ports"]
    added = api.post(path, json={"internal_port": 8888, "external_port": free[5]})
    assert (added.status_code, added.json()) == (201, {"internal_port": 8888, "external_port": free[5]})
    assert api.post(path, json={"internal_port": 9999, "external_port": free[5]}).status_code == 409
    assert api.post(path, json={"internal_port": 8888}).status_code == 409
    assert api.post(path, json={"internal_port": 9999, "external_port": 80}).status_code == 400
    assert api.post(path, json={"internal_port": 6006}).json()["external_port"] in {*free} - {free[5]}
    assert api.delete(path, params={"internal_port": 4040}).status_code == 404
    assert api.delete(path, params={"internal_port": 6006}).status_code == 204
    assert api.request("DELETE", path, json={"internal_port": 8888}).status_code == 204
    assert api.get(f"/hostnodes/{vm['hostnode_id']}").json()["available_ports"] == free


def test_forwards_are_taken_back_all_at_once_save_the_login(api, launch):
    vm = launch()
    path = f"/virtual-machines/{vm['id']}/port-forward"
    for port in (8888, 6006):
        api.post(path, json={"internal_port": port})
    assert api.delete(path).status_code == 204
    assert api.get(f"/virtual-machines/{vm['id']}").json()["port_forwards"] == vm["port_forwards"]


# ---- rentals ----


def test_a_rental_is_pending_without_its_node_fields_and_runs_within_ten_minutes(sandbox, api, rent):
    rental = rent(16)
    assert rental["status"] == "Pending"
    assert not {"node_count", "node_networking", "username", "kubeconfig"} & set(rental)
    sandbox.advance(timedelta(minutes=4, seconds=59))
    assert api.get(f"/bare-metal/{rental['id']}").json()["status"] == "Pending"
    sandbox.advance(timedelta(minutes=5, seconds=1))
    up = api.get(f"/bare-metal/{rental['id']}").json()
    assert (up["status"], up["node_count"], up["username"], up["rate_hourly"]) == (
        "Running",
        2,
        "ubuntu",
        "39.840000",
    )
    publics = [node["public_ip"] for node in up["node_networking"]]
    nowhere = ip_network("192.0.2.0/24")  # where the nodes are that this computer cannot answer for
    assert all(ip_address(ip).is_loopback or ip_address(ip) in nowhere for ip in publics)
    assert len(set(publics)) == 2


def test_a_reboot_makes_a_rental_pending_for_three_minutes(sandbox, api, rent):
    rental = rent()
    path = f"/bare-metal/{rental['id']}"
    sandbox.advance(timedelta(minutes=10))
    ips = [node["public_ip"] for node in api.get(path).json()["node_networking"]]
    assert api.post(f"{path}/reboot", json={"public_ips": ["127.20.9.9"]}).status_code == 400
    assert api.post(f"{path}/reboot", json={"public_ips": []}).status_code == 422
    rebooted = api.post(f"{path}/reboot", json={"public_ips": ips})
    assert (rebooted.status_code, rebooted.content) == (204, b"")
    assert api.get(path).json()["status"] == "Pending"
    assert api.post(f"{path}/reboot", json={"public_ips": ips}).status_code == 409
    sandbox.advance(timedelta(minutes=3))
    assert api.get(path).json()["status"] == "Running"


def test_removing_nodes_gives_them_back_and_lowers_the_rate(sandbox, api, rent):
    before = metal_free(api)
    rental = rent(24)
    path = f"/bare-metal/{rental['id']}"
    sandbox.advance(timedelta(minutes=10))
    ips = [node["public_ip"] for node in api.get(path).json()["node_networking"]]
    smaller = api.patch(f"{path}/remove-nodes", json={"public_ips": ips[:1] * 3})
    assert (smaller.status_code, smaller.json()["node_count"]) == (200, 2)
    assert smaller.json()["rate_hourly"] == "39.840000"
    assert metal_free(api) == before - 16
    assert "at least one" in api.patch(f"{path}/remove-nodes", json={"public_ips": ips[1:]}).json()["detail"]
    assert api.patch(f"{path}/remove-nodes", json={"public_ips": ips[:1]}).status_code == 400
    assert api.delete(path).status_code == 204
    assert metal_free(api) == before
    assert api.get(path).status_code == 404


def test_a_stopped_rental_keeps_its_nodes_and_its_price(api, rent):
    rental, rate = rent(), api.get("/billing/hourly-rate").json()
    assert power(api, rental, "stopped", "bare-metal").status_code == 204
    assert api.get(f"/bare-metal/{rental['id']}").json()["power_status"] == "Stopped"
    assert api.get("/billing/hourly-rate").json() == rate


def test_bare_metal_runs_out_by_network(api, rent):
    while free := metal_free(api, "ethernet"):
        rent(free, network_type="ethernet")
    asked = {"location_id": DALLAS, "name": "late", "network_type": "ethernet", "gpu_count": 8}
    refused = api.post("/bare-metal/", json=asked)
    assert (refused.status_code, "No capacity" in refused.json()["detail"]) == (409, True)
    assert metal_free(api, "infiniband") > 0


def test_a_rental_nobody_can_enter_is_warned_of(api):
    asked = {"location_id": DALLAS, "name": "m", "network_type": "ethernet", "gpu_count": 8}
    assert "SSH key" in api.post("/bare-metal/", json=asked).json()["warning"]
    with_keys = asked | {"organization_ssh_keys": {"mode": "all"}}
    assert api.post("/bare-metal/", json=with_keys).json()["warning"] is None


# ---- what both refuse and tolerate ----


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"config_id": NOWHERE}, 400),
        ({"location_id": NOWHERE}, 400),
        ({"organization_ssh_keys": {"mode": "selective", "ssh_key_ids": [NOWHERE]}}, 400),
        ({"cloud_init": {"runcmd": ["echo 'open"]}}, 400),
        ({"cloud_init": {"write_files": [{"path": "relative", "content": ""}]}}, 400),
        ({"name": ""}, 422),
        ({"name": " \t"}, 422),
        ({"name": "n" * 101}, 422),
        ({"tags": ["t" * 101]}, 422),
        ({"tags": ["t"] * 51}, 422),
        ({"password": "short"}, 422),
        ({"ssh_keys": ["not a key"]}, 422),
        ({"organization_ssh_keys": {"mode": "selective"}}, 422),
        ({"organization_ssh_keys": {"mode": "some"}}, 422),
        ({"cloud_init": {"packages": "git"}}, 422),
    ],
)
def test_a_vm_deploy_that_is_wrong_is_refused_and_costs_nothing(api, change, status):
    before = api.get("/billing/hourly-rate").json()
    answer = api.post("/virtual-machines/instant", json={"config_id": ONE_GPU, "name": "n"} | change)
    assert answer.status_code == status, answer.text
    assert api.get("/billing/hourly-rate").json() == before


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"location_id": NOWHERE}, 400),
        ({"storage_id": NOWHERE}, 400),
        ({"cloudinit_script": {"packages": [""]}}, 400),
        ({"gpu_count": 4}, 422),
        ({"gpu_count": 12}, 422),
        ({"gpu_count": 0}, 422),
        ({"network_type": "wifi"}, 422),
    ],
)
def test_a_rental_deploy_that_is_wrong_is_refused(api, change, status):
    asked = {"location_id": DALLAS, "name": "m", "network_type": "ethernet", "gpu_count": 8}
    assert api.post("/bare-metal/", json=asked | change).status_code == status


def test_what_the_balance_does_not_carry_for_an_hour_is_refused(sandbox, api):
    ledger = sandbox.cloud.world.ledger
    sandbox.advance(timedelta(hours=float(sandbox.cloud.world.balance() / ledger.burn()) - 0.5))
    for path, body in (
        ("/virtual-machines/instant", {"config_id": ONE_GPU, "name": "n"}),
        ("/bare-metal/", {"location_id": DALLAS, "name": "m", "network_type": "ethernet", "gpu_count": 8}),
        ("/storage/", {"name": "v", "size_in_gb": 1}),
    ):
        answer = api.post(path, json=body)
        assert (answer.status_code, "balance" in answer.json()["detail"]) == (402, True), path


def test_deploys_take_all_that_programs_send(api):
    """Unknown fields, nulls, a location, a file with nothing but its path: written for the live service."""
    nulls = dict.fromkeys(("password", "organization_ssh_keys", "ssh_keys", "cloud_init", "tags"))
    full = {
        "location_id": DALLAS,
        "ssh_keys": [DOCUMENTED_KEY],
        "cloud_init": {"write_files": [{"path": "/a", "content": "b"}], "runcmd": ["ls", ["echo", "'"]]},
        "brand_new_field": {"x": 1},
    }
    for body in (nulls, full, {"cloud_init": {}}, {}):
        answer = api.post("/virtual-machines/instant", json={"config_id": ONE_GPU, "name": "n"} | body)
        assert answer.status_code == 201, answer.text
    rental = {"location_id": DALLAS, "name": "m", "network_type": "ethernet", "gpu_count": 8}
    nulls = dict.fromkeys(("sub_order", "storage_id", "cloudinit_script", "tags", "ssh_keys"))
    assert api.post("/bare-metal/", json=rental | nulls).status_code == 201


@pytest.mark.parametrize("kind", ["virtual-machines", "bare-metal"])
def test_names_and_tags_change_and_null_leaves_them(api, launch, rent, kind):
    machine = launch(tags=["a"]) if kind == "virtual-machines" else rent(tags=["a"])
    path = f"/{kind}/{machine['id']}"
    assert api.patch(path, json={"name": "new", "tags": None}).json() == {"name": "new", "tags": ["a"]}
    assert api.patch(path, json={"tags": []}).json() == {"name": "new", "tags": []}
    assert api.patch(path, json={"name": " "}).status_code == 422
    assert api.get(path).json()["name"] == "new"


@pytest.mark.parametrize("kind", ["virtual-machines", "bare-metal"])
def test_a_deleted_machine_is_gone(api, launch, rent, kind):
    machine = launch() if kind == "virtual-machines" else rent()
    path = f"/{kind}/{machine['id']}"
    assert (api.delete(path).status_code, api.delete(path).status_code) == (204, 404)
    assert power(api, machine, "started", kind).status_code == 404
    assert machine["id"] not in api.get(f"/{kind}/", params={"limit": 50}).text
