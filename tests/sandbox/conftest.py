"""A sandbox whose clock stands still until a test moves it, an HTTP client on it, ways to its machines."""

import shutil
import socket
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from vp_jupyter.sandbox import Sandbox
from vp_jupyter.sandbox.machines import confinement

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


# ---- reaching machines ----

LOOPBACK = "127.0.0.1"


class Key(NamedTuple):
    """A key pair: the file of the private one, and the public one as the API takes it."""

    path: Path
    public: str


class Place(NamedTuple):
    """Where a machine is to answer ssh, and its login."""

    host: str
    port: int
    login: str

    def refuses(self):
        with socket.socket() as probe:
            return probe.connect_ex((self.host, self.port)) != 0


def vm_place(vm):
    port = next(one["external_port"] for one in vm["port_forwards"] if one["internal_port"] == 22)
    return Place(vm["public_ip"], port, "user")


def until(is_so, patience=60.0):
    """Wait until something is so, and fail if it never is."""
    deadline = time.monotonic() + patience
    while not (found := is_so()):
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.02)
    return found


@pytest.fixture(scope="session")
def make_key(tmp_path_factory):
    for program in ("ssh", "ssh-keygen"):
        if shutil.which(program) is None:
            pytest.skip(f"no {program} on this computer")

    def make(name):
        path = tmp_path_factory.mktemp("keys") / name
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", path], check=True)
        return Key(path, path.with_suffix(".pub").read_text().strip())

    return make


@pytest.fixture(scope="session")
def key(make_key):
    return make_key("mine")


@pytest.fixture(scope="session")
def confined():
    """Skips where machines do not run confined, and says why."""
    try:
        confinement.require()
    except confinement.Unconfinable as unable:
        pytest.skip(f"machines cannot be confined here: {unable}")


@pytest.fixture
def reach(key, tmp_path):
    """The command line of a program of OpenSSH for a place, with host keys known for this test alone."""

    def reach(place, *options, program="ssh", key=key):
        settings = {
            "BatchMode": "yes",
            "StrictHostKeyChecking": "accept-new",
            "UserKnownHostsFile": tmp_path / "known_hosts",
            "IdentitiesOnly": "yes",
            "IdentityFile": key.path,
            "LogLevel": "ERROR",
            "Port": place.port,
        }
        words = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
        return [program, "-F", "none", *options, *words]  # ssh takes the first value that it is given

    return reach


@pytest.fixture
def ssh(reach):
    """Run a command on a machine; gives how it ended and what it said."""

    def ssh(place, command, *options, key=None, **further):
        words = reach(place, *options, **({} if key is None else {"key": key}))
        return subprocess.run(
            [*words, f"{place.login}@{place.host}", command],
            **{"capture_output": True, "text": True, "timeout": 60, "stdin": subprocess.DEVNULL} | further,
        )

    return ssh


@pytest.fixture
def boot(sandbox, launch, api, key):
    """Launch a VM that takes our key, let it come up, and give where it answers."""

    def boot(**body):
        vm = launch(**{"ssh_keys": [key.public]} | body)
        sandbox.advance(timedelta(minutes=1))
        return vm["id"], vm_place(api.get(f"/virtual-machines/{vm['id']}").json())

    return boot


@pytest.fixture
def boot_nodes(sandbox, rent, api, key):
    """The same for the nodes of a rental."""

    def boot(gpu_count=8, **body):
        rental = rent(gpu_count, **{"ssh_keys": [key.public]} | body)
        sandbox.advance(timedelta(minutes=10))
        up = api.get(f"/bare-metal/{rental['id']}").json()
        hosts = [node["public_ip"] for node in up["node_networking"]]
        if any("bare-metal" in remark for remark in sandbox.remarks):
            pytest.skip(" ".join(sandbox.remarks))
        return rental["id"], [Place(host, 22, up["username"]) for host in hosts]

    return boot
