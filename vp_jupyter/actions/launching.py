"""From what somebody wants to a machine that is up: its order, its price, its deploy, the wait for it."""

from __future__ import annotations

import secrets
import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from ..api import Deployment, Machine, Offer, Secret, VoltageParkError
from ..api.offers import NETWORKS
from ..api.records import Rental, SshKey, VirtualMachine, Volume
from ..cards import Card
from ..connect.answers import until_answering
from ..costs import Standing, duration, leased, quote
from ..formats import burn_rate, cents, rate, span
from ..refused import Refused
from ..session import Session
from . import keys

CLOUD_INIT_PARTS = ("packages", "write_files", "runcmd")  # what a deploy can carry

_SSH_PATIENCE = 300.0  # seconds for a machine that runs to answer; networks may not let ssh through


class Order(NamedTuple):
    """One machine to launch: `gpus` of an offer, and all that a deploy is told of it."""

    offer: Offer
    gpus: int
    name: str
    organization_keys: str | list[str]
    public_keys: list[str]
    key_words: str
    tags: list[str]
    script: Secret | None = None  # the parts of its cloud-init by name
    volume: Volume | None = None
    sub_order: str | None = None

    @property
    def rate_hourly(self) -> Decimal:
        """USD per hour."""
        if self.offer.kind == "vm":
            return self.offer.rate_hourly
        return self.offer.rate_hourly * self.gpus / self.offer.gpus


def order(
    session: Session,
    offer: Offer,
    machines: Sequence[Machine],
    known_keys: Sequence[SshKey],
    *,
    gpus: int | None = None,
    name: str | None = None,
    key_choices: Sequence[str],
    tags: Sequence[str] = (),
    lease: str | None = None,
    script: Secret | None = None,
    volume: Volume | None = None,
    sub_order: str | None = None,
) -> Order:
    """The order for an offer; the service checks `script`, which is cloud-init YAML, on the way.

    `machines` are those that are there, `known_keys` the organization's; `key_choices` as `keys.for_launch`
    takes them. Raises `Refused` for whatever cannot be had so.
    """
    gpus = gpus or offer.gpus
    name = name or f"h100x{gpus}-{secrets.token_hex(2)}"
    if any(machine.name == name for machine in machines):
        raise Refused(f"There is a machine called {name} already: %vp show {name}, or another --name.")
    if volume is not None and offer.kind == "vm":
        raise Refused("Volumes attach to bare metal: add --metal, or leave --storage out.")
    organization_keys, texts, key_words = keys.for_launch(known_keys, key_choices)
    ends = None if lease is None else session.client.now() + span_of(lease)
    return Order(
        offer,
        gpus,
        name,
        organization_keys,
        texts,
        key_words,
        list(tags) if ends is None else leased(tags, ends),
        cloud_init(session, script, kind=offer.kind) if script is not None else None,
        volume,
        sub_order,
    )


def quote_card(
    session: Session, ordered: Order, burn: Decimal, balance: Decimal, limit: Standing | None
) -> Card:
    """What a launch costs, with everything else that burns (USD per hour), the balance (USD) and the budget
    with it."""
    offer = ordered.offer
    priced = quote(ordered.rate_hourly, burn_hourly=burn, balance=balance)
    what = offer.operating_system or f"bare metal, {offer.network}"
    script: dict[str, Any] = ordered.script.reveal() if ordered.script is not None else {}
    parts = ", ".join(f"{len(content)} {part}" for part, content in script.items())
    lasts = f", lasts {span(priced.lasts)} at that rate" if priced.lasts is not None else ""
    return Card(
        f"{ordered.name}: {ordered.gpus} × {offer.gpu_model}, {what}",
        {
            "costs": f"{rate(priced.rate_hourly)}, {cents(priced.rate_daily)} a day",
            "everything then": burn_rate(priced.burn_hourly),
            "balance": f"{cents(balance)}{lasts}",
            "budget": _budget_words(limit),
            "SSH keys": ordered.key_words,
            "tags": ", ".join(ordered.tags),
            "volume": ordered.volume.name or ordered.volume.id if ordered.volume else "",
            "cloud-init": parts,
        },
        note="On this computer's sandbox: no real money." if session.on_loopback else "",
    )


def _budget_words(limit: Standing | None) -> str:
    if limit is None:
        return ""
    of = f"{cents(limit.budget.amount)} a {limit.budget.period}"
    return f"{of}: {cents(limit.spent)} spent, {cents(limit.at_end)} by its end with this"


def question(ordered: Order) -> str:
    """What is asked before it is launched."""
    return f"Launch {ordered.name} for {rate(ordered.rate_hourly)}?"


