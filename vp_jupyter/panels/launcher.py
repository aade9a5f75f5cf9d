"""The launcher: what can be had, at what price, and from a choice to a machine that answers."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import ipywidgets as widgets

from .. import listings
from ..actions import launching
from ..actions.choosing import one_of_each
from ..actions.launching import Order
from ..actions.notices import budgeted, standing, warning
from ..api import NotFound, Offer, Secret, together
from ..api.naming import called
from ..api.offers import NETWORKS
from ..costs import quote
from ..formats import burn_rate, cents, escaped, plain, rate, span
from ..refused import Refused
from ..views import Table
from .controls import button, choice, field, line
from .draft import Draft
from .grid import Grid
from .panel import Panel

_ANY = ""


class Launcher(Panel):
    """Offers, cheapest first; the chosen one is named, quoted, asked about, launched and followed until it
    answers."""

    title = "Launch a machine"
    needs = Panel.needs | {"offers", "keys", "volumes", "places"}

    def build(self) -> Sequence[widgets.Widget]:
        self._ready = True
        self.gpus = choice("GPUs", [("any", 0), *((str(count), count) for count in (1, 2, 4, 8))])
        self.kind = choice("Kind", [("any", _ANY), ("virtual machine", "vm"), ("bare metal", "metal")])
        self.network = choice("Network", [("any", _ANY), *((name, name) for name in NETWORKS)])
        self.system = choice("System", [("any", _ANY)])
        self.grid = Grid(label="Offers", empty="Nothing is sold so.")
        self.name = field("Name", placeholder="chosen for you")
        self.nodes = widgets.BoundedIntText(value=1, min=1, max=1, description="Nodes")
        self.nodes.add_class("vp-field")
        self.nodes.style.description_width = "auto"
        self.nodes.layout.width = "6em"
        self.tags = field("Tags, with commas")
        self.lease = field("Wanted for", placeholder="6h, 2d; empty: no end", width="12em")
        self.volume = choice("Volume", [("none", _ANY)])
        self.keys = widgets.HBox()
        self.keys.add_class("vp-line")
        self.further_key = Draft("Another public SSH key", placeholder="ssh-ed25519 AAAA… or a file")
        self.cloud_init = Draft("cloud-init (YAML)", lines=5, placeholder="runcmd:\n  - nvidia-smi")
        self.cloud_init.changed = self.show_quote
        self.validate = button("Validate", self._validate, tooltip="Let the service check the cloud-init")
        self.quote = widgets.HTML()
        self.launch = button("Launch", self._launch, kind="primary")
        self.launched = widgets.VBox()
        for control in (self.gpus, self.kind, self.network, self.system):
            control.observe(lambda _: self._show_offers(), "value")
        self.grid.observe(lambda _: self._offer_changed(), "selected")
        self.nodes.observe(lambda _: self.show_quote(), "value")
        further = widgets.Accordion([widgets.VBox([self.further_key, self.cloud_init, self.validate])])
        further.titles = ("Another key, cloud-init",)
        return [
            line(self.gpus, self.kind, self.network, self.system),
            self.grid,
            line(self.name, self.nodes, self.tags, self.lease, self.volume),
            widgets.HTML("<b>SSH keys</b>"),
            self.keys,
            further,
            self.quote,
            line(self.launch),
            self.launched,
        ]

    def update(self) -> None:
        offers: Sequence[Offer] = self.readings["offers"]
        self._set_options(self.system, "any", sorted({one.operating_system for one in offers} - {None}))
        volumes = [(one.name or one.id, one.id) for one in self.readings["volumes"]]
        self._set_options(self.volume, "none", volumes)
        known = [one.id for one in self.readings["keys"]]
        if known != [box.key_id for box in self.keys.children]:
            was = {box.key_id: box.value for box in self.keys.children}
            default = self.session.settings.default_key
            self.keys.children = [
                _key_box(one.id, called(one), was.get(one.id, default in ("all", one.id, one.name)))
                for one in self.readings["keys"]
            ]
        self._show_offers()

    def table(self) -> Table | None:
        if "offers" not in self.readings:
            return None
        return listings.offers(self.offers(), self.readings["places"])

    def enable(self, ready: bool) -> None:
        self._ready = ready
        self._offer_changed()

    # --- the choice ---

    def offers(self) -> list[Offer]:
        """Those that the filters let through, cheapest per GPU first, one for each size and network."""
        found = [
            one
            for one in self.readings.get("offers", ())
            if self.gpus.value in (0, one.gpus)
            and self.kind.value in (_ANY, one.kind)
            and self.network.value in (_ANY, one.network)
            and self.system.value in (_ANY, one.operating_system)
        ]
        return one_of_each(found, self.system.value or self.session.settings.operating_system)

    @property
    def chosen(self) -> Offer | None:
        """The offer of the row that is chosen."""
        return next((one for one in self.offers() if _key(one) == self.grid.selected), None)

    def _show_offers(self) -> None:
        if "offers" not in self.readings:
            return
        offers = self.offers()
        keys = map(_key, offers)
        self.grid.show(
            listings.offers(offers, self.readings["places"]),
            without=("id", "rate_daily"),
            key=lambda _: next(keys),
            name=lambda row: (
                f"{row['gpus']} GPUs, {row['kind']}, {row['network'] or row['operating_system']}"
            ),
            tone=lambda row: "muted" if row["sold_out"] else "",
        )
        self._offer_changed()

    def _offer_changed(self) -> None:
        offer = self.chosen
        is_metal = offer is not None and offer.kind == "metal"
        self.nodes.max = max((offer.available or 1) if offer is not None and is_metal else 1, 1)
        self.nodes.disabled = not is_metal
        self.volume.disabled = not is_metal
        self.launch.disabled = not self._ready or offer is None
        self.show_quote()

    def show_quote(self) -> None:
        """Show what the choice costs."""
        offer = self.chosen
        if offer is None or "burn" not in self.readings:
            self.quote.value = "Choose an offer."
            return
        hourly = self._hourly(offer)
        burn, balance = self.readings["burn"], self.readings["balance"]
        priced = quote(hourly, burn_hourly=burn, balance=balance)
        lasts = (
            f"; the balance of {cents(balance)} then lasts {span(priced.lasts)}"
            if priced.lasts is not None
            else ""
        )
        said = (
            f"{rate(priced.rate_hourly)}, {cents(priced.rate_daily)} a day. "
            f"Everything then costs {burn_rate(priced.burn_hourly)}{lasts}."
        )
        self.quote.value = f'<div class="mathjax_ignore tex2jax_ignore"><b>{escaped(said)}</b></div>'

    def _hourly(self, offer: Offer) -> Decimal:
        return offer.rate_hourly * (self.nodes.value if offer.kind == "metal" else 1)

    @staticmethod
    def _set_options(control: widgets.Dropdown, nothing: str, options: Sequence[Any]) -> None:
        wanted = [
            (nothing, _ANY),
            *(one if isinstance(one, tuple) else (plain(one), one) for one in options),
        ]
        if list(control.options) != wanted:
            chosen = control.value
            control.options = wanted
            control.value = chosen if chosen in [value for _, value in wanted] else _ANY

    # --- launching ---

    def _launch(self) -> None:
        self.work("Making the order…", self._ask)

    def _ask(self) -> None:
        ordered = self._order()
        session = self.session
        burn, spent = together(session.client.billing.hourly_rate, lambda: budgeted(session))
        limit = standing(spent, burn + ordered.rate_hourly)
        card = launching.quote_card(session, ordered, burn, self.readings["balance"], limit)
        over = f"{warning(limit)}\n" if limit is not None and limit.breaks else ""
        facts = "\n".join(f"{name}: {value}" for name, value in card.facts.items())
        self.foot.ask(
            f"{plain(card.title)}\n{facts}\n{over}{launching.question(ordered)}",
            f"Launch for {rate(ordered.rate_hourly)}",
            lambda: self.work(f"Launching {ordered.name}…", lambda: self._deploy(ordered)),
            danger=bool(over),
        )

    def _order(self) -> Order:
        offer = self.chosen
        if offer is None:
            raise Refused("Choose an offer first.")
        chosen_keys = [box.key_id for box in self.keys.children if box.value]
        if further := self.further_key.text.strip():
            chosen_keys.append(further)
        volumes = {one.id: one for one in self.readings["volumes"]}
        return launching.order(
            self.session,
            offer,
            self.readings["machines"],
            self.readings["keys"],
            gpus=offer.gpus * (self.nodes.value if offer.kind == "metal" else 1),
            name=self.name.value.strip() or None,
            key_choices=chosen_keys or ["none"],
            tags=[one.strip() for one in self.tags.value.split(",") if one.strip()],
            lease=self.lease.value.strip() or None,
            script=Secret(self.cloud_init.text) if self.cloud_init.text.strip() else None,
            volume=volumes.get(self.volume.value) if offer.kind == "metal" else None,
        )

    def _deploy(self, ordered: Order) -> str:
        deployed = launching.deploy(self.session, ordered)
        self.name.value = ""
        self.further_key.clear()
        row = _Launched(self, ordered, deployed.id)
        self.launched.children = (*self.launched.children, row.widget)
        said = f"Launched {ordered.name}, which costs {rate(ordered.rate_hourly)} from now on."
        return f"{said} The service says: {plain(deployed.warning)}" if deployed.warning else said

    def _validate(self) -> None:
        content, offer = Secret(self.cloud_init.text), self.chosen
        kind = offer.kind if offer is not None else "vm"

        def act() -> str:
            if not content.reveal().strip():
                raise Refused("There is no cloud-init to check.")
            launching.cloud_init(self.session, content, kind=kind)
            return "The service finds no fault in the cloud-init."

        self.work("Asking the service…", act)


class _Launched:
    """A machine that was launched here: how far it is, and the way to it."""

    def __init__(self, panel: Launcher, ordered: Order, id: str) -> None:
        self._panel = panel
        self._order = ordered
        self._id = id
        self._words = widgets.HTML(f"{escaped(ordered.name)}: starting")
        self._connect = button("Connect", self._insert, tooltip="Put the ssh cell below")
        self._connect.disabled = True
        self.widget = line(self._words, self._connect)
        panel.in_background(self._follow)

    def _follow(self) -> None:
        session = self._panel.session
        try:
            machine = session.machine(self._id)
            machine = launching.until_up(session, machine, progress=self._tell)
        except NotFound:
            return self._tell(f"{self._order.name}: the service does not list it yet; see %vp ls")
        except Exception as error:
            return self._tell(f"{self._order.name}: {error}")
        self._tell(f"{machine.label}: up, {rate(machine.rate_hourly)}")
        self._connect.disabled = machine.runs_windows or not machine.endpoints

    def _tell(self, sentence: str) -> None:
        self._words.value = escaped(sentence)

    def _insert(self) -> None:
        session = self._panel.session
        self._panel.work(
            "Connecting…",
            lambda: self._panel.foot.insert(session.reach.ssh_cell(session.machine(self._id))),
        )


def _key(offer: Offer) -> str:
    return f"{offer.kind} {offer.id} {offer.gpus} {offer.network or ''}"


def _key_box(id: str, name: str, value: bool) -> widgets.Checkbox:
    box = widgets.Checkbox(value=value, description=plain(name), indent=False)
    box.key_id = id
    return box
