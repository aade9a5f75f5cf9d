"""%vp in a real shell, on the sandbox."""

from __future__ import annotations

import re

import keyring
import keyring.backend
import pandas as pd
import pytest
from IPython.core.completer import provisionalcompleter

from tests.support import KEY
from vp_jupyter.api import Client
from vp_jupyter.formats import usd
from vp_jupyter.magics.grammar import COMMANDS
from vp_jupyter.magics.run import FAMILIES, families


@pytest.fixture
def answer(monkeypatch):
    """Answer every question that is asked."""

    def give(text):
        monkeypatch.setattr("builtins.input", lambda question="": give.asked.append(question) or text)

    give.asked = []
    return give


def sentence(printed):
    """What a failure showed, which must be no traceback."""
    assert "Traceback" not in printed
    assert "site-packages" not in printed
    return printed.strip()


def test_ls_is_a_dataframe_with_real_types_and_a_readable_text(vp, client):
    machines = vp("ls")
    assert isinstance(machines, pd.DataFrame)
    assert str(machines["rate_hourly"].dtype).startswith("decimal128")
    assert str(machines["created"].dtype) == "datetime64[us, UTC]"
    assert machines["rate_hourly"].sum() == sum(m.rate_hourly for m in client.machines.list())
    assert set(machines["kind"]) == {"vm", "metal"}
    assert "together" in repr(machines)
    assert "<table" in machines._repr_html_()
    assert type(machines.head()) is pd.DataFrame


def test_prices_are_cheapest_first_and_say_what_is_sold_out(vp):
    prices = vp("prices")
    assert list(prices["rate_per_gpu_hour"]) == sorted(prices["rate_per_gpu_hour"])
    assert {"infiniband", "ethernet"} <= set(prices["network"].dropna())
    assert len(vp("prices --all")) > len(prices)
    everything = vp("prices --all")
    preset = everything.loc[everything["kind"] == "vm", "id"].iloc[0]
    assert vp(f"prices --preset {preset}").title.startswith("VM with")


def test_prices_need_no_key(shell, vp, monkeypatch):
    monkeypatch.delenv("VP_API_KEY")
    assert len(vp("prices")) > 3


def test_locations_can_be_walked_to_a_hostnode(vp):
    places = vp("locations")
    node = places["hostnode_id"].dropna().iloc[0]
    assert list(vp(f"locations --hostnode {node}")["hostnode_id"]) == [node]
    assert set(vp(f"locations {places['location_id'].iloc[0]}")["location_id"]) == {
        places["location_id"].iloc[0]
    }


def test_a_launch_shows_its_price_asks_and_ends_with_the_ssh_cell(vp, shell, answer, client):
    answer("y")
    result = vp("launch --gpus 1 --name first --tag project:x")
    assert "Launch first for $1.99/h?" in answer.asked[0]
    assert "$47.76 a day" in vp.printed
    assert "lasts" in vp.printed
    assert result.facts["status"] == "Running"
    assert re.match(r"!ssh .*-p \d+ user@127\.0\.0\.1 nvidia-smi", shell.rl_next_input)
    assert client.machines.find("first").tags == ("project:x",)


def test_a_no_launches_nothing(vp, answer, client):
    before = len(client.machines.list())
    answer("")
    vp("launch --gpus 1 --name never")
    assert "Nothing was done" in sentence(vp.printed)
    assert len(client.machines.list()) == before


def test_where_nobody_can_answer_a_launch_refuses_and_names_yes(vp, client):
    vp("launch --gpus 1 --name never")
    assert "--yes" in sentence(vp.printed)
    assert "never" not in [machine.name for machine in client.machines.list()]


def test_a_dry_run_stops_at_the_quote(vp, client):
    vp("launch --gpus 2 --name never --dry-run")
    assert "$3.98/h" in vp.printed
    assert "never" not in [machine.name for machine in client.machines.list()]


def test_the_same_name_is_not_launched_twice(vp, client):
    vp("launch --gpus 1 --name twin --yes --no-wait")
    vp("launch --gpus 1 --name twin --yes --no-wait")
    assert "already" in sentence(vp.printed)
    assert [machine.name for machine in client.machines.list()].count("twin") == 1


