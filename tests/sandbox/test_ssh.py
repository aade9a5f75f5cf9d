"""Machines answer the real ssh, scp and rsync: those that run, to those they were launched for."""

import asyncio
import hashlib
import http.server
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from tests.sandbox.conftest import LOOPBACK, until, vm_place
from vp_jupyter.sandbox.machines.box import Box, new_host_key
from vp_jupyter.sandbox.machines.disk import Disk
from vp_jupyter.sandbox.machines.roster import Machine

pytestmark = pytest.mark.usefixtures("confined")
SERVE = f"exec {sys.executable} -m http.server --bind {LOOPBACK}"


def power(api, id, status):
    answer = api.put(f"/virtual-machines/{id}/power-status", json={"status": status})
    assert answer.status_code == 200, answer.text


# ---- commands ----


def test_a_command_has_its_input_its_output_and_its_status(boot, ssh):
    _, place = boot()
    done = ssh(place, "cat; pwd; echo $USER $HOME $SHELL; echo wrong >&2; exit 7", stdin=None, input="in\n")
    assert (done.returncode, done.stderr) == (7, "wrong\n")
    assert done.stdout.splitlines()[:3] == ["in", "/home/user", "user /home/user /usr/bin/bash"]


def test_nothing_is_lost_of_much_input_and_much_output(boot, ssh):
    _, place = boot()
    sent = os.urandom(20_000_000)
    done = ssh(place, "tee copy; sha256sum <copy >&2", stdin=None, input=sent, text=False)
    assert (len(done.stdout), done.stderr.decode().split()[:1]) == (
        len(sent),
        [hashlib.sha256(sent).hexdigest()],
    )
    assert done.stdout == sent


def test_its_python_is_the_notebooks(boot, ssh):
    _, place = boot()
    said = ssh(place, "python -c 'import sys, httpx, multiprocessing as m; m.Lock(); print(sys.executable)'")
    assert (said.stdout.strip(), said.stderr) == (sys.executable, "")


def test_connections_see_each_others_files_and_processes(boot, ssh):
    _, place = boot()
    assert ssh(place, "sleep 1000 >/dev/null 2>&1 & echo $! >pid").returncode == 0
    assert ssh(place, "kill $(cat pid)").returncode == 0
    until(lambda: ssh(place, "kill -0 $(cat pid)").returncode != 0)


def test_a_login_has_a_terminal_of_the_right_size_and_is_told_where_it_is(boot, reach):
    _, place = boot()
    outer, inner = os.openpty()
    import fcntl
    import struct
    import termios

    fcntl.ioctl(outer, termios.TIOCSWINSZ, struct.pack("HHHH", 41, 123, 0, 0))
    words = [*reach(place, "-tt"), f"{place.login}@{place.host}"]
    client = subprocess.Popen(words, stdin=inner, stdout=inner, stderr=inner, start_new_session=True)
    os.close(inner)
    os.write(outer, b"stty size; tty; exit 5\n")
    said = b""
    while True:
        try:
            data = os.read(outer, 4096)
        except OSError:  # the other side has closed
            break
        if not data:
            break
        said += data
    os.close(outer)
    assert client.wait(30) == 5
    assert b"A machine of the vp_jupyter sandbox" in said
    assert b"41 123" in said
    assert b"/dev/pts/" in said


def test_what_runs_on_a_terminal_ends_with_its_connection(boot, ssh, reach):
    _, place = boot()
    words = [*reach(place, "-tt"), f"{place.login}@{place.host}", "echo $$ >pid; sleep 1000"]
    client = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    until(lambda: ssh(place, "test -s pid && kill -0 $(cat pid)").returncode == 0)
    client.kill()
    client.wait()
    until(lambda: ssh(place, "kill -0 $(cat pid)").returncode != 0)


# ---- who may ----


def test_another_key_another_login_and_no_key_are_refused(boot, ssh, make_key):
    _, place = boot()
    assert ssh(place, "true").returncode == 0
    assert "Permission denied" in ssh(place, "true", key=make_key("stranger")).stderr
    for login in ("root", "ubuntu", "User", "user2"):
        assert "Permission denied" in ssh(place._replace(login=login), "true").stderr
    assert "Permission denied" in ssh(place, "true", "-o", "PubkeyAuthentication=no").stderr


