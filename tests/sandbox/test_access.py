"""Who gets in, and by which spelling of a path."""

import httpx
import pytest

from tests.sandbox.conftest import DALLAS, NOWHERE, ONE_GPU

PUBLIC = [
    ("GET", "/instant-deploy-presets/"),
    ("GET", f"/instant-deploy-presets/{ONE_GPU}"),
    ("GET", "/bare-metal/locations"),
    ("POST", "/validate/cloudinit"),
    ("GET", "/virtual-machines/instant/locations"),
    ("GET", f"/virtual-machines/instant/locations/{DALLAS}"),
]
PRIVATE = [
    ("GET", "/locations/"),
    ("GET", f"/locations/{DALLAS}"),
    ("GET", f"/hostnodes/{NOWHERE}"),
    ("POST", "/virtual-machines/instant"),
    ("GET", "/virtual-machines/"),
    ("GET", f"/virtual-machines/{NOWHERE}"),
    ("PATCH", f"/virtual-machines/{NOWHERE}"),
    ("DELETE", f"/virtual-machines/{NOWHERE}"),
    ("PUT", f"/virtual-machines/{NOWHERE}/power-status"),
    ("POST", f"/virtual-machines/{NOWHERE}/relocate"),
    ("POST", f"/virtual-machines/{NOWHERE}/port-forward"),
    ("DELETE", f"/virtual-machines/{NOWHERE}/port-forward"),
    ("POST", "/bare-metal/"),
    ("GET", "/bare-metal/"),
    ("GET", f"/bare-metal/{NOWHERE}"),
    ("PATCH", f"/bare-metal/{NOWHERE}"),
    ("DELETE", f"/bare-metal/{NOWHERE}"),
    ("PUT", f"/bare-metal/{NOWHERE}/power-status"),
    ("POST", f"/bare-metal/{NOWHERE}/reboot"),
    ("PATCH", f"/bare-metal/{NOWHERE}/remove-nodes"),
    ("GET", "/billing/transactions"),
    ("GET", "/billing/reports/2026/8/transactions"),
    ("GET", "/billing/hourly-rate"),
    ("GET", "/organization"),
    ("PATCH", "/organization"),
    ("GET", "/organization/ssh-keys"),
    ("POST", "/organization/ssh-keys"),
    ("DELETE", f"/organization/ssh-keys/{NOWHERE}"),
    ("POST", "/storage/"),
    ("GET", "/storage/"),
    ("GET", "/storage/hourly-rate"),
    ("GET", f"/storage/{NOWHERE}"),
    ("PATCH", f"/storage/{NOWHERE}"),
    ("DELETE", f"/storage/{NOWHERE}"),
]


def test_every_operation_is_either_public_or_private_and_none_is_missing(api):
    paths = api.get("/openapi.json").json()["paths"]
    served = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    assert len(served) == len(PUBLIC) + len(PRIVATE)


def test_public_operations_need_no_key_and_ignore_a_wrong_one(sandbox):
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"x-api-token": "wrong"}):
        for method, path in PUBLIC:
            body = {"type": "vm", "content": ""} if method == "POST" else None
            answer = httpx.request(method, sandbox.base_url + path, headers=headers, json=body)
            assert answer.status_code == 200, (path, headers)


def test_private_operations_ask_for_a_key_before_they_look_at_anything_else(sandbox):
    with httpx.Client(base_url=sandbox.base_url) as client:
        for method, path in PRIVATE:
            missing = client.request(method, path, content=b'{"broken')
            assert (missing.status_code, missing.json()) == (401, {"detail": "Not authenticated"}), path
            assert missing.headers["www-authenticate"] == "Bearer"
            wrong = client.request(method, path, headers={"Authorization": "Bearer no"}, content=b"{")
            assert (wrong.status_code, wrong.json()) == (401, {"detail": "Invalid API key"}), path


def test_either_header_opens_every_private_operation(sandbox):
    key = sandbox.api_key
    with httpx.Client(base_url=sandbox.base_url) as client:
        for headers in (
            {"Authorization": f"Bearer {key}"},
            {"Authorization": f"bEARER {key}"},
            {"x-api-token": key},
            {"Authorization": "Bearer wrong", "x-api-token": key},
        ):
            for method, path in PRIVATE:
                answer = client.request(method, path, headers=headers, content=b'{"broken')
                assert answer.status_code != 401, (method, path, headers)


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Basic a2V5"},
        {"Authorization": "Bearer"},
        {"Authorization": ""},
        {"x-api-token": ""},
        {"Cookie": "x-api-token=1"},
    ],
)
def test_what_is_no_key_counts_as_none(sandbox, headers):
    answer = httpx.get(f"{sandbox.base_url}/storage/", headers=headers)
    assert (answer.status_code, answer.json()) == (401, {"detail": "Not authenticated"})


def test_a_key_beyond_ascii_is_wrong_and_nothing_worse(sandbox):
    answer = httpx.get(f"{sandbox.base_url}/storage/", headers={b"x-api-token": b"\xe9\xff"})
    assert answer.status_code == 401


@pytest.mark.parametrize(
    "path",
    [
        "locations", "virtual-machines", "instant-deploy-presets", "bare-metal", "storage",
        "bare-metal/locations/", "billing/transactions/", "organization/", "organization/ssh-keys/",
        "virtual-machines/instant/locations/", "billing/hourly-rate/", "storage/hourly-rate/",
    ],
)  # fmt: skip
def test_the_other_spelling_of_a_path_redirects_to_the_right_one(sandbox, api, path):
    answer = api.get(path, params={"limit": 2}, follow_redirects=False)
    other = path[:-1] if path.endswith("/") else f"{path}/"
    assert answer.status_code == 307
    assert answer.headers["location"] == f"{sandbox.base_url}/{other}?limit=2"
    assert api.get(path).status_code == 200


@pytest.mark.parametrize(
    "path", ["virtual-machines/instant/", "bare-metal", "storage", "organization/ssh-keys/"]
)
def test_a_redirected_post_keeps_its_body(api, path):
    redirected = api.post(path, json={"name": 5})
    assert redirected.status_code == 422
    assert ["body", "name"] in [error["loc"] for error in redirected.json()["detail"]]


def test_fixed_paths_are_not_taken_for_ids(api):
    assert api.get("/storage/hourly-rate").json() == {"hourly_rate_per_gb": "0.00017408"}
    assert "results" in api.get("/bare-metal/locations").json()
    assert "results" in api.get("/virtual-machines/instant/locations").json()