def test_bare_metal_is_launched_by_whole_nodes(vp, client):
    vp("launch --metal --gpus 12 --yes")
    assert "multiple of 8" in sentence(vp.printed)
    vp("launch --metal --gpus 16 --network infiniband --name duo --yes --no-wait")
    assert client.machines.find("duo").network == "infiniband"


def test_a_cell_s_body_is_cloud_init_and_is_validated_first(vp, client):
    vp("launch --gpus 1 --name cloudy --yes --no-wait", "packages: [htop]\nruncmd:\n  - [echo, 'a b']\n")
    assert client.machines.find("cloudy")
    vp("launch --gpus 1 --name rainy --yes", "write_files:\n  - path: not/absolute\n    content: x\n")
    assert "fault" in sentence(vp.printed)
    assert "rainy" not in [machine.name for machine in client.machines.list()]
    assert "no fault" in str(vp("validate", "runcmd: [ls]"))


def test_a_machine_is_stopped_released_started_renamed_tagged_and_ended(vp, client):
    vp("launch --gpus 1 --name busy --yes")
    vp("stop busy --yes")
    assert client.machines.find("busy").status == "Stopped"
    vp("stop busy --release --yes")
    assert client.machines.find("busy").status == "StoppedDisassociated"
    vp("start busy --yes")
    vp("wait busy")
    vp("rename busy idle")
    vp("tag idle a b")
    vp("tag idle --rm a")
    assert client.machines.find("idle").tags == ("b",)
    assert vp("show idle").facts["tags"] == "b"
    vp("forward idle 8888")
    assert "idle" in [machine.name for machine in client.machines.list()]
    vp("rm idle")
    assert "--yes" in sentence(vp.printed)
    vp("rm idle --yes")
    assert "idle" not in [machine.name for machine in client.machines.list()]


def test_keys_and_volumes_can_be_kept(vp, client):
    vp(f'keys add "my laptop" "{KEY}"')
    assert "my laptop" in list(vp("keys")["name"])
    vp('keys rm "my laptop" --yes')
    assert "my laptop" not in list(vp("keys")["name"])
    vp("storage create scratch 100 --yes")
    vp("storage resize scratch 200 --yes")
    vp("storage rename scratch data-2")
    assert vp("storage show data-2").facts["size"] == "200 GB"
    rental = next(m.name for m in client.machines.list() if m.kind == "metal" and m.status == "Running")
    vp(f"storage attach checkpoints --detach {rental}")  # a rental has one volume at a time
    vp(f"storage attach data-2 {rental}")
    assert rental in vp("storage").set_index("name").loc["data-2", "attached_to"]
    vp(f"storage attach data-2 --detach {rental}")
    vp("storage rm data-2 --yes")
    assert "data-2" not in list(vp("storage")["name"])


def test_bill_and_report_agree_with_the_service_to_the_last_digit(vp, client):
    report = vp("report")
    now = client.locations.list() and client.now()
    theirs = client.billing.report(now.year, now.month)
    assert f"opened with {usd(theirs.balance_at_period_start)}" in repr(report)
    last = (now.year, now.month - 1) if now.month > 1 else (now.year - 1, 12)
    theirs = client.billing.report(*last)
    assert vp(f"report {last[0]} {last[1]}")["amount"].sum() == theirs.balance_delta_in_period
    assert len(vp("bill --last 7d")) > 0
    assert set(vp("bill --last 30d --type virtual_machine")["resource"].dropna()) == {"vm"}


def test_whoami_tells_the_balance_and_never_the_key(vp, sandbox):
    card = vp("whoami")
    assert "balance" in card.facts
    assert sandbox.api_key not in repr(card) + card._repr_html_()


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("lst", "Did you mean 'ls'"),
        ("launch", "How many GPUs"),
        ("launch --gpus two", "invalid int value"),
        ("launch --gpus 3", "VMs are sold with"),
        ("launch --bogus", "launch does not take '--bogus'"),
        ("show nonesuch", "no machine 'nonesuch'"),
        ("show 'unclosed", "cannot be read"),
        ("rm", "required"),
        ("keys rm nonesuch", "no SSH key 'nonesuch'; there are"),
        ("storage show nonesuch", "no volume 'nonesuch'; there are"),
        ("bill --from yesterday", "is no day"),
        ("report 2026 13", "no month"),
        ("bill --last 30d --from 2026-01-01", "not both"),
        ("help nonesuch", "no command"),
    ],
)
def test_a_mistake_is_answered_with_a_sentence(vp, line, says):
    vp(line)
    assert says in sentence(vp.printed)


