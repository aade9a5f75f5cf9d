"""Commands about storage volumes."""

from __future__ import annotations

from argparse import Namespace
from decimal import Decimal
from typing import Any

from .. import tables
from ..actions.changes import cost_change
from ..api import together
from ..api.naming import pick
from ..api.records import Volume
from ..cards import Card, Note
from ..formats import number, rate, short_id, text, usd
from ..refused import Refused
from ..session import Session
from ..views import Column, Table
from .dialogue import confirm
from .grammar import YES, arg, command

GROUP = "Storage"

_VOLUME = arg("volume", live="volumes", help="name, id, or a unique beginning of either")


@command("storage", group=GROUP)
def storage(session: Session, args: Namespace) -> Any:
    """The storage volumes, what they cost and what they are attached to."""
    known, machines = together(session.volumes, session.machines)
    names = {machine.id: machine.label for machine in machines}
    frame = tables.volumes(known, lambda id: names.get(id, id[:8]))
    columns = [
        Column("name", "name"),
        Column("size_gb", "GB", number, right=True),
        Column("status", "status"),
        Column("rate_hourly", "$/h", usd, right=True),
        Column("attached_to", "attached to"),
        Column("id", "id", short_id),
    ]
    total = sum((volume.rate_hourly for volume in known if volume.rate_hourly is not None), start=Decimal(0))
    return Table.of(frame, columns, caption=f"{len(known)} volumes, {rate(total)} together.")


@command("storage show", _VOLUME, group=GROUP)
def show(session: Session, args: Namespace) -> Any:
    """One volume, with what is used of it."""
    volume = session.client.storage.get(find(session, args.volume).id)
    return _card(session, volume)


def _card(session: Session, volume: Volume) -> Card:
    names = {machine.id: machine.label for machine in session.machines()} if volume.order_ids else {}
    used = volume.used_capacity_bytes
    return Card(
        f"Volume {volume.name}",
        {
            "size": f"{number(volume.size_in_gb)} GB",
            "used": "" if used is None else f"{used / 1e9:,.1f} GB",
            "cost": rate(volume.rate_hourly),
            "status": volume.status or "",
            "attached to": text([names.get(id, id) for id in volume.order_ids]),
            "address": volume.vip or "",
            "id": volume.id,
        },
    )


@command(
    "storage create",
    arg("name", help="lower case letters, digits, -, _ and ., at most 60"),
    arg("size", type=int, help="in GB"),
    arg("--attach", nargs="+", default=[], metavar="rental", live="machines", help="rentals to attach it to"),
    YES,
    group=GROUP,
)
def create(session: Session, args: Namespace) -> Any:
    """Create a volume, after its price and a yes."""
    per_gb = session.client.storage.hourly_rate_per_gb()
    rentals = [_rental(session, name) for name in args.attach]
    confirm(
        session,
        f"Create a volume of {args.size:,} GB? {cost_change(session, per_gb * args.size)}",
        yes=args.yes,
    )
    with session.changing():
        volume = session.client.storage.create(args.name, args.size, order_ids=rentals)
    return _card(session, volume)


@command("storage resize", _VOLUME, arg("size", type=int, help="in GB"), YES, group=GROUP)
def resize(session: Session, args: Namespace) -> Any:
    """Change a volume's size, after its new price and a yes."""
    volume = find(session, args.volume)
    per_gb = session.client.storage.hourly_rate_per_gb()
    more = per_gb * (args.size - (volume.size_in_gb or 0))
    question = f"Resize {volume.name} from {number(volume.size_in_gb)} to {args.size:,} GB?"
    confirm(session, f"{question} {cost_change(session, more)}", yes=args.yes)
    return _changed(session, volume, size_in_gb=args.size)


@command("storage rename", _VOLUME, arg("name", help="the new name"), group=GROUP)
def rename(session: Session, args: Namespace) -> Any:
    """Rename a volume."""
    return _changed(session, find(session, args.volume), name=args.name)


@command(
    "storage attach",
    _VOLUME,
    arg("rentals", nargs="*", metavar="rental", live="machines", help="rentals to attach it to besides"),
    arg("--detach", nargs="+", default=[], metavar="rental", live="machines", help="rentals to take it from"),
    group=GROUP,
)
def attach(session: Session, args: Namespace) -> Any:
    """Attach a volume to rentals, or detach it."""
    if not args.rentals and not args.detach:
        raise Refused("Which rental? %vp storage attach VOLUME RENTAL, or --detach RENTAL.")
    volume = find(session, args.volume)
    gone = {_rental(session, name) for name in args.detach}
    ids = [*volume.order_ids, *(_rental(session, name) for name in args.rentals)]
    return _changed(session, volume, order_ids=[id for id in dict.fromkeys(ids) if id not in gone])


@command("storage rm", _VOLUME, YES, group=GROUP)
def remove(session: Session, args: Namespace) -> Any:
    """Delete a volume and all that is on it."""
    volume = find(session, args.volume)
    question = (
        f"Delete the volume {volume.name} ({number(volume.size_in_gb)} GB, {rate(volume.rate_hourly)})?"
    )
    confirm(session, f"{question} Everything on it is lost.", yes=args.yes)
    with session.changing():
        session.client.storage.delete(volume.id)
    return Note(f"Deleted the volume {volume.name}; it costs nothing any more.")


def _changed(session: Session, volume: Volume, **changes: Any) -> Card:
    with session.changing():
        changed = session.client.storage.update(volume.id, **changes)
    return _card(session, changed)


def _rental(session: Session, reference: str) -> str:
    """The id of a rental, the only kind of machine that volumes attach to."""
    machine = session.machine(reference)
    if machine.kind != "metal":
        raise Refused(f"{machine.label} is a VM; volumes attach to bare-metal rentals.")
    return machine.id


def find(session: Session, reference: str) -> Volume:
    """The volume of that name or id; see `api.naming.pick`."""
    return pick(reference, session.volumes(), "volume")
