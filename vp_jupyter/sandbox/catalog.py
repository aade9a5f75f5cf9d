"""What is for sale, and how much of it is left.

There is one stock, held by the hostnodes and the bare-metal nodes themselves, and every figure the API
gives about availability is computed from it. The recorded ids and rates are those the live service showed.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Literal
from uuid import UUID

from vp_jupyter.sandbox.refusals import Conflict

Network = Literal["infiniband", "ethernet"]
OperatingSystem = Literal[
    "Ubuntu 20.04 LTS",
    "Ubuntu 22.04 LTS",
    "Ubuntu 24.04 LTS",
    "TensorML 20 TensorFlow",
    "TensorML 20 PyTorch",
    "TensorML 20 Everything",
    "TensorML 24 TensorFlow",
    "TensorML 24 PyTorch",
    "TensorML 24 Everything",
    "Windows 10",
]
GPU_MODEL = "h100-sxm5-80gb"
GPUS_PER_NODE = 8
# A virtual machine is cut from a hostnode in eighths: with each GPU comes the same share of the rest.
VCPUS_PER_GPU, RAM_GB_PER_GPU, STORAGE_GB_PER_GPU = 26, 116, 2400
COMPUTE_RATE, STORAGE_RATE = Decimal("1.890000"), Decimal("0.100000")  # USD per GPU and hour
VCPU_RATE, RAM_GB_RATE = Decimal("0.000030"), Decimal("0.000001")
GPU_RATE = COMPUTE_RATE - VCPUS_PER_GPU * VCPU_RATE - RAM_GB_PER_GPU * RAM_GB_RATE
# The price list has six places, so this one is rounded; machines are billed by STORAGE_RATE.
STORAGE_GB_RATE = (STORAGE_RATE / STORAGE_GB_PER_GPU).quantize(Decimal("0.000001"))

_RECORDED_PRESETS = (
    ("404645e3-4677-4f48-b023-15baaa6621e1", 8),
    ("c6fd6253-cbb6-4ea8-a20c-47644b431f1c", 1),
    ("2470d2d9-347a-4186-884d-bd0350ace4e3", 4),
    ("928dc7be-5236-49a7-9d7d-c01ba6d783f5", 2),
)
_FURTHER_PRESETS: tuple[tuple[OperatingSystem, int], ...] = (
    ("Ubuntu 22.04 LTS", 1),
    ("Ubuntu 22.04 LTS", 8),
    ("Ubuntu 24.04 LTS", 1),
    ("Ubuntu 24.04 LTS", 8),
    ("Windows 10", 1),
    ("TensorML 24 PyTorch", 1),
)
_PORTS_PER_HOSTNODE = 64
_RECORDED_LOCATION = UUID("a3111bd4-550a-47d0-838a-0a52bff2ae3f")


@dataclass(frozen=True)
class Site:
    """What is built where, before anybody rents it."""

    city: str
    region: str
    let: tuple[int, ...]  # GPUs that other tenants hold, of each hostnode
    infiniband: int  # nodes
    ethernet: int
    price_infiniband: str  # USD per GPU and hour
    price_ethernet: str


_SITES = (
    Site("Dallas", "TX", (0, 1, 4), 6, 4, "2.49", "1.99"),
    Site("Allen", "TX", (0, 3), 0, 3, "2.49", "1.99"),  # no InfiniBand here
    Site("Quincy", "WA", (2, 6), 8, 2, "2.59", "2.09"),
    Site("Sterling", "VA", (8, 8), 2, 2, "2.69", "2.19"),  # virtual machines sold out
)


def new_id(rng: random.Random) -> UUID:
    return UUID(int=rng.getrandbits(128), version=4)


@dataclass(frozen=True)
class Preset:
    id: UUID
    gpus: int
    operating_system: OperatingSystem

    @property
    def compute_rate(self) -> Decimal:
        return self.gpus * COMPUTE_RATE

    @property
    def storage_rate(self) -> Decimal:
        return self.gpus * STORAGE_RATE


@dataclass
class Hostnode:
    """A machine of eight GPUs that virtual machines are cut from."""

    id: UUID
    location_id: UUID
    ports: range  # external ports; every hostnode has its own, since all answer on one loopback address
    let: int  # GPUs other tenants hold
    leases: dict[UUID, int] = field(default_factory=dict)  # GPUs by virtual machine
    forwarded: set[int] = field(default_factory=set)
    usable: Callable[[int], bool] = lambda port: True  # whether the computer underneath has it to give

    @property
    def free_gpus(self) -> int:
        return GPUS_PER_NODE - self.let - sum(self.leases.values())

    @property
    def available_ports(self) -> list[int]:
        return [port for port in self.ports if port not in self.forwarded]

    def forward(self, port: int | None = None) -> int:
        """Take this external port, or the lowest that is free."""
        wanted = self.available_ports if port is None else {port}.intersection(self.available_ports)
        chosen = next(filter(self.usable, wanted), None)
        if chosen is None:
            raise Conflict("No port is free on this hostnode." if port is None else f"Port {port} is taken.")
        self.forwarded.add(chosen)
        return chosen


@dataclass(eq=False)
class Node:
    """A bare-metal machine, rented whole. Its public address is on loopback, where something may answer."""

    public_ip: str
    private_ip: str
    network: Network
    rental_id: UUID | None = None


@dataclass
class Location:
    id: UUID
    site: Site
    hostnodes: list[Hostnode]
    nodes: list[Node]

    def free_nodes(self, network: Network) -> list[Node]:
        return [node for node in self.nodes if node.network == network and node.rental_id is None]

    def price(self, network: Network) -> Decimal:
        """USD per GPU and hour of bare metal."""
        site = self.site
        return Decimal(site.price_infiniband if network == "infiniband" else site.price_ethernet)

    def launchable(self, preset: Preset) -> int:
        """How many machines of this preset could be launched here now."""
        return sum(hostnode.free_gpus // preset.gpus for hostnode in self.hostnodes)


class Catalog:
    def __init__(self, rng: random.Random) -> None:
        recorded = [Preset(UUID(id), gpus, "TensorML 24 Everything") for id, gpus in _RECORDED_PRESETS]
        further = [Preset(new_id(rng), gpus, system) for system, gpus in _FURTHER_PRESETS]
        self.presets = {preset.id: preset for preset in recorded + further}
        ids = [_RECORDED_LOCATION, *(new_id(rng) for _ in _SITES[1:])]
        self.locations = {
            id: _build(id, site, number, rng)
            for number, (id, site) in enumerate(zip(ids, _SITES, strict=True), start=1)
        }

    @cached_property
    def hostnodes(self) -> dict[UUID, Hostnode]:
        return {h.id: h for location in self.locations.values() for h in location.hostnodes}

    def place(self, gpus: int, among: Location | None = None) -> Hostnode:
        """The hostnode this fits best (least left over, so whole ones stay whole), or a refusal."""
        candidates = self.hostnodes.values() if among is None else among.hostnodes
        fitting = [hostnode for hostnode in candidates if hostnode.free_gpus >= gpus]
        if not fitting:
            where = "anywhere" if among is None else f"in {among.site.city}"
            raise Conflict(f"No capacity {where} for a virtual machine with {gpus} GPUs right now.")
        return min(fitting, key=lambda hostnode: hostnode.free_gpus)


def _build(id: UUID, site: Site, number: int, rng: random.Random) -> Location:
    let = rng.sample(site.let, len(site.let))
    first_ports = range(20000 + 1000 * number, 40000, 100)
    hostnodes = [
        Hostnode(new_id(rng), id, range(first, first + _PORTS_PER_HOSTNODE), gpus)
        for first, gpus in zip(first_ports, let, strict=False)
    ]
    networks: list[Network] = ["infiniband"] * site.infiniband
    networks += ["ethernet"] * site.ethernet
    nodes = [
        Node(f"127.20.{number}.{i}", f"192.168.{number}.{i}", network)
        for i, network in enumerate(networks, start=10)
    ]
    return Location(id, site, hostnodes, nodes)
