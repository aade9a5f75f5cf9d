"""VMs and rentals, seen as one kind of thing: a machine."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

import msgspec

from .errors import NotFound
from .metal import BareMetal
from .naming import called, pick
from .patience import LAUNCH_TAG
from .records import Rental, VirtualMachine
from .together import together
from .vms import VirtualMachines

SSH_PORT = 22


class Endpoint(NamedTuple):
    """Where one node of a machine answers ssh."""

    host: str
    port: int


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """A VM or a rental. `rate_hourly` is USD per hour in its state; `tags` are those that people gave it (the
    tag of its launch is in `record`, which is what the service sent)."""

    kind: str  # "vm" or "metal"
    id: str
    name: str
    status: str
    gpus: int | None  # None: the service does not say yet, as for a Pending rental
    gpu_model: str
    rate_hourly: Decimal | None
    full_rate_hourly: Decimal | None  # what it costs while it runs
    released_rate_hourly: Decimal | None  # what it would cost with its GPUs released; None: cannot
    endpoints: tuple[Endpoint, ...]
    login: str | None
    created: datetime | None
    tags: tuple[str, ...]
    operating_system: str | None
    network: str | None
    record: VirtualMachine | Rental

    @property
    def label(self) -> str:
        """What to call it in a sentence."""
        return called(self)

    @property
    def runs_windows(self) -> bool:
        """Whether it has no ssh."""
        return (self.operating_system or "").startswith("Windows")


def total_rate(machines: Iterable[Machine]) -> Decimal:
    """USD per hour of all of them."""
    return sum((one.rate_hourly for one in machines if one.rate_hourly is not None), start=Decimal(0))


class Machines:
    """Everything the organization rents."""

    def __init__(self, vms: VirtualMachines, metal: BareMetal) -> None:
        self._vms = vms
        self._metal = metal

    def list(self) -> list[Machine]:
        """Every VM and rental, newest first; two reads that go out together."""
        vms, rentals = together(self._vms.list, self._metal.list)
        machines = [*map(from_vm, vms), *map(from_rental, rentals)]
        machines.sort(key=lambda machine: machine.created.timestamp() if machine.created else 0, reverse=True)
        return machines

    def find(self, reference: str) -> Machine:
        """The machine of that name or id, or of a unique beginning of either; see `naming.pick`."""
        return pick(reference, self.list(), "machine")

    def get(self, machine: Machine) -> Machine:
        """The same machine as it is now."""
        if machine.kind == "vm":
            return from_vm(self._vms.get(machine.id))
        return from_rental(self._metal.get(machine.id))

    def operations(self, machine: Machine) -> VirtualMachines | BareMetal:
        """The family of operations that the machine belongs to."""
        return self._vms if machine.kind == "vm" else self._metal

    def end_if(self, machine: Machine, condition: Callable[[Machine], bool]) -> bool:
        """End a machine if `condition` still holds when it is looked at again; tells whether it did."""
        try:
            if not condition(self.get(machine)):
                return False
            self.operations(machine).delete(machine.id)
        except NotFound:  # somebody was faster
            return False
        return True


def from_vm(vm: VirtualMachine) -> Machine:
    """A VM as a machine. It is reached on the port that is forwarded to 22, or on 22 where none is."""
    ports = [forward.external_port for forward in vm.port_forwards if forward.internal_port == SSH_PORT]
    port = next((port for port in ports if port), SSH_PORT)
    return Machine(
        kind="vm",
        id=vm.id,
        name=vm.name or "",
        status=vm.status or "unknown",
        gpus=vm.resources.gpu_count,
        gpu_model=vm.resources.gpu_model,
        rate_hourly=vm_rate_hourly(vm),
        full_rate_hourly=vm.pricing.total_associated_per_hr,
        released_rate_hourly=vm.pricing.total_disassociated_per_hr,
        endpoints=(Endpoint(vm.public_ip, port),) if vm.public_ip else (),
        login=None,  # the API does not name it
        created=vm.timestamp_creation,
        tags=_given(vm.tags),
        operating_system=vm.operating_system,
        network=None,
        record=vm,
    )


def from_rental(rental: Rental) -> Machine:
    """A rental as a machine; powered off shows as Stopped."""
    specs = rental.specs_per_node
    nodes = rental.node_count or len(rental.node_networking)
    per_node = specs and specs.gpu_count
    stopped = rental.power_status == "Stopped" and rental.status == "Running"
    return Machine(
        kind="metal",
        id=rental.id,
        name=rental.name or "",
        status="Stopped" if stopped else rental.status or "unknown",
        gpus=nodes * per_node if nodes and per_node else None,
        gpu_model=(specs and specs.gpu_model) or "",
        rate_hourly=Decimal(0) if rental.status == "Terminated" else rental.rate_hourly,
        full_rate_hourly=rental.rate_hourly,
        released_rate_hourly=None,
        endpoints=tuple(
            Endpoint(node.public_ip, SSH_PORT) for node in rental.node_networking if node.public_ip
        ),
        login=rental.username,
        created=rental.creation_timestamp,
        tags=_given(rental.tags),
        operating_system=None,
        network=rental.network_type,
        record=rental,
    )


def _given(tags: Iterable[str]) -> tuple[str, ...]:
    return tuple(tag for tag in tags if not tag.startswith(LAUNCH_TAG))


def vm_rate_hourly(vm: VirtualMachine) -> Decimal | None:
    """USD per hour that a VM costs in its state: in full while it holds its GPUs, stopped or not; its storage
    once they are released; nothing once it is terminated. None where the service names no rate."""
    if vm.status == "Terminated":
        return Decimal(0)
    if vm.status == "StoppedDisassociated":
        return vm.pricing.total_disassociated_per_hr
    return vm.pricing.total_associated_per_hr