def deploy(session: Session, ordered: Order) -> Deployment:
    """Launch it: from now on it costs money.

    An interrupt waits until it is known what became of it. Raises `Refused` then, which says that.
    """
    common: dict[str, Any] = {
        "organization_ssh_keys": ordered.organization_keys,
        "ssh_keys": ordered.public_keys,
        "cloud_init": ordered.script,
        "tags": ordered.tags,
    }
    client, offer = session.client, ordered.offer
    try:
        with session.changing() as held:
            if offer.kind == "vm":
                deployed = client.vms.launch(offer.id, ordered.name, **common)
            else:
                deployed = client.metal.launch(
                    offer.id,
                    ordered.name,
                    gpu_count=ordered.gpus,
                    network_type=offer.network or NETWORKS[0],
                    sub_order=ordered.sub_order,
                    storage_id=ordered.volume.id if ordered.volume else None,
                    **common,
                )
    except KeyboardInterrupt:
        raise Refused(
            f"Interrupted: whether {ordered.name} was launched is not known. If it was, it costs "
            f"{rate(ordered.rate_hourly)}: %vp ls tells."
        ) from None
    with explained(ordered.name, deployed.id, ordered.rate_hourly):
        if held.pressed:
            raise KeyboardInterrupt
    return deployed


@contextmanager
def explained(label: str, id: str, rate_hourly: Decimal | None) -> Iterator[None]:
    """Around what follows a launch, or a look at a machine: whatever ends it does not end the machine, and
    this says so, what the machine costs and how to go on."""
    try:
        yield
    except (KeyboardInterrupt, VoltageParkError) as error:
        why = f"{error} " if isinstance(error, VoltageParkError) else ""
        raise Refused(
            f"{why}Stopped waiting for {label} ({id}). It is there and costs {rate(rate_hourly)}: "
            f"%vp wait {id[:8]} waits on, %vp rm {id[:8]} ends it."
        ) from None


def until_up(
    session: Session, machine: Machine, *, timeout: float = 3600.0, progress: Callable[[str], None]
) -> Machine:
    """Wait until a machine runs and its ssh, where it has one, answers; gives the machine as it is then.

    Raises `StillWaiting` after `timeout` seconds, `Conflict` where the machine has ended.
    """
    deadline = time.monotonic() + timeout
    until_status(session, machine, "Running", timeout=timeout, progress=progress)
    machine = session.client.machines.get(machine)
    if machine.endpoints and not machine.runs_windows:
        for target in session.reach.targets(machine):

            def tell(waited: float, label: str = target.label) -> None:
                passed = span(timedelta(seconds=waited))
                progress(f"{label}: Running, its ssh does not answer yet · {passed}")

            patience = min(_SSH_PATIENCE, deadline - time.monotonic())
            until_answering(target, timeout=patience, progress=tell)
    return machine


def until_status(
    session: Session,
    machine: Machine,
    status: str,
    *,
    timeout: float = 3600.0,
    progress: Callable[[str], None],
) -> None:
    """Wait until a machine has a status; `progress` gets a sentence after every look."""
    started = session.client.now()

    def tell(record: VirtualMachine | Rental) -> None:
        progress(f"{machine.label}: {record.status or 'starting'} · {span(session.client.now() - started)}")

    family = session.client.machines.operations(machine)
    try:
        family.wait(machine.id, status=status, timeout=timeout, progress=tell)
    finally:
        session.changed()


def span_of(time: str) -> timedelta:
    """A lease's length."""
    try:
        return duration(time)
    except ValueError as error:
        raise Refused(str(error)) from None


def cloud_init(session: Session, content: Secret, *, kind: str) -> Secret:
    """The cloud-init of a launch (YAML) as a deploy carries it, checked by the service first.

    Raises `Refused` with what the service says, and for parts that a deploy cannot carry: they would be lost.
    """
    said = session.client.cloud_init.validate(content, type="instant-vm" if kind == "vm" else "baremetal")
    if said.error:
        raise Refused(
            f"The service finds a fault in the cloud-init script: {said.message or 'it says no more'}."
        )
    import yaml

    try:
        script = yaml.safe_load(content.reveal())
    except yaml.YAMLError as error:  # whose text quotes the script
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark is not None else ""
        problem = getattr(error, "problem", None) or "it cannot be read"
        raise Refused(f"The cloud-init script is not YAML{where}: {problem}.") from None
    if not isinstance(script, dict):
        raise Refused("The cloud-init script has no parts: it takes packages, write_files and runcmd.")
    if lost := sorted(str(part) for part in script if part not in CLOUD_INIT_PARTS):
        raise Refused(f"A deploy cannot carry {', '.join(lost)}: it takes {', '.join(CLOUD_INIT_PARTS)}.")
    commands = script.get("runcmd") or []
    script["runcmd"] = [shlex.join(map(str, one)) if isinstance(one, list) else str(one) for one in commands]
    return Secret({part: script[part] for part in CLOUD_INIT_PARTS if script.get(part)})
