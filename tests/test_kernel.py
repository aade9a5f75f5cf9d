"""%vp in a real Jupyter kernel: questions over its channels, interrupts, the cell below, no key anywhere."""

from __future__ import annotations

import time

import pytest

from tests.kernels import PATIENCE, opened
from vp_jupyter.api import Client
from vp_jupyter.sandbox import Sandbox


@pytest.fixture
def notebook(sandbox, tmp_path):
    with opened(sandbox, tmp_path) as one:
        yield one


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


def test_what_was_done_is_said_wherever_in_the_cell_its_line_stands(notebook):
    reply = notebook.run(
        "%vp tag pretrain-01 seen\n%vp tag pretrain-02 seen\nline = %vp ssh pretrain-01 --print\n6 * 7"
    )
    assert reply.status == "ok", reply.error
    first, second, answer = reply.text.splitlines()
    assert first.startswith("pretrain-01: ")
    assert second.startswith("pretrain-02: ")
    assert answer == "42"
    assert notebook.run("%vp tag pretrain-01 once").text.count("once") == 1
    assert notebook.run("print(line)").text.startswith("ssh ")


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
