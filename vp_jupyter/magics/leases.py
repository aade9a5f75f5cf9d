"""Commands about how long machines are wanted: lease, reap."""

from __future__ import annotations

from argparse import Namespace
from contextlib import suppress
from datetime import timedelta
from typing import Any

from ..actions import changes
from ..actions.launching import span_of
from ..actions.notices import overdue
from ..api import Machine, VoltageParkError, key_from_environment
from ..cards import Note
from ..costs import ended_leases, lease_end, leased
from ..formats import moment, span
from ..session import Session
from .dialogue import confirm, say
from .grammar import MACHINE, YES, arg, command

GROUP = "Machines"


@command(
    "lease",
    MACHINE,
    arg("time", nargs="?", help="from now on: 6h, 2d, 1d12h; without it, what is left is shown"),
    arg("--rm", action="store_true", help="take the lease away"),
    group=GROUP,
)
def lease(session: Session, args: Namespace) -> Any:
    """Say until when a machine is wanted: a tag that everybody sees. %vp reap ends machines after that."""
    machine = session.machine(args.machine)
    now = session.client.now()
    if args.time or args.rm:
        end = None if args.rm else now + span_of(args.time)
        tags = leased(machine.tags, end)
        with session.changing():
            session.client.machines.operations(machine).update(machine.id, tags=tags)
    else:
        end = lease_end(machine.tags)
    if end is None:
        return Note(f"{machine.label} has no lease.")
    left = end - now
    when = (
        f"{span(left)} from now" if left > timedelta() else f"which was {span(-left)} ago: %vp reap ends it"
    )
    return Note(f"{machine.label} is wanted until {moment(end)}, {when}.")


@command("reap", arg("--dry-run", action="store_true", help="only say which"), YES, group=GROUP)
def reap(session: Session, args: Namespace) -> Any:
    """End the machines whose lease is over, after a yes. Everything on their disks is lost."""
    machines = ended_leases(session.machines(), session.client.now())
    if not machines:
        return Note("No lease is over.")
    if args.dry_run:
        return Note(overdue(machines))
    confirm(session, f"{overdue(machines)} End them? Everything on their disks is lost.", yes=args.yes)
    now = session.client.now()
    ended: list[Machine] = []

    def end(machine: Machine) -> None:
        if session.client.machines.end_if(machine, lambda one: bool(ended_leases([one], now))):
            ended.append(machine)

    changes.each(session, machines, "ended or wanted again", end)
    return Note(f"Ended {changes.named(ended) or 'nothing: the leases were renewed meanwhile'}.")


def point_out(session: Session) -> None:
    """Say which leases are over, if any. Nobody has asked, so no failure is told and no keyring is opened."""
    with suppress(VoltageParkError):
        if key_from_environment() and (machines := ended_leases(session.machines(), session.client.now())):
            say(f"{overdue(machines)} %vp reap ends what is not wanted any more, %vp lease NAME 1d keeps it.")
