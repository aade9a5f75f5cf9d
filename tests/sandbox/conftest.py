"""A sandbox whose clock stands still until a test moves it, and a plain HTTP client on it."""

from datetime import UTC, datetime

import httpx
import pytest

from vp_jupyter.sandbox import Sandbox

NOW = datetime(2026, 8, 20, 12, tzinfo=UTC)
ONE_GPU = "c6fd6253-cbb6-4ea8-a20c-47644b431f1c"  # the recorded presets and location of the live service
EIGHT_GPUS = "404645e3-4677-4f48-b023-15baaa6621e1"
DALLAS = "a3111bd4-550a-47d0-838a-0a52bff2ae3f"
NOWHERE = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def sandbox():
    with Sandbox(seed=7, now=NOW, time_scale=0, months=1) as running:
        yield running


@pytest.fixture
def api(sandbox):
    headers = {"Authorization": f"Bearer {sandbox.api_key}"}
    with httpx.Client(base_url=sandbox.base_url, headers=headers, follow_redirects=True) as client:
        yield client


@pytest.fixture
def launch(api):
    """Launch a VM (by default one GPU) and give back what the API then says of it."""

    def launch(config_id=ONE_GPU, **body):
        answer = api.post("/virtual-machines/instant", json={"config_id": config_id, "name": "vm", **body})
        assert answer.status_code == 201, answer.text
        return api.get(f"/virtual-machines/{answer.json()['vm_id']}").json()

    return launch


@pytest.fixture
def rent(api):
    """Rent bare metal (by default one InfiniBand node in Dallas) and give back what the API says of it."""

    def rent(gpu_count=8, **body):
        asked = {"location_id": DALLAS, "name": "metal", "network_type": "infiniband", "gpu_count": gpu_count}
        answer = api.post("/bare-metal/", json=asked | body)
        assert answer.status_code == 201, answer.text
        return api.get(f"/bare-metal/{answer.json()['rental_id']}").json()

    return rent