def test_a_machine_takes_the_organizations_keys_that_were_chosen_at_its_launch(api, boot, ssh, make_key):
    keys = {name: make_key(name) for name in ("first", "second", "later")}

    def register(name):
        answer = api.post(
            "/organization/ssh-keys", json={"name": f"key {name}", "content": keys[name].public}
        )
        return answer.json()["id"]

    first, _ = register("first"), register("second")
    _, none = boot(organization_ssh_keys={"mode": "none"})
    _, all_ = boot(organization_ssh_keys={"mode": "all"}, ssh_keys=[])
    _, chosen = boot(organization_ssh_keys={"mode": "selective", "ssh_key_ids": [first]})
    register("later")

    def let_in(place):
        return {name for name, key in keys.items() if ssh(place, "true", key=key).returncode == 0}

    assert let_in(none) == set()
    assert let_in(all_) == {"first", "second"}
    assert let_in(chosen) == {"first"}
    assert ssh(chosen, "true").returncode == 0  # the one that came with the deploy
    assert ssh(all_, "true").returncode == 255


def by_password(ssh, place, password, tmp_path):
    helper = tmp_path / "askpass"
    helper.write_text('#!/bin/sh\nprintf %s "$ANSWER"\n')
    helper.chmod(0o700)
    environment = {"SSH_ASKPASS": str(helper), "SSH_ASKPASS_REQUIRE": "force", "ANSWER": password}
    options = ("BatchMode=no", "PubkeyAuthentication=no", "NumberOfPasswordPrompts=1")
    words = [word for option in options for word in ("-o", option)]
    done = subprocess.run(
        [
            *("ssh", "-F", "none", *words, "-o", "StrictHostKeyChecking=no"),
            *("-o", "UserKnownHostsFile=/dev/null", "-p", str(place.port)),
            *(f"{place.login}@{place.host}", "echo in"),
        ],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
        start_new_session=True,
    )
    return done.stdout == "in\n"


def test_a_password_opens_the_machine_that_was_launched_with_it(boot, ssh, tmp_path):
    _, place = boot(password="correct horse", ssh_keys=[])
    assert by_password(ssh, place, "correct horse", tmp_path)
    assert not by_password(ssh, place, "wrong horse", tmp_path)
    assert not by_password(ssh, place._replace(login="root"), "correct horse", tmp_path)
    _, other = boot()
    assert not by_password(ssh, other, "", tmp_path)


# ---- when ----


def test_a_machine_that_comes_up_refuses_and_one_that_is_up_answers(sandbox, api, launch, ssh, key):
    vm = launch(ssh_keys=[key.public])
    assert vm["status"] == "Relocating"
    place = vm_place(vm)
    assert place.refuses()
    sandbox.cloud.world.clock.advance(sandbox.cloud.vms.all()[-1].ready - sandbox.cloud.now())
    until(lambda: not place.refuses(), 10)  # the time passed, and nobody asked
    assert ssh(place, "true").returncode == 0


@pytest.mark.parametrize("status", ["stopped", "stopped_disassociated"])
def test_a_machine_that_is_switched_off_refuses_and_comes_back_as_it_was(sandbox, api, boot, ssh, status):
    id, place = boot()
    assert ssh(place, "echo kept >file").returncode == 0
    power(api, id, status)
    assert place.refuses()
    assert "Connection refused" in ssh(place, "true").stderr
    power(api, id, "started")
    assert place.refuses()
    sandbox.advance(sandbox.cloud.vms.all()[-1].ready - sandbox.cloud.now())
    again = ssh(place, "cat file", "-o", "StrictHostKeyChecking=yes")  # the host key is that of before
    assert (again.stdout, again.stderr) == ("kept\n", "")


def test_a_connection_ends_with_its_machine_and_so_does_all_that_runs_there(api, boot, reach):
    id, place = boot()
    mark = f"vp-test-{os.getpid()}-{id}"
    script = f"(setsid bash -c 'exec -a {mark} sleep 1000' &) ; echo ready; exec -a {mark} sleep 1000"
    words = [*reach(place), f"{place.login}@{place.host}", script]
    with subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as client:
        assert client.stdout.readline() == "ready\n"
        until(lambda: running(mark) == 2)
        power(api, id, "stopped")
        assert running(mark) == 0
        assert client.wait(20) == 255


def test_a_machine_that_ends_while_it_comes_up_starts_nothing_more(tmp_path):
    machine = Machine("vm-1", "m", "user", (), None, None, None, {}, lambda address: None)
    box = Box(machine, Disk(tmp_path, machine), new_host_key, unconfined=True)

    async def switch_off_at_the_worst_moment():
        coming_up = asyncio.create_task(box.start())
        while not servers():
            await asyncio.sleep(0.001)
        for process in servers():
            process.kill()
            process.wait()
        for _ in range(2):  # now it is heard that it has failed, and what to do instead is to come
            await asyncio.sleep(0)
        coming_up.cancel()
        box.end()
        await asyncio.wait([coming_up])

    asyncio.run(switch_off_at_the_worst_moment())
    assert servers() == []


def servers():
    """The ssh servers of machines that this process has started, and what confines them."""
    return [one for one in psutil.Process().children() if "sshd.py" in " ".join(one.cmdline())]


