"""Voltage Park On-Demand in a notebook: find, launch, reach, price and end GPU machines.

``%load_ext vp_jupyter``, then ``%vp help``. In plain Python: ``from vp_jupyter import Client``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._version import __version__

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from .api import Client
    from .panels import Costs, Launcher, Machines

__all__ = [
    "Client",
    "Costs",
    "Launcher",
    "Machines",
    "__version__",
    "load_ipython_extension",
    "unload_ipython_extension",
]


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Register %vp and %%vp."""
    from .magics import load

    load(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Take %vp and %%vp away."""
    from .magics import unload

    unload(shell)


def __getattr__(name: str) -> Any:
    if name == "Client":
        from .api import Client

        return Client
    if name in ("Costs", "Launcher", "Machines"):
        from . import panels

        return getattr(panels, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
