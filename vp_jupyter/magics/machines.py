"""Commands about machines that are there: ls, show, wait, start, stop, reboot, rename, tag, rm, …"""

from __future__ import annotations

import contextlib
import time
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pandas as pd

from .. import tables
from ..api import Machine, VoltageParkError, together
from ..api.naming import pick
from ..api.records import Rental, VirtualMachine
from ..connect.answers import until_answering
from ..costs import lease_end, quote
from ..formats import burn_rate, cents, missing, moment, number, rate, short_id, span, text, usd
from ..refused import Refused
from ..session import Session
from ..views import Card, Column, Note, Table
from .dialogue import Progress, confirm
from .grammar import MACHINE, MACHINES, YES, arg, command

GROUP = "Machines"

_SSH_PATIENCE = 300.0  # seconds for a machine that runs to answer; networks may not let ssh through


def _left(value: timedelta) -> str:
    return "over" if not missing(value) and value <= timedelta() else span(value)


_COLUMNS = [
    Column("name", "name"),
    Column("kind", "kind"),
    Column("status", "status"),
    Column("gpus", "GPUs", number, right=True),
    Column("address", "address"),
    Column("rate_hourly", "$/h", usd, right=True),
    Column("age", "age", span, right=True),
    Column("lease_left", "lease left", _left, right=True),
    Column("tags", "tags", wraps=True),
    Column("id", "id", short_id),
]


@command("ls", arg("--tag", help="only machines with this tag"), group=GROUP)
def ls(session: Session, args: Namespace) -> Any:
    """VMs and rentals together: what runs, where, and what it costs per hour."""
    machines = [one for one in session.machines() if args.tag in (None, *one.tags)]
    now = session.client.now()
    frame = tables.machines(machines, now)
    ends = [lease_end(one.tags) for one in machines]
    left = [pd.NaT if end is None else end - now for end in ends]
    frame["lease_left"] = pd.Series(left, dtype="timedelta64[us]")
    caption = f"{len(machines)} machines, {burn_rate(total_rate(machines))} together."
    if not machines:
        caption = (
            f"No machine has the tag {args.tag}." if args.tag else "No machines: %vp prices, %vp launch."
        )
    columns = [column for column in _COLUMNS if column.name != "lease_left" or any(ends)]
    return Table.of(frame, columns, caption=caption)


def total_rate(machines: Sequence[Machine]) -> Decimal:
    """USD per hour of all of them."""
    return sum((one.rate_hourly for one in machines if one.rate_hourly is not None), start=Decimal(0))


@command("show", MACHINE, group=GROUP)
def show(session: Session, args: Namespace) -> Any:
    """One machine with all that is known of it."""
    return card(session, session.client.machines.get(session.machine(args.machine)))


def card(session: Session, machine: Machine) -> Card:
    """A machine's facts. A kubeconfig is a credential and is not among them."""
    record = machine.record
    facts = {
        "kind": {"vm": "virtual machine", "metal": "bare-metal rental"}[machine.kind],
        "status": machine.status,
        "cost": rate(machine.rate_hourly),
        "if released": rate(machine.released_rate_hourly) if machine.released_rate_hourly is not None else "",
        "GPUs": f"{machine.gpus} × {machine.gpu_model}" if machine.gpus else "",
        "addresses": ", ".join(f"{host}:{port}" for host, port in machine.endpoints),
        "created": moment(machine.created),
        "age": span(session.client.now() - machine.created) if machine.created else "",
        "tags": ", ".join(machine.tags),
    }
    if isinstance(record, VirtualMachine):
        has = record.resources
        facts |= {
            "system": record.operating_system or "",
            "vCPU": number(has.vcpu_count),
            "RAM": f"{number(has.ram_gb)} GB",
            "disk": f"{number(has.storage_gb)} GB",
            "port forwards": ", ".join(
                f"{f.internal_port} at {f.external_port}" for f in record.port_forwards
            ),
            "hostnode": record.hostnode_id or "",
        }
    else:
        facts |= {
            "network": record.network_type or "",
            "nodes": number(record.node_count),
            "login": record.username or "",
            "private addresses": ", ".join(node.private_ip or "" for node in record.node_networking),
            "volume": record.storage_id or "",
            "Kubernetes cluster": record.k8s_cluster_id or "",
        }
    return Card(machine.label, {**facts, "id": machine.id})


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
    """Wait until a machine is up and its ssh, where it has one, answers, with a progress line; gives the
    machine as it is then."""
    deadline = time.monotonic() + timeout
    progress = Progress()
    _until(session, machine, "Running", timeout=timeout, progress=progress)
    session.changed()
    machine = session.client.machines.get(machine)
    if machine.endpoints and not machine.runs_windows:
        with _explained(session, machine, "answer"):
            for target in session.reach.targets(machine):
                until_answering(
                    target,
                    timeout=min(_SSH_PATIENCE, deadline - time.monotonic()),
                    progress=lambda waited, label=target.label: progress(  # type: ignore[misc]
                        f"{label}: Running, its ssh does not answer yet · {span(timedelta(seconds=waited))}"
                    ),
                )
    return machine


