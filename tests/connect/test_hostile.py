"""Nothing that the service names reaches a shell as anything but itself."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vp_jupyter.api import InvalidRequest
from vp_jupyter.connect import Ssh, target
from vp_jupyter.connect.config import Config, safe_name

HARMLESS = re.compile(r"[A-Za-z0-9_:.-]+", re.ASCII)

#: Texts that mean something to a shell, to ssh, to ssh_config or to IPython, and mixtures of them.
ATTACKS = st.one_of(
    st.sampled_from(
        [
            "$(touch HACKED)",
            "`touch HACKED`",
            "; touch HACKED;",
            "-oProxyCommand=touch HACKED",
            "a\nProxyCommand touch HACKED",
            "a -oLocalCommand=x",
            "*",
            "!a",
            "%h",
            "a'b\"c",
            "{x}$HOME",
            "a@b",
            "..",
            "/etc/passwd",
            "é",
            "1.2.3.4\n",
            "",
        ]
    ),
    st.text(alphabet="ab1.:-_@/ \n\t'\"\\$`;&|<>(){}[]*?!#%=~é\u202e", max_size=12),
)

quick = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)


@pytest.fixture
def decoy(tmp_path, monkeypatch):
    """An `ssh` that tells what it was given, and a folder where a successful attack leaves its mark."""
    (tmp_path / "ssh").write_text("#!/bin/sh\nprintf '%s\\0' \"$@\"\n")
    (tmp_path / "ssh").chmod(0o755)
    monkeypatch.chdir(tmp_path)
    return {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}


@pytest.fixture
def there(fleet):
    """Where a VM answers."""
    return fleet.target("ada")


@pytest.fixture
def big(fleet):
    """A rental."""
    return fleet.machine("big")


@quick
@given(host=ATTACKS, login=ATTACKS, id=ATTACKS, private=ATTACKS)
def test_an_address_or_login_is_harmless_or_refused(big, host, login, id, private):
    nodes = [msgspec.structs.replace(node, private_ip=private) for node in big.record.node_networking]
    hostile = msgspec.structs.replace(
        big,
        id=id,
        login=login,
        endpoints=tuple(one._replace(host=host) for one in big.endpoints),
        record=msgspec.structs.replace(big.record, node_networking=nodes),
    )
    try:
        found = target(hostile, user="user")
    except InvalidRequest:
        return
    for text in (found.host, found.login, found.alias, *([found.private] if found.private else [])):
        assert HARMLESS.fullmatch(text)
        assert not text.startswith("-")


@quick
@given(command=ATTACKS.filter(lambda text: "\0" not in text))
def test_a_command_arrives_as_it_was_written(there, decoy, command):
    line = Ssh().line(there, command)
    given_ = subprocess.run(line, shell=True, env=decoy, capture_output=True, check=True).stdout
    *options, last = given_.decode().rstrip("\0").split("\0")
    assert last == (command or f"{there.login}@{there.host}")
    assert shlex.split(line)[1:] == [*options, last]
    assert not Path("HACKED").exists()


@quick
@given(name=ATTACKS)
def test_a_name_becomes_one_word_of_the_configuration(there, name, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    config = Config(Ssh(), "http://127.0.0.1:1/api/v1")
    (called,) = config.add([there], machine="0123456789", name=name)
    assert re.fullmatch(r"[A-Za-z0-9_-]+", called, re.ASCII)
    assert not called.startswith("-")
    read = subprocess.run(
        ["ssh", "-F", str(config.path), "-G", called], capture_output=True, text=True, check=True
    )
    assert f"port {there.port}\n" in read.stdout
    assert "proxycommand" not in read.stdout
    assert [entry.name for entry in config.entries()] == [called]
    assert re.fullmatch(r"[A-Za-z0-9_-]+", safe_name(name, "0123456789"), re.ASCII)
    config.remove("0123456789")


@pytest.mark.parametrize("name", ["{x}", "$HOME", "a b", "-rf", "'; rm -rf ~'"])
def test_a_cell_that_is_written_names_a_strange_machine_by_its_id(vp, shell, fleet, name):
    id = fleet.machine("bob").id
    fleet.client.vms.update(id, name=name)
    try:
        vp(f"torchrun {id} there.py")
    finally:
        fleet.client.vms.update(id, name="bob")
    assert shell.rl_next_input.splitlines()[0] == f"%%vp run {id}"
