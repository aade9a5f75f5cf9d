"""What tests read and run."""

from __future__ import annotations

import atexit
import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

#: A public key whose private half nobody has.
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g test"
DATA = Path(__file__).parent / "data"


def data(name: str):
    """A body from the documentation, or one recorded from the live service."""
    return json.loads((DATA / name).read_text())


@contextlib.contextmanager
def ipython(service) -> Iterator[InteractiveShell]:
    """A real shell with the extension loaded, on a sandbox."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VP_BASE_URL", service.base_url)
        patch.setenv("VP_API_KEY", service.api_key)
        InteractiveShell.clear_instance()
        shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
        shell.run_line_magic("load_ext", "vp_jupyter")
        try:
            yield shell
        finally:
            shell.run_line_magic("unload_ext", "vp_jupyter")
            InteractiveShell.clear_instance()
            atexit.unregister(shell.atexit_operations)  # which would keep all of them, and end them slowly
