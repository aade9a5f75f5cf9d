"""ssh lines, machines by name, tunnels, copies, credentials."""

from __future__ import annotations

import shlex
import shutil
import socket
import stat
import subprocess
import urllib.error
import urllib.request

import pytest

from vp_jupyter.connect import Ssh
from vp_jupyter.connect.remote import output

from .conftest import until


def sh(line: str, **options) -> subprocess.CompletedProcess:
    return subprocess.run(line, shell=True, capture_output=True, text=True, timeout=60, **options)


def system_ssh(fleet, *words: str) -> subprocess.CompletedProcess:
    """ssh as its user runs it: by the configuration, and nothing else."""
    return sh(shlex.join(["ssh", "-F", str(fleet.home / ".ssh" / "config"), *words]))


# --- lines ---


def test_the_printed_line_reaches_the_machine(vp):
    assert sh(vp("ssh ada --print -- echo $HOME '$((1 + 1))'")).stdout.endswith(" 2\n")


def test_the_cell_below_runs_what_was_asked_for(vp, shell):
    vp("ssh ada -- echo from there")
    assert shell.rl_next_input.startswith("!ssh ")
    assert sh(shell.rl_next_input[1:]).stdout == "from there\n"


def test_a_rental_has_a_line_for_each_node_and_one_for_one(vp, shell):
    vp("ssh big")
    both = shell.rl_next_input.splitlines()
    vp("ssh big --node 1")
    assert both[1] == shell.rl_next_input
    assert len(both) == 2
    assert "nodes 0 to 1" in (vp("ssh big --node 2"), vp.printed)[1]


def test_what_a_notebook_would_change_is_not_put_into_a_cell(vp, shell):
    shell.rl_next_input = None
    vp("ssh ada -- echo '{x}'")
    assert "%vp ssh --print" in vp.printed
    assert shell.rl_next_input is None


def test_the_copy_button_carries_the_line_and_the_text_shows_it(vp):
    shown = vp("ssh ada --copy")
    assert "<button" in shown._repr_html_()
    assert f'data-text="{shown}"' in shown._repr_html_().replace("&#x27;", "'")
    assert repr(shown).startswith("ssh ")


# --- machines by name ---


def test_ssh_scp_and_rsync_know_a_machine_by_name(vp, fleet, tmp_path):
    assert "ssh ada" in vp("ssh ada --config")
    assert system_ssh(fleet, "ada", "echo by name").stdout == "by name\n"
    (tmp_path / "here").write_text("sent")
    config = fleet.home / ".ssh" / "config"
    assert sh(f"scp -F {config} {tmp_path}/here ada:by-scp").returncode == 0
    if shutil.which("rsync"):
        assert sh(f"rsync -a -e 'ssh -F {config}' {tmp_path}/here ada:by-rsync").returncode == 0
        assert system_ssh(fleet, "ada", "cat by-rsync").stdout == "sent"
    assert system_ssh(fleet, "ada", "cat by-scp").stdout == "sent"


def test_what_the_user_wrote_stays_as_it_was(vp, fleet):
    config = fleet.home / ".ssh" / "config"
    vp("ssh ada --config")
    first = config.read_bytes()
    assert first.endswith(f"# mine\nHost *\n    IdentityFile {fleet.key}\n".encode())
    config.chmod(0o640)
    vp("ssh bob --config")
    assert config.read_bytes() == first
    assert stat.S_IMODE(config.stat().st_mode) == 0o640
    assert stat.S_IMODE((fleet.ssh.folder).stat().st_mode) == 0o700


def test_a_configuration_behind_a_link_stays_behind_it(vp, fleet, tmp_path, monkeypatch):
    real = tmp_path / "dotfiles"
    real.write_text("# kept elsewhere\n")
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "config").symlink_to(real)
    monkeypatch.setenv("HOME", str(tmp_path))
    vp("ssh ada --config")
    assert (tmp_path / ".ssh" / "config").is_symlink()
    assert real.read_text().startswith("Include ")
    assert real.read_text().endswith("# kept elsewhere\n")


