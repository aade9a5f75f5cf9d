"""The lines of the account over a time: from the service, and from what is kept of months that are over."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

import pandas as pd

from . import tables
from .api import Client, together
from .api.billing import Balances, Period
from .api.days import midnight, months, next_month
from .archive import Archive


class Part(NamedTuple):
    """The lines (`tables.transactions`) from `start` to before `end` (UTC), within one calendar month; of a
    whole month its balances too."""

    start: datetime
    end: datetime
    lines: pd.DataFrame
    balances: Balances | None

    @property
    def is_settled(self) -> bool:
        """Whether it is a month that is over and nothing that was charged in it goes on."""
        over = self.balances is not None and self.end == midnight(next_month(self.start.date()))
        return over and not (self.lines["completed"].isna() & (self.lines["entry"] == "charge")).any()


def history(
    client: Client,
    earliest: date,
    latest: date,
    *,
    types: Sequence[str] = (),
    archive: Archive | None = None,
    fresh: bool = False,
) -> list[Part]:
    """The account from `earliest` to `latest` (UTC days), a part for each month, oldest first.

    As `Billing.history`; with an `archive`, whole months that are settled are kept in it and, unless all is
    to be `fresh`, taken from it. One that is kept is believed if it closes as the next month opens, and so on
    to a month that the service has just answered for: what is booked into the past moves all balances after.
    """

    today = client.now().date()
    this_month = today.replace(day=1)
    spans = [*months(earliest, latest)]
    whole = {first for first, last in spans if not types and client.billing.is_whole(first, last)}
    chain = _chain(archive, this_month, whole) if archive is not None and whole and not fresh else {}
    taken = whole & chain.keys()

    def reads(days: Sequence[tuple[date, date]]) -> list[Callable[[], Part]]:
        into = functools.partial(_part, archive=archive)
        return [functools.partial(client.billing.period, *span, types, into=into) for span in days]

    def kept() -> list[Part]:  # one after the other, which takes less memory
        found = [_kept(archive, month, chain[month]) for month in taken] if archive is not None else []
        return [part for part in found if part is not None]

    new = [span for span in spans if span[0] not in taken]
    vouching = [(this_month, today)] if taken and this_month not in whole else []
    old, *answers = together(kept, *reads([*new, *vouching]))
    opening = {part.start.date(): part.balances.opening for part in answers if part.balances is not None}
    believed = {*_believed(chain, opening)}
    good = {part.start.date(): part for part in old if part.start.date() in believed}
    again = together(*reads([span for span in spans if span[0] in taken and span[0] not in good]))
    return sorted([*good.values(), *answers[: len(new)], *again], key=lambda part: part.start)


def _part(period: Period, archive: Archive | None) -> Part:
    part = Part(period.start, period.end, tables.transactions([period]), period.balances)
    if archive is not None and part.balances is not None and part.is_settled:
        archive.keep(part.start.date(), part.lines, part.balances)
    return part


def _kept(archive: Archive, month: date, balances: Balances) -> Part | None:
    """A month with these balances, where it is still there."""
    found = archive.month(month)
    if found is None or found[1] != balances:  # another kernel has put another in its place
        return None
    return Part(midnight(month), midnight(next_month(month)), *found)


def _chain(archive: Archive, this_month: date, asked: Collection[date]) -> dict[date, Balances]:
    """The months that are kept and that other kept ones link to a month that is asked for anew, newest first,
    as far back as one is `asked` for."""
    chain: dict[date, Balances] = {}
    month, is_linked = _before(this_month), True
    while month >= min(asked):
        balances = archive.balances(month)
        if is_linked and balances is not None:
            chain[month] = balances
        else:
            is_linked = month in asked  # which is then read
        month = _before(month)
    return chain


def _believed(chain: Mapping[date, Balances], opening: Mapping[date, Decimal]) -> Iterator[date]:
    """Those of a chain that close as the next month opens, by the service or by another that is believed."""
    known = dict(opening)
    for month, balances in chain.items():
        if known.get(next_month(month)) == balances.closing:
            known[month] = balances.opening
            yield month


def _before(month: date) -> date:
    return (month - timedelta(days=1)).replace(day=1)
