"""Prices compared, and what can be had now."""

from __future__ import annotations

from collections.abc import Sequence

import ipywidgets as widgets

from .. import listings, plots, tables
from ..actions.choosing import one_of_each
from ..api import Offer
from ..views import Table
from .grid import Grid
from .panel import Panel


class Prices(Panel):
    """What is for sale, per GPU and hour, as a list and drawn."""

    title = "Prices"
    needs = Panel.needs | {"offers", "places"}

    def build(self) -> Sequence[widgets.Widget]:
        self.grid = Grid(label="Offers", selectable=False)
        self.picture = widgets.Output()
        return [self.picture, self.grid]

    def update(self) -> None:
        offers = self._offers()
        self.grid.show(
            listings.offers(offers, self.readings["places"]),
            without=("id",),
            tone=lambda row: "muted" if row["sold_out"] else "",
        )
        frame = tables.offers(offers, self.readings["places"])
        names = [
            f"{one.gpus} × {one.network or 'VM'}{' (sold out)' if one.sold_out else ''}" for one in offers
        ]
        plot = plots.rate_bars(frame, names, title="Price per GPU and hour, USD", column="rate_per_gpu_hour")
        data = {"output_type": "display_data", "data": plot._repr_mimebundle_(), "metadata": {}}
        if self.picture.outputs != (data,):
            self.picture.outputs = (data,)

    def table(self) -> Table | None:
        if "offers" not in self.readings:
            return None
        return listings.offers(self._offers(), self.readings["places"])

    def _offers(self) -> list[Offer]:
        return one_of_each(self.readings["offers"], self.session.settings.operating_system)
