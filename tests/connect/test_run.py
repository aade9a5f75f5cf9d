"""Cells on machines."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from vp_jupyter.connect.remote import SHELL, Piece, output, run

from .conftest import until


def test_a_cell_shows_both_streams_and_its_exit_status_is_the_result(vp):
    assert vp("run ada", "echo out; echo err >&2; exit 3\n") == 3
    assert vp.out.startswith("out\n")
    assert vp.err == "err\n"
    assert vp("run ada", "true\n") == 0


def test_python_runs_on_the_machine_in_its_home(vp):
    assert (
        vp(
            "run ada --python --out said",
            "import os, sys\nprint(os.getcwd() == os.path.expanduser('~'))\nsys.exit(7)",
        )
        == 7
    )
    assert vp.out.startswith("True\n")


def test_what_was_printed_stays_in_a_variable(vp, shell):
    vp("run ada --out said", "echo 'grüße $HOME {x}'; echo not this >&2")
    assert shell.user_ns["said"] == "grüße $HOME {x}\n"


def test_a_cell_is_of_any_length_and_of_any_signs(ada):
    text = "'\"\\`$(touch /tmp/never) \t ü \x01" * 40_000
    status, said, _ = output(ada, f"import sys\nsys.stdout.write({text!r})", interpreter="python3")
    assert (status, said) == (0, text)


def test_output_comes_while_the_cell_runs(ada):
    seen = []

    def show(piece: Piece) -> None:
        seen.append(piece.text)
        if "ready" in piece.text:  # which is long before the cell's end, and what ends it
            output(ada, "touch go")

    run([ada], "echo ready; until [ -e go ]; do sleep 0.02; done; rm go; echo gone", show=show)
    assert "".join(seen) == "ready\ngone\n"


def test_a_sign_that_arrives_in_two_pieces_is_one_sign(ada):
    _, said, _ = output(ada, r"printf '\303'; sleep 0.1; printf '\274'")
    assert said == "ü"


def test_every_node_runs_it_and_every_line_says_where(vp):
    assert vp("run big --all-nodes", "echo one; echo two; printf three") == [0, 0]
    for node in (0, 1):
        said = [line for line in vp.out.splitlines() if line.startswith(f"big node {node} │ ")]
        assert [line.split(" │ ")[1] for line in said] == ["one", "two", "three"]


def test_several_machines_run_it_at_once(vp):
    assert vp("run ada bob", "exit 4") == [4, 4]


def test_an_interrupt_reaches_the_cell_and_ends_what_it_started(ada):
    def show(piece: Piece) -> None:
        if "ready" in piece.text:
            os.kill(os.getpid(), signal.SIGINT)

    source = "trap 'echo caught; exit 9' INT; sleep 987 & sleep 987 & echo ready; wait"
    (outcome,), interrupted = run([ada], source, show=show)
    assert (outcome.status, interrupted) == (9, True)
    until(lambda: output(ada, "pgrep -f '[s]leep 987'")[0] == 1)


def test_what_a_cell_leaves_in_the_background_stays(ada):
    assert output(ada, "sleep 654 >/dev/null 2>&1 & echo begun")[0] == 0
    assert output(ada, "pkill -f '[s]leep 654'")[0] == 0


def test_a_cell_that_will_not_end_is_ended_by_the_third_interrupt(ada):
    seen = []

    def show(piece: Piece) -> None:
        if piece.stream == "stdout":
            seen.append(piece.text.strip())
            os.kill(os.getpid(), signal.SIGINT)

    source = "trap 'echo no' INT; trap 'echo never' TERM; echo ready; while :; do sleep 0.05; done"
    (outcome,), _ = run([ada], source, show=show)
    assert outcome.status == 128 + signal.SIGKILL
    assert seen == ["ready", "no", "never"]


def test_an_interrupted_cell_says_so(vp, monkeypatch):
    monkeypatch.setattr("sys.stdout", _Interrupting(sys.stdout))
    said = vp("run ada", "echo ready; sleep 300")
    assert said == "ready\nInterrupted; nothing of the cell is left running there."


class _Interrupting:
    """A stream that interrupts its process when it is given the word."""

    def __init__(self, stream):
        self._stream = stream

    def write(self, text):
        self._stream.write(text)
        if text == "ready\n":
            os.kill(os.getpid(), signal.SIGINT)

    def __getattr__(self, name):
        return getattr(self._stream, name)


def test_a_lost_connection_is_one_sentence_and_ends_the_cell(ada):
    def show(piece: Piece) -> None:
        ada.close()

    (outcome,), _ = run([ada], "echo ready; sleep 876", show=show)
    assert "The connection to ada was lost" in str(outcome.failure)
    until(lambda: output(ada, "pgrep -f '[s]leep 876'")[0] == 1)


def test_what_ends_with_255_of_itself_is_no_lost_connection(ada):
    (outcome,), _ = run([ada], "exit 255")
    assert outcome == (255, None)


def test_a_notebook_that_is_killed_leaves_nothing_on_the_machine(fleet, ada):
    """Even where it gets no chance to say goodbye."""
    program = (
        "import os, sys\n"
        "from vp_jupyter.api import Client\n"
        "from vp_jupyter.connect import Links, Ssh, target\n"
        "from vp_jupyter.connect.remote import run\n"
        f"machine = Client({fleet.sandbox.api_key!r}, {fleet.sandbox.base_url!r}).machines.find('ada')\n"
        "link = Links().to(Ssh(), target(machine, user='user'))\n"
        "run([link], 'echo ready; sleep 765', show=lambda piece: os.kill(os.getpid(), 9))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], timeout=60)
    assert done.returncode == -signal.SIGKILL
    until(lambda: output(ada, "pgrep -f '[s]leep 765'")[0] == 1)


def test_the_second_cell_uses_the_connection_of_the_first(ada, fleet):
    output(ada, "true")
    before = ada.open()["ControlPath"]
    ports = {output(ada, "echo $SSH_CONNECTION; echo $$")[1].split()[-1] for _ in range(2)}
    assert ada.open()["ControlPath"] == before
    assert len(ports) == 2  # two programs over the one connection
    shared = subprocess.run(["ssh", "-o", f"ControlPath={before}", "-O", "check", "x"], capture_output=True)
    assert shared.returncode == 0


def test_a_connection_that_was_lost_is_made_again(ada):
    output(ada, "true")
    ada.close()
    assert output(ada, "echo again")[1] == "again\n"


def test_the_shell_is_a_login_shell():
    assert SHELL == "bash -l"


def test_a_line_without_a_cell_says_what_to_do(vp):
    assert "%%vp run NAME" in vp("run ada")
