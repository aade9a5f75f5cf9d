"""Commands about what is for sale: prices, locations."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from .. import listings, tables
from ..actions.choosing import one_of_each
from ..api import together
from ..api.naming import pick
from ..cards import Card
from ..formats import number, rate, usd
from ..refused import Refused
from ..session import Session
from ..views import Column, Table
from .grammar import arg, command

GROUP = "Find"


@command(
    "prices",
    arg("--all", action="store_true", help="every preset at every system, and every place"),
    arg("--gpus", type=int, help="only machines with that many GPUs"),
    arg("--preset", live="presets", help="one preset, by its id"),
    group=GROUP,
)
def prices(session: Session, args: Namespace) -> Any:
    """What can be had now and what it costs, VMs and bare metal side by side, cheapest per GPU first.

    One line for each size, kind and network; sold out is said. Bare metal is priced by the node of 8 GPUs.
    """
    if args.preset:
        return _preset(session, args.preset)
    offers, place = together(session.client.offers, session.place_names)
    session.seen("presets", fetch=lambda _: offers, max_age=0)
    if args.gpus is not None:
        offers = [offer for offer in offers if offer.gpus == args.gpus]
        if not offers:
            raise Refused(f"Nothing is sold with {args.gpus} GPUs: see %vp prices.")
    if not args.all:
        offers = one_of_each(offers, session.settings.operating_system)
    return listings.offers(offers, place)


def _preset(session: Session, reference: str) -> Card:
    known = pick(reference, session.client.presets.list(), "preset", name=lambda preset: preset.id)
    preset, place = together(lambda: session.client.presets.get(known.id), session.place_names)
    has = preset.resources
    return Card(
        f"VM with {has.gpu_count} × {has.gpu_model}",
        {
            "system": preset.operating_system or "",
            "vCPU": number(has.vcpu_count),
            "RAM": f"{number(has.ram_gb)} GB",
            "disk": f"{number(has.storage_gb)} GB",
            "running": rate(preset.rate_hourly),
            "compute": rate(preset.compute_rate_hourly),
            "storage": rate(preset.storage_rate_hourly),
            "where": " · ".join(map(place, preset.location_ids_with_availability)) or "sold out",
            "id": preset.id,
        },
    )


@command(
    "locations",
    arg("place", nargs="?", live="locations", help="one location: its id, or a beginning of its city or id"),
    arg("--hostnode", metavar="ID", help="one hostnode, by its id"),
    group=GROUP,
)
def locations(session: Session, args: Namespace) -> Any:
    """Where machines stand: the hostnodes of each location, what they have free and their prices."""
    client = session.client
    if args.hostnode:
        node = client.hostnodes.get(args.hostnode)
        home = client.locations.get(node.location_id) if node.location_id else None
        places = [home] if home else []
        frame = tables.hostnodes(places)
        frame = frame[frame["hostnode_id"] == node.id].reset_index(drop=True)
    elif args.place:
        known = session.seen("locations", fetch=lambda client: client.locations.list(), max_age=600)
        chosen = pick(args.place, known, "location", name=lambda place: place.label)
        places = [client.locations.get(chosen.id)]
        frame = tables.hostnodes(places)
    else:
        places = client.locations.list()
        frame = tables.hostnodes(places)
    columns = [
        Column("city", "city"),
        Column("region", "region"),
        Column("country", "country"),
        Column("gpus", "free GPUs", number, right=True),
        Column("gpu_model", "model"),
        Column("vcpus", "vCPU", number, right=True),
        Column("ram_gb", "RAM GB", number, right=True),
        Column("storage_gb", "disk GB", number, right=True),
        Column("rate_per_gpu_hour", "$/GPU-h", usd, right=True),
        Column("hostnode_id", "hostnode"),
        Column("location_id", "location"),
    ]
    return Table.of(frame, columns, caption=f"{len(places)} locations, {len(frame)} hostnodes.")
