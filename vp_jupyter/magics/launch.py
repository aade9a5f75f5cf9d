"""Commands that launch: launch, validate."""

from __future__ import annotations

import secrets
import shlex
from argparse import Namespace
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from ..api import Deployment, NotFound, Offer, together
from ..api.naming import pick
from ..api.offers import NETWORKS
from ..costs import Standing, leased, quote
from ..formats import burn_rate, cents, plain, rate, span
from ..refused import Refused
from ..session import Session
from ..views import Card, Note
from . import keys, storage
from .budget import standing, warning
from .connect import ssh_cell
from .dialogue import confirm, offer_cell, say, show
from .grammar import YES, arg, command
from .leases import span_of
from .machines import card, until_running
from .market import chosen_offer

GROUP = "Launch"

CLOUD_INIT_PARTS = ("packages", "write_files", "runcmd")  # what a deploy can carry


@command(
    "launch",
    arg("--gpus", type=int, help="how many GPUs"),
    arg("--preset", live="presets", help="a VM preset, by its id, in place of --gpus"),
    arg("--metal", action="store_true", help="bare metal, in whole nodes"),
    arg("--network", choices=NETWORKS, help="of bare metal (default: the cheapest)"),
    arg("--location", live="locations", help="of bare metal: a city or an id"),
    arg("--os", help="a part of the operating system's name (VMs)"),
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
    arg("--dry-run", action="store_true", help="stop at the quote"),
    YES,
    group=GROUP,
    takes_cell=True,
)
def launch(session: Session, args: Namespace) -> Any:
    """Launch a machine: shows the price, asks, deploys, waits, and puts the ssh line into a cell below.

    As %%vp launch the cell's body is cloud-init YAML with packages, write_files and runcmd.
    """
    client = session.client
    if args.storage and not args.metal:
        raise Refused("Volumes attach to bare metal: add --metal, or leave --storage out.")
    offers, machines, known_keys, burn, balance = together(
        client.offers,
        session.machines,
        lambda: keys.listed(session),
        client.billing.hourly_rate,
        client.billing.balance,
    )
    session.seen("presets", fetch=lambda _: offers, max_age=0)
    offer = _offer(session, offers, args)
    gpus = args.gpus or offer.gpus
    name = args.name or f"h100x{gpus}-{secrets.token_hex(2)}"
    if any(machine.name == name for machine in machines):
        raise Refused(f"There is a machine called {name} already: %vp show {name}, or another --name.")
    choices = args.key or [one.strip() for one in session.settings.default_key.split(",") if one.strip()]
    organization_keys, texts, key_words = keys.for_launch(known_keys, choices)
    volume = storage.find(session, args.storage) if args.storage else None
    script = cloud_init(session, args, kind=offer.kind)
    tags = args.tag if args.lease is None else leased(args.tag, session.client.now() + span_of(args.lease))
    hourly = offer.rate_hourly * gpus / offer.gpus if offer.kind == "metal" else offer.rate_hourly
    limit = standing(session, burn + hourly)
    show(_quote_card(session, offer, name, gpus, hourly, key_words, tags, script, burn, balance, limit))
    if args.dry_run:
        return Note("A dry run: nothing was launched.")
    if limit is not None and limit.breaks and not args.over_budget:
        raise Refused(f"{warning(limit)} Nothing was launched: --over-budget launches all the same.")
    confirm(session, f"Launch {name} for {rate(hourly)}?", yes=args.yes)
    common: dict[str, Any] = {
        "organization_ssh_keys": organization_keys,
        "ssh_keys": texts,
        "cloud_init": script,
        "tags": tags,
    }
    if offer.kind == "vm":
        deployed = client.vms.launch(offer.id, name, **common)
    else:
        deployed = client.metal.launch(
            offer.id,
            name,
            gpu_count=gpus,
            network_type=offer.network or NETWORKS[0],
            sub_order=args.sub_order,
            storage_id=volume.id if volume else None,
            **common,
        )
    return _launched(session, deployed, name, hourly, wait=not args.no_wait)


