"""Commands that wait for machines and change them: wait, start, stop, reboot, rename, tag, rm, …"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from typing import Any

from ..actions import changes, launching
from ..actions.changes import Change
from ..api import Machine
from ..api.naming import pick
from ..cards import Note
from ..formats import text
from ..refused import Refused
from ..session import Session
from .dialogue import Progress, confirm
from .grammar import MACHINE, MACHINES, YES, arg, command
from .machines import GROUP, card


@command(
    "wait", MACHINE, arg("--timeout", type=float, default=3600.0, help="seconds (default 3600)"), group=GROUP
)
def wait(session: Session, args: Namespace) -> Any:
    """Wait until a machine is up and answers ssh, and say where it stands meanwhile."""
    machine = session.machine(args.machine)
    if machine.status in ("Stopped", "StoppedDisassociated"):
        raise Refused(f"{machine.label} is {machine.status}, and stays so: %vp start {machine.label}.")
    return card(session, until_running(session, machine, timeout=args.timeout))


def until_running(session: Session, machine: Machine, *, timeout: float = 3600.0) -> Machine:
    """Wait until a machine is up and answers ssh, with a progress line; gives it as it is then."""
    with launching.explained(machine.label, machine.id, machine.rate_hourly):
        return launching.until_up(session, machine, timeout=timeout, progress=Progress())


@command("start", MACHINES, YES, group=GROUP)
def start(session: Session, args: Namespace) -> Any:
    """Start stopped machines, after what that costs and a yes."""
    return _carry_out(session, changes.start(session, _chosen(session, args.machines)), args)


@command(
    "stop",
    MACHINES,
    arg("--release", action="store_true", help="give the GPUs up, so that only storage is billed (VMs)"),
    YES,
    group=GROUP,
)
def stop(session: Session, args: Namespace) -> Any:
    """Stop machines. A stopped machine bills in full unless it is released, which gives its GPUs up."""
    machines = _chosen(session, args.machines)
    change = changes.release(session, machines) if args.release else changes.stop(session, machines)
    return _carry_out(session, change, args)


@command(
    "reboot",
    MACHINE,
    arg("--node", nargs="+", metavar="IP", help="public addresses of the nodes (default: all)"),
    YES,
    group=GROUP,
)
def reboot(session: Session, args: Namespace) -> Any:
    """Reboot the nodes of a rental; a VM is stopped and started again."""
    machine = session.machine(args.machine)
    return _carry_out(session, changes.reboot(session, machine, args.node), args)


@command("rename", MACHINE, arg("name", help="the new name"), group=GROUP)
def rename(session: Session, args: Namespace) -> Any:
    """Rename a machine."""
    machine = session.machine(args.machine)
    with session.changing():
        session.client.machines.operations(machine).update(machine.id, name=args.name)
    return Note(f"{machine.label} is now called {args.name}.")


@command(
    "tag",
    MACHINE,
    arg("tags", nargs="*", help="tags to add; without any, the tags are shown"),
    arg("--rm", nargs="+", default=[], metavar="tag", help="tags to take away"),
    group=GROUP,
)
def tag(session: Session, args: Namespace) -> Any:
    """Add tags to a machine, or take some away."""
    machine = session.machine(args.machine)
    tags = [one for one in dict.fromkeys([*machine.tags, *args.tags]) if one not in args.rm]
    if args.tags or args.rm:
        with session.changing():
            session.client.machines.operations(machine).update(machine.id, tags=tags)
    return Note(f"{machine.label}: {text(tags)}")


@command(
    "rm",
    MACHINES,
    arg("--node", nargs="+", metavar="IP", help="only these nodes of a rental, by public address"),
    YES,
    group=GROUP,
)
def remove(session: Session, args: Namespace) -> Any:
    """End machines for good, after a yes. Everything on their disks is lost."""
    machines = _chosen(session, args.machines)
    if args.node:
        if len(machines) != 1:
            raise Refused("--node takes nodes from one bare-metal rental.")
        return _carry_out(session, changes.remove_nodes(session, machines[0], args.node), args)
    return _carry_out(session, changes.end(session, machines), args)


@command(
    "forward",
    MACHINE,
    arg("port", type=int, help="the port inside the VM"),
    arg("--external", type=int, help="the port outside (default: the service chooses)"),
    arg("--rm", action="store_true", help="take the forward away"),
    group=GROUP,
)
def forward(session: Session, args: Namespace) -> Any:
    """Make a port of a VM reachable from outside, for everybody who knows the address."""
    machine = _vm(session, args.machine)
    if args.rm:
        with session.changing():
            session.client.vms.unforward(machine.id, args.port)
        return Note(f"Port {args.port} of {machine.label} is no longer reachable.")
    with session.changing():
        made = session.client.vms.forward(machine.id, args.port, args.external)
    host = machine.endpoints[0].host if machine.endpoints else "its address"
    return Note(f"Port {args.port} of {machine.label} is reachable at {host}:{made.external_port}.")


@command("relocate", MACHINE, YES, group=GROUP)
def relocate(session: Session, args: Namespace) -> Any:
    """Move a released VM to a hostnode that has room, so that it can start again."""
    return _carry_out(session, changes.relocate(session, _vm(session, args.machine)), args)


def _carry_out(session: Session, change: Change, args: Namespace) -> Note:
    """Ask, and do it."""
    confirm(session, change.question, yes=args.yes)
    change.act(Progress())
    return Note(change.done)


def _chosen(session: Session, references: Sequence[str]) -> list[Machine]:
    known = session.machines()
    return list(
        {one.id: one for one in (pick(reference, known, "machine") for reference in references)}.values()
    )


def _vm(session: Session, reference: str) -> Machine:
    machine = session.machine(reference)
    if machine.kind != "vm":
        raise Refused(f"{machine.label} is a bare-metal rental; this is for VMs.")
    return machine