def running(mark):
    """How many processes of this computer have that name."""
    found = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            found += (process / "cmdline").read_bytes().split(b"\0")[0] == mark.encode()
        except OSError:  # it has just ended
            continue
    return found


def test_a_deleted_machine_is_gone_and_the_next_at_its_address_is_another(api, boot, ssh):
    id, place = boot()
    assert ssh(place, "touch file").returncode == 0
    assert api.delete(f"/virtual-machines/{id}").status_code == 204
    assert place.refuses()
    _, other = boot()
    assert other == place
    refused = ssh(other, "true", "-o", "StrictHostKeyChecking=yes")
    assert "Host key verification failed" in refused.stderr
    fresh = ssh(other, "ls", "-o", "UserKnownHostsFile=/dev/null", "-o", "StrictHostKeyChecking=no")
    assert (fresh.returncode, fresh.stdout) == (0, "")


def test_a_relocated_machine_answers_at_its_new_port_with_its_old_disk(sandbox, api, boot, ssh):
    id, place = boot()
    assert ssh(place, "echo kept >file").returncode == 0
    power(api, id, "stopped_disassociated")
    home = sandbox.cloud.vms.all()[-1].hostnode
    home.let += home.free_gpus  # other tenants took what was left
    moved = vm_place(api.post(f"/virtual-machines/{id}/relocate").json())
    assert moved.port != place.port
    power(api, id, "started")
    sandbox.advance(sandbox.cloud.vms.all()[-1].ready - sandbox.cloud.now())
    assert place.refuses()
    assert ssh(moved, "cat file").stdout == "kept\n"


def test_windows_has_no_ssh(api, boot):
    presets = api.get("/instant-deploy-presets/").json()
    windows = next(one["id"] for one in presets if one["operating_system"] == "Windows 10")
    with pytest.raises(StopIteration):  # no port is forwarded to 22
        boot(config_id=windows)


# ---- rentals ----


def test_every_node_of_a_rental_answers_at_its_own_address(boot_nodes, ssh):
    _, places = boot_nodes(16)
    assert len({place.host for place in places}) == 2
    names = set()
    for place in places:
        assert place.login == "ubuntu"
        done = ssh(place, "hostname; whoami; pwd")
        assert done.stdout.splitlines()[1:] == ["ubuntu", "/home/ubuntu"]
        names.add(done.stdout.splitlines()[0])
        assert "Permission denied" in ssh(place._replace(login="user"), "true").stderr
    assert len(names) == 2


def test_nodes_refuse_while_they_are_pending_stopped_rebooting_or_given_back(
    sandbox, api, rent, boot_nodes, ssh
):
    id, (one, other) = boot_nodes(16)
    path = f"/bare-metal/{id}"
    assert ssh(one, "echo kept >file").returncode == 0
    for status, refuses in (("stopped", True), ("started", False)):
        assert api.put(f"{path}/power-status", json={"status": status}).status_code == 204
        assert one.refuses() == refuses
    assert api.post(f"{path}/reboot", json={"public_ips": [one.host]}).status_code == 204
    assert one.refuses()
    sandbox.advance(sandbox.cloud.rentals.all()[-1].ready - sandbox.cloud.now())
    assert ssh(one, "cat file").stdout == "kept\n"
    assert api.patch(f"{path}/remove-nodes", json={"public_ips": [other.host]}).status_code == 200
    assert other.refuses()
    assert not one.refuses()
    assert api.delete(path).status_code == 204
    assert one.refuses()


# ---- files ----


@pytest.mark.parametrize("how", [(), ("-O",)], ids=["sftp", "scp"])
def test_scp_takes_folders_there_and_back(boot, ssh, reach, tmp_path, how):
    _, place = boot()
    name = "weights: $(x) 'y'.bin" if not how else "weights.bin"  # the old protocol quotes nothing
    (tmp_path / "here" / "in").mkdir(parents=True)
    (tmp_path / "here" / "in" / name).write_bytes(bytes(range(256)) * 9000)
    scp = reach(place, *how, "-q", "-r", program="scp")
    there = f"{place.login}@{place.host}"
    subprocess.run([*scp, tmp_path / "here", f"{there}:there"], check=True, timeout=60)
    subprocess.run([*scp, f"{there}:/home/user/there", tmp_path / "back"], check=True, timeout=60)
    assert (tmp_path / "back" / "in" / name).read_bytes() == bytes(range(256)) * 9000
    assert ssh(place, "ls there/in").stdout.strip() == name