def _until(
    session: Session, machine: Machine, status: str, *, progress: Progress, timeout: float = 3600.0
) -> None:
    """Wait with a progress line until a machine has a status."""
    started = session.client.now()

    def tell(record: VirtualMachine | Rental) -> None:
        progress(f"{machine.label}: {record.status or 'starting'} · {span(session.client.now() - started)}")

    family = session.client.machines.operations(machine)
    with _explained(session, machine, f"be {status}"):
        family.wait(machine.id, status=status, timeout=timeout, progress=tell)


@contextlib.contextmanager
def _explained(session: Session, machine: Machine, what: str) -> Iterator[None]:
    """An interrupt ends a wait, not the machine: this says so, and what it costs."""
    try:
        yield
    except (KeyboardInterrupt, VoltageParkError) as error:
        session.changed()
        why = f"{error} " if isinstance(error, VoltageParkError) else ""
        id = machine.id[:8]
        further = f"%vp start {id} starts it again" if what == "be Stopped" else f"%vp wait {id} waits on"
        raise Refused(
            f"{why}Stopped waiting for {machine.label} ({machine.id}) to {what}. It is there and costs "
            f"{rate(machine.rate_hourly)}: {further}, %vp rm {id} ends it."
        ) from None


@command("start", MACHINES, YES, group=GROUP)
def start(session: Session, args: Namespace) -> Any:
    """Start stopped machines, after what that costs and a yes."""
    machines = _chosen(session, args.machines)
    zero = Decimal(0)
    more = sum(((one.full_rate_hourly or zero) - (one.rate_hourly or zero) for one in machines), start=zero)
    confirm(session, f"Start {_named(machines)}? {cost_change(session, more)}", yes=args.yes)
    _each(session, machines, "started", lambda one: session.client.machines.operations(one).start(one.id))
    return Note(f"Starting {_named(machines)}; %vp wait tells when a machine is up.")


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
    if args.release and any(one.kind == "metal" for one in machines):
        raise Refused("A bare-metal rental cannot be released: stopped it bills in full, %vp rm ends it.")
    if args.release:
        after = sum((one.released_rate_hourly or Decimal(0) for one in machines), start=Decimal(0))
        effect = (
            f"What runs there ends. {rate(after)} remain, for storage; GPUs may be gone at the next start."
        )
    else:
        effect = (
            f"What runs there ends, and they go on costing {rate(total_rate(machines))} (VMs: see --release)."
        )
    confirm(session, f"Stop {_named(machines)}? {effect}", yes=args.yes)

    def end(machine: Machine) -> None:
        if machine.kind == "vm":
            session.client.vms.stop(machine.id, release=args.release)
        else:
            session.client.metal.stop(machine.id)

    _each(session, machines, "stopped", end)
    return Note(f"Stopped {_named(machines)}{' and released its GPUs' if args.release else ''}.")


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
    confirm(session, f"Reboot {_named([machine])}? What runs there ends.", yes=args.yes)
    if machine.kind == "metal":
        session.client.metal.reboot(machine.id, args.node or [host for host, _ in machine.endpoints])
    else:
        session.client.vms.stop(machine.id)
        _until(session, machine, "Stopped", progress=Progress())  # a start before that would be lost
        session.client.vms.start(machine.id)
    session.changed()
    return Note(f"Rebooting {machine.label}; %vp wait {machine.label} tells when it is up.")