def test_a_new_configuration_is_for_the_user_alone(vp, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    vp("ssh ada --config")
    assert stat.S_IMODE((tmp_path / ".ssh" / "config").stat().st_mode) == 0o600


def test_two_machines_of_one_name_are_told_apart(vp, fleet):
    client = fleet.client
    ada, bob = fleet.machine("ada"), fleet.machine("bob")
    vp(f"ssh {ada.id} --config")
    client.vms.update(bob.id, name="ada")
    try:
        said = vp(f"ssh {bob.id} --config")
    finally:
        client.vms.update(bob.id, name="bob")
    assert f"ada-{bob.id[:8]}" in said
    assert system_ssh(fleet, f"ada-{bob.id[:8]}", "true").returncode == 0
    assert "know it as ada:" in vp(f"ssh {ada.id} --config")  # and the first keeps its name


def test_a_name_that_the_user_has_is_not_taken_from_them(vp, fleet, tmp_path, monkeypatch):
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "config").write_text("Host ada\n    HostName lovelace.example\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    vp("ssh ada --config")
    said = sh(f"ssh -F {tmp_path}/.ssh/config -G ada").stdout
    assert "hostname lovelace.example\n" in said


def test_a_machine_is_forgotten_on_demand_and_when_it_has_ended(vp, fleet):
    config = Ssh().folder / "config"
    vp("ssh ada --config")
    vp("ssh bob --config")
    vp("ssh ada --config --rm")
    assert "Host ada\n" not in config.read_text()
    client = fleet.client
    preset = next(one for one in client.offers() if one.kind == "vm" and not one.sold_out)
    gone = client.vms.launch(
        preset.id, "gone", ssh_keys=[fleet.key.with_suffix(".pub").read_text().strip()]
    ).id
    client.vms.wait(gone, timeout=60)
    assert "ssh gone" in vp("ssh gone --config")
    client.vms.delete(gone)
    vp("ssh bob --config")
    assert "Host gone\n" not in config.read_text()
    assert "Host bob\n" in config.read_text()


# --- tunnels ---


@pytest.fixture
def service(ada):
    """A port of the machine that says hello."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    from vp_jupyter.connect.remote import Program

    source = f"echo hello > index.html; exec python3 -m http.server {port} --bind 127.0.0.1"
    program = Program(ada, source, heard=lambda *_: None)
    until(lambda: output(ada, f"exec 3<>/dev/tcp/127.0.0.1/{port}")[0] == 0)
    yield port
    program.close()


def test_a_tunnel_brings_a_port_here_until_it_is_stopped(vp, service):
    vp(f"tunnel ada {service}")
    table = vp("tunnels")
    assert list(table["port"]) == [service]
    address = table["address"][0]
    assert urllib.request.urlopen(address, timeout=10).read() == b"hello\n"
    vp(f"tunnel ada {service}")
    assert len(vp("tunnels")) == 1  # once is enough
    vp("tunnels --stop")
    assert len(vp("tunnels")) == 0
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(address, timeout=10)


def test_a_tunnel_to_nothing_says_that_nothing_is_there_yet(vp):
    assert "nothing listens on it there yet" in vp("tunnel ada 1")


def test_a_tunnel_is_open_to_this_computer_alone(vp, service):
    vp(f"tunnel ada {service}")
    port = int(vp("tunnels")["local_port"][0])
    listening = sh(f"ss -Hltn 'sport = :{port}'")
    if listening.returncode:
        pytest.skip("no ss on this computer")
    assert f"127.0.0.1:{port}" in listening.stdout
    assert len(listening.stdout.splitlines()) == 1


def test_tunnels_end_with_the_extension(vp, shell, service):
    vp(f"tunnel ada {service}")
    address = vp("tunnels")["address"][0]
    shell.run_line_magic("unload_ext", "vp_jupyter")
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(address, timeout=10)
    shell.run_line_magic("load_ext", "vp_jupyter")


# --- copies ---


def test_files_and_folders_go_there_and_come_back(vp, ada, tmp_path):
    folder = tmp_path / "a folder"
    (folder / "in it").mkdir(parents=True)
    (folder / "in it" / "weights: $(x) 'y'.bin").write_bytes(bytes(range(256)))
    vp(f"cp '{folder}' ada:")
    assert output(ada, "ls 'a folder'/*/*")[0] == 0
    vp(f"cp 'ada:a folder' '{tmp_path}/back'")
    back = tmp_path / "back" / "in it" / "weights: $(x) 'y'.bin"
    assert back.read_bytes() == bytes(range(256))


def test_a_copy_tells_how_far_it_is(vp, tmp_path):
    (tmp_path / "big.bin").write_bytes(bytes(3_000_000))
    vp(f"cp {tmp_path}/big.bin ada:")
    assert "big.bin 100%" in vp.printed


def test_a_copy_that_fails_is_one_sentence(vp, tmp_path):
    vp(f"cp ada:nowhere {tmp_path}")
    assert "No such file" in vp.printed
    vp(f"cp {tmp_path} {tmp_path}")
    assert "One side is this computer's" in vp.printed
    vp("cp ada:x bob:y")
    assert "One side is this computer's" in vp.printed


# --- credentials ---


def test_a_kubeconfig_is_written_for_the_user_alone_and_not_shown(vp, shell, fleet):
    said = vp("kubeconfig big")
    (path,) = (fleet.home / ".kube").glob("vp-big-*.yaml")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text() == fleet.machine("big").record.kubeconfig.reveal()
    assert shell.rl_next_input == f"%env KUBECONFIG={path}\n!kubectl get nodes"
    assert "token" not in said + vp.printed
    vp("kubeconfig ada")
    assert "a kubeconfig comes with bare metal" in vp.printed


# --- torchrun ---


def test_torchrun_starts_one_process_for_each_gpu_on_every_node(vp, shell, fleet, tmp_path):
    script = tmp_path / "train.py"
    script.write_text("print('trained')\n")
    vp(f"torchrun big {script} --epochs 3 --name 'a b'")
    first, line = shell.rl_next_input.splitlines()
    assert first == "%%vp run big --all-nodes"
    private = fleet.target("big").private
    for word in ("--nproc-per-node=8", "--nnodes=2", f"--rdzv-endpoint={private}:29500"):
        assert word in line.split()
    assert line.endswith("train.py --epochs 3 --name 'a b'")
    assert vp("run big --all-nodes", "python3 train.py") == [0, 0]


def test_torchrun_on_one_machine_needs_no_meeting_point(vp, shell):
    vp("torchrun ada already/there.py")
    assert shell.rl_next_input == ("%%vp run ada\ntorchrun --nproc-per-node=1 --standalone already/there.py")
