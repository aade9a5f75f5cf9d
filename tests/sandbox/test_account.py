"""SSH keys, storage volumes, the organization, and how lists are paged."""

import base64

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from tests.sandbox.conftest import NOWHERE
from vp_jupyter.sandbox.ssh_keys import _ed25519_public, check_public_key


def openssh(private):
    form = serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    return private.public_key().public_bytes(*form).decode()


ED25519 = openssh(ed25519.Ed25519PrivateKey.from_private_bytes(b"7" * 32))


@pytest.mark.parametrize(
    "key",
    [
        ED25519,
        f"{ED25519} ada@example.org laptop",
        openssh(rsa.generate_private_key(65537, 2048)),
        openssh(ec.generate_private_key(ec.SECP384R1())),
        "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQDAKOgHv82A6Oi7AWLvBC9N...",
    ],
)
def test_real_public_keys_are_accepted(key):
    assert check_public_key(f" {key}\n") == key


@pytest.mark.parametrize(
    "key",
    [
        "",
        "ssh-ed25519",
        "hello world",
        "ssh-dss AAAA",
        "ssh-ed25519 AAAA",
        "ssh-ed25519 !!!!",
        ED25519.replace("ssh-ed25519", "ssh-rsa"),
        ED25519[:-8],
        f"{ED25519}\n{ED25519}",
        "ssh-rsa " + base64.b64encode(b"\0\0\0\7ssh-rsa").decode(),
        "ssh-ed25519 " + base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0\1x").decode(),
        "ssh-ed25519 AAAAB3NzaC1yc2EAAAADAQABAAABgQDAKOgHv82A6Oi7AWLvBC9N...",
        "-----BEGIN OPENSSH PRIVATE KEY-----",
    ],
)
def test_what_is_no_public_key_is_refused_with_a_reason(api, key):
    with pytest.raises(ValueError, match=r"\w"):
        check_public_key(key)
    assert api.post("/organization/ssh-keys", json={"name": "abc", "content": key}).status_code == 422


@pytest.mark.parametrize("seed", [b"\0" * 32, b"\xff" * 32, bytes(range(32))])
def test_the_seeded_keys_are_real_ed25519_keys(seed):
    private = ed25519.Ed25519PrivateKey.from_private_bytes(seed)
    assert _ed25519_public(seed) == private.public_key().public_bytes_raw()


def test_keys_are_added_under_unique_names_and_removed(api):
    added = api.post("/organization/ssh-keys", json={"name": "My key-1", "content": ED25519})
    assert added.status_code == 201
    assert added.json() == {"id": added.json()["id"], "name": "My key-1", "content": ED25519}
    assert (
        api.post("/organization/ssh-keys", json={"name": "My key-1", "content": ED25519}).status_code == 409
    )
    path = f"/organization/ssh-keys/{added.json()['id']}"
    assert (api.delete(path).status_code, api.delete(path).status_code) == (204, 404)


@pytest.mark.parametrize("name", ["ab", "x" * 65, "under_score", "tab\tname", "ümlaut", "---", "end\n"])
def test_key_names_are_letters_digits_hyphens_and_spaces(api, name):
    assert api.post("/organization/ssh-keys", json={"name": name, "content": ED25519}).status_code == 422


def test_a_machine_lets_in_the_chosen_keys_and_the_extra_ones(sandbox, api, launch):
    _first, second, *_ = api.get("/organization/ssh-keys").json()["results"]
    chosen = {"mode": "selective", "ssh_key_ids": [second["id"]]}
    launch(name="one", organization_ssh_keys=chosen, ssh_keys=[ED25519])
    vm = next(vm for vm in sandbox.cloud.vms.all() if vm.name == "one")
    assert vm.authorized_keys == (second["content"], ED25519)


# ---- volumes ----


def test_a_volume_costs_what_the_documentation_says(api):
    made = api.post("/storage/", json={"size_in_gb": 100, "name": "data"})
    assert made.status_code == 201
    volume = made.json()
    assert (volume["rate_hourly"], volume["status"], volume["order_ids"]) == ("0.017408", "active", [])
    assert isinstance(volume["tenant_id"], int)
    assert "used_capacity_bytes" not in volume
    assert api.get(f"/storage/{volume['id']}").json() == volume | {"used_capacity_bytes": 2 * 1024**2}


def test_a_volume_grows_but_does_not_shrink_below_what_is_in_it(api):
    volumes = api.get("/storage/").json()["results"]
    full = next(v for v in volumes if v["name"] == "datasets")
    path = f"/storage/{full['id']}"
    used_gb = api.get(path).json()["used_capacity_bytes"] // 10**9
    assert (
        api.patch(path, json={"size_in_gb": full["size_in_gb"] + 10}).json()["rate_hourly"]
        > full["rate_hourly"]
    )
    assert api.patch(path, json={"size_in_gb": used_gb + 1}).json()["size_in_gb"] == used_gb + 1
    assert api.patch(path, json={"size_in_gb": used_gb - 1, "name": "renamed"}).status_code == 409
    assert api.get(path).json()["name"] == "datasets"  # all of a change or nothing


