"""A session of everything, with canaries for secrets: none of them is in anything that is kept or shown."""

from __future__ import annotations

import json
import sqlite3
import stat
import threading
import time
from contextlib import suppress

import psutil
import pytest

from tests.kernels import opened
from tests.support import KEY
from vp_jupyter.sandbox import Sandbox
from vp_jupyter.sandbox.faults import Fault, Faults, Rule
from vp_jupyter.sandbox.rentals import Rental

API_KEY = "canary-api-key-5f2d"
PASSWORD = "canary-password-91aa"
SCRIPT = "canary-script-c07e"
KUBECONFIG = "canary-kubeconfig-77b1"
CANARIES = (API_KEY, PASSWORD, SCRIPT, KUBECONFIG)

PREAMBLE = """
%xmode Verbose
import logging, os, pickle, gc, pathlib
logging.basicConfig(filename="debug.log", level=logging.DEBUG, force=True)
from vp_jupyter import Client
from vp_jupyter.api import Patience
client = Client(patience=Patience(connect=1, phase=0.2, pause=0.01, budget=0.5, look=0.1))
calm = Client()
"""

COMMANDS = [
    "help", "login", "whoami", "ls", "prices", "prices --all", "locations", "keys", "keys add laptop {key}",
    "launch --gpus 1 --name one --cloud-init secret.yaml --yes",
    "launch --gpus 1 --name dry --cloud-init secret.yaml --dry-run",
    "launch --gpus 1 --name bad --cloud-init broken.yaml --yes",
    "launch --gpus 1 --name lost --cloud-init unknown-part.yaml --yes",
    "validate secret.yaml", "show one", "show cluster", "ssh one --print", "ssh one --config",
    "ssh one --config --rm",
    "tag one a:b", "rename one uno", "rename uno one", "lease one 1h", "lease one --rm", "reap --yes",
    "forward one 8888", "forward one 8888 --rm",
    "stop one --yes", "stop one --release --yes", "relocate one --yes", "start one --yes",
    "storage", "storage create data 5 --yes", "storage show data", "storage rm data --yes",
    "bill", "bill --by machine --plot", "burn", "burn --plot", "report", "forecast", "advise", "budget",
    "export spend.csv --focus", "kubeconfig cluster", "kubeconfig one", "panel launch", "panel machines",
    "panel costs", "panel prices", "watch --gpus 1", "show nonesuch", "nonesuch", "ls --nonesuch",
    "rm one --yes", "logout",
]  # fmt: skip

DIRECT = [
    "client.vms.list()",
    "client.ssh_keys.list()",
    "client.metal.list()",
    "client.vms.launch(preset, 'direct', password=os.environ['CANARY_PASSWORD'], cloud_init=script)",
    "client.metal.launch('nowhere', 'direct', gpu_count=8, network_type='ethernet', cloud_init=script)",
    "client.cloud_init.validate(script['runcmd'][0])",
    "client.storage.create('UPPER', 5)",
]

LOCAL = [  # what needs no service, whatever its weather
    "Client(os.environ['VP_API_KEY'], 'http://example.org')",
    "Client(os.environ['VP_API_KEY'] + chr(10)).vms.list()",
    "[client, vars(client), client._transport, vars(client._transport), client._transport.key]",
    "client.metal.list()[0], str(client.metal.list()[0]), client.metal.list()[0].kubeconfig",
    "pickle.dumps(client)",
    "pickle.dumps(client.metal.list()[0])",
    "pickle.dumps(client._transport.key)",
]

FAULTS = [
    None,
    Fault("reset"),
    Fault("cut"),
    Fault("stall", seconds=0.5),
    Fault("status", status=500),
    Fault("status", status=422),
    Fault("html", status=200),
    Fault("shape"),
    Fault("elsewhere"),
]

OBJECTS = """
canaries = [os.environ["VP_API_KEY"], os.environ["CANARY_PASSWORD"], script["runcmd"][0]]
ours = [one for one in gc.get_objects() if str(type(one).__module__).startswith("vp_jupyter")]

def texts(one):
    try:
        return repr(one) + str(one)
    except AttributeError:  # one whose making failed
        return ""

shown = [type(one).__name__ for one in ours if any(c in texts(one) for c in canaries)]
print("objects:", len(ours) > 50, "shown:", shown)
"""


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(seed=7, months=1, time_scale=600, api_key=API_KEY) as one:
        yield one


