"""What cannot be reached says why in one sentence, and leaves nothing behind."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from vp_jupyter.api import Conflict, ConnectionFailed, InvalidRequest, StillWaiting
from vp_jupyter.connect import Links, Ssh, failure, target, targets
from vp_jupyter.connect.answers import answers, until_answering
from vp_jupyter.connect.extra import need
from vp_jupyter.connect.remote import output

from .conftest import make_key


def test_a_key_that_the_machine_does_not_know(vp, shell, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))  # where nothing names the right one
    make_key(tmp_path / "other")
    shell.run_line_magic("config", "VP.ssh_key = '~/other'")
    vp("run ada", "true")
    assert "ada does not let user in with your SSH key" in vp.printed
    assert len(vp.printed.strip().splitlines()) == 1


def test_the_key_that_is_configured_is_the_one_that_is_used(vp, shell, fleet, tmp_path):
    (tmp_path / "spaced name").mkdir()
    key = tmp_path / "spaced name" / "100% mine"
    key.write_bytes(fleet.key.read_bytes())
    key.chmod(0o600)
    shell.run_line_magic("config", f"VP.ssh_key = {str(key)!r}")
    assert vp("run ada", "exit 5") == 5


def test_a_host_key_that_is_not_the_machines(vp, fleet, tmp_path):
    alias = fleet.target("ada").alias
    kept = fleet.ssh.known_hosts.read_text() if fleet.ssh.known_hosts.exists() else ""
    fleet.ssh.prepare()
    fleet.ssh.known_hosts.write_text(f"{alias} {make_key(tmp_path / 'imposter')}\n")
    try:
        vp("run ada", "touch never")
        assert "The host key of ada is not the one it had before" in vp.printed
        assert f"-R {alias}" in vp.printed
    finally:
        fleet.ssh.known_hosts.write_text(kept)
    assert vp("run ada", "[ -e never ]") == 1


def test_a_new_machine_at_an_old_address_raises_no_alarm(fleet, links):
    """Its host key is kept under its own name, and not the address's."""
    at_bob = fleet.target("bob")
    assert output(links.to(fleet.ssh, at_bob._replace(alias="vp-before")), "true")[0] == 0
    elsewhere = fleet.target("ada")._replace(alias="vp-after", port=fleet.target("ada").port)
    assert output(links.to(fleet.ssh, elsewhere), "true")[0] == 0
    known = fleet.ssh.known_hosts.read_text()
    assert "vp-before" in known
    assert "vp-after" in known
    assert "127.0.0.1" not in known


def test_a_machine_that_is_stopped(vp, fleet):
    id = fleet.machine("bob").id
    before = fleet.target("bob")
    fleet.client.vms.stop(id)
    fleet.client.vms.wait(id, status="Stopped", timeout=60)
    try:
        vp("run bob", "true")
        assert "bob is Stopped, so it does not answer (%vp wait, %vp start)." in vp.printed
        links = Links()
        with pytest.raises(ConnectionFailed, match=r"bob refuses the connection at 127\.0\.0\.1"):
            links.to(fleet.ssh, before).open()
        links.close()
    finally:
        fleet.client.vms.start(id)
        fleet.client.vms.wait(id, timeout=60)
        until_answering(before, timeout=60)


def test_windows_has_no_ssh(fleet):
    windows = msgspec.structs.replace(fleet.machine("ada"), operating_system="Windows 10")
    with pytest.raises(Conflict, match="which has no ssh; use remote desktop"):
        targets(windows, user="user")


def test_a_vm_whose_ssh_port_is_not_forwarded(fleet):
    machine = fleet.machine("ada")
    record = msgspec.structs.replace(machine.record, port_forwards=[])
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        endpoint = machine.endpoints[0]._replace(port=nobody.getsockname()[1])
        bare = msgspec.structs.replace(machine, record=record, endpoints=(endpoint,))
        links = Links()
        with pytest.raises(ConnectionFailed, match=r"No port is forwarded to its ssh: %vp forward ada 22\."):
            links.to(fleet.ssh, target(bare, user="user")).open()
        links.close()


def test_a_machine_that_hangs_up_is_no_machine_that_answers(fleet):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        deaf = fleet.target("ada")._replace(port=silent.getsockname()[1])
        assert not answers(deaf, timeout=0.1)
        waited = []
        with pytest.raises(StillWaiting, match="has not answered"):
            until_answering(deaf, timeout=0.0, progress=waited.append)
    assert answers(fleet.target("ada"))
    until_answering(fleet.target("ada"))


def test_a_missing_extra_names_the_command_that_installs_it():
    with pytest.raises(Conflict, match=r'pip install "vp_jupyter\[connect\]"'):
        need("no_such_module_at_all", "%vp dask")


def test_a_computer_without_ssh_says_so(vp, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    vp("run ada", "true")
    assert "There is no ssh on this computer" in vp.printed


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("ssh: connect to host 1.2.3.4 port 22: Connection timed out", "does not answer at"),
        ("ssh: connect to host 1.2.3.4 port 22: No route to host", "does not answer at"),
        ("Connection closed by 1.2.3.4 port 22", "closed the connection at"),
        ("kex_exchange_identification: read: Connection reset by peer", "closed the connection at"),
        ("ssh: Could not resolve hostname x: Name or service not known", "There is no host"),
        (
            "something that is newer than this text.",
            "ssh could not reach ada: something that is newer than this text.",
        ),
        ("", "ssh could not reach ada: it says no more."),
    ],
)
def test_what_ssh_says_becomes_a_sentence(fleet, said, sentence):
    error = failure(Ssh(), fleet.target("ada"), f"Warning: something else\n{said}\n" if said else "")
    assert sentence in str(error)
    assert "\n" not in str(error)


def test_a_login_or_node_that_cannot_be_is_refused(vp):
    vp("run ada --user=-oProxyCommand=x", "true")
    assert "does not look like a login name" in vp.printed
    vp("run big --node 7", "true")
    assert "big has nodes 0 to 1, not 7." in vp.printed


def test_nothing_outlives_a_notebook_that_ends_in_order(fleet):
    """Connections, tunnels and the folder of their sockets are gone with the interpreter."""
    program = (
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell.instance()\n"
        "shell.run_line_magic('load_ext', 'vp_jupyter')\n"
        "shell.run_cell_magic('vp', 'run ada', 'true')\n"
        "shell.run_line_magic('vp', 'tunnel ada 1')\n"
        "import os, subprocess\n"
        "folder = shell.magics_manager.registry['VP'].session.reach._links._folder\n"
        "processes = subprocess.run(['pgrep', '-P', str(os.getpid())], capture_output=True, text=True)\n"
        "print('KEPT', folder, processes.stdout.replace('\\n', ' '))\n"
    )
    environment = {"VP_BASE_URL": fleet.sandbox.base_url, "VP_API_KEY": fleet.sandbox.api_key}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    (said,) = [line for line in done.stdout.splitlines() if line.startswith("KEPT")]
    _, folder, *pids = said.split()
    assert len(pids) == 2
    assert not Path(folder).exists()
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_the_error_of_an_address_that_is_none(fleet):
    machine = fleet.machine("ada")
    bad = msgspec.structs.replace(machine, endpoints=(machine.endpoints[0]._replace(host="$(reboot)"),))
    with pytest.raises(InvalidRequest, match="does not look like one"):
        target(bad, user="user")
