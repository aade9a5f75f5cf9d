"""Virtual machines: their states, and what each step takes from the stock and writes to the books."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from vp_jupyter.sandbox.catalog import (
    GPU_RATE,
    RAM_GB_PER_GPU,
    RAM_GB_RATE,
    VCPU_RATE,
    VCPUS_PER_GPU,
    Hostnode,
    Location,
    Preset,
)
from vp_jupyter.sandbox.ledger import Charge
from vp_jupyter.sandbox.refusals import Conflict, Unacceptable, Unknown
from vp_jupyter.sandbox.world import World

Power = Literal["started", "stopped", "stopped_disassociated"]
Status = Literal["Running", "Stopped", "StoppedDisassociated", "Terminated", "Outbid", "Relocating"]


@dataclass(frozen=True)
class Pricing:
    """USD per hour, by what it is for. The parts of the machine sum to its preset's rates."""

    gpus: Decimal
    vcpus: Decimal
    ram: Decimal
    storage: Decimal

    @property
    def associated(self) -> Decimal:
        return self.gpus + self.vcpus + self.ram + self.storage


@dataclass
class VM:
    id: UUID
    name: str
    preset: Preset
    hostnode: Hostnode
    internal_ip: str
    created: datetime
    ready: datetime
    authorized_keys: tuple[str, ...]
    disk: Charge
    compute: Charge | None
    tags: list[str] = field(default_factory=list)
    power: Power = "started"
    forwards: dict[int, int] = field(default_factory=dict)  # external port by internal port
    password: str | None = field(default=None, repr=False)
    cloud_init: Mapping[str, Any] | None = None

    @property
    def login_port(self) -> int:
        """The internal port people come in by: a Windows machine has no SSH, but a remote desktop."""
        return 3389 if self.preset.operating_system.startswith("Windows") else 22

    @property
    def pricing(self) -> Pricing:
        gpus = self.preset.gpus
        return Pricing(
            gpus * GPU_RATE,
            gpus * VCPUS_PER_GPU * VCPU_RATE,
            gpus * RAM_GB_PER_GPU * RAM_GB_RATE,
            self.preset.storage_rate,
        )

    def status(self, now: datetime) -> Status:
        if self.power == "stopped":
            return "Stopped"
        if self.power == "stopped_disassociated":
            return "StoppedDisassociated"
        # A machine on its way up says Relocating: the documentation has no word for starting.
        return "Running" if now >= self.ready else "Relocating"


class VirtualMachines:
    def __init__(self, world: World) -> None:
        self._world = world
        self._vms: dict[UUID, VM] = {}
        self._launched = 0

    def all(self) -> list[VM]:
        return [*self._vms.values()]

    def get(self, id: UUID) -> VM:
        if id not in self._vms:
            raise Unknown("Virtual machine not found.")
        return self._vms[id]

    def launch(
        self,
        preset_id: UUID,
        name: str,
        *,
        location: Location | None = None,
        authorized_keys: tuple[str, ...] = (),
        password: str | None = None,
        cloud_init: Mapping[str, Any] | None = None,
        tags: Sequence[str] = (),
    ) -> VM:
        world = self._world
        preset = world.catalog.presets.get(preset_id)
        if preset is None:
            raise Unacceptable(f"There is no preset (config_id) {preset_id}.")
        hostnode = world.catalog.place(preset.gpus, location)
        world.afford(preset.compute_rate + preset.storage_rate)
        id, now = world.new_id(), world.now()
        self._launched += 1
        vm = VM(
            id=id,
            name=name,
            preset=preset,
            hostnode=hostnode,
            internal_ip=f"10.20.{self._launched // 250 % 250}.{self._launched % 250 + 2}",
            created=now,
            ready=now,
            authorized_keys=authorized_keys,
            disk=world.bill("storage_block", id, preset.storage_rate),
            compute=None,
            tags=list(tags),
            password=password,
            cloud_init=cloud_init,
        )
        vm.forwards[vm.login_port] = hostnode.forward()
        self._power_up(vm)
        self._vms[id] = vm
        return vm

    def start(self, vm: VM) -> None:
        """Running again; a released machine first needs room on its hostnode."""
        if vm.power == "stopped_disassociated":
            if vm.hostnode.free_gpus < vm.preset.gpus:
                raise Conflict("No capacity on this machine's hostnode: relocate it, then start it.")
            self._world.afford(vm.preset.compute_rate)
        if vm.power != "started":
            self._power_up(vm)

    def stop(self, vm: VM) -> None:
        """Off, and billed like a running one: its GPUs stay reserved for it."""
        if vm.power == "stopped_disassociated":
            raise Conflict("This machine has given up its resources: start it before stopping it.")
        vm.power = "stopped"

    def release(self, vm: VM) -> None:
        """Off, its GPUs back in the stock; only the disk is billed. The disk is kept aside, not on the
        hostnode, or the machine could not be relocated."""
        vm.power = "stopped_disassociated"
        self._give_back(vm)

    def relocate(self, vm: VM) -> None:
        """A released machine moves to a hostnode that has room for it now, and stays released."""
        if vm.power != "stopped_disassociated":
            raise Conflict("Only a machine that is StoppedDisassociated can be relocated.")
        target = self._world.catalog.place(vm.preset.gpus)
        if target is vm.hostnode:
            return
        moved = {internal: target.forward() for internal in vm.forwards}
        vm.hostnode.forwarded.difference_update(vm.forwards.values())
        vm.hostnode, vm.forwards = target, moved

    def delete(self, vm: VM) -> None:
        self._give_back(vm)
        vm.hostnode.forwarded.difference_update(vm.forwards.values())
        self._world.ledger.close(vm.disk, self._world.now())
        del self._vms[vm.id]

    def forward(self, vm: VM, internal_port: int, external_port: int | None) -> int:
        if internal_port in vm.forwards:
            raise Conflict(f"Port {internal_port} of this machine is forwarded already.")
        if external_port is not None and external_port not in vm.hostnode.ports:
            raise Unacceptable(f"Port {external_port} is not one of this hostnode's ports.")
        vm.forwards[internal_port] = vm.hostnode.forward(external_port)
        return vm.forwards[internal_port]

    def unforward(self, vm: VM, internal_port: int | None) -> None:
        """Take back one forward; without a port all of them, save the one people log in by."""
        if internal_port is not None and internal_port not in vm.forwards:
            raise Unknown(f"Port {internal_port} of this machine is not forwarded.")
        everything = [port for port in vm.forwards if port != vm.login_port]
        for port in everything if internal_port is None else [internal_port]:
            vm.hostnode.forwarded.remove(vm.forwards.pop(port))

    def _power_up(self, vm: VM) -> None:
        world = self._world
        if vm.compute is None:
            vm.hostnode.leases[vm.id] = vm.preset.gpus
            vm.compute = world.bill("virtual_machine", vm.id, vm.preset.compute_rate)
        vm.power = "started"
        vm.ready = world.now() + timedelta(seconds=world.rng.randint(20, 40))

    def _give_back(self, vm: VM) -> None:
        vm.hostnode.leases.pop(vm.id, None)
        if vm.compute is not None:
            self._world.ledger.close(vm.compute, self._world.now())
            vm.compute = None