def test_rsync_takes_over_what_differs(boot, ssh, reach, tmp_path):
    if shutil.which("rsync") is None:
        pytest.skip("no rsync on this computer")
    _, place = boot()
    folder = tmp_path / "here"
    folder.mkdir()
    for name in ("same", "changed", "gone"):
        (folder / name).write_text(name)
    remote = " ".join(map(str, reach(place)))

    def rsync(*words):
        subprocess.run(["rsync", "-a", "--delete", "-e", remote, *words], check=True, timeout=60)

    rsync(f"{folder}/", f"{place.login}@{place.host}:there")
    (folder / "changed").write_text("otherwise")
    (folder / "gone").unlink()
    rsync(f"{folder}/", f"{place.login}@{place.host}:there")
    assert ssh(place, "cd there; cat *").stdout == "otherwisesame"
    rsync(f"{place.login}@{place.host}:there/", tmp_path / "back")
    assert {path.name for path in (tmp_path / "back").iterdir()} == {"same", "changed"}


# ---- ports ----


@pytest.fixture
def background(reach):
    """Start ssh and let it run until the test ends."""
    started = []

    def start(place, *words):
        arguments = [*reach(place, *words[:-1]), f"{place.login}@{place.host}", words[-1]]
        started.append(subprocess.Popen(arguments, stdin=subprocess.DEVNULL))

    yield start
    for client in started:
        client.kill()
        client.wait()


def free_port():
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return probe.getsockname()[1]


def fetch(port):
    with urllib.request.urlopen(f"http://{LOOPBACK}:{port}/", timeout=10) as answer:
        return answer.read()


def fetched(port):
    """The same once somebody is there."""

    def attempt():
        try:
            return fetch(port)
        except OSError:
            return None

    return until(attempt)


def test_a_tunnel_leads_to_a_port_inside(boot, background):
    _, place = boot()
    port = free_port()
    background(place, "-L", f"{LOOPBACK}:{port}:localhost:8000", f"echo inside >index.html; {SERVE} 8000")
    assert fetched(port) == b"inside\n"


def test_a_tunnel_the_other_way_leads_out_to_where_ssh_was_called(boot, ssh, background):
    _, place = boot()

    class Here(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"from here\n")

        def log_message(self, *_):
            pass

    with http.server.HTTPServer((LOOPBACK, 0), Here) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        background(place, "-R", f"{LOOPBACK}:9000:{LOOPBACK}:{server.server_port}", "sleep 1000")
        ask = "python -c \"import urllib.request as u; print(u.urlopen('http://127.0.0.1:9000').read())\""
        said = until(lambda: ssh(place, ask).stdout)
        server.shutdown()
        thread.join()
    assert "from here" in said


def test_a_forwarded_port_leads_to_that_port_inside_and_to_that_of_no_other_machine(api, boot, background):
    id, place = boot()
    other, _ = boot()

    def forward(machine):
        answer = api.post(f"/virtual-machines/{machine}/port-forward", json={"internal_port": 8000})
        return answer.json()["external_port"]

    external, others = forward(id), forward(other)
    background(place, f"echo inside >index.html; {SERVE} 8000")
    assert fetched(external) == b"inside\n"
    with pytest.raises((OSError, http.client.HTTPException)):
        fetch(others)
    api.request("DELETE", f"/virtual-machines/{id}/port-forward", json={"internal_port": 8000})
    with pytest.raises(urllib.error.URLError):
        fetch(external)


def test_a_port_that_somebody_has_is_passed_over_and_the_api_tells_which_one_it_is(
    sandbox, api, launch, ssh, key
):
    first = vm_place(launch(ssh_keys=[key.public])).port
    with socket.create_server((LOOPBACK, first + 1)):
        second = launch(ssh_keys=[key.public])
    third = launch(ssh_keys=[key.public])
    assert vm_place(second).port > first + 1
    with socket.create_server((LOOPBACK, vm_place(third).port)):  # taken after it was given out
        sandbox.advance(timedelta(minutes=1))
        for vm in (second, third):
            place = vm_place(api.get(f"/virtual-machines/{vm['id']}").json())
            assert ssh(place, "true").returncode == 0
        assert place.port != vm_place(third).port


def test_a_forward_to_a_port_that_somebody_has_is_refused(api, launch):
    vm = launch()
    free = api.get(f"/hostnodes/{vm['hostnode_id']}").json()["available_ports"][-1]
    path = f"/virtual-machines/{vm['id']}/port-forward"
    with socket.create_server((LOOPBACK, free)):
        answer = api.post(path, json={"internal_port": 8888, "external_port": free})
    assert (answer.status_code, answer.json()["detail"]) == (409, f"Port {free} is taken.")


def test_an_interrupted_client_leaves_the_machine_as_it_was(boot, ssh, reach):
    _, place = boot()
    words = [*reach(place), f"{place.login}@{place.host}", "echo ready; cat >/dev/null; echo done >file"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as client:
        assert client.stdout.readline() == "ready\n"
        client.send_signal(signal.SIGKILL)
    until(lambda: ssh(place, "cat file").stdout == "done\n")  # its input ended with the connection