def test_an_ambiguous_name_lists_the_candidates(vp):
    vp("launch --gpus 1 --name pair-a --yes --no-wait")
    vp("launch --gpus 1 --name pair-b --yes --no-wait")
    vp("show pair")
    assert "could be any of 2 machines" in sentence(vp.printed)


def test_a_wrong_key_and_a_service_that_is_down_each_give_a_sentence(shell, vp, monkeypatch, sandbox):
    monkeypatch.setenv("VP_API_KEY", "wrong")
    vp("ls")
    assert "401" in sentence(vp.printed)
    monkeypatch.setenv("VP_BASE_URL", "http://127.0.0.1:9")
    vp("logout")
    vp("ls")
    assert "could not reach" in sentence(vp.printed)


def test_help_is_everywhere(vp):
    vp("help")
    assert "launch" in vp.printed
    vp("launch -h")
    assert "--dry-run" in vp.printed
    vp("")
    assert "%vp COMMAND" in vp.printed


def test_help_is_as_wide_as_the_terminal(vp, monkeypatch):
    monkeypatch.setenv("COLUMNS", "70")
    vp("help")
    lines = vp.printed.splitlines()
    assert max(map(len, lines)) <= 70
    assert not [line for line in lines if line.startswith(" ") and not re.match(r"  \w| {19}\S", line)]


def test_python_variables_are_expanded_as_ipython_does(shell, vp, client):
    shell.user_ns["wanted"] = client.machines.list()[0].name
    assert vp("show $wanted").title == shell.user_ns["wanted"]
    assert vp("show {wanted}").title == shell.user_ns["wanted"]


def test_tab_completes_commands_flags_and_live_names(shell, vp, client):
    vp("ls")
    vp("keys")  # a busy computer may take longer for a first listing than TAB waits
    name = client.machines.list()[0].name

    def completions(line):
        with provisionalcompleter():
            return [found.text for found in shell.Completer.completions(line, len(line))]

    assert "launch" in completions("%vp la")
    assert "--dry-run" in completions("%vp launch --d")
    assert name in completions(f"%vp show {name[:3]}")
    assert "ethernet" in completions("%vp launch --network e")
    assert "create" in completions("%vp storage cr")
    assert '"Grace workstation"' in completions("%vp launch --key Gr")
    machines = {machine.name for machine in client.machines.list()}
    assert set(completions("%vp show ")) == machines, "no name of Python's, no file"
    assert all(flag.startswith("--") for flag in completions("%vp launch --"))
    assert "__import__" not in completions("%vp launch --")


def test_of_several_machines_a_failure_says_what_was_done_and_what_not(vp, client):
    names = {machine.status: machine.name for machine in client.machines.list()}
    running, released = names["Running"], names["StoppedDisassociated"]
    vp(f"stop {running} {released} {names['Stopped']} --yes")
    said = sentence(vp.printed)
    assert said.startswith(f"{running}: stopped. {released}: ")
    assert said.endswith(f"Not tried: {names['Stopped']}.")
    assert client.machines.find(running).status == "Stopped"


def test_a_listing_that_was_changed_shows_what_it_is(vp):
    machines = vp("ls")
    machines["per_day"] = 24 * machines["rate_hourly"]
    assert "per_day" in repr(machines)
    assert "together" not in repr(machines)


def test_waiting_for_a_stopped_machine_is_answered_at_once(vp, client):
    name = next(machine.name for machine in client.machines.list() if machine.status == "Stopped")
    vp(f"wait {name}")
    assert f"%vp start {name}" in sentence(vp.printed)


def test_settings_are_configured_the_ipython_way(shell, vp):
    shell.run_line_magic("config", 'VP.ssh_user = "ubuntu"')
    vp("launch --gpus 1 --name conf --yes")
    assert "ubuntu@" in shell.rl_next_input
    shell.run_line_magic("config", 'VP.operating_system = "Ubuntu 24"')
    assert "Ubuntu 24.04 LTS" in set(vp("prices")["operating_system"])


def test_a_hidden_login_is_checked_and_used(shell, vp, monkeypatch, sandbox):
    monkeypatch.delenv("VP_API_KEY")
    monkeypatch.setattr("getpass.getpass", lambda prompt="": sandbox.api_key)
    vp("login")
    assert len(vp("ls")) > 0
    assert sandbox.api_key not in vp.printed
    vp("logout")
    vp("ls")
    assert "no API key" in sentence(vp.printed)


