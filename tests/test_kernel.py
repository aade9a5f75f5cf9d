"""%vp in a real Jupyter kernel: questions over its channels, interrupts, the cell below, no key anywhere."""

from __future__ import annotations

import os
import queue
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from jupyter_client.manager import KernelManager

from vp_jupyter.api import Client
from vp_jupyter.sandbox import Sandbox

PATIENCE = 60  # seconds for one message; far beyond what any takes


@dataclass
class Reply:
    """What one cell answered."""

    status: str = ""
    text: str = ""
    error: str = ""
    next_input: str | None = None
    asked: list[str] = field(default_factory=list)


class Notebook:
    """A kernel, used as a front end does."""

    def __init__(self, manager: KernelManager) -> None:
        self.manager = manager
        self.client = manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(PATIENCE)

    def run(self, source: str, *, answer: str | None = None, interrupt_at: str | None = None) -> Reply:
        """Run a cell. `answer` is given to every question (None: the front end takes none); the kernel is
        interrupted as soon as the output holds `interrupt_at`."""
        id = self.client.execute(source, allow_stdin=answer is not None)
        reply, idle = Reply(), False
        deadline = time.monotonic() + PATIENCE
        while not idle:
            assert time.monotonic() < deadline, reply
            if answer is not None:
                try:
                    question = self.client.get_stdin_msg(timeout=0)
                    reply.asked.append(question["content"]["prompt"])
                    self.client.input(answer)
                except queue.Empty:
                    pass
            try:
                message = self.client.get_iopub_msg(timeout=0.1)
            except queue.Empty:
                continue
            if message["parent_header"].get("msg_id") != id:
                continue
            content, kind = message["content"], message["msg_type"]
            if kind == "stream":
                reply.text += content["text"]
            elif kind in ("execute_result", "display_data", "update_display_data"):
                reply.text += content["data"].get("text/plain", "") + "\n"
            elif kind == "error":
                reply.error = "\n".join(content["traceback"])
            idle = kind == "status" and content["execution_state"] == "idle"
            if interrupt_at is not None and interrupt_at in reply.text:
                self.manager.interrupt_kernel()
                interrupt_at = None
        shell = self.client.get_shell_msg(timeout=PATIENCE)["content"]
        reply.status = shell["status"]
        for payload in shell.get("payload", ()):
            if payload["source"] == "set_next_input":
                reply.next_input = payload["text"]
        return reply


@pytest.fixture
def notebook(sandbox, tmp_path):
    with opened(sandbox, tmp_path) as one:
        yield one


@contextmanager
def opened(sandbox, folder):
    """A kernel with the extension loaded, on a sandbox."""
    environment = {
        **os.environ,
        "VP_BASE_URL": sandbox.base_url,
        "VP_API_KEY": sandbox.api_key,
        "IPYTHONDIR": str(folder),
    }
    manager = KernelManager()
    manager.kernel_cmd = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    manager.start_kernel(env=environment, cwd=str(folder))
    one = None
    try:
        one = Notebook(manager)
        assert one.run("%load_ext vp_jupyter").status == "ok"
        yield one
    finally:
        if one is not None:
            one.client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_a_launch_asks_in_the_notebook_and_ends_with_the_ssh_cell_below(notebook, client):
    reply = notebook.run("%vp launch --gpus 1 --name asked", answer="y")
    assert reply.status == "ok", reply.error
    (question,) = reply.asked
    assert "Launch asked for $1.99/h?" in question
    assert reply.next_input.startswith("!ssh ")
    assert client.machines.find("asked").status == "Running"


def test_a_no_in_the_notebook_launches_nothing(notebook, client):
    reply = notebook.run("%vp launch --gpus 1 --name refused", answer="n")
    assert reply.error.strip() == "Nothing was done."
    assert "refused" not in [machine.name for machine in client.machines.list()]


def test_a_notebook_that_cannot_be_asked_is_told_of_yes_and_launches_nothing(notebook, client):
    reply = notebook.run("%vp launch --gpus 1 --name headless")
    assert reply.status == "error"
    assert reply.error.startswith("Launch headless for $1.99/h? Nobody can answer here: add --yes")
    assert "headless" not in [machine.name for machine in client.machines.list()]
    assert notebook.run("%vp launch --gpus 1 --name headless --yes").status == "ok"
    assert client.machines.find("headless")


def test_an_interrupted_wait_says_what_exists_and_costs_and_leaves_the_kernel_alive(tmp_path):
    with Sandbox(seed=7, time_scale=0) as still, opened(still, tmp_path) as notebook:
        reply = notebook.run("%vp launch --gpus 1 --name slow --yes", interrupt_at="slow: Relocating")
        with Client(still.api_key, still.base_url) as client:
            machine = client.machines.find("slow")
        assert reply.status == "error"
        assert f"Stopped waiting for slow ({machine.id})" in reply.error
        assert "costs $1.99/h" in reply.error
        assert f"%vp rm {machine.id[:8]} ends it" in reply.error
        assert "Traceback" not in reply.error
        assert "slow" in notebook.run("%vp ls").text


def test_a_failure_is_one_sentence_and_debug_shows_the_rest(notebook):
    reply = notebook.run("%vp show nonesuch")
    assert reply.error.startswith("There is no machine 'nonesuch'")
    assert "Traceback" not in reply.text + reply.error
    reply = notebook.run("%vp --debug show nonesuch")
    assert "Traceback" in reply.text
    assert reply.error.startswith("There is no machine 'nonesuch'")


def test_no_answer_of_the_kernel_holds_the_key(notebook, sandbox):
    for line in ("%vp whoami", "%vp ls", "%vp --debug show nonesuch", "%config VP", "get_ipython().user_ns"):
        reply = notebook.run(line)
        assert sandbox.api_key not in reply.text + reply.error, line


def test_a_lease_that_is_over_is_pointed_out_when_the_extension_is_loaded(sandbox, client, tmp_path):
    preset = next(offer for offer in client.offers() if offer.kind == "vm" and not offer.sold_out)
    client.vms.launch(preset.id, "forgotten", tags=["until:2026-01-01T00:00Z"])
    with opened(sandbox, tmp_path) as notebook:
        said, deadline = "", time.monotonic() + PATIENCE
        while "forgotten" not in said:
            assert time.monotonic() < deadline
            content = notebook.client.get_iopub_msg(timeout=PATIENCE)["content"]
            said += content.get("data", {}).get("text/plain", "")
    assert "The lease is over for forgotten ($1.99/h): $47.76 a day. %vp reap ends" in said
