"""Names, tags, notes and cities come from elsewhere: whatever they are, nothing executes, no page breaks."""

from __future__ import annotations

import csv
import json
import shlex
import unicodedata
from html.parser import HTMLParser
from pathlib import Path

import pytest
from IPython.core.completer import provisionalcompleter

from vp_jupyter import Costs, Launcher, Machines
from vp_jupyter.sandbox import Sandbox

HOSTILE = [
    "<script>window.HACKED = 1</script>",
    "<img src=x onerror='window.HACKED = 1'>",
    "\"'><b onclick=alert(1)>",
    "</table></div></pre><h1>out</h1>",
    "\x1b[31mred\x1b[0m\x1b]0;title\x07",
    "right\u202eleft\u2066",
    "two\nlines\r\nand\u2028more\ttabs\x00",
    "$(touch HACKED)`touch HACKED`; {x} %vp rm --yes",
    "-rf --yes",
    "=HYPERLINK(\"http://x\",\"y\")",
    "$x^2$ \\(y\\) **bold** [a](javascript:alert(1))",
    "ﷺ 名前 नाम اسم 🖥️ e\u0301",
    "n" * 10_000,
    "&lt;i&gt; &amp; %{label} {{x}}",
]  # fmt: skip

COMMANDS = [
    "ls", "show {id}", "tag {id}", "ssh {id} --print", "ssh {id} --config", "burn", "burn --plot",
    "bill --by machine --plot", "bill --by day,tag --plot", "bill --by kind,machine,tag", "report", "advise",
    "whoami", "keys", "storage", "locations", "prices", "stop {id} --yes", "wait {id}", "lease {id} 1h",
    "rm {id} --yes", "show nonesuch", "reap --dry-run",
]  # fmt: skip

ALLOWED = {
    "table", "thead", "tbody", "tr", "th", "td", "div", "b", "h3", "p", "pre", "style", "br", "span", "code",
}  # fmt: skip


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(seed=7, months=1, time_scale=0) as one:
        cloud = one.cloud
        with cloud.lock:
            for site in {place.site for place in cloud.catalog.locations.values()}:
                object.__setattr__(site, "city", HOSTILE[1])
            preset = next(iter(cloud.catalog.presets))
            for place, name in enumerate(HOSTILE):
                try:
                    cloud.vms.launch(preset, name, tags=[name[:100], f"team:{HOSTILE[place - 1][:90]}"])
                except Exception:  # sold out: those that are there take the rest of the names
                    break
            for vm, name in zip(cloud.vms.all(), HOSTILE * 9, strict=False):
                vm.name = name
            for rental, name in zip(cloud.rentals.all(), HOSTILE, strict=False):
                rental.name, rental.tags = name, [name]
            for volume, name in zip(cloud.volumes.all(), HOSTILE[::-1], strict=False):
                volume.name = name
            names = {vm.name for vm in cloud.vms.all()} | {volume.name for volume in cloud.volumes.all()}
        assert len(names & set(HOSTILE)) >= 10
        yield one


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    """Where a successful attack would leave its mark."""
    monkeypatch.chdir(tmp_path)


class Page(HTMLParser):
    """What a browser would make of a text: its elements and their attributes."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.attributes = set(), set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements.add(tag)
        self.attributes |= {name for name, _ in attributes}


def check_html(text):
    page = Page(text)
    assert page.elements <= ALLOWED, page.elements - ALLOWED
    assert not [name for name in page.attributes if name.startswith("on") or name in ("href", "src")]


def check_text(text):
    acting = {sign for sign in text if unicodedata.category(sign) in ("Cc", "Cf", "Cs", "Zl", "Zp")} - {"\n"}
    assert not acting, repr(acting)
    assert max(map(len, text.splitlines() or [""])) < 3000


def strings(value):
    if isinstance(value, dict):
        for item in value.values():
            yield from strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)
    elif isinstance(value, str):
        yield value


def check(bundle):
    """What is displayed, in each of its forms."""
    if html := bundle.get("text/html"):
        check_html(html)
    check_text(bundle.get("text/plain", ""))
    for text in strings(bundle.get("application/vnd.plotly.v1+json", {})):
        for tag in Page(text.replace("<extra>", "").replace("</extra>", "")).elements:
            assert tag == "br", text


@pytest.mark.parametrize("line", COMMANDS)
def test_nothing_that_is_shown_is_more_than_text(shell, sandbox, monkeypatch, line, capsys):
    shown = []
    monkeypatch.setattr(shell.display_pub, "publish", lambda data, *_, **__: shown.append(data))
    ids = [str(vm.id) for vm in sandbox.cloud.vms.all()][: 3 if "{id}" in line else 1]
    for id in ids:
        result = shell.run_cell(f"%vp {line.format(id=id)}", store_history=False)
        if result.result is not None:
            shown.append(shell.display_formatter.format(result.result)[0])
    printed = capsys.readouterr()
    check_text((printed.out + printed.err).replace("\t", " "))
    assert shown or printed.out
    for bundle in shown:
        check(bundle)
    assert not list(Path().rglob("HACKED"))


@pytest.mark.parametrize("panel", [Launcher, Machines, Costs])
def test_no_panel_takes_a_name_for_markup(shell, panel):
    one = panel()
    one._ipython_display_()
    waiting = [one.widget]
    seen = 0
    while waiting:
        widget = waiting.pop()
        waiting += getattr(widget, "children", ())
        if type(widget).__name__ == "HTML":
            check_html(widget.value)
            seen += 1
        assert not getattr(widget, "description_allow_html", False)
    assert seen
    one.close()


def test_an_exported_file_has_every_name_and_begins_no_formula(shell, sandbox, tmp_path):
    for line in ("export lines.csv", "export focus.csv --focus", "export lines.parquet"):
        assert shell.run_cell(f"%vp {line}", store_history=False).success
    for name in ("lines.csv", "focus.csv"):
        with (tmp_path / name).open(newline="") as file:
            rows = list(csv.reader(file))
        assert len({len(row) for row in rows}) == 1
        numbers = 0
        for cell in (cell for row in rows for cell in row):
            if cell.startswith(("=", "+", "@", "\t", "\r")) or (cell[:1] == "-" and not is_number(cell)):
                pytest.fail(f"{cell!r} would be a formula")
            numbers += is_number(cell)
        assert numbers > 50
        if name == "focus.csv":
            texts = "".join(cell for row in rows for cell in row)
            assert "<script>" in texts
            tags = rows[0].index("Tags")
            assert any(json.loads(row[tags]) for row in rows[1:] if row[tags])


def is_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True


def test_a_machine_with_any_name_is_found_by_its_name_and_offered_by_tab(shell, sandbox):
    from vp_jupyter.magics import session_of

    session = session_of(shell)
    for vm in sandbox.cloud.vms.all():
        same = [one for one in sandbox.cloud.vms.all() if one.name == vm.name]
        if len(same) == 1:
            assert session.machine(vm.name).id == str(vm.id)
    line = "%vp show "
    with provisionalcompleter():
        offers = [one.text for one in shell.Completer.completions(line, len(line))]
    assert offers
    for offer in offers:
        check_text(offer)
        assert session.machine(*shlex.split(offer))
