"""A sandbox, JupyterLab and Notebook on it, and a browser."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.e2e.jupyter import CHROMIUM_FLAGS, PATIENCE, Notebook, Server, file_name
from vp_jupyter.api import Client
from vp_jupyter.sandbox import Sandbox

SCREENSHOTS = "VP_TEST_SCREENSHOTS"  # a folder that the screenshots are kept in


@pytest.fixture(scope="package")
def browser():
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium on this computer")
    playwright = pytest.importorskip("playwright.sync_api", reason="no Playwright: pip install playwright")
    with playwright.sync_playwright() as running:
        one = running.chromium.launch(executable_path=chromium, headless=True, args=CHROMIUM_FLAGS)
        yield one
        one.close()


@pytest.fixture(scope="package")
def sandbox():
    with Sandbox(seed=7, time_scale=120) as one:
        yield one


@pytest.fixture(scope="package")
def client(sandbox):
    with Client(sandbox.api_key, sandbox.base_url) as one:
        yield one


@pytest.fixture(scope="package", params=["lab", "notebook"])
def server(request, browser, sandbox, tmp_path_factory):
    environment = {"VP_BASE_URL": sandbox.base_url, "VP_API_KEY": sandbox.api_key}
    one = Server(tmp_path_factory.mktemp(request.param), request.param, environment)
    yield one
    one.stop()


@pytest.fixture(scope="package")
def key(tmp_path_factory):
    """A new SSH key; gives the path of its private half."""
    if shutil.which("ssh-keygen") is None:
        pytest.skip("no ssh on this computer")
    path = tmp_path_factory.mktemp("ssh") / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    return path


@pytest.fixture
def page(browser, server):
    """A page that is not let out of this computer."""
    context = browser.new_context(viewport={"width": 1350, "height": 1000})
    context.set_default_timeout(PATIENCE * 1000)
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=server.url)
    elsewhere = []

    def allow(route):
        url = route.request.url
        if not url.startswith(("data:", "blob:", server.url)):
            elsewhere.append(url)
            return route.abort()
        return route.continue_()

    context.route("**/*", allow)
    yield context.new_page()
    context.close()
    assert elsewhere == [], "something was fetched from elsewhere"


@pytest.fixture
def notebook(request, page, server):
    """Open a new notebook of some cells."""

    def make(*cells, name=None, **options):
        name = f"{name or file_name(request.node.name)}.ipynb"
        server.write(name, *cells)
        return Notebook(page, server, name, **options)

    yield make
    server.end_kernels()


@pytest.fixture
def panel(notebook):
    """Open a notebook with a panel, and wait until it is there; gives both."""

    def open_panel(which, *, settings="%config VP.refresh = 1"):
        one = notebook("%load_ext vp_jupyter", settings, f"%vp panel {which}", "6 * 7")
        for place in range(3):
            one.run(place)
        shown = one.page.locator(".vp-panel")
        shown.wait_for()
        return one, shown

    return open_panel


@pytest.fixture
def picture(request, page, server, tmp_path):
    """Take a screenshot, which is kept in the folder that VP_TEST_SCREENSHOTS names."""
    folder = Path(os.environ.get(SCREENSHOTS) or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)

    def take(what):
        page.screenshot(path=folder / f"{file_name(request.node.originalname)}-{server.front}-{what}.png")

    return take
