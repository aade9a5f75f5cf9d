"""Where machines stand: locations and hostnodes."""

from __future__ import annotations

from .address import route
from .records import Hostnode, Location
from .resource import Resource


class Locations(Resource):
    """``/locations``"""

    def list(self) -> list[Location]:
        """Every location that has something to offer, with its hostnodes."""
        return self._pages("locations/", Location, limit=15)

    def get(self, id: str) -> Location:
        """One location."""
        return self._read(route("locations", id), Location)


class Hostnodes(Resource):
    """``/hostnodes``"""

    def get(self, id: str) -> Hostnode:
        """One hostnode: what it has free, and its prices."""
        return self._read(route("hostnodes", id), Hostnode)
