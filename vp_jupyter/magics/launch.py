"""Commands that launch: launch, validate."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..actions import keys, launching
from ..actions.choosing import chosen_offer
from ..actions.launching import Order
from ..actions.notices import budgeted, standing, warning
from ..api import Deployment, NotFound, Offer, Secret, together
from ..api.naming import pick
from ..api.offers import NETWORKS
from ..cards import Note
from ..costs import Standing
from ..formats import plain, rate
from ..refused import Refused, SoldOut
from ..session import Session
from . import storage
from .changing import until_running
from .dialogue import confirm, offer_cell, say, show
from .grammar import YES, arg, command
from .machines import card

GROUP = "Launch"


CHOICE = (
    arg("--gpus", type=int, help="how many GPUs"),
    arg("--preset", live="presets", help="a VM preset, by its id, in place of --gpus"),
    arg("--metal", action="store_true", help="bare metal, in whole nodes"),
    arg("--network", choices=NETWORKS, help="of bare metal (default: the cheapest)"),
    arg("--location", live="locations", help="of bare metal: a city or an id"),
    arg("--os", help="a part of the operating system's name (VMs)"),
)
ORDER = (
    arg("--name", help="what to call it"),
    arg(
        "--key",
        action="append",
        live="keys",
        help="SSH key: a name, a public key file, all or none; repeatable",
    ),
    arg("--tag", action="append", default=[], help="a tag; repeatable"),
    arg("--cloud-init", metavar="FILE", help="cloud-init YAML; in a %%%%vp cell the body is it"),
    arg("--storage", metavar="VOLUME", live="volumes", help="a volume to attach (bare metal)"),
    arg("--sub-order", help="the sub-order to join (bare metal)"),
    arg(
        "--for", dest="lease", metavar="TIME", help="until when it is wanted: 6h, 2d; %%vp reap ends it then"
    ),
    arg("--over-budget", action="store_true", help="launch although the budget would be exceeded"),
    arg("--no-wait", action="store_true", help="do not wait until it is up"),
)


@command(
    "launch",
    *CHOICE,
    *ORDER,
    arg("--dry-run", action="store_true", help="stop at the quote"),
    YES,
    group=GROUP,
    takes_cell=True,
)
def launch(session: Session, args: Namespace) -> Any:
    """Launch a machine: shows the price, asks, deploys, waits, and puts the ssh line into a cell below.

    As %%vp launch the cell's body is cloud-init YAML with packages, write_files and runcmd.
    """
    ordered, limit = quoted(session, args, session.client.offers)
    if args.dry_run:
        return Note("A dry run: nothing was launched.")
    require_budget(limit, args)
    confirm(session, launching.question(ordered), yes=args.yes)
    return launched(session, launching.deploy(session, ordered), ordered, wait=not args.no_wait)


def quoted(
    session: Session, args: Namespace, offers: Callable[[], Sequence[Offer]]
) -> tuple[Order, Standing | None]:
    """The order that the arguments of `CHOICE` and `ORDER` make, with its quote shown, and what it does to
    the budget. `offers` gives what can be had."""
    client = session.client
    found, machines, known_keys, burn, balance, spent = together(
        offers,
        session.machines,
        lambda: keys.listed(session),
        client.billing.hourly_rate,
        client.billing.balance,
        lambda: budgeted(session),
    )
    session.seen("presets", fetch=lambda _: found, max_age=0)
    choices = args.key or [one.strip() for one in session.settings.default_key.split(",") if one.strip()]
    ordered = launching.order(
        session,
        choose(session, found, args),
        machines,
        known_keys,
        gpus=args.gpus,
        name=args.name,
        key_choices=choices,
        tags=args.tag,
        lease=args.lease,
        script=_script_text(args.cloud_init, args.cell),
        volume=storage.find(session, args.storage) if args.storage else None,
        sub_order=args.sub_order,
    )
    limit = standing(spent, burn + ordered.rate_hourly)
    show(launching.quote_card(session, ordered, burn, balance, limit))
    return ordered, limit


def require_budget(limit: Standing | None, args: Namespace) -> None:
    """Raises `Refused` where the budget would be exceeded, and nobody has said that it may."""
    if limit is not None and limit.breaks and not args.over_budget:
        raise Refused(f"{warning(limit)} Nothing was launched: --over-budget launches all the same.")


def launched(session: Session, deployed: Deployment, ordered: Order, *, wait: bool) -> Any:
    """From a deploy's answer to a machine that is up, with its ssh cell."""
    hourly = ordered.rate_hourly
    if deployed.warning:
        say(f"The service says: {plain(deployed.warning)}")
    try:
        with launching.explained(ordered.name, deployed.id, hourly):
            known = session.machines()
        machine = pick(deployed.id, known, "machine")
    except NotFound:
        return Note(
            f"Launched {ordered.name} ({deployed.id}) for {rate(hourly)}; the listing does not show it yet: "
            "%vp ls."
        )
    if not wait:
        return Note(
            f"Launched {machine.label} for {rate(hourly)}; %vp wait {machine.label} tells when it is up."
        )
    machine = until_running(session, machine)
    if not machine.runs_windows and machine.endpoints:
        offer_cell(session.reach.ssh_cell(machine))
    return card(session, machine)


def choose(session: Session, offers: Sequence[Offer], args: Namespace) -> Offer:
    """The offer that the arguments of `CHOICE` ask for. Raises `SoldOut`, `Refused` for what is not sold."""
    if args.preset:
        if args.metal or args.gpus:
            raise Refused("--preset is a VM of its own: leave --gpus and --metal out.")
        presets = [offer for offer in offers if offer.kind == "vm"]
        chosen = pick(args.preset, presets, "preset", name=lambda offer: offer.id)
        if chosen.sold_out:
            raise SoldOut("That preset is sold out: %vp prices shows what can be had.")
        return chosen
    if args.gpus is None:
        raise Refused("How many GPUs? %vp launch --gpus N, or --preset ID; %vp prices shows what there is.")
    at = None
    if args.location:
        place = session.place_names()
        places = list({offer.id: offer for offer in offers if offer.kind == "metal"}.values())
        at = pick(args.location, places, "place with bare metal", name=lambda offer: place(offer.id)).id
    return chosen_offer(
        list(offers),
        gpus=args.gpus,
        metal=args.metal,
        network=args.network,
        preferred_system=session.settings.operating_system,
        system=args.os,
        at=at,
    )


@command(
    "validate",
    arg("file", nargs="?", help="cloud-init YAML; in a %%%%vp cell the body is it"),
    arg("--type", choices=("instant-vm", "vm", "baremetal"), default="instant-vm", help="for what"),
    group=GROUP,
    takes_cell=True,
)
def validate(session: Session, args: Namespace) -> Any:
    """Let the service check a cloud-init script; nothing is launched."""
    content = _script_text(args.file, args.cell)
    if content is None:
        raise Refused("What to check? %vp validate FILE, or a cell that begins with %%vp validate.")
    said = session.client.cloud_init.validate(content, type=args.type)
    if said.error:
        raise Refused(
            f"The service finds a fault in the cloud-init script: {said.message or 'it says no more'}."
        )
    return Note("The service finds no fault in the script.")


def _script_text(file: str | None, cell: str | None) -> Secret | None:
    if file is None:
        return None if cell is None else Secret(cell)
    if cell is not None:
        raise Refused("Either a file or the cell's body, not both.")
    try:
        return Secret(Path(file).expanduser().read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        raise Refused(f"There is no text file at {file}.") from None
