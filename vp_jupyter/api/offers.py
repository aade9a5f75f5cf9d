"""What can be had now: VMs and bare metal, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from .errors import NotFound
from .metal import BareMetal
from .presets import Presets
from .records import MetalLocation, Preset
from .together import together

NETWORKS = ("infiniband", "ethernet")
GPUS_PER_NODE = 8  # a rental takes whole nodes; the service names the count where it can


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that can be launched: a VM preset, or one bare-metal node of a network at a place.

    `rate_hourly` is USD per hour for the `gpus` of one unit. `stock` says how many units each location has;
    None as a count means that there are some, the service does not say how many. `id` is the preset's, or
    for bare metal the location's.
    """

    kind: str  # "vm" or "metal"
    id: str
    gpus: int
    gpu_model: str
    vcpus: int | None
    ram_gb: int | float | None
    storage_gb: int | float | None
    network: str | None
    operating_system: str | None
    rate_hourly: Decimal
    storage_rate_hourly: Decimal | None
    stock: Mapping[str, int | None]

    @property
    def rate_per_gpu_hour(self) -> Decimal:
        """USD per GPU and hour, rounded to a millionth."""
        return round(self.rate_hourly / self.gpus, 6) if self.gpus else self.rate_hourly

    @property
    def available(self) -> int | None:
        """How many units can be had now, in all places; None where there are some, uncounted."""
        if any(count is None for count in self.stock.values()):
            return None
        return sum(count or 0 for count in self.stock.values())

    @property
    def sold_out(self) -> bool:
        """Whether none can be had now."""
        return self.available == 0


def current_offers(presets: Presets, metal: BareMetal) -> list[Offer]:
    """Every offer, cheapest per GPU and smallest first; three reads that go out together.

    How many VMs are left comes from the instant locations where the service has them, else from the presets,
    which only say where there are some.
    """

    def instant_stock() -> tuple[dict[str, Preset], dict[str, dict[str, int | None]]] | None:
        try:
            places = presets.locations()
        except NotFound:
            return None
        offered: dict[str, Preset] = {}
        stock: dict[str, dict[str, int | None]] = {}
        for place in places:
            for preset in place.available_presets:
                offered[preset.id] = preset
                stock.setdefault(preset.id, {})[place.id] = preset.available_vms
        return offered, stock

    def listed() -> dict[str, Preset]:
        try:
            return {preset.id: preset for preset in presets.list()}
        except NotFound:  # deprecated by the service, so one day gone
            return {}

    known, instant, places = together(listed, instant_stock, metal.locations)
    offered, stock = instant or ({}, None)
    offers = []
    for preset in (offered | known).values():
        if stock is None:
            left: Mapping[str, int | None] = dict.fromkeys(preset.location_ids_with_availability)
        else:
            left = stock.get(preset.id, {})
        if preset.rate_hourly is not None:
            offers.append(_vm(preset, preset.rate_hourly, left))
    offers += [offer for place in places for offer in _nodes(place)]
    return sorted(offers, key=lambda offer: (offer.rate_per_gpu_hour, offer.gpus, offer.kind, offer.id))


def _vm(preset: Preset, rate_hourly: Decimal, stock: Mapping[str, int | None]) -> Offer:
    has = preset.resources
    return Offer(
        kind="vm",
        id=preset.id,
        gpus=has.gpu_count,
        gpu_model=has.gpu_model,
        vcpus=has.vcpu_count,
        ram_gb=has.ram_gb,
        storage_gb=has.storage_gb,
        network=None,
        operating_system=preset.operating_system,
        rate_hourly=rate_hourly,
        storage_rate_hourly=preset.storage_rate_hourly,
        stock=stock,
    )


def _nodes(place: MetalLocation) -> list[Offer]:
    node = place.specs_per_node
    gpus = (node and node.gpu_count) or GPUS_PER_NODE
    prices = {"infiniband": place.gpu_price_infiniband, "ethernet": place.gpu_price_ethernet}
    free = {"infiniband": place.gpu_count_infiniband, "ethernet": place.gpu_count_ethernet}
    return [
        Offer(
            kind="metal",
            id=place.id,
            gpus=gpus,
            gpu_model=(node and node.gpu_model) or "",
            vcpus=node.cpu_count if node else None,
            ram_gb=node.ram_gb if node else None,
            storage_gb=node.storage_gb if node else None,
            network=network,
            operating_system=None,
            rate_hourly=price * gpus,
            storage_rate_hourly=None,
            stock={place.id: (free[network] or 0) // gpus},
        )
        for network in NETWORKS
        if (price := prices[network]) is not None
    ]
