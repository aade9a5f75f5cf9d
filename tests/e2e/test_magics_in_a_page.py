"""%vp in JupyterLab and Notebook, as a person sees it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.jupyter import until

LEGIBILITY = Path(__file__).with_name("legibility.js").read_text()


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_tables_and_plots_are_drawn_and_legible(notebook, picture, theme):
    one = notebook("%load_ext vp_jupyter", "%vp ls", "%vp bill --by day --plot")
    one.theme(theme)
    one.run(0)
    assert "$/h" in one.run(1)
    table = one.outputs(1).locator("table")
    assert table.evaluate(LEGIBILITY) == []
    one.run(2)
    one.outputs(2).locator(".js-plotly-plot .bars path").first.wait_for()
    picture(theme)


def test_a_launch_is_asked_about_and_the_cell_below_reaches_the_machine(notebook, client, key, picture):
    name = "asked-in-a-page"
    one = notebook(
        "%load_ext vp_jupyter",
        f'%config VP.ssh_key = "{key}"',
        f"%vp launch --gpus 1 --name {name} --key {key}.pub",
    )
    one.run(0)
    one.run(1)
    one.start(2)
    one.page.locator(".jp-Stdin-input").wait_for()
    assert f"Launch {name} for $1.99/h?" in one.text(2)
    picture("question")
    one.answer("y")
    one.page.wait_for_function("() => document.querySelectorAll('.jp-Notebook .jp-CodeCell').length === 4")
    one.wait_until_idle()
    assert one.sources()[3].startswith("!ssh ")
    assert one.counts()[3] is None, "nothing runs by itself"
    said = one.run(3)
    assert "nvidia-smi: command not found" in said, "it is the machine's shell that answers"
    assert "KEY" not in one.save()
    client.machines.operations(client.machines.find(name)).delete(client.machines.find(name).id)


def test_a_line_is_copied_with_its_button(notebook, client):
    name = next(one.name for one in client.machines.list() if one.status == "Running" and one.kind == "vm")
    one = notebook("%load_ext vp_jupyter", f"%vp ssh {name} --copy")
    one.run(0)
    one.run(1)
    one.outputs(1).get_by_role("button", name="Copy").click()
    one.outputs(1).get_by_role("button", name="Copied").wait_for()
    assert one.page.evaluate("() => navigator.clipboard.readText()").startswith("ssh ")


def test_tab_offers_the_names_of_machines(notebook, client):
    one = notebook("%load_ext vp_jupyter", "%vp ls", "")
    one.run(0)
    one.run(1)
    one.page.locator(".jp-Notebook .jp-Cell").nth(2).locator(".cm-content").click()
    one.page.keyboard.type("%vp show ")
    one.page.keyboard.press("Tab")
    names = {machine.name for machine in client.machines.list()}

    def offered():
        texts = one.page.locator(".jp-Completer-item").all_inner_texts()
        return {line for text in texts for line in text.split("\n")}

    until(lambda: names <= offered(), "the names were not offered")


def test_a_name_that_is_markup_stays_a_name(notebook, client, picture):
    machine = next(one for one in client.machines.list() if one.kind == "vm")
    name = """<img src=x onerror="window.HACKED = 1">"""
    client.vms.update(machine.id, name=name, tags=["<script>window.HACKED = 1</script>"])
    lines = ("ls", f"show {machine.id}", "bill --by day,machine --plot", "panel machines", "panel costs")
    one = notebook("%load_ext vp_jupyter", *(f"%vp {line}" for line in lines))
    try:
        said = [one.run(place) for place in range(len(lines) + 1)]
        assert name in said[1]
        one.outputs(4).get_by_role("radio", name=name).wait_for()
        costs = one.outputs(5).locator(".vp-panel")
        costs.get_by_role("tab", name="Shares").click()
        costs.locator(".js-plotly-plot:visible .main-svg").first.wait_for()
        picture("markup")
        assert one.page.evaluate("() => window.HACKED") is None
        assert one.page.locator(".jp-Notebook img[src=x]").count() == 0
    finally:
        client.vms.update(machine.id, name=machine.name, tags=machine.tags)
