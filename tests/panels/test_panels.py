"""Panels against the sandbox, with the messages that a front end sends."""

from __future__ import annotations

import json
import threading
import time

import ipywidgets as widgets
import pytest

from tests.support import KEY
from vp_jupyter import panels
from vp_jupyter.api import Client
from vp_jupyter.magics import session_of
from vp_jupyter.panels.refresh import Refresh
from vp_jupyter.sandbox import Sandbox
from vp_jupyter.sandbox.faults import Fault, Faults, Rule

PATIENCE = 30.0


def until(is_so, complaint="it never came to be"):
    deadline = time.monotonic() + PATIENCE
    while not (found := is_so()):
        assert time.monotonic() < deadline, complaint
        time.sleep(0.01)
    return found


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(seed=7, time_scale=120) as one:
        yield one


@pytest.fixture(scope="module")
def client(sandbox):
    with Client(sandbox.api_key, sandbox.base_url) as one:
        yield one


@pytest.fixture
def session(shell):
    yield session_of(shell)
    shell.run_line_magic("unload_ext", "vp_jupyter")
    until(lambda: "vp-panels" not in {thread.name for thread in threading.enumerate()})


@pytest.fixture
def show(session):
    """Make a panel and let it read, as its display does."""

    def make(kind):
        panel = kind(session)
        panel._ipython_display_()
        Refresh.of(session).add(panel)
        return panel

    return make


def idle(panel):
    until(lambda: panel.foot.tone != "busy" and not panel._working.locked())


def press(panel, name):
    panel.buttons[name].click()
    idle(panel)


def answer(panel, yes=True):
    panel.foot._heard(panel.foot, {"answer": yes, "to": panel.foot.question}, [])
    idle(panel)


def choose(panel, name):
    until(lambda: any(row["name"] == name for row in panel.grid.rows), f"{name} is not shown")
    panel.grid.selected = next(row["key"] for row in panel.grid.rows if row["name"] == name)


def order(panel, name):
    """Fill in an order for the cheapest that can be had, and press Launch."""
    panel.grid.selected = next(row["key"] for row in panel.grid.rows if row["tone"] != "muted")
    panel.name.value = name
    panel.launch.click()
    idle(panel)


def test_the_fleet_shows_every_machine_with_its_price_and_what_all_costs(show, client):
    panel = show(panels.Machines)
    rows = {row["name"]: row["cells"] for row in panel.grid.rows}
    machines = client.machines.list()
    assert set(rows) == {one.name for one in machines}
    headings = [column["heading"] for column in panel.grid.columns]
    assert headings[:3] == ["name", "status", "$/h"]
    assert "a day · balance $" in panel._heading.value


def test_a_machine_is_stopped_after_a_yes_and_not_before(show, client):
    panel = show(panels.Machines)
    machine = next(one for one in client.machines.list() if one.status == "Running" and one.kind == "vm")
    choose(panel, machine.name)
    press(panel, "stop")
    assert panel.foot.question.startswith(
        f"Stop {machine.name}? What runs there ends, and they go on costing $"
    )
    answer(panel, yes=False)
    assert panel.foot.status == "Nothing was done."
    assert client.machines.get(machine).status == "Running"
    press(panel, "stop")
    answer(panel)
    assert panel.foot.status == f"Stopped {machine.name}."
    until(lambda: client.machines.get(machine).status == "Stopped")
    until(lambda: not panel.buttons["start"].disabled, "it can be started now")
    assert panel.buttons["stop"].disabled
    press(panel, "start")
    assert "everything then costs" in panel.foot.question
    answer(panel)
    until(lambda: client.machines.get(machine).status == "Running")


def test_a_delete_names_the_machine_and_what_is_lost(show, client):
    offer = next(one for one in client.offers() if one.kind == "vm" and not one.sold_out)
    client.vms.launch(offer.id, "to-be-ended", organization_ssh_keys="none")
    panel = show(panels.Machines)
    choose(panel, "to-be-ended")
    press(panel, "end")
    assert "End to-be-ended (vm, 1 GPUs, $1.99/h" in panel.foot.question
    assert "Everything on the disks is lost." in panel.foot.question
    assert panel.foot.danger
    answer(panel)
    assert "to-be-ended" not in {one.name for one in client.machines.list() if one.status != "Terminated"}


