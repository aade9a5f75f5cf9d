"""Storage volumes: created, grown, attached to rentals, billed by the gigabyte."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from vp_jupyter.sandbox.ledger import Charge
from vp_jupyter.sandbox.refusals import Conflict, Unacceptable, Unknown
from vp_jupyter.sandbox.rentals import Rental, Rentals
from vp_jupyter.sandbox.world import World

RATE_PER_GB = Decimal("0.00017408")  # USD per hour; the documentation's 100 GB cost 0.017408
GIGABYTE = 10**9
_EMPTY_FILE_SYSTEM = 2 * 1024**2


@dataclass
class Volume:
    id: UUID
    name: str
    size_gb: int
    charge: Charge
    tenant_id: int
    vip: str
    used_bytes: int = _EMPTY_FILE_SYSTEM

    @property
    def rate(self) -> Decimal:
        return self.charge.rate


class Volumes:
    def __init__(self, world: World, rentals: Rentals) -> None:
        self._world = world
        self._rentals = rentals
        self._volumes: dict[UUID, Volume] = {}
        self._tenant_id = world.rng.randint(100, 999)

    def all(self) -> list[Volume]:
        return [*self._volumes.values()]

    def get(self, id: UUID) -> Volume:
        if id not in self._volumes:
            raise Unknown("Storage volume not found.")
        return self._volumes[id]

    def deployable(self, id: UUID | None) -> UUID | None:
        """A volume that a deploy may name, or None where it names none."""
        if id is not None and id not in self._volumes:
            raise Unacceptable(f"There is no storage volume (storage_id) {id}.")
        return id

    def attached_to(self, volume: Volume) -> list[Rental]:
        return [rental for rental in self._rentals.all() if rental.volume_id == volume.id]

    def create(self, name: str, size_gb: int, order_ids: Sequence[UUID] = ()) -> Volume:
        self._refuse_duplicate(name)
        rentals = self._attachable(order_ids, None)
        rate = _rate(size_gb)
        self._world.afford(rate)
        id = self._world.new_id()
        charge = self._world.bill("storage", id, rate)
        vip = f"127.21.{self._tenant_id % 250}.{self._world.rng.randint(2, 250)}"
        self._volumes[id] = Volume(id, name, size_gb, charge, self._tenant_id, vip)
        for rental in rentals:
            rental.volume_id = id
        return self._volumes[id]

    def update(
        self, volume: Volume, *, name: str | None, size_gb: int | None, order_ids: Sequence[UUID] | None
    ) -> None:
        """All of it or nothing: every refusal comes before the first change."""
        if name is not None and name != volume.name:
            self._refuse_duplicate(name)
        if size_gb is not None and size_gb * GIGABYTE < volume.used_bytes:
            raise Conflict(f"{volume.used_bytes} bytes are in use: {size_gb} GB cannot hold them.")
        rentals = None if order_ids is None else self._attachable(order_ids, volume)
        if size_gb is not None and size_gb != volume.size_gb:
            self._world.afford(max(_rate(size_gb) - volume.rate, Decimal(0)))
            volume.size_gb = size_gb
            volume.charge = self._world.ledger.reprice(volume.charge, _rate(size_gb), self._world.now())
        volume.name = name or volume.name
        if rentals is not None:
            for rental in self.attached_to(volume):
                rental.volume_id = None
            for rental in rentals:
                rental.volume_id = volume.id

    def delete(self, volume: Volume) -> None:
        if self.attached_to(volume):
            raise Conflict("This volume is attached: delete the rental, or detach the volume, first.")
        self._world.ledger.close(volume.charge, self._world.now())
        del self._volumes[volume.id]

    def _refuse_duplicate(self, name: str) -> None:
        if any(volume.name == name for volume in self._volumes.values()):
            raise Conflict(f"A storage volume named {name!r} exists already.")

    def _attachable(self, order_ids: Sequence[UUID], to: Volume | None) -> list[Rental]:
        live = {rental.id: rental for rental in self._rentals.all()}
        strange = [str(id) for id in order_ids if id not in live]
        if strange:
            raise Unacceptable(f"Unknown order_ids: {', '.join(strange)}.")
        rentals = [live[id] for id in order_ids]
        for rental in rentals:
            if rental.volume_id is not None and (to is None or rental.volume_id != to.id):
                raise Conflict(f"Rental {rental.name!r} has another volume attached.")
        return rentals


def _rate(size_gb: int) -> Decimal:
    return (RATE_PER_GB * size_gb).quantize(Decimal("0.000001"))
