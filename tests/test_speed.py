"""What makes it quick, as far as it does not depend on the computer: how much is asked, and what waits."""

from __future__ import annotations

import time

import httpx
import pytest
from IPython.core.completer import provisionalcompleter

from vp_jupyter.panels.refresh import read
from vp_jupyter.sandbox.faults import Fault, Faults, Rule


def late():
    """A service that takes its time."""
    return Faults(Rule(Fault("late", seconds=0.4), times=float("inf")))


@pytest.fixture
def exchanges(monkeypatch):
    """When each exchange with the service began and ended."""
    send, times = httpx.Client.send, []

    def timed(self, request, **options):
        began = time.monotonic()
        answer = send(self, request, **options)
        times.append((began, time.monotonic()))
        return answer

    monkeypatch.setattr(httpx.Client, "send", timed)
    return times


def together(exchanges):
    """Whether none waited for another's end."""
    return max(began for began, _ in exchanges) < min(ended for _, ended in exchanges)


@pytest.fixture
def slow(vp, sandbox, exchanges, monkeypatch, tmp_path):
    """A line on a service that answers late; what is learnt once (page sizes, its time) has been learnt, and
    there is a budget."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))

    def run(line):
        vp("budget 500/month")
        shown = vp(line)
        work = (lambda: read(shown.session, shown.needs)) if line.startswith("panel") else (lambda: vp(line))
        work()
        exchanges.clear()
        sandbox.faults = late()
        try:
            return work()
        finally:
            sandbox.faults = None
            vp("budget --rm")

    return run


@pytest.mark.parametrize(
    "line",
    [
        *("ls", "prices", "burn", "whoami", "budget", "bill", "launch --gpus 1 --dry-run"),
        *("panel", "panel machines", "panel prices", "panel costs"),
    ],
)
def test_reads_that_do_not_need_each_other_go_out_together(slow, exchanges, line):
    slow(line)
    assert exchanges
    assert together(exchanges)


def test_tab_where_a_name_is_wanted_waits_for_no_slow_service(shell, sandbox, exchanges):
    line = "%vp show "
    sandbox.faults = late()

    def press():
        with provisionalcompleter():
            return [found.text for found in shell.Completer.completions(line, len(line))]

    assert press() == [""]  # no names yet, and none of Python's
    assert not exchanges
    until = time.monotonic() + 20
    while len(press()) < 2 and time.monotonic() < until:
        time.sleep(0.1)
    asked = len(exchanges)
    assert len(press()) > 2
    assert len(exchanges) == asked