@pytest.mark.parametrize("name", ["My Storage Volume", "", "UPPER", "-start", "end.", "a" * 61, "a\n", "ä"])
def test_volume_names_follow_the_pattern(api, name):
    assert api.post("/storage/", json={"size_in_gb": 1, "name": name}).status_code == 422


@pytest.mark.parametrize("size", [0, -1, 100_001, 1.5, None, "big"])
def test_volume_sizes_are_whole_gigabytes_within_bounds(api, size):
    assert api.post("/storage/", json={"size_in_gb": size, "name": "v"}).status_code == 422


def test_volume_names_are_unique(api):
    other = api.post("/storage/", json={"size_in_gb": 1, "name": "mine"}).json()
    assert api.post("/storage/", json={"size_in_gb": 1, "name": "mine"}).status_code == 409
    assert api.patch(f"/storage/{other['id']}", json={"name": "datasets"}).status_code == 409
    assert api.patch(f"/storage/{other['id']}", json={"name": "mine"}).status_code == 200


def test_a_volume_deployed_with_a_rental_is_attached_until_the_rental_ends(api, rent):
    volume = api.post("/storage/", json={"size_in_gb": 1, "name": "v"}).json()
    rental = rent(storage_id=volume["id"])
    assert rental["storage_id"] == volume["id"]
    assert rental["storage_pv"]
    assert rental["storage_pvc"]
    assert api.get(f"/storage/{volume['id']}").json()["order_ids"] == [rental["id"]]
    assert api.delete(f"/storage/{volume['id']}").status_code == 409
    api.delete(f"/bare-metal/{rental['id']}")
    assert api.get(f"/storage/{volume['id']}").json()["order_ids"] == []
    assert api.delete(f"/storage/{volume['id']}").status_code == 204
    assert api.get(f"/storage/{volume['id']}").status_code == 404


def test_volumes_are_attached_and_detached_by_order_ids(api, rent):
    rental = rent()
    first = api.post("/storage/", json={"size_in_gb": 1, "name": "v1", "order_ids": [rental["id"]]}).json()
    assert first["order_ids"] == [rental["id"]]
    assert api.get(f"/bare-metal/{rental['id']}").json()["storage_id"] == first["id"]
    second = {"size_in_gb": 1, "name": "v2", "order_ids": [rental["id"]]}
    assert api.post("/storage/", json=second).status_code == 409  # a rental has one volume
    assert api.post("/storage/", json=second | {"order_ids": [NOWHERE]}).status_code == 400
    assert api.patch(f"/storage/{first['id']}", json={"order_ids": None}).json()["order_ids"] == [
        rental["id"]
    ]
    assert api.patch(f"/storage/{first['id']}", json={"order_ids": []}).json()["order_ids"] == []


# ---- the organization, and pages ----


def test_the_organization_can_be_renamed(api):
    before = api.get("/organization").json()
    assert before["name"] == "Sandbox Research"
    changed = api.patch(
        "/organization", json={"name": "Lab", "billing_notification_target_emails": ["a@b.c"]}
    )
    assert changed.json() == {
        "id": before["id"],
        "name": "Lab",
        "billing_notification_target_emails": ["a@b.c"],
    }
    assert api.patch("/organization", json={"billing_notification_target_emails": ["no"]}).status_code == 422


@pytest.mark.parametrize(
    ("path", "default", "most"),
    [
        ("locations/", 3, 15),
        ("virtual-machines/", 10, 50),
        ("virtual-machines/instant/locations", 20, 50),
        ("bare-metal/", 20, 50),
        ("bare-metal/locations", 20, 50),
        ("billing/transactions", 30, 100),
        ("organization/ssh-keys", 150, 150),
        ("storage/", 20, 100),
    ],
)
def test_pages_have_their_default_their_maximum_and_say_what_is_beside_them(api, path, default, most):
    first = api.get(path).json()
    total = first["total_result_count"]
    assert len(first["results"]) == min(default, total)
    assert (first["has_previous"], first["has_next"]) == (False, total > default)
    last = api.get(path, params={"offset": total - 1, "limit": 1}).json()
    assert (len(last["results"]), last["has_previous"], last["has_next"]) == (1, total > 1, False)
    beyond = api.get(path, params={"offset": 2**31 - 1}).json()
    assert (beyond["results"], beyond["has_next"], beyond["total_result_count"]) == ([], False, total)
    assert api.get(path, params={"limit": most}).status_code == 200
    [error] = api.get(path, params={"limit": most + 1}).json()["detail"]
    assert (error["loc"], error["ctx"]) == (["query", "limit"], {"le": most})
    [error] = api.get(path, params={"limit": 0}).json()["detail"]
    assert error["ctx"] == {"ge": 1}
    assert api.get(path, params={"offset": 2**31}).status_code == 422
    assert api.get(path, params={"offset": -1}).status_code == 422