def test_names_and_tags_are_changed(show, client):
    panel = show(panels.Machines)
    machine = client.machines.list()[0]
    choose(panel, machine.name)
    assert panel.name.value == machine.name
    panel.name.value = "<img src=x onerror=alert(1)>"
    panel.rename.click()
    idle(panel)
    until(lambda: any("<img" in row["name"] for row in panel.grid.rows))
    assert "<img" not in panel._static()["text/html"], "it is text, not markup"
    panel.name.value = machine.name
    panel.rename.click()
    idle(panel)
    panel.tags.value = "a:1, b:2"
    panel.tag.click()
    idle(panel)
    assert client.machines.get(machine).tags == ("a:1", "b:2")
    client.machines.operations(machine).update(machine.id, tags=list(machine.tags))


def test_the_launcher_quotes_launches_once_and_follows(show, client):
    panel = show(panels.Launcher)
    assert panel.launch.disabled, "nothing is chosen yet"
    order(panel, "launched-once")
    assert "$1.99/h, $47.76 a day" in panel.quote.value
    question = panel.foot.question
    assert question.endswith("Launch launched-once for $1.99/h?")
    for _ in range(3):  # a hasty finger
        panel.foot._heard(panel.foot, {"answer": True, "to": question}, [])
    idle(panel)
    until(lambda: "launched-once: up" in panel.launched.children[0].children[0].value)
    assert sum(one.name == "launched-once" for one in client.machines.list()) == 1
    machine = client.machines.find("launched-once")
    client.vms.delete(machine.id)


def test_a_no_launches_nothing(show, client):
    panel = show(panels.Launcher)
    before = {one.id for one in client.machines.list()}
    order(panel, "not-wanted")
    answer(panel, yes=False)
    assert {one.id for one in client.machines.list()} == before


def test_what_is_sold_out_cannot_be_chosen(show, monkeypatch, session):
    panel = show(panels.Launcher)
    offers = panel.readings["offers"]
    import msgspec

    gone = [msgspec.structs.replace(one, stock=dict.fromkeys(one.stock, 0)) for one in offers]
    panel.grid.selected = panel.grid.rows[0]["key"]
    panel.receive({**panel.readings, "offers": gone})
    assert {row["tone"] for row in panel.grid.rows} == {"muted"}
    assert panel.grid.selected == ""
    assert panel.launch.disabled


def test_the_services_word_on_cloud_init_is_shown(show):
    panel = show(panels.Launcher)
    panel.cloud_init._heard(panel.cloud_init, {"text": "runcmd: [echo hi"}, [])
    panel.validate.click()
    idle(panel)
    assert panel.foot.tone == "error"
    assert "fault in the cloud-init" in panel.foot.status
    panel.cloud_init._heard(panel.cloud_init, {"text": "runcmd: [echo hi]"}, [])
    panel.validate.click()
    idle(panel)
    assert panel.foot.status == "The service finds no fault in the cloud-init."


def test_nothing_secret_is_in_the_state_that_a_notebook_saves(show, sandbox):
    panel = show(panels.Launcher)
    panel.cloud_init._heard(panel.cloud_init, {"text": "runcmd: [echo CANARY-script]"}, [])
    panel.further_key._heard(panel.further_key, {"text": KEY}, [])
    order(panel, "with-a-secret")
    answer(panel, yes=False)
    state = json.dumps(widgets.Widget.get_manager_state(), default=str)
    assert "CANARY" not in state
    assert KEY.split()[1] not in state
    assert sandbox.api_key not in state


def test_an_error_is_a_sentence_and_the_next_look_recovers(show, session, monkeypatch):
    session.settings.refresh = 1.0
    panel = show(panels.Machines)
    right = session._client
    session._client = Client("vp_wrong_key", session.base_url)
    Refresh.of(session).now()
    until(lambda: panel.foot.tone == "error")
    assert "key" in panel.foot.status
    assert panel.grid.rows, "what was seen stays"
    session._client.close()
    session._client = right
    until(lambda: panel.foot.tone == "calm" and panel.foot.status == "")


