"""Programs written for the live service, as they are published, work when pointed here."""

import json
from datetime import timedelta

import httpx
import pytest

from tests.sandbox.conftest import DALLAS, ONE_GPU

STATUSES = {"Running", "Stopped", "StoppedDisassociated", "Terminated", "Outbid", "Relocating"}
SYSTEMS = {f"Ubuntu {year}.04 LTS" for year in (20, 22, 24)} | {"Windows 10"} | {
    f"TensorML {year} {flavour}" for year in (20, 24) for flavour in ("TensorFlow", "PyTorch", "Everything")
}  # fmt: skip


@pytest.mark.parametrize("path", ["bare-metal/", "bare-metal/locations/"])
def test_one_pages_by_fifteen_and_counts_addresses(sandbox, api, rent, path):
    rent(16)
    for minutes in (0, 11):
        sandbox.advance(timedelta(minutes=minutes))
        seen, offset, more = [], 0, True
        while more:
            page = api.get(path, params={"limit": 15, "offset": offset}).json()
            seen, offset, more = seen + page["results"], offset + 15, page["has_next"]
        assert seen
        for rental in seen:
            publics = [node["public_ip"] for node in rental.get("node_networking", [])]
            assert len(publics) == rental.get("node_count", 0)


def test_another_decodes_vms_with_strict_types(api, launch):
    launch()
    vms = api.get("/virtual-machines/", params={"limit": 50}).json()["results"]
    assert len(vms) >= 6
    for vm in vms:
        for field in ("id", "hostnode_id", "public_ip", "internal_ip", "name", "timestamp_creation"):
            assert isinstance(vm[field], str), field
            assert vm[field], field
        assert vm["status"] in STATUSES
        assert vm["operating_system"] in SYSTEMS
        assert all(isinstance(rate, str) for rate in vm["pricing"].values())
        assert {"vcpu_per_hr", "vcpus_per_hr"} <= set(vm["pricing"])
        resources = vm["resources"]
        counts = [resources[name] for name in ("vcpu_count", "ram_gb", "storage_gb")]
        counts += [gpu["count"] for gpu in resources["gpus"].values()]
        assert all(type(count) is int and count > 0 for count in counts)


def test_a_third_takes_relocating_for_provisioning_and_waits(sandbox, api, launch):
    vm = launch()
    polls = []
    while (status := api.get(f"/virtual-machines/{vm['id']}").json()["status"]) == "Relocating":
        polls.append(status)
        sandbox.advance(timedelta(seconds=5))
    assert (status, 4 <= len(polls) <= 8) == ("Running", True)


def test_a_body_without_content_type_is_json_and_a_body_on_get_is_ignored(sandbox):
    headers = {"Authorization": f"Bearer {sandbox.api_key}"}
    with httpx.Client(base_url=sandbox.base_url, headers=headers) as client:
        body = json.dumps({"config_id": ONE_GPU, "name": "n", "location_id": DALLAS}).encode()
        assert client.post("/virtual-machines/instant", content=body).status_code == 201
        assert client.request("GET", "/virtual-machines/?nonsense=1", json={"limit": 1}).status_code == 200


def test_the_presets_and_prices_are_those_that_were_recorded(api):
    presets = {preset["id"]: preset for preset in api.get("/instant-deploy-presets/").json()}
    one = presets[ONE_GPU]
    assert one["resources"] == {
        "gpus": {"h100-sxm5-80gb": {"count": 1}},
        "vcpu_count": 26,
        "ram_gb": 116,
        "storage_gb": 2400,
    }
    assert (one["compute_rate_hourly"], one["storage_rate_hourly"]) == ("1.890000", "0.100000")
    assert [preset["resources"]["gpus"]["h100-sxm5-80gb"]["count"] for preset in [*presets.values()][:4]] == [
        8,
        1,
        4,
        2,
    ]
    assert api.get(f"/instant-deploy-presets/{ONE_GPU}").json() == one
    place = api.get("/bare-metal/locations").json()["results"][0]
    del place["gpu_count_ethernet"], place["gpu_count_infiniband"]
    assert place == {
        "id": DALLAS,
        "gpu_price_ethernet": "1.99",
        "gpu_price_infiniband": "2.49",
        "reserved_gpu_count_infiniband_cluster_one": None,
        "reserved_gpu_count_infiniband_cluster_two": None,
        "specs_per_node": {
            "gpu_model": "h100-sxm5-80gb",
            "gpu_count": 8,
            "cpu_model": "Intel Xeon Platinum 8470",
            "cpu_count": 104,
            "ram_gb": 1024,
            "storage_gb": 18000,
        },
    }
