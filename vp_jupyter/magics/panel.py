"""The command that opens panels: panel."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from ..session import Session
from .grammar import arg, command

GROUP = "Panels"


@command(
    "panel",
    arg(
        "which",
        nargs="?",
        choices=("launch", "machines", "costs", "prices"),
        default="launch",
        help="default: launch",
    ),
    group=GROUP,
)
def panel(session: Session, args: Namespace) -> Any:
    """Open a panel: launch a machine, see and steer your machines, explore costs, compare prices.

    It refreshes by itself while it is looked at, every VP.refresh seconds, and leaves the kernel free.
    """
    from .. import panels

    kinds = {
        "launch": panels.Launcher,
        "machines": panels.Machines,
        "costs": panels.Costs,
        "prices": panels.Prices,
    }
    return kinds[args.which](session)
