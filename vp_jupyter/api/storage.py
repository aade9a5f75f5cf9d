"""Storage volumes."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from .address import route
from .records import StorageRate, Volume
from .resource import Resource, given
from .transport import Credential


class Storage(Resource):
    """``/storage``"""

    credential = Credential.BOTH

    def list(self) -> list[Volume]:
        """Every volume."""
        return self._pages("storage/", Volume)

    def get(self, id: str) -> Volume:
        """One volume, with the bytes that are used on it."""
        return self._call("GET", route("storage", id), Volume)

    def create(self, name: str, size_in_gb: int, *, order_ids: Iterable[str] = ()) -> Volume:
        """Create a volume, attached to the rentals in `order_ids`; it costs from now on.

        A name has lower case letters, digits, ``-``, ``_``, ``.``, at most 60.
        """
        body = {"size_in_gb": size_in_gb, "name": name, "order_ids": [*order_ids]}
        return self._call("POST", "storage/", Volume, body=body)

    def update(
        self,
        id: str,
        *,
        name: str | None = None,
        size_in_gb: int | None = None,
        order_ids: Iterable[str] | None = None,
    ) -> Volume:
        """Rename, resize or attach a volume; what is None stays, `order_ids` replaces."""
        attached = None if order_ids is None else [*order_ids]
        body = given(name=name, size_in_gb=size_in_gb, order_ids=attached)
        return self._call("PATCH", route("storage", id), Volume, body=body)

    def delete(self, id: str) -> None:
        """Delete a volume; what is on it is gone."""
        self._call("DELETE", route("storage", id))

    def hourly_rate_per_gb(self) -> Decimal:
        """USD per gigabyte and hour."""
        return self._call("GET", "storage/hourly-rate", StorageRate).hourly_rate_per_gb
