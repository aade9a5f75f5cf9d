"""What `pip install "vp_jupyter[connect]"` adds."""

from __future__ import annotations

import importlib
from types import ModuleType

from ..api.errors import Conflict


def need(module: str, for_what: str) -> ModuleType:
    """A module of the extra; raises `Conflict` with the command that installs it."""
    try:
        return importlib.import_module(module)
    except ImportError:
        raise Conflict(
            f'{for_what} needs {module.split(".")[0]}: pip install "vp_jupyter[connect]", then try again.'
        ) from None