@pytest.fixture(scope="module")
def session(sandbox, tmp_path_factory):
    """All that a session of everything has left: the messages, the folder, the command lines of processes."""
    folder = tmp_path_factory.mktemp("session")
    patched = pytest.MonkeyPatch()
    patched.setenv("CANARY_PASSWORD", PASSWORD)
    patched.setattr(Rental, "kubeconfig", property(lambda _: f"token: {KUBECONFIG}"))
    for name in ("HOME", "XDG_RUNTIME_DIR"):
        patched.setenv(name, str(folder))
    planted = {
        "secret.yaml": f"runcmd: ['echo {SCRIPT}']\nwrite_files: [{{path: /x, content: {SCRIPT}}}]\n",
        "broken.yaml": f"runcmd: [{SCRIPT}\n",
        "unknown-part.yaml": f"users: [{SCRIPT}]\n",
    }
    for name, text in planted.items():
        (folder / name).write_text(text)
    with opened(sandbox, folder) as notebook:
        watched = Watched(notebook)
        _everything(notebook, sandbox)
        watched.stop()
        objects = notebook.run(OBJECTS)
        watched.said.append(objects.text + objects.error)
    patched.undo()
    return watched, folder, planted


class Watched:
    """Every message of a kernel, and the command lines of its processes."""

    def __init__(self, notebook) -> None:
        self.said, self.lines, self._over = [], set(), threading.Event()
        receive = notebook.client.get_iopub_msg

        def keep(*arguments, **options):
            message = receive(*arguments, **options)
            self.said.append(json.dumps(message["content"], default=str))
            return message

        notebook.client.get_iopub_msg = keep
        self._process = psutil.Process(notebook.manager.provisioner.pid)
        self._thread = threading.Thread(target=self._look)
        self._thread.start()

    def _look(self):
        while not self._over.is_set():
            with suppress(psutil.Error):  # it has ended meanwhile
                for one in [self._process, *self._process.children(recursive=True)]:
                    self.lines.add(" ".join(one.cmdline()))
            time.sleep(0.1)

    def stop(self):
        self._over.set()
        self._thread.join()


def _everything(notebook, sandbox):
    offer = next(
        place for place in sandbox.cloud.catalog.locations.values() if len(place.free_nodes("ethernet"))
    )
    with sandbox.cloud.lock:
        sandbox.cloud.rentals.launch(offer.id, "cluster", 8, "ethernet")
    notebook.run(PREAMBLE)
    notebook.run("script = {'runcmd': [pathlib.Path('secret.yaml').read_text()[15:33]]}")
    notebook.run("preset = next(one.id for one in client.offers() if one.kind == 'vm' and not one.sold_out)")
    for line in COMMANDS:
        notebook.run(f"%vp {line.format(key=repr(KEY))}", answer=API_KEY if line == "login" else None)
    for line in LOCAL:
        notebook.run(line)
    for fault in FAULTS:
        sandbox.faults = fault and Faults(Rule(fault, times=10**6))
        for line in DIRECT:
            notebook.run(line)
        if fault is not None and fault.kind in ("shape", "elsewhere", "html"):
            for line in ("ls", "--debug ls", "prices", "panel machines"):
                notebook.run(f"%vp {line}")
    late = Fault("late", seconds=0.5, event=notebook.manager.interrupt_kernel)
    for line in (DIRECT[3], "client.ssh_keys.add('another', 'ssh-ed25519 AAAA')"):
        sandbox.faults = Faults(Rule(late, "POST"))
        reply = notebook.run(line.replace("client", "calm"))  # it still waits when the interrupt comes
        assert "KeyboardInterrupt" in reply.error
    sandbox.faults = None
    notebook.run("%history -g -f history.txt")
    notebook.run("In, Out, _ih, _oh")


def test_nothing_that_a_notebook_saves_has_a_secret(session):
    watched, _, _ = session
    assert len(watched.said) > 300
    for said in watched.said:
        for canary in CANARIES:
            assert canary not in said, said[:3000]


def test_tracebacks_were_there_to_betray_them(session):
    said = "".join(session[0].said)
    for word in (
        "Traceback",
        "KeyboardInterrupt",
        "ConnectionFailed",
        "OutcomeUnknown",
        "cloud_init",
        "password",
    ):
        assert word in said, word


def test_no_object_of_ours_shows_one(session):
    assert "objects: True shown: []" in session[0].said[-1]


def test_no_file_has_one_but_those_that_are_for_the_user_alone(session):
    _, folder, planted = session
    log = (folder / "debug.log").read_text()
    assert "HTTP Request: " in log
    assert "httpcore" in log
    for path in folder.rglob("*"):
        if not path.is_file() or path.name in planted:
            continue
        content = path.read_bytes()
        for canary in CANARIES:
            if canary.encode() in content:
                assert canary == KUBECONFIG, path
                assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
                assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700, path


def test_the_history_on_the_disk_has_none(session):
    _, folder, _ = session
    (database,) = folder.rglob("history.sqlite")
    with sqlite3.connect(database) as connection:
        lines = "".join(row[0] for row in connection.execute("select source_raw from history"))
    connection.close()
    assert "%vp login" in lines
    assert not [canary for canary in CANARIES if canary in lines]


def test_no_command_line_has_one(session):
    lines = session[0].lines
    assert any("ipykernel_launcher" in line for line in lines)
    assert not [line for line in lines for canary in CANARIES if canary in line]
