"""JupyterLab and Notebook in a real browser, used as a person does."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat

PATIENCE = 40.0  # seconds for anything; far beyond what it takes

CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

# The notebook that is in front; Notebook 7 is the same application in another shell.
_NOTEBOOK = "[...window.jupyterapp.shell.widgets('main')].find(one => one.sessionContext)"


class Server:
    """A Jupyter server of its own, with folders of its own: `front` is ``lab`` or ``notebook``."""

    def __init__(self, folder: Path, front: str, environment: dict[str, str]) -> None:
        self.front = front
        self.root = folder / "notebooks"
        self.root.mkdir(parents=True)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        settings = folder / "settings"
        _settings(settings, "@jupyterlab/apputils-extension", "notification", fetchNews="false")
        _settings(settings, "@jupyterlab/docmanager-extension", "plugin", autosave=False)
        application = {"lab": "LabApp", "notebook": "JupyterNotebookApp"}[front]
        self._log = (folder / "server.log").open("w")
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "jupyter", front, "--no-browser", "--allow-root"),
                *("--ServerApp.ip=127.0.0.1", f"--ServerApp.port={self.port}"),
                *("--ServerApp.port_retries=0", "--IdentityProvider.token=token"),
                *(f"--ServerApp.root_dir={self.root}", f"--{application}.expose_app_in_browser=True"),
            ],
            env={
                **os.environ,
                "HOME": str(folder),
                "IPYTHONDIR": str(folder / "ipython"),
                "JUPYTERLAB_SETTINGS_DIR": str(settings),
                "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
                "JUPYTER_PREFER_ENV_PATH": "1",
                **{
                    f"JUPYTER_{kind}_DIR": str(folder / kind.lower())
                    for kind in ("CONFIG", "DATA", "RUNTIME")
                },
                **environment,
            },
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        until(self._answers, "the Jupyter server did not come up")

    def _answers(self) -> bool:
        assert self._process.poll() is None, Path(self._log.name).read_text()[-2000:]
        try:
            return bool(self._ask("status"))
        except OSError:
            return False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def write(self, name: str, *cells: str) -> None:
        """A notebook of these cells."""
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        notebook = nbformat.v4.new_notebook(metadata={"kernelspec": kernel})
        notebook.cells = [nbformat.v4.new_code_cell(cell) for cell in cells]
        nbformat.write(notebook, self.root / name)

    def read(self, name: str) -> str:
        """A saved notebook, as it is on the disk."""
        return (self.root / name).read_text()

    def end_kernels(self) -> None:
        """End all kernels, and what they do."""
        for session in json.loads(self._ask("sessions")):
            self._ask(f"sessions/{session['id']}", "DELETE")

    def _ask(self, path: str, method: str = "GET") -> bytes:
        request = urllib.request.Request(
            f"{self.url}/api/{path}", method=method, headers={"Authorization": "token token"}
        )
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return answer.read()

    def stop(self) -> None:
        os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._log.close()


class Notebook:
    """One open notebook."""

    def __init__(self, page, server: Server, name: str, *, kernel: bool = True) -> None:
        self.page, self.server, self.name = page, server, name
        where = "lab/tree" if server.front == "lab" else "notebooks"
        page.goto(f"{server.url}/{where}/{name}?token=token{'&reset' if server.front == 'lab' else ''}")
        page.locator(".jp-NotebookPanel .jp-Notebook .jp-CodeCell").first.wait_for()
        if kernel:
            self.wait_until_idle()

    def theme(self, name: str) -> None:
        """``Light`` or ``Dark``."""
        self.command("apputils:change-theme", theme=f"JupyterLab {name}")
        self.page.wait_for_function(
            "dark => document.body.dataset.jpThemeLight === String(!dark)", arg=name == "Dark"
        )

    def wait_until_idle(self) -> None:
        self.page.wait_for_function(
            f"""() => {{ const session = window.jupyterapp && {_NOTEBOOK}?.sessionContext;
                return session?.isReady && session.session?.kernel?.status === 'idle' }}"""
        )

    def command(self, id: str, **arguments: object) -> None:
        self.page.evaluate(
            "async ([id, given]) => { await window.jupyterapp.commands.execute(id, given); return null }",
            [id, arguments],
        )

    def start(self, place: int) -> None:
        """Run a cell, and do not wait for it."""
        self.page.evaluate(
            f"""place => {{ const one = {_NOTEBOOK}; one.content.activeCellIndex = place;
                one.content.deselectAll(); window.jupyterapp.commands.execute("notebook:run-cell") }}""",
            place,
        )

    def run(self, place: int) -> str:
        """Run a cell, wait until it has ended, and give the text of its outputs."""
        before = self.counts()[place]
        self.start(place)
        until(lambda: self.counts()[place] not in (None, before), f"cell {place} did not run")
        self.wait_until_idle()
        return self.text(place)

    def counts(self) -> list[int | None]:
        """The execution count of each cell."""
        return self.page.evaluate(
            f"() => {_NOTEBOOK}.content.widgets.map(cell => cell.model.executionCount ?? null)"
        )

    def sources(self) -> list[str]:
        """What stands in each cell."""
        return self.page.evaluate(
            f"() => {_NOTEBOOK}.content.widgets.map(cell => cell.model.sharedModel.getSource())"
        )

    def write(self, place: int, source: str) -> None:
        """Put a source into a cell."""
        self.page.evaluate(
            f"([place, source]) => {_NOTEBOOK}.content.widgets[place].model.sharedModel.setSource(source)",
            [place, source],
        )

    def outputs(self, place: int):
        """Where a cell's outputs are."""
        return self.page.locator(".jp-Notebook .jp-Cell").nth(place).locator(".jp-Cell-outputArea")

    def text(self, place: int) -> str:
        return "\n".join(self.outputs(place).all_inner_texts())

    def answer(self, text: str) -> None:
        """Type an answer to the question that a cell asks."""
        box = self.page.locator(".jp-Stdin-input")
        box.wait_for()
        box.fill(text)
        box.press("Enter")

    def save(self) -> str:
        """Save it; gives what is on the disk then."""
        self.command("docmanager:save")
        return self.server.read(self.name)


def _settings(folder: Path, package: str, plugin: str, **values: object) -> None:
    path = folder / package / f"{plugin}.jupyterlab-settings"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values))


def until(is_so, complaint: str = "it never came to be"):
    """Wait until something is so, and give it."""
    deadline = time.monotonic() + PATIENCE
    while not (found := is_so()):
        assert time.monotonic() < deadline, complaint
        time.sleep(0.05)
    return found


def file_name(text: str) -> str:
    return re.sub(r"[^\w-]+", "-", text).strip("-")
