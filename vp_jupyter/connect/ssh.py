"""The ssh line for a machine."""

from __future__ import annotations

import re
import shlex

from ..api.errors import Conflict, InvalidRequest
from ..api.machines import Endpoint, Machine

_HOST = re.compile(r"[A-Za-z0-9:][A-Za-z0-9.:-]*")
_LOGIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


def ssh_command(
    machine: Machine, *, user: str, node: int = 0, command: str = "", identity: str | None = None
) -> str:
    """A line for a shell that reaches a machine, or one node of it, and runs `command` there.

    `user` is the login where the service names none. It never asks (a notebook could not answer): a missing
    key is a failure. A host key is trusted when first seen, under the machine's id and not its address, which
    the next machine may get. Raises `Conflict` where the machine cannot be reached, `InvalidRequest` where
    what the service names is no host or login: those never reach a shell.
    """
    host, port = endpoint(machine, node)
    login = machine.login or user
    if not _HOST.fullmatch(host) or not 0 < port < 65536:
        raise InvalidRequest(
            f"The address of {machine.label} does not look like one, so no ssh line is made."
        )
    if not _LOGIN.fullmatch(login):
        raise InvalidRequest(f"{login!r} does not look like a login name, so no ssh line is made.")
    alias = f"vp-{machine.id}" if len(machine.endpoints) == 1 else f"vp-{machine.id}-{node}"
    words = [
        "ssh",
        "-o",
        "BatchMode=yes",
        "-o",
        "StrictHostKeyChecking=accept-new",
        "-o",
        f"HostKeyAlias={alias}",
    ]
    words += ["-i", identity] if identity else []
    words += ["-p", str(port)] if port != 22 else []
    words += [f"{login}@{host}"]
    return shlex.join(words + ([command] if command else []))


def endpoint(machine: Machine, node: int = 0) -> Endpoint:
    """Where a node of a machine answers. Raises `Conflict` with the reason where it does not."""
    if machine.runs_windows:
        raise Conflict(
            f"{machine.label} runs {machine.operating_system}, which has no ssh; use remote desktop."
        )
    if machine.status != "Running":
        raise Conflict(
            f"{machine.label} is {machine.status}, so it does not answer yet (%vp wait, %vp start)."
        )
    if not machine.endpoints:
        raise Conflict(f"{machine.label} has no address yet; try %vp wait.")
    if not 0 <= node < len(machine.endpoints):
        raise InvalidRequest(f"{machine.label} has nodes 0 to {len(machine.endpoints) - 1}, not {node}.")
    return machine.endpoints[node]
