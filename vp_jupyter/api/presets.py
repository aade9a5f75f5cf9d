"""What can be launched as a VM at once."""

from __future__ import annotations

import builtins

from .address import route
from .records import InstantLocation, Preset
from .resource import Resource
from .transport import Credential


class Presets(Resource):
    """``/instant-deploy-presets``, and the instant locations that succeed it. Needs no key."""

    credential = Credential.NONE

    def list(self) -> list[Preset]:
        """Every preset, sold out or not."""
        return self._pages("instant-deploy-presets/", Preset)

    def get(self, id: str) -> Preset:
        """One preset."""
        return self._read(route("instant-deploy-presets", id), Preset)

    def locations(self) -> builtins.list[InstantLocation]:
        """Where VMs can be launched now: the presets of each location and how many of each."""
        return self._pages("virtual-machines/instant/locations", InstantLocation)

    def location(self, id: str) -> InstantLocation:
        """One of those locations."""
        return self._read(route("virtual-machines", "instant", "locations", id), InstantLocation)
