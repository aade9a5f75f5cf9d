"""What one notebook keeps open to its machines."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from .api import Conflict
from .connect import Link, Links, Ssh, Target, targets
from .connect import target as one_target

if TYPE_CHECKING:
    from .api import Machine
    from .connect.cluster import Cluster
    from .connect.tunnels import Tunnel
    from .settings import Settings


def word(machine: Machine) -> str:
    """What to call a machine in a cell that is written for the user: its name, where it is one word that
    neither IPython nor a shell changes, or its id."""
    return machine.name if re.fullmatch(r"\w[\w.-]*", machine.name, re.ASCII) else machine.id


class Reach:
    """Connections, tunnels and a Dask cluster; all of it ends with the notebook."""

    def __init__(self, settings: Settings) -> None:
        self.tunnels: list[Tunnel] = []
        self.cluster: Cluster | None = None
        self._settings = settings
        self._links = Links()

    @property
    def ssh(self) -> Ssh:
        """ssh as the settings have it."""
        key = self._settings.ssh_key
        return Ssh(Path(key).expanduser().absolute() if key else None)

    def target(self, machine: Machine, *, node: int = 0, user: str | None = None) -> Target:
        """Where a node of a machine answers; see `connect.target`."""
        return one_target(machine, user=self._settings.ssh_user, login=user, node=node)

    def targets(self, machine: Machine, *, node: int | None = None, user: str | None = None) -> list[Target]:
        """Where all nodes of a machine answer, or the one that is asked for."""
        if node is not None:
            return [self.target(machine, node=node, user=user)]
        return targets(machine, user=self._settings.ssh_user, login=user)

    def link(self, target: Target) -> Link:
        """The kept connection to a node; it is made when it is used."""
        return self._links.to(self.ssh, target)

    def ssh_lines(
        self, machine: Machine, command: str = "", *, node: int | None = None, user: str | None = None
    ) -> list[str]:
        """The lines for a terminal that reach the nodes of a machine."""
        return [self.ssh.line(one, command) for one in self.targets(machine, node=node, user=user)]

    def ssh_cell(
        self,
        machine: Machine,
        command: str = "nvidia-smi",
        *,
        node: int | None = None,
        user: str | None = None,
    ) -> str:
        """The source of a cell that reaches a machine; IPython's ``!`` would expand ``$`` and braces."""
        lines = self.ssh_lines(machine, command, node=node, user=user)
        if any(sign in line for line in lines for sign in "${}\n"):
            raise Conflict(
                f"The ssh line for {machine.label} holds signs that a notebook would change: take "
                "%vp ssh --print for a terminal, or %%vp run."
            )
        return "\n".join(f"!{line}" for line in lines)

    def close(self) -> None:
        """End everything."""
        if self.cluster is not None:
            self.cluster.close()
            self.cluster = None
        for tunnel in self.tunnels:
            tunnel.close()
        self.tunnels.clear()
        self._links.close()
