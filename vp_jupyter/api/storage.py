"""Storage volumes."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from .address import route
from .records import StorageRate, Volume
from .resource import Resource, given, gone
from .transport import Credential


class Storage(Resource):
    """``/storage``"""

    credential = Credential.BOTH

    def list(self) -> list[Volume]:
        """Every volume."""
        return self._pages("storage/", Volume)

    def get(self, id: str) -> Volume:
        """One volume, with the bytes that are used on it."""
        return self._read(route("storage", id), Volume)

    def create(self, name: str, size_in_gb: int, *, order_ids: Iterable[str] = ()) -> Volume:
        """Create a volume, attached to the rentals in `order_ids`; it costs from now on.

        A name has lower case letters, digits, ``-``, ``_``, ``.``, at most 60.
        """
        before = {volume.id for volume in self.list()}

        def look() -> Volume | None:
            new = (volume for volume in self.list() if volume.name == name and volume.id not in before)
            return next(new, None)

        body = {"size_in_gb": size_in_gb, "name": name, "order_ids": [*order_ids]}
        return self._create("storage/", Volume, body=body, look=look, what=f"a new volume {name!r}")

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
        return self._change("PATCH", route("storage", id), Volume, body=body)

    def delete(self, id: str) -> None:
        """Delete a volume; what is on it is gone."""
        self._change("DELETE", route("storage", id), done=gone)

    def hourly_rate_per_gb(self) -> Decimal:
        """USD per gigabyte and hour."""
        return self._read("storage/hourly-rate", StorageRate).hourly_rate_per_gb
