"""A machine's Python as a kernel of this Jupyter, driven as a front end does."""

from __future__ import annotations

import subprocess
import sys

import pytest

from vp_jupyter.connect.remote import output

from .conftest import PATIENCE, until

pytest.importorskip("sshpyk")
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager


@pytest.fixture
def data_dir(monkeypatch, tmp_path):
    """Jupyter's folder for this user's kernels."""
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    (tmp_path / "runtime").mkdir()  # a server has made it
    return tmp_path / "data"


@pytest.fixture
def kernel(vp, data_dir, ada):
    """A kernel on a machine, and a client of it."""
    said = vp(f"kernel ada --interpreter {sys.executable}")
    assert "ada is in the kernel menu now" in str(said), vp.printed
    (name,) = [name for name in KernelSpecManager().find_kernel_specs() if name.startswith("vp-")]
    manager = KernelManager(kernel_name=name)
    manager.start_kernel()
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(PATIENCE)
    yield manager, client
    client.stop_channels()
    manager.shutdown_kernel(now=True)
    vp("kernel ada --remove")


def execute(client, source, *, on=lambda text: None):
    """Run a cell; gives its status and what it printed."""
    id = client.execute(source)
    printed = ""
    while True:
        message = client.get_iopub_msg(timeout=PATIENCE)
        if message["parent_header"].get("msg_id") != id:
            continue
        if message["msg_type"] == "stream":
            printed += message["content"]["text"]
            on(printed)
        if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
            break
    while (reply := client.get_shell_msg(timeout=PATIENCE))["parent_header"].get("msg_id") != id:
        pass
    return reply["content"]["status"], printed


def test_a_kernel_on_a_machine_runs_is_interrupted_and_starts_anew(kernel, ada):
    manager, client = kernel
    _, home, _ = output(ada, "echo $HOME")
    status, printed = execute(
        client, "import os; print(os.path.expanduser('~')); kept = 1; print(os.getpid())"
    )
    assert (status, printed.split()[0]) == ("ok", home.strip())
    first = printed.split()[1]

    busy = "import time\nfor _ in range(100):\n    print('busy', flush=True)\n    time.sleep(3)"
    status, printed = execute(client, busy, on=lambda _: manager.interrupt_kernel())
    assert (status, printed.count("busy") < 10) == ("error", True)
    assert execute(client, "print(kept)") == ("ok", "1\n")

    manager.restart_kernel()
    client.wait_for_ready(PATIENCE)
    status, printed = execute(client, "print('kept' in globals(), os.getpid() if 'os' in globals() else '')")
    assert (status, printed.split()) == ("ok", ["False"])
    until(lambda: output(ada, f"kill -0 {first}")[0] != 0)  # its namespace is the cell's: the old one is gone


def test_a_kernel_survives_a_lost_connection(kernel, ada, fleet):
    manager, client = kernel
    execute(client, "kept = 2")
    alias = manager.kernel_spec.metadata["vp_jupyter"]["alias"]
    config = fleet.home / ".ssh" / "config"
    subprocess.run(["ssh", "-F", config, "-O", "exit", alias], check=True, capture_output=True)
    assert manager.is_alive()  # looking, as a server does every few seconds, makes the tunnels again
    client.wait_for_ready(PATIENCE)
    assert execute(client, "print(kept)") == ("ok", "2\n")


def test_removing_a_kernel_leaves_nothing_of_it(vp, data_dir, fleet):
    vp(f"kernel ada --interpreter {sys.executable}")
    assert (fleet.ssh.folder / "config").read_text().count("Host ada-kernel\n") == 1
    assert "Removed the kernel vp-ada-kernel" in str(vp("kernel ada --remove"))
    assert list((data_dir / "kernels").iterdir()) == []
    assert "ada-kernel" not in (fleet.ssh.folder / "config").read_text()
    vp("kernel ada --remove")
    assert "There is no kernel of ada." in vp.printed


def test_a_python_without_ipykernel_is_told_how_to_get_it(vp, data_dir, ada):
    output(ada, "python3 -m venv --without-pip bare")
    vp("kernel ada --interpreter ~/bare/bin/python")
    assert "has no ipykernel and no jupyter_client" in vp.printed
    assert "-m pip install ipykernel jupyter_client" in vp.printed
    assert not (data_dir / "kernels").exists()


def test_a_python_that_is_not_there_is_one_sentence(vp, data_dir):
    vp("kernel ada --interpreter /no/python")
    assert "ada has no Python at /no/python" in vp.printed
