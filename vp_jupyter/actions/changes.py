"""What can be done to machines that are there: what it means in money and in what is lost, and the doing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import NamedTuple

from ..api import Machine, VoltageParkError, together
from ..api.machines import total_rate
from ..costs import quote
from ..formats import burn_rate, cents, number, rate, span
from ..refused import Refused
from ..session import Session
from .launching import until_status

Progress = Callable[[str], None]


class Change(NamedTuple):
    """A change that waits for a yes: what is asked, what then does it (telling its progress), and what is
    said when it is done. Doing it raises `Refused` or `VoltageParkError`."""

    question: str
    act: Callable[[Progress], None]
    done: str


def start(session: Session, machines: Sequence[Machine]) -> Change:
    """Start stopped or released machines."""
    zero = Decimal(0)
    more = sum(((one.full_rate_hourly or zero) - (one.rate_hourly or zero) for one in machines), start=zero)
    return Change(
        f"Start {named(machines)}? {cost_change(session, more)}",
        lambda _: each(
            session, machines, "started", lambda one: session.client.machines.operations(one).start(one.id)
        ),
        f"Starting {named(machines)}; %vp wait tells when a machine is up.",
    )


def stop(session: Session, machines: Sequence[Machine]) -> Change:
    """Stop machines, which then bill in full."""
    return Change(
        f"Stop {named(machines)}? What runs there ends, and they go on costing {rate(total_rate(machines))} "
        "(a VM can be released instead).",
        lambda _: each(
            session, machines, "stopped", lambda one: session.client.machines.operations(one).stop(one.id)
        ),
        f"Stopped {named(machines)}.",
    )


def release(session: Session, machines: Sequence[Machine]) -> Change:
    """Stop VMs and give their GPUs up, so that storage alone is billed."""
    if any(one.kind == "metal" for one in machines):
        raise Refused("A bare-metal rental cannot be released: stopped it bills in full, %vp rm ends it.")
    after = sum((one.released_rate_hourly or Decimal(0) for one in machines), start=Decimal(0))
    return Change(
        f"Stop {named(machines)} and release the GPUs? What runs there ends. {rate(after)} remain, for "
        "storage; GPUs may be gone at the next start.",
        lambda _: each(
            session, machines, "stopped", lambda one: session.client.vms.stop(one.id, release=True)
        ),
        f"Stopped {named(machines)} and released its GPUs.",
    )


def reboot(session: Session, machine: Machine, nodes: Sequence[str] | None = None) -> Change:
    """Reboot the nodes of a rental (public addresses; all where none is named), or stop and start a VM."""

    def act(progress: Progress) -> None:
        if machine.kind == "metal":
            with session.changing():
                session.client.metal.reboot(machine.id, nodes or [host for host, _ in machine.endpoints])
        else:
            with session.changing():
                session.client.vms.stop(machine.id)
            try:  # a start before it has stopped would be lost
                until_status(session, machine, "Stopped", progress=progress)
            except (KeyboardInterrupt, VoltageParkError) as error:
                why = f"{error} " if isinstance(error, VoltageParkError) else ""
                raise Refused(
                    f"{why}{machine.label} ({machine.id}) is being stopped, was not started again and costs "
                    f"{rate(machine.rate_hourly)}: %vp start {machine.id[:8]}, %vp rm {machine.id[:8]}."
                ) from None
            with session.changing():
                session.client.vms.start(machine.id)

    return Change(
        f"Reboot {machine.label}? What runs there ends.",
        act,
        f"Rebooting {machine.label}; %vp wait {machine.label} tells when it is up.",
    )


def relocate(session: Session, machine: Machine) -> Change:
    """Move a released VM to another hostnode."""

    def act(_: Progress) -> None:
        with session.changing():
            session.client.vms.relocate(machine.id)

    return Change(
        f"Move {machine.label} to another hostnode?",
        act,
        f"{machine.label} is moving; %vp show {machine.label} tells where it is.",
    )


def end(session: Session, machines: Sequence[Machine]) -> Change:
    """End machines for good."""
    now = session.client.now()
    what = "; ".join(
        f"{one.label} ({one.kind}, {number(one.gpus)} GPUs, {rate(one.rate_hourly)}, "
        f"{span(now - one.created) if one.created else 'age unknown'} old)"
        for one in machines
    )
    return Change(
        f"End {what}? Everything on the disks is lost.",
        lambda _: each(
            session, machines, "ended", lambda one: session.client.machines.operations(one).delete(one.id)
        ),
        f"Ended {named(machines)}: {rate(total_rate(machines))} less.",
    )


def remove_nodes(session: Session, machine: Machine, nodes: Sequence[str]) -> Change:
    """Give nodes of a rental back, by their public addresses."""
    if machine.kind != "metal":
        raise Refused("--node takes nodes from one bare-metal rental.")

    def act(_: Progress) -> None:
        with session.changing():
            session.client.metal.remove_nodes(machine.id, nodes)

    names = ", ".join(nodes)
    return Change(
        f"Remove {names} from {machine.label}? Everything on it is lost.",
        act,
        f"Removed {names} from {machine.label}.",
    )


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


def each(session: Session, machines: Sequence[Machine], done: str, act: Callable[[Machine], object]) -> None:
    """Do something to one machine after the other. Where one fails, or there is an interrupt, what is `done`
    is said, and what is not."""
    for place, machine in enumerate(machines):
        before = f"{named(machines[:place])}: {done}. " if place else ""
        after = f" Not tried: {named(machines[place + 1 :])}." if machines[place + 1 :] else ""
        try:
            with session.changing() as held:
                act(machine)
        except VoltageParkError as error:
            if len(machines) == 1:
                raise
            raise Refused(f"{before}{machine.label}: {error}{after}") from error
        except KeyboardInterrupt:
            unknown = f"Interrupted: whether {machine.label} is {done} is not known, %vp ls tells."
            raise Refused(f"{before}{unknown}{after}") from None
        if held.pressed and after:
            raise Refused(f"Interrupted. {named(machines[: place + 1])}: {done}.{after}")


def named(machines: Sequence[Machine]) -> str:
    """What they are called, in a sentence."""
    return ", ".join(machine.label for machine in machines)
