"""Bare-metal rentals: whole nodes of one network, together with their Kubernetes cluster."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from vp_jupyter.sandbox.catalog import GPUS_PER_NODE, Location, Network, Node
from vp_jupyter.sandbox.ledger import Charge
from vp_jupyter.sandbox.refusals import Conflict, Unacceptable, Unknown
from vp_jupyter.sandbox.world import World

_REBOOT = timedelta(minutes=3)


@dataclass
class Rental:
    id: UUID
    name: str
    location: Location
    network: Network
    nodes: list[Node]
    created: datetime
    ready: datetime
    charge: Charge
    k8s_cluster_id: UUID
    authorized_keys: tuple[str, ...]
    tags: list[str]
    sub_order: str | None = None
    cloud_init: Mapping[str, Any] | None = None
    username: str = "ubuntu"
    volume_id: UUID | None = None  # the one place that knows what is attached to what
    power: Literal["Running", "Stopped"] = "Running"

    def pending(self, now: datetime) -> bool:
        return now < self.ready

    @property
    def kubeconfig(self) -> str:
        """Shaped like a real one; the token opens nothing."""
        return (
            "apiVersion: v1\nkind: Config\ncurrent-context: sandbox\n"
            "clusters:\n- name: sandbox\n  cluster:\n"
            f"    server: https://{self.nodes[0].public_ip}:6443\n"
            "contexts:\n- name: sandbox\n  context: {cluster: sandbox, user: sandbox}\n"
            f"users:\n- name: sandbox\n  user:\n    token: sandbox-{self.k8s_cluster_id.hex}\n"
        )


class Rentals:
    def __init__(self, world: World) -> None:
        self._world = world
        self._rentals: dict[UUID, Rental] = {}

    def all(self) -> list[Rental]:
        return [*self._rentals.values()]

    def get(self, id: UUID) -> Rental:
        if id not in self._rentals:
            raise Unknown("Bare-metal rental not found.")
        return self._rentals[id]

    def launch(
        self,
        location_id: UUID,
        name: str,
        gpu_count: int,
        network: Network,
        *,
        authorized_keys: tuple[str, ...] = (),
        cloud_init: Mapping[str, Any] | None = None,
        tags: Sequence[str] = (),
        sub_order: str | None = None,
        volume_id: UUID | None = None,
    ) -> Rental:
        world = self._world
        location = world.catalog.locations.get(location_id)
        if location is None:
            raise Unacceptable(f"There is no location {location_id}.")
        wanted = gpu_count // GPUS_PER_NODE
        free = location.free_nodes(network)
        if len(free) < wanted:
            raise Conflict(
                f"No capacity in {location.site.city} for {gpu_count} {network} GPUs: "
                f"{len(free) * GPUS_PER_NODE} are free."
            )
        rate = _rate(location, network, wanted)
        world.afford(rate)
        id, now = world.new_id(), world.now()
        rental = Rental(
            id=id,
            name=name,
            location=location,
            network=network,
            nodes=free[:wanted],
            created=now,
            ready=now + timedelta(seconds=world.rng.randint(5 * 60, 10 * 60)),
            charge=world.bill("baremetal", id, rate),
            k8s_cluster_id=world.new_id(),
            authorized_keys=authorized_keys,
            tags=list(tags),
            sub_order=sub_order,
            cloud_init=cloud_init,
            volume_id=volume_id,
        )
        for node in rental.nodes:
            node.rental_id = id
        self._rentals[id] = rental
        return rental

    def reboot(self, rental: Rental, public_ips: Sequence[str]) -> None:
        _nodes(rental, public_ips)
        if rental.pending(self._world.now()) or rental.power == "Stopped":
            raise Conflict("Only a running rental can be rebooted.")
        rental.ready = self._world.now() + _REBOOT

    def remove_nodes(self, rental: Rental, public_ips: Sequence[str]) -> None:
        """Give nodes back; the rest goes on at its own rate."""
        gone = _nodes(rental, public_ips)
        if len(gone) == len(rental.nodes):
            raise Unacceptable("A rental keeps at least one node: delete it instead.")
        rental.nodes = [node for node in rental.nodes if node not in gone]
        for node in gone:
            node.rental_id = None
        rate = _rate(rental.location, rental.network, len(rental.nodes))
        rental.charge = self._world.ledger.reprice(rental.charge, rate, self._world.now())

    def delete(self, rental: Rental) -> None:
        for node in rental.nodes:
            node.rental_id = None
        self._world.ledger.close(rental.charge, self._world.now())
        del self._rentals[rental.id]


def _rate(location: Location, network: Network, nodes: int) -> Decimal:
    return (location.price(network) * GPUS_PER_NODE * nodes).quantize(Decimal("0.000001"))


def _nodes(rental: Rental, public_ips: Sequence[str]) -> list[Node]:
    known = {node.public_ip: node for node in rental.nodes}
    strange = [ip for ip in dict.fromkeys(public_ips) if ip not in known]
    if strange:
        raise Unacceptable(f"{len(strange)} of these public_ips do not belong to this rental.")
    return [known[ip] for ip in dict.fromkeys(public_ips)]
