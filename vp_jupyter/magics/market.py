"""Commands about what is for sale: prices, locations."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from .. import tables
from ..api import Offer, together
from ..api.naming import pick
from ..api.offers import NETWORKS
from ..formats import number, rate, short_id, side_by_side, usd
from ..refused import Refused
from ..session import Session
from ..views import Card, Column, Table
from .grammar import arg, command

GROUP = "Find"

_COLUMNS = [
    Column("gpus", "GPUs", number, right=True),
    Column("kind", "kind"),
    Column("network", "network"),
    Column("operating_system", "system"),
    Column("rate_hourly", "$/h", usd, right=True),
    Column("rate_per_gpu_hour", "$/GPU-h", usd, right=True),
    Column("rate_daily", "$/day", usd, right=True),
    Column("stock", "to be had", right=True),
    Column("locations", "where", side_by_side, wraps=True),
    Column("vcpus", "vCPU", number, right=True),
    Column("ram_gb", "RAM GB", number, right=True),
    Column("storage_gb", "disk GB", number, right=True),
    Column("id", "id", short_id),
]


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
    return offers_table(offers, place)


def offers_table(offers: list[Offer], place: Callable[[str], str]) -> Table:
    """Offers as a table, those that are sold out greyed."""
    frame = tables.offers(offers, place)
    frame.insert(8, "stock", tables.texts(map(_stock, offers)))
    free = sum(not offer.sold_out for offer in offers)
    caption = f"{free} of {len(offers)} can be had now. Prices in USD; a day is 24 hours."
    return Table.of(frame, _COLUMNS, caption=caption, muted="sold_out")


def _stock(offer: Offer) -> str:
    if offer.sold_out:
        return "sold out"
    return "some" if offer.available is None else f"{offer.available:,}"


def one_of_each(offers: Iterable[Offer], preferred_system: str) -> list[Offer]:
    """For each size, kind and network the one that a launch would take: what can be had before what is sold
    out, then the cheapest, then the preferred system. They come cheapest per GPU first, as offers do."""
    best: dict[tuple[object, ...], Offer] = {}
    for offer in sorted(offers, key=lambda offer: _rank(offer, preferred_system)):
        best.setdefault((offer.kind, offer.gpus, offer.network), offer)
    return sorted(best.values(), key=lambda offer: (offer.rate_per_gpu_hour, offer.gpus, offer.kind))


def _rank(offer: Offer, preferred_system: str) -> tuple[bool, Decimal, bool]:
    """The best to launch first, among offers of one shape."""
    return offer.sold_out, offer.rate_per_gpu_hour, not has_system(offer, preferred_system)


def has_system(offer: Offer, name: str) -> bool:
    """Whether a VM offer's operating system is called so, in part."""
    return name.lower() in (offer.operating_system or "").lower()


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


def chosen_offer(
    offers: list[Offer],
    *,
    gpus: int,
    metal: bool,
    network: str | None,
    preferred_system: str,
    system: str | None,
    at: str | None,
) -> Offer:
    """The cheapest offer that can be had now for a launch of `gpus` GPUs.

    A VM has one of the sizes for sale and prefers a system; bare metal takes whole nodes of one place, on
    `network` or the cheapest. Raises `Refused` that says what there is instead.
    """
    if metal:
        fitting = [
            offer
            for offer in offers
            if offer.kind == "metal" and network in (None, offer.network) and at in (None, offer.id)
        ]
        if not fitting:
            raise Refused("No bare metal is sold so: see %vp prices --all.")
        if gpus <= 0 or gpus % fitting[0].gpus:
            raise Refused(f"Bare metal is rented in whole nodes: --gpus is a multiple of {fitting[0].gpus}.")
        free = [offer for offer in fitting if (offer.available or 0) * offer.gpus >= gpus]
        if not free:
            most = max((offer.available or 0) * offer.gpus for offer in fitting)
            raise Refused(f"No place has {gpus} such GPUs free now; the most in one place is {most}.")
        return free[0]
    if network is not None or at is not None:
        raise Refused("A VM has no choice of network or place: add --metal, or leave that out.")
    sizes = sorted({offer.gpus for offer in offers if offer.kind == "vm"})
    fitting = [offer for offer in offers if offer.kind == "vm" and offer.gpus == gpus]
    if not fitting:
        hint = f" Bare metal has more: add --metal --network {'|'.join(NETWORKS)}." if gpus > 8 else ""
        raise Refused(f"VMs are sold with {', '.join(map(str, sizes))} GPUs, not {gpus}.{hint}")
    named = [offer for offer in fitting if has_system(offer, system or "")]
    if not named:
        systems = sorted({offer.operating_system or "" for offer in fitting})
        raise Refused(f"No {gpus}-GPU VM has a system like {system!r}; there are {', '.join(systems)}.")
    best = min(named, key=lambda offer: _rank(offer, preferred_system))
    if best.sold_out:
        some = sorted({offer.gpus for offer in offers if offer.kind == "vm" and not offer.sold_out})
        instead = f"VMs with {', '.join(map(str, some))} GPUs are free." if some else "No VM is free now."
        raise Refused(f"VMs with {gpus} GPUs{f' and {system}' if system else ''} are sold out. {instead}")
    return best