def _launched(session: Session, deployed: Deployment, name: str, hourly: Decimal, *, wait: bool) -> Any:
    """From the deploy's answer to a machine that is up, with its ssh cell."""
    session.changed()
    if deployed.warning:
        say(f"The service says: {plain(deployed.warning)}")
    try:
        machine = session.machine(deployed.id)
    except NotFound:
        return Note(
            f"Launched {name} ({deployed.id}) for {rate(hourly)}; the listing does not show it yet: %vp ls."
        )
    if not wait:
        return Note(
            f"Launched {machine.label} for {rate(hourly)}; %vp wait {machine.label} tells when it is up."
        )
    machine = until_running(session, machine)
    if not machine.runs_windows and machine.endpoints:
        offer_cell(ssh_cell(session, machine))
    return card(session, machine)


def _offer(session: Session, offers: Sequence[Offer], args: Namespace) -> Offer:
    if args.preset:
        if args.metal or args.gpus:
            raise Refused("--preset is a VM of its own: leave --gpus and --metal out.")
        presets = [offer for offer in offers if offer.kind == "vm"]
        chosen = pick(args.preset, presets, "preset", name=lambda offer: offer.id)
        if chosen.sold_out:
            raise Refused("That preset is sold out: %vp prices shows what can be had.")
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


def _quote_card(
    session: Session,
    offer: Offer,
    name: str,
    gpus: int,
    hourly: Decimal,
    key_words: str,
    tags: Sequence[str],
    script: dict[str, Any] | None,
    burn: Decimal,
    balance: Decimal,
    limit: Standing | None,
) -> Card:
    priced = quote(hourly, burn_hourly=burn, balance=balance)
    what = offer.operating_system or f"bare metal, {offer.network}"
    parts = ", ".join(f"{len(content)} {part}" for part, content in (script or {}).items())
    lasts = f"{span(priced.lasts)} at that rate" if priced.lasts is not None else ""
    return Card(
        f"{name}: {gpus} × {offer.gpu_model}, {what}",
        {
            "costs": f"{rate(priced.rate_hourly)}, {cents(priced.rate_daily)} a day",
            "everything then": burn_rate(priced.burn_hourly),
            "balance": f"{cents(balance)}{', lasts ' + lasts if lasts else ''}",
            "budget": _budget_words(limit),
            "SSH keys": key_words,
            "tags": ", ".join(tags),
            "cloud-init": parts,
        },
        note="On this computer's sandbox: no real money." if session.on_loopback else "",
    )


def _budget_words(limit: Standing | None) -> str:
    if limit is None:
        return ""
    of = f"{cents(limit.budget.amount)} a {limit.budget.period}"
    return f"{of}: {cents(limit.spent)} spent, {cents(limit.at_end)} by its end with this"


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


def cloud_init(session: Session, args: Namespace, *, kind: str) -> dict[str, Any] | None:
    """The cloud-init of a launch as a deploy carries it, checked by the service first.

    Raises `Refused` with what the service says, and for parts that a deploy cannot carry: they would be lost.
    """
    content = _script_text(args.cloud_init, args.cell)
    if content is None:
        return None
    said = session.client.cloud_init.validate(content, type="instant-vm" if kind == "vm" else "baremetal")
    if said.error:
        raise Refused(
            f"The service finds a fault in the cloud-init script: {said.message or 'it says no more'}."
        )
    import yaml

    try:
        script = yaml.safe_load(content)
    except yaml.YAMLError as error:
        raise Refused(f"The cloud-init script is not YAML: {' '.join(str(error).split())}.") from None
    if not isinstance(script, dict):
        raise Refused("The cloud-init script has no parts: it takes packages, write_files and runcmd.")
    if lost := sorted(str(part) for part in script if part not in CLOUD_INIT_PARTS):
        raise Refused(f"A deploy cannot carry {', '.join(lost)}: it takes {', '.join(CLOUD_INIT_PARTS)}.")
    commands = script.get("runcmd") or []
    script["runcmd"] = [shlex.join(map(str, one)) if isinstance(one, list) else str(one) for one in commands]
    return {part: script[part] for part in CLOUD_INIT_PARTS if script.get(part)}


def _script_text(file: str | None, cell: str | None) -> str | None:
    if file is None:
        return cell
    if cell is not None:
        raise Refused("Either a file or the cell's body, not both.")
    try:
        return Path(file).expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise Refused(f"There is no text file at {file}.") from None
