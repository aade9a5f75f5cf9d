"""Where a machine answers ssh: checked before any program sees it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import ip_address
from typing import NamedTuple

from ..api.errors import Conflict, InvalidRequest
from ..api.machines import Machine
from ..api.records import Rental, VirtualMachine

# OpenSSH hands hosts and logins to a shell in places (ProxyCommand, Match exec; CVE-2023-51385), so what does
# not look like one is refused and not quoted.
_HOST = re.compile(r"[A-Za-z0-9:][A-Za-z0-9.:-]*", re.ASCII)
_LOGIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", re.ASCII)
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*", re.ASCII)

SSH_PORT = 22


class Target(NamedTuple):
    """One node of a machine, as ssh is told of it: nothing in it means anything to a shell but `label`.

    `alias` is the name that its host key is kept under: the machine's, and not that of an address that the
    next machine may get. `private` is its address among the nodes of its rental, or None.
    """

    label: str
    host: str
    port: int
    login: str
    alias: str
    private: str | None = None
    port_is_forwarded: bool = True

    @property
    def on_this_computer(self) -> bool:
        """Whether it is a machine of a sandbox here."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def targets(machine: Machine, *, user: str, login: str | None = None) -> list[Target]:
    """Every node of a machine.

    `user` is the login where the service names none, `login` one that is to be used in any case. Raises
    `Conflict` with the reason where the machine cannot be reached, `InvalidRequest` where what the service
    names is no host, login or port.
    """
    if machine.runs_windows:
        raise Conflict(
            f"{machine.label} runs {machine.operating_system}, which has no ssh; use remote desktop."
        )
    if machine.status != "Running":
        raise Conflict(f"{machine.label} is {machine.status}, so it does not answer (%vp wait, %vp start).")
    if not machine.endpoints:
        raise Conflict(f"{machine.label} has no address yet; try %vp wait.")
    login = login or machine.login or user
    if not _LOGIN.fullmatch(login):
        raise InvalidRequest(f"{login!r} does not look like a login name, so ssh is not told of it.")
    several = len(machine.endpoints) > 1
    private = _private_addresses(machine)
    found = []
    for node, (host, port) in enumerate(machine.endpoints):
        if not (_HOST.fullmatch(host) and 0 < port < 65536 and _ID.fullmatch(machine.id)):
            raise InvalidRequest(
                f"The address of {machine.label} does not look like one, so ssh is not told of it."
            )
        found.append(
            Target(
                label=f"{machine.label} node {node}" if several else machine.label,
                host=host,
                port=port,
                login=login,
                # Nodes are numbered anew when one is given back; their addresses stay.
                alias=f"vp-{machine.id}" + (f"-{host.replace(':', '-')}" if machine.kind == "metal" else ""),
                private=private[node],
                port_is_forwarded=_forwards_ssh(machine),
            )
        )
    return found


def target(machine: Machine, *, user: str, login: str | None = None, node: int = 0) -> Target:
    """One node of a machine; as `targets`. Raises `InvalidRequest` for a node that it does not have."""
    found = targets(machine, user=user, login=login)
    if not 0 <= node < len(found):
        raise InvalidRequest(f"{machine.label} has nodes 0 to {len(found) - 1}, not {node}.")
    return found[node]


def _private_addresses(machine: Machine) -> Sequence[str | None]:
    record = machine.record
    if not isinstance(record, Rental):
        return [None] * len(machine.endpoints)
    return [
        node.private_ip if node.private_ip and _HOST.fullmatch(node.private_ip) else None
        for node in record.node_networking
        if node.public_ip
    ]


def _forwards_ssh(machine: Machine) -> bool:
    """Whether the service says on which port a VM's ssh is; a rental's nodes have their own addresses."""
    record = machine.record
    return not isinstance(record, VirtualMachine) or any(
        forward.internal_port == SSH_PORT and forward.external_port for forward in record.port_forwards
    )
