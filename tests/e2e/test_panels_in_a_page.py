"""Panels in JupyterLab and Notebook, with the mouse and the keyboard."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.jupyter import Notebook, until

LEGIBILITY = Path(__file__).with_name("legibility.js").read_text()


def press(panel, name):
    panel.get_by_role("button", name=name, exact=True).click()


def end(client, name):
    for machine in client.machines.list():
        if machine.name == name:
            client.machines.operations(machine).delete(machine.id)


def test_a_machine_is_launched_connected_to_renamed_and_deleted(panel, client, key, picture, page, server):
    one, launcher = panel("launch", settings=f'%config VP.ssh_key = "{key}"')
    name = f"by-mouse-{server.front}"
    launcher.get_by_label("GPUs", exact=True).select_option("1")
    launcher.locator(".vp-grid input[type=radio]:not(:disabled)").first.check()
    launcher.get_by_text("$47.76 a day").wait_for()
    launcher.get_by_label("Name").fill(name)
    launcher.get_by_label("Tags, with commas").fill("team:e2e")
    launcher.get_by_text("Another key, cloud-init").click()
    launcher.get_by_label("Another public SSH key").fill(f"{key}.pub")
    launcher.get_by_label("Name").focus()
    press(launcher, "Launch")
    question = launcher.get_by_role("alertdialog")
    question.wait_for()
    assert f"Launch {name} for $1.99/h?" in question.inner_text()
    picture("question")
    press(launcher, "Launch for $1.99/h")
    launcher.get_by_text(f"{name}: up").wait_for()
    machine = client.machines.find(name)
    assert machine.tags == ("team:e2e",)
    press(launcher, "Connect")
    until(lambda: len(one.sources()) == 5, "no cell came")
    assert one.sources()[3].startswith("!ssh ")
    assert "nvidia-smi: command not found" in one.run(3)
    press(launcher, "Connect")
    launcher.get_by_text("The cell below is ready to run.").wait_for()
    assert len(one.sources()) == 5, "the cell is there already"
    saved = one.save()
    assert Path(f"{key}.pub").read_text().split()[1] not in saved

    _, fleet = panel("machines", settings=f'%config VP.refresh = 1\n%config VP.ssh_key = "{key}"')
    fleet.get_by_role("radio", name=name).check()
    fleet.get_by_label("Name").fill(f"{name}-renamed")
    press(fleet, "Rename")
    fleet.get_by_role("radio", name=f"{name}-renamed").wait_for()
    press(fleet, "Delete")
    question = fleet.get_by_role("alertdialog")
    question.wait_for()
    assert f"End {name}-renamed" in question.inner_text()
    assert "Everything on the disks is lost." in question.inner_text()
    picture("delete")
    press(question, "Delete")
    fleet.get_by_role("radio", name=f"{name}-renamed").wait_for(state="detached")
    assert name not in {one.name for one in client.machines.list() if one.status != "Terminated"}


def test_a_double_click_launches_one_machine(panel, client, server):
    _, launcher = panel("launch")
    name = f"double-{server.front}"
    launcher.locator(".vp-grid input[type=radio]:not(:disabled)").first.check()
    launcher.get_by_label("Name").fill(name)
    launcher.get_by_label("Name").blur()
    launcher.get_by_role("button", name="Launch", exact=True).dblclick()
    launcher.locator(".vp-yes").dblclick()
    launcher.get_by_text(f"Launched {name}").wait_for()
    assert sum(one.name == name for one in client.machines.list()) == 1
    end(client, name)


def test_a_machine_is_launched_by_keyboard_alone(panel, client, server):
    one, launcher = panel("launch")
    page, name = one.page, f"by-keys-{server.front}"
    radio = launcher.locator(".vp-grid input[type=radio]:not(:disabled)").first
    radio.focus()
    page.keyboard.press("Space")
    launcher.get_by_label("Name").focus()
    page.keyboard.type(name)
    button = launcher.get_by_role("button", name="Launch", exact=True)
    for _ in range(20):
        page.keyboard.press("Tab")
        if button.evaluate("one => one === document.activeElement"):
            break
    page.keyboard.press("Enter")
    question = launcher.get_by_role("alertdialog")
    question.wait_for()
    assert question.get_by_role("button", name="No").evaluate("one => one === document.activeElement")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    launcher.get_by_text(f"Launched {name}").wait_for()
    assert client.machines.find(name)
    end(client, name)


def test_a_panel_refreshes_by_itself_while_a_cell_runs(panel, client):
    one, fleet = panel("machines")
    machine = next(m for m in client.machines.list() if m.status == "Running" and m.kind == "vm")
    one.write(3, "import time; time.sleep(600)")
    one.start(3)
    client.vms.update(machine.id, name=f"{machine.name}-x")
    try:
        fleet.get_by_role("radio", name=f"{machine.name}-x").wait_for()
    finally:
        client.vms.update(machine.id, name=machine.name)
        one.command("notebook:interrupt-kernel")
        one.wait_until_idle()


def test_a_cell_that_is_run_again_has_one_panel(panel):
    one, shown = panel("machines")
    one.run(2)
    shown.locator(".vp-grid input").first.wait_for()
    assert shown.count() == 1
    one.write(
        3,
        "from vp_jupyter.magics import session_of\nfrom vp_jupyter.panels.refresh import Refresh\n"
        "print('readers:', len(Refresh.of(session_of(get_ipython()))._readers))",
    )
    assert "readers: 1" in one.run(3)


def test_costs_are_explored_and_repeated_in_a_cell(panel, picture):
    one, costs = panel("costs")
    costs.locator(".js-plotly-plot .bars path").first.wait_for()
    costs.get_by_label("By", exact=True).select_option("type")
    costs.get_by_label("Period").select_option("last 30 days")
    costs.locator(".vp-grid").get_by_text("storage_charge").first.wait_for()
    for tab in ("Against the budget", "Shares"):
        costs.get_by_role("tab", name=tab).click()
        costs.locator(".js-plotly-plot:visible .main-svg").first.wait_for()
        picture(tab)
    press(costs, "Repeat as %vp bill")
    until(lambda: len(one.sources()) == 5, "no cell came")
    assert one.sources()[3] == "%vp bill --last 30d --by day,type --plot"
    assert "storage_charge" in one.run(3)


@pytest.mark.parametrize("which", ["launch", "machines", "costs"])
def test_panels_are_legible_named_and_as_wide_as_there_is_room(panel, picture, which):
    one, shown = panel(which)
    if which == "costs":
        shown.locator(".js-plotly-plot .bars path").first.wait_for()
    else:
        shown.locator(".vp-grid input[type=radio]:not(:disabled)").first.check()
    if which == "launch":
        shown.get_by_text("Another key, cloud-init").click()
    for theme in ("Light", "Dark"):
        one.theme(theme)
        picture(f"{which}-{theme}")
        assert shown.evaluate(LEGIBILITY) == []
    one.page.set_viewport_size({"width": 500, "height": 900})
    drawn = "one => [...one.querySelectorAll('.main-svg')].every(svg => svg.clientWidth <= one.clientWidth)"
    until(lambda: shown.evaluate(drawn), "a plot is wider than its panel")
    picture(f"{which}-narrow")
    assert shown.evaluate("one => one.scrollWidth <= one.clientWidth")


def test_a_notebook_without_its_kernel_and_a_web_page_show_what_was_there(panel, client, server):
    one, fleet = panel("machines")
    name = client.machines.list()[0].name
    fleet.get_by_role("radio", name=name).wait_for()
    one.save()
    one.command("notebook:shutdown-kernel")
    again = Notebook(one.page, server, one.name, kernel=False)
    form = again.outputs(2).locator(".vp-static table")
    form.wait_for()
    assert name in form.inner_text()
    assert "model not found" not in again.text(2)
    page = subprocess.run(
        [sys.executable, "-m", "nbconvert", "--to", "html", "--stdout", server.root / one.name],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert name in page
    assert "vp-static" in page