def test_nothing_is_asked_when_nobody_looks_and_nothing_is_left_after_close(show, session):
    session.settings.refresh = 1.0
    panel, other = show(panels.Machines), show(panels.Machines)
    seen = []
    turn = Refresh._turn

    def count(self, readers):
        seen.append(len(readers))
        turn(self, readers)

    Refresh._turn = count
    try:
        until(lambda: 2 in seen, "one loop looks for both")
        for one in (panel, other):
            one.foot._heard(one.foot, {"watching": False}, [])
        time.sleep(0.2)  # a turn may be under way
        turns = len(seen)
        time.sleep(2.5)
        assert len(seen) == turns
        panel.foot._heard(panel.foot, {"watching": True}, [])
        until(lambda: len(seen) > turns, "it looks again when somebody comes back")
        panel.close()
        other.close()
        until(lambda: "vp-panels" not in {thread.name for thread in threading.enumerate()})
    finally:
        Refresh._turn = turn


def test_what_has_not_changed_is_not_sent(show, monkeypatch):
    panel = show(panels.Machines)
    Refresh.of(panel.session).remove(panel)
    sent = []
    monkeypatch.setattr(
        type(panel.grid), "send_state", lambda self, key=None: sent.append(key) if key else None
    )
    panel.receive(dict(panel.readings))
    assert sent == [] or sent == [{"rows"}], "ages alone may have changed"


def test_costs_are_grouped_filtered_and_told_as_a_line(show, session):
    panel = show(panels.Costs)
    until(lambda: panel.grid.rows)
    idle(panel)
    assert panel.bill_line == "%vp bill --by day,machine --plot"
    panel.period.value = 30
    panel.thing.value = "tag"
    panel.key.value = "team"
    until(lambda: panel._pending == 0)
    idle(panel)
    assert panel.bill_line == "%vp bill --last 30d --by day,tag:team --plot"
    shell = session.settings.shell
    same = shell.run_line_magic("vp", panel.bill_line.removeprefix("%vp ").replace(" --plot", ""))
    assert len(same) == len(panel.grid.rows)
    panel.filter.value = "nlp"
    until(lambda: panel._pending == 0)
    idle(panel)
    assert {row["cells"][1] for row in panel.grid.rows} == {"nlp"}


def test_a_lease_that_is_over_and_a_budget_that_breaks_are_pointed_out(show, session, client):
    machine = client.machines.list()[0]
    client.machines.operations(machine).update(machine.id, tags=["until:2020-01-01T00:00Z"])
    session.settings.shell.run_line_magic("vp", "budget 1/month")
    try:
        for kind in (panels.Machines, panels.Launcher, panels.Costs, panels.Prices):
            heading = show(kind)._heading.value
            assert f"The lease is over for {machine.name} (" in heading
            assert "budget of $1.00 is spent." in heading
    finally:
        session.settings.shell.run_line_magic("vp", "budget --rm")
        client.machines.operations(machine).update(machine.id, tags=list(machine.tags))


def test_a_terminal_shows_the_table(session, capsys):
    panels.Machines(session)._ipython_display_()
    shown = capsys.readouterr().out
    assert "Machines" in shown
    assert "$/h" in shown


def test_a_panel_asks_no_sooner_than_the_service_wishes(show, session, sandbox):
    session.settings.refresh = 1.0
    panel = show(panels.Machines)
    sandbox.faults = Faults(Rule(Fault("status", status=429, retry_after="3600"), times=1000))
    until(lambda: "429" in panel.foot.status, "no failure was shown")
    time.sleep(1.5)  # what was asked together is answered
    heard = sandbox.faults.heard
    time.sleep(2.5)
    assert sandbox.faults.heard == heard
    sandbox.faults = None
    Refresh.of(session).now()
    until(lambda: panel.foot.tone != "error", "it did not recover")