class Keyring(keyring.backend.KeyringBackend):
    """A system keyring that forgets when the test ends."""

    priority = 5

    def __init__(self):
        self.kept = {}

    def get_password(self, service, username):
        return self.kept.get((service, username))

    def set_password(self, service, username, password):
        self.kept[service, username] = password

    def delete_password(self, service, username):
        del self.kept[service, username]


def test_a_login_is_kept_in_the_system_keyring_until_logout(shell, vp, monkeypatch, sandbox):
    system = Keyring()
    monkeypatch.setattr(keyring.core, "_keyring_backend", system)
    monkeypatch.delenv("VP_API_KEY")
    monkeypatch.setattr("getpass.getpass", lambda prompt="": sandbox.api_key)
    assert "kept in the system keyring" in vp("login")
    shell.run_line_magic("unload_ext", "vp_jupyter")
    shell.run_line_magic("load_ext", "vp_jupyter")  # as another notebook would
    assert "the system keyring" in repr(vp("whoami"))
    assert "in the system keyring too" in vp("logout")
    assert system.kept == {}
    vp("ls")
    assert "no API key" in sentence(vp.printed)


def test_a_key_that_the_service_refuses_is_not_kept(shell, vp, monkeypatch):
    system = Keyring()
    monkeypatch.setattr(keyring.core, "_keyring_backend", system)
    monkeypatch.setattr("getpass.getpass", lambda prompt="": "wrong")
    vp("login")
    assert "401" in sentence(vp.printed)
    assert system.kept == {}


def test_a_notebook_can_start_its_own_sandbox(shell, vp, monkeypatch):
    monkeypatch.delenv("VP_API_KEY")
    monkeypatch.delenv("VP_BASE_URL")
    assert "nothing here costs money" in vp("sandbox --seed 3")
    assert len(vp("ls")) > 0
    vp("sandbox --stop")
    vp("whoami")
    assert "no API key" in sentence(vp.printed)


def test_loading_imports_nothing_heavy():
    import subprocess
    import sys

    code = (
        "import sys; from IPython.core.interactiveshell import InteractiveShell as S; s = S.instance();"
        "before = set(sys.modules); s.run_line_magic('load_ext', 'vp_jupyter');"
        "heavy = {'pandas', 'plotly', 'ipywidgets', 'httpx', 'fastapi', 'msgspec', 'pyarrow'};"
        "print(sorted(heavy & (set(sys.modules) - before)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_the_client_is_in_the_namespace_of_the_package(sandbox):
    import vp_jupyter

    assert vp_jupyter.Client is Client


def test_watching_says_what_can_be_had_now(vp):
    found = vp("watch --gpus 1")
    assert list(found["gpus"]) == [1]
    assert "It can be had now." in vp.printed


def test_watching_gives_up_and_launches_nothing(vp, client):
    while any(one.kind == "vm" and one.gpus == 8 and not one.sold_out for one in client.offers()):
        vp("launch --gpus 8 --yes --no-wait")
    before = {machine.id for machine in client.machines.list()}
    vp("watch --gpus 8 --until 1s --launch --max-rate 20 --yes")
    assert "Still sold out after 1s: nothing was launched." in vp.printed
    assert {machine.id for machine in client.machines.list()} == before


def test_what_is_watched_for_is_taken_under_its_ceiling_alone(vp, client):
    vp("watch --gpus 1 --launch --yes")
    assert "For how much at the most? Add --max-rate" in vp.printed
    vp("watch --gpus 1 --until 1s --launch --max-rate 1.5 --yes")
    assert "Still $1.99/h, above $1.50/h after 1s" in vp.printed
    vp("watch --gpus 1 --launch --max-rate 2")
    assert "Nobody can answer here" in vp.printed
    assert not any(one.name == "watched-for" for one in client.machines.list())
    vp("watch --gpus 1 --launch --max-rate 2 --name watched-for --yes")
    assert client.machines.find("watched-for").status == "Running"


def test_every_command_is_where_it_is_looked_for():
    for name, family in zip(FAMILIES, families(), strict=True):
        own = {known.words[0] for known in COMMANDS.values() if known.run.__module__ == family.__name__}
        assert own == set(FAMILIES[name])
