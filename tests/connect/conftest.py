"""A home of its own, two VMs and a rental of two nodes that answer ssh, and a shell that talks to them."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support import ipython
from vp_jupyter.api import Client, ConnectionFailed, Machine
from vp_jupyter.connect import Link, Links, Ssh, target, targets
from vp_jupyter.connect.answers import answers
from vp_jupyter.sandbox import Sandbox

PATIENCE = 60.0  # seconds; far beyond what anything here takes


class Fleet(NamedTuple):
    """A sandbox with machines that take this home's key."""

    sandbox: Sandbox
    client: Client
    home: Path
    key: Path
    ssh: Ssh

    def machine(self, name: str) -> Machine:
        return self.client.machines.find(name)

    def target(self, name: str, node: int = 0):
        return target(self.machine(name), user="user", node=node)


def make_key(path: Path) -> str:
    """A new private key at `path`; gives the public one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", path], check=True, input=b"y\n"
    )
    return path.with_suffix(".pub").read_text().strip()


def until(is_so, patience: float = PATIENCE):
    """Wait until something is so, and fail if it never is."""
    deadline = time.monotonic() + patience
    while not (found := is_so()):
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.02)
    return found


@pytest.fixture(scope="package", autouse=True)
def _programs():
    missing = [name for name in ("ssh", "ssh-keygen", "scp", "bash") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"no {', '.join(missing)} on this computer")


@pytest.fixture(scope="package")
def fleet(_programs):
    home = Path(tempfile.mkdtemp(prefix="vp-home-", dir="/tmp"))  # short, as paths of sockets must be
    patch = pytest.MonkeyPatch()
    patch.setenv("HOME", str(home))
    key = home / ".ssh" / "id_ed25519"
    public = make_key(key)
    # ssh looks for keys in the home that the password database names, and this is another.
    (home / ".ssh" / "config").write_text(f"# mine\nHost *\n    IdentityFile {key}\n")
    with Sandbox(seed=7, time_scale=600) as sandbox, Client(sandbox.api_key, sandbox.base_url) as client:
        launch(client, public)
        one = Fleet(sandbox, client, home, key, Ssh())
        check = Links()
        try:
            check.to(one.ssh, one.target("ada")).open()
        except ConnectionFailed as error:  # with the reason, where nothing can be confined
            pytest.skip(str(error))
        finally:
            check.close()
        yield one
    patch.undo()
    shutil.rmtree(home)


def launch(client: Client, public: str) -> None:
    preset = next(one for one in client.offers() if one.kind == "vm" and not one.sold_out and one.gpus == 1)
    place = next(one for one in client.offers() if one.kind == "metal" and (one.available or 0) >= 2)
    options = {"organization_ssh_keys": "none", "ssh_keys": [public]}
    for name in ("ada", "bob"):
        client.vms.wait(client.vms.launch(preset.id, name, **options).id, timeout=PATIENCE)
    big = client.metal.launch(place.id, "big", gpu_count=16, network_type=place.network, **options)
    client.metal.wait(big.id, timeout=PATIENCE)
    for name in ("ada", "bob", "big"):
        for one in targets(client.machines.find(name), user="user"):
            until(lambda one=one: answers(one))


@pytest.fixture(autouse=True)
def home(fleet):
    """The fleet's, in place of one for each test."""
    return fleet.home


@pytest.fixture(autouse=True)
def nothing_is_left():
    """Every test ends with what it has started."""
    yield
    listed = subprocess.run(
        ["/bin/ps", "-o", "comm=", "--ppid", str(os.getpid())], capture_output=True, text=True
    )
    assert not {"ssh", "scp"} & set(listed.stdout.split())


@pytest.fixture
def links():
    kept = Links()
    yield kept
    kept.close()


@pytest.fixture
def ada(fleet, links) -> Link:
    """A kept connection to a VM."""
    return links.to(fleet.ssh, fleet.target("ada"))


@pytest.fixture
def shell(fleet):
    """A real shell with the extension loaded, on the fleet's sandbox."""
    with ipython(fleet.sandbox) as one:
        yield one


@pytest.fixture
def vp(shell, capsys):
    """Run a line as a cell would; gives its result, or what it said, and keeps what it printed."""

    def run(line, cell=None):
        source = f"%vp {line}" if cell is None else f"%%vp {line}\n{cell}"
        capsys.readouterr()
        result = shell.run_cell(source, store_history=False)
        run.out, run.err = capsys.readouterr()
        run.printed = run.out + run.err
        assert "Traceback" not in run.printed or "%debug" in line
        return run.out.strip() if result.result is None else result.result

    return run
