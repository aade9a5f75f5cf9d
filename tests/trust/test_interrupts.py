"""The notebook's stop button at any point: the kernel lives, and the message says what exists and costs."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from tests.kernels import opened
from vp_jupyter.sandbox import Sandbox
from vp_jupyter.sandbox.faults import Fault, Faults, Rule


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(seed=7, months=1, time_scale=0) as one:
        yield one


@pytest.fixture(scope="module")
def notebook(sandbox, tmp_path_factory):
    with opened(sandbox, tmp_path_factory.mktemp("kernel")) as one:
        yield one


def interrupted(notebook, sandbox, source, *, at=0, method="*", path="*"):
    """Run a cell, and interrupt it while the service thinks about request number `at` of those that match.
    Gives the reply, or None where there is no such request. As a person would, it presses again where the
    first press came between two cells: what the one before has asked for may still be under way."""
    until_quiet(sandbox)
    over = threading.Event()

    def press():
        os.kill(notebook.manager.provisioner.pid, signal.SIGINT)  # which is what the stop button does
        if not over.wait(3):
            press()

    late = Fault("late", seconds=0.4, event=lambda: threading.Thread(target=press).start())
    sandbox.faults = Faults(Rule(late, method, path, skip=at))
    try:
        reply = notebook.run(source)
        return reply if sandbox.faults.met else None
    finally:
        over.set()
        sandbox.faults = None


def until_quiet(sandbox):
    """What the cell before has asked for together is answered although nobody waits for it."""
    sandbox.faults, heard = Faults(), -1
    while heard != sandbox.faults.heard:
        heard = sandbox.faults.heard
        time.sleep(0.5)


def machines(sandbox):
    with sandbox.cloud.lock:
        return {vm.name: str(vm.id) for vm in sandbox.cloud.vms.all()}


def test_a_launch_that_is_interrupted_anywhere_says_what_exists_and_what_it_costs(notebook, sandbox):
    stopped = 0
    for at in range(100):
        name = f"stop-{at}"
        reply = interrupted(notebook, sandbox, f"%vp launch --gpus 1 --name {name} --yes", at=at)
        if reply is None or stopped == 3:
            break
        assert reply.status == "error", (at, reply)
        assert "Traceback" not in reply.error + reply.text
        id = machines(sandbox).get(name)
        if id is None:
            assert "Interrupted" in reply.error, (at, reply)
        else:
            stopped += 1
            assert f"{name} ({id}). It is there and costs $1.99/h" in reply.error, (at, reply)
            assert f"%vp rm {id[:8]} ends it" in reply.error
    assert stopped == 3, "at the deploy, at the listing after it, in the wait"
    assert notebook.run("6 * 7").text.strip() == "42"


def test_an_interrupted_end_of_several_says_which_have_ended(notebook, sandbox):
    for name in ("several-a", "several-b", "several-c"):
        assert notebook.run(f"%vp launch --gpus 1 --name {name} --yes --no-wait").status == "ok"
    line = "%vp rm several-a several-b several-c --yes"
    reply = interrupted(notebook, sandbox, line, at=1, method="DELETE")
    assert "Interrupted. several-a, several-b: ended. Not tried: several-c." in reply.error
    left = [name for name in machines(sandbox) if name.startswith("several")]
    assert left == ["several-c"]


def test_one_change_that_is_interrupted_is_made_and_told(notebook, sandbox):
    reply = interrupted(notebook, sandbox, "%vp storage create held-back 5 --yes", method="POST")
    assert (reply.status, "held-back" in reply.text) == ("ok", True), reply
    assert [volume.name for volume in sandbox.cloud.volumes.all()].count("held-back") == 1


@pytest.mark.parametrize("line", ["ls", "prices", "bill", "whoami"])
def test_an_interrupted_reading_is_one_sentence(notebook, sandbox, line):
    reply = interrupted(notebook, sandbox, f"%vp {line}")
    assert reply.status == "error"
    assert reply.error.startswith("Interrupted."), reply
    assert notebook.run("%vp ls").status == "ok"


def test_a_panel_whose_first_reading_is_interrupted_says_so_and_is_there(notebook, sandbox):
    reply = interrupted(notebook, sandbox, "%vp panel machines")
    assert reply.status == "ok"
    assert "Interrupted: nothing was read yet." in reply.text
