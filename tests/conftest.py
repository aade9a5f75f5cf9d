"""A sandbox, a client of it, and a real IPython shell that talks to it."""

from __future__ import annotations

import pytest

from tests.support import ipython
from vp_jupyter.api import Client
from vp_jupyter.sandbox import Sandbox


@pytest.fixture(autouse=True)
def no_other_service(monkeypatch):
    """No test sees a key or an address of the person who runs it, nor their keyring."""
    from vp_jupyter.api import KEY_VARIABLES

    for name in (*KEY_VARIABLES, "VP_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")


@pytest.fixture(autouse=True)
def home(tmp_path_factory, monkeypatch):
    """No test reads or writes in the home of the person who runs it."""
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    return folder


@pytest.fixture
def sandbox():
    """A cloud with months of history, where a second lasts ten minutes."""
    with Sandbox(seed=7, time_scale=600) as running:
        yield running


@pytest.fixture
def client(sandbox):
    with Client(sandbox.api_key, sandbox.base_url) as one:
        yield one


@pytest.fixture
def shell(sandbox):
    """A real shell with the extension loaded, on the sandbox."""
    with ipython(sandbox) as one:
        yield one


@pytest.fixture
def vp(shell, capsys):
    """Run a line as a cell would; gives its result, or what it said; `printed` has all of that."""

    def run(line, cell=None):
        source = f"%vp {line}" if cell is None else f"%%vp {line}\n{cell}"
        result = shell.run_cell(source, store_history=False)
        captured = capsys.readouterr()
        run.printed = captured.out + captured.err
        return captured.out.strip() if result.result is None else result.result

    return run