@command("rename", MACHINE, arg("name", help="the new name"), group=GROUP)
def rename(session: Session, args: Namespace) -> Any:
    """Rename a machine."""
    machine = session.machine(args.machine)
    session.client.machines.operations(machine).update(machine.id, name=args.name)
    session.changed()
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
        session.client.machines.operations(machine).update(machine.id, tags=tags)
        session.changed()
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
        (machine,) = machines if len(machines) == 1 else (None,)
        if machine is None or machine.kind != "metal":
            raise Refused("--node takes nodes from one bare-metal rental.")
        nodes = ", ".join(args.node)
        question = f"Remove {nodes} from {machine.label}? Everything on it is lost."
        confirm(session, question, yes=args.yes)
        session.client.metal.remove_nodes(machine.id, args.node)
        session.changed()
        return Note(f"Removed {nodes} from {machine.label}.")
    now = session.client.now()
    each = "; ".join(
        f"{one.label} ({one.kind}, {number(one.gpus)} GPUs, {rate(one.rate_hourly)}, "
        f"{span(now - one.created) if one.created else 'age unknown'} old)"
        for one in machines
    )
    confirm(session, f"End {each}? Everything on the disks is lost.", yes=args.yes)
    _each(session, machines, "ended", lambda one: session.client.machines.operations(one).delete(one.id))
    return Note(f"Ended {_named(machines)}: {rate(total_rate(machines))} less.")


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
        session.client.vms.unforward(machine.id, args.port)
        return Note(f"Port {args.port} of {machine.label} is no longer reachable.")
    made = session.client.vms.forward(machine.id, args.port, args.external)
    host = machine.endpoints[0].host if machine.endpoints else "its address"
    return Note(f"Port {args.port} of {machine.label} is reachable at {host}:{made.external_port}.")


@command("relocate", MACHINE, YES, group=GROUP)
def relocate(session: Session, args: Namespace) -> Any:
    """Move a released VM to a hostnode that has room, so that it can start again."""
    machine = _vm(session, args.machine)
    confirm(session, f"Move {_named([machine])} to another hostnode?", yes=args.yes)
    session.client.vms.relocate(machine.id)
    session.changed()
    return Note(f"{machine.label} is moving; %vp show {machine.label} tells where it is.")


def cost_change(session: Session, more: Decimal) -> str:
    """What a change of the burn rate means, in words: now, a day, in all, and how long the balance lasts."""
    burn, balance = together(session.client.billing.hourly_rate, session.client.billing.balance)
    priced = quote(more, burn_hourly=burn, balance=balance)
    lasts = (
        f", the balance of {cents(balance)} lasts {span(priced.lasts)}" if priced.lasts is not None else ""
    )
    word = "more" if more >= 0 else "less"
    return (
        f"{rate(abs(more))} {word} ({cents(abs(priced.rate_daily))} a day); "
        f"everything then costs {burn_rate(priced.burn_hourly)}{lasts}."
    )


def _each(session: Session, machines: Sequence[Machine], done: str, act: Callable[[Machine], object]) -> None:
    """Do something to one machine after the other. Where one fails, what is done is said, and what is not."""
    for place, machine in enumerate(machines):
        try:
            act(machine)
        except VoltageParkError as error:
            session.changed()
            if len(machines) == 1:
                raise
            before = f"{_named(machines[:place])}: {done}. " if place else ""
            rest = f" Not tried: {_named(machines[place + 1 :])}." if machines[place + 1 :] else ""
            raise Refused(f"{before}{machine.label}: {error}{rest}") from error
    session.changed()


def _chosen(session: Session, references: Sequence[str]) -> list[Machine]:
    known = session.machines()
    return list(
        {one.id: one for one in (pick(reference, known, "machine") for reference in references)}.values()
    )


def _named(machines: Sequence[Machine]) -> str:
    return ", ".join(machine.label for machine in machines)


def _vm(session: Session, reference: str) -> Machine:
    machine = session.machine(reference)
    if machine.kind != "vm":
        raise Refused(f"{machine.label} is a bare-metal rental; this is for VMs.")
    return machine
