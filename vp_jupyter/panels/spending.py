"""The cost explorer: spend by time and thing, against the budget and what is ahead."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import ipywidgets as widgets

from .. import costs, listings, plots
from ..actions import accounts
from ..actions.accounts import Account
from ..formats import usd
from ..refused import Refused
from ..views import Table
from .controls import button, choice, field, line
from .grid import Grid
from .panel import Panel

_NOTHING = ""
_DRAW, _SUM, _READ = 1, 2, 3


class Costs(Panel):
    """What was spent in a period, by time and thing: drawn, listed, and as a line that repeats it."""

    title = "Costs"

    def build(self) -> Sequence[widgets.Widget]:
        self._account: Account | None = None
        self._spent: Any = None
        self._table: Table | None = None
        self._pending = 0
        self.period = choice(
            "Period",
            [
                ("this month", "month"),
                ("last month", "previous"),
                ("last 7 days", 7),
                ("last 30 days", 30),
                ("last 90 days", 90),
                ("last 180 days", 180),
            ],
        )
        self.time = choice("Over", [("days", "day"), ("weeks", "week"), ("months", "month")])
        self.thing = choice(
            "By",
            [("nothing else", _NOTHING), *((one, one) for one in ("machine", "kind", "type", "part", "tag"))],
            value="machine",
        )
        self.key = field("Tag key", placeholder="team", width="7em")
        self.filter = field("Only with", placeholder="a part of a name or tag")
        self.repeat = button("Repeat as %vp bill", self._repeat, tooltip="Put the line into a cell below")
        self.pictures = [widgets.Output() for _ in range(3)]
        tabs = widgets.Tab(self.pictures)
        tabs.titles = ("Spend", "Against the budget", "Shares")
        tabs.observe(lambda _: self._want(_DRAW), "selected_index")
        self.tabs = tabs
        self.grid = Grid(label="Sums", empty="Nothing was spent so.", selectable=False)
        self.period.observe(lambda _: self._want(_READ), "value")
        for control in (self.time, self.thing, self.key, self.filter):
            control.observe(lambda _: self._want(_SUM), "value")
        return [
            line(self.period, self.time, self.thing, self.key, self.filter, self.repeat),
            tabs,
            self.grid,
        ]

    def update(self) -> None:
        if self._account is None and not self._pending:
            self._want(_READ)

    def table(self) -> Table | None:
        return self._table

    # --- what is asked for ---

    @property
    def by(self) -> list[str]:
        """The times and things of the sums, in the words of %vp bill."""
        thing = self.thing.value
        if thing == "tag" and self.key.value.strip():
            thing = f"tag:{self.key.value.strip()}"
        return [self.time.value, *([thing] if thing else [])]

    @property
    def days(self) -> tuple[date, date]:
        """The first and the last day (UTC)."""
        today = self.session.today()
        if self.period.value == "month":
            return today.replace(day=1), today
        if self.period.value == "previous":
            last = today.replace(day=1) - timedelta(days=1)
            return last.replace(day=1), last
        return today - timedelta(days=self.period.value - 1), today

    @property
    def bill_line(self) -> str:
        """The command that gives the same sums."""
        if isinstance(self.period.value, int):
            period = f"--last {self.period.value}d"
        else:
            first, last = self.days
            period = f"--from {first} --to {last}" if self.period.value == "previous" else ""
        return " ".join(["%vp bill", *([period] if period else []), f"--by {','.join(self.by)}", "--plot"])

    def _repeat(self) -> None:
        self.foot.insert(self.bill_line)

    # --- reading and showing ---

    def enable(self, ready: bool) -> None:
        if ready and self._pending:  # asked for while something else was going on
            self._want(self._pending)

    def _want(self, step: int) -> None:
        """Have a step done again, and those after it."""
        self._pending = max(self._pending, step)
        self.work("Reading the account…" if step == _READ else "Adding up…", self._catch_up)

    def _catch_up(self) -> None:
        step, self._pending = self._pending, 0
        if step == _READ or self._account is None:
            self._account = accounts.account(self.session, *self.days)
        if step != _DRAW or self._spent is None:
            self._sum(self._account)
        self._draw(self._account)

    def _sum(self, known: Account) -> None:
        spent = accounts.spend(known, self.by)
        wanted, things = self.filter.value.strip().lower(), self.by[1:]
        if wanted and not things:
            raise Refused("Only with a part of a name: choose what to sum by first.")
        if wanted:
            spent = spent[[wanted in str(value).lower() for value in spent[things[0]]]].reset_index(drop=True)
        self._spent = spent
        total = costs.total(spent.assign(amount=spent["charged"]))
        caption = f"{known.days} (UTC): charged {usd(total)} in the rows shown."
        self._table = listings.spending(spent, self.by, caption=caption)
        self.grid.show(self._table, without=("id",))

    def _draw(self, known: Account) -> None:
        place = self.tabs.selected_index or 0
        plot = None
        if place == 0 and len(self._spent):
            plot = accounts.plot(self._spent, self.by, known)
        elif place == 1:
            plot = accounts.ahead(self.session).plot(self.session)
        elif place == 2 and len(known.lines):
            things = self.by[1:] or ["machine"]
            plot = plots.treemap(accounts.spend(known, things), things, period=known.days)
        data = {"text/plain": "Nothing was spent so."} if plot is None else plot._repr_mimebundle_()
        self.pictures[place].outputs = ({"output_type": "display_data", "data": data, "metadata": {}},)
