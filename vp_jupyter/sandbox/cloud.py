"""The whole state of the simulated cloud. Plain Python: it knows nothing of HTTP."""

import random
import threading
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from vp_jupyter.sandbox.catalog import Catalog, Hostnode, Location, Preset
from vp_jupyter.sandbox.clock import Clock
from vp_jupyter.sandbox.refusals import Unacceptable, Unknown
from vp_jupyter.sandbox.rentals import Rentals
from vp_jupyter.sandbox.ssh_keys import KeyRing
from vp_jupyter.sandbox.vms import VirtualMachines
from vp_jupyter.sandbox.volumes import Volumes
from vp_jupyter.sandbox.world import World


@dataclass
class Organization:
    id: UUID
    name: str = "Sandbox Research"
    billing_notification_target_emails: list[str] = field(default_factory=lambda: ["billing@sandbox.example"])


class Cloud:
    """One organization's Voltage Park. Everything in it follows from the seed, the clock and what was asked.

    The server works on it under `lock`; so does anyone else who touches it while a server runs.
    """

    def __init__(self, seed: int, clock: Clock) -> None:
        rng = random.Random(f"vp-sandbox {seed}")
        self.lock = threading.RLock()
        self.api_key = f"vp-sandbox-{rng.getrandbits(96):024x}"
        self.world = World(clock, rng, Catalog(rng))
        self.organization = Organization(self.world.new_id())
        self.keys = KeyRing(self.world)
        self.vms = VirtualMachines(self.world)
        self.rentals = Rentals(self.world)
        self.volumes = Volumes(self.world, self.rentals)

    def now(self) -> datetime:
        return self.world.now()

    @property
    def catalog(self) -> Catalog:
        return self.world.catalog

    def location(self, id: UUID) -> Location:
        if id not in self.catalog.locations:
            raise Unknown("Location not found.")
        return self.catalog.locations[id]

    def deploy_location(self, id: UUID | None) -> Location | None:
        """A location that a deploy may name, or None where it leaves the choice open."""
        if id is not None and id not in self.catalog.locations:
            raise Unacceptable(f"There is no location {id}.")
        return None if id is None else self.catalog.locations[id]

    def hostnode(self, id: UUID) -> Hostnode:
        if id not in self.catalog.hostnodes:
            raise Unknown("Hostnode not found.")
        return self.catalog.hostnodes[id]

    def preset(self, id: UUID) -> Preset:
        if id not in self.catalog.presets:
            raise Unknown("Instant deploy preset not found.")
        return self.catalog.presets[id]
