"""The account: transactions, monthly reports, rates."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import NamedTuple

from .address import route
from .records import BillingReport, HourlyRate, Transaction
from .resource import Resource, given
from .together import together


class Balances(NamedTuple):
    """What the service says of a month's balance, USD: at its start, the movement in it, at its end."""

    opening: Decimal
    delta: Decimal
    closing: Decimal


class Period(NamedTuple):
    """The account from `start` to before `end` (UTC), within one calendar month; where that goes on, `end` is
    when it was read. Only for a whole month the service gives the balances."""

    start: datetime
    end: datetime
    transactions: list[Transaction]
    balances: Balances | None = None


class Billing(Resource):
    """``/billing``"""

    def transactions(
        self,
        earliest: date | None = None,
        latest: date | None = None,
        *,
        types: Iterable[str] = (),
    ) -> list[Transaction]:
        """Every transaction that touches the days from `earliest` to `latest` (UTC), newest first.

        `types` keeps those for virtual_machine, baremetal, storage_block or storage.
        """
        asked = given(
            earliest=earliest.isoformat() if earliest else None,
            latest=latest.isoformat() if latest else None,
            types=[*types] or None,
        )
        return self._pages("billing/transactions", Transaction, params=asked)

    def report(self, year: int, month: int) -> BillingReport:
        """A calendar month (UTC): its transactions and the balance at both ends."""
        return self._read(route("billing", "reports", str(year), str(month), "transactions"), BillingReport)

    def history(self, earliest: date, latest: date, *, types: Iterable[str] = ()) -> list[Period]:
        """The days from `earliest` to `latest` (UTC) month by month, oldest first; the reads go out together.

        Each period's amounts are the service's own for that period, so that sums over them are too. A month
        that is asked for whole (this month: up to today) is its report, one read; with `types`, and for a
        part of a month, the transactions are listed.
        """
        kinds = [*types]

        def read(first: date, last: date) -> Period:
            start, end = _midnight(first), _midnight(last + timedelta(days=1))
            whole = first.day == 1 and (end.day == 1 or last >= self._transport.now().date())
            if whole and not kinds:
                report = self.report(first.year, first.month)
                end = min(end, max(start, self._transport.answered()))
                balances = Balances(
                    report.balance_at_period_start,
                    report.balance_delta_in_period,
                    report.balance_at_period_end,
                )
                return Period(start, end, report.transactions, balances)
            transactions = self.transactions(first, last, types=kinds)
            return Period(start, min(end, max(start, self._transport.answered())), transactions)

        return together(*(functools.partial(read, *days) for days in months(earliest, latest)))

    def balance(self) -> Decimal:
        """USD on the account now: where the current month's report ends. What a UTC month is comes from the
        service's clock."""
        now = self._transport.now()
        return self.report(now.year, now.month).balance_at_period_end

    def hourly_rate(self) -> Decimal:
        """USD per hour that everything of the organization costs now."""
        return self._read("billing/hourly-rate", HourlyRate).rate_hourly


def months(earliest: date, latest: date) -> Iterator[tuple[date, date]]:
    """The first and the last day of each part of the days that lies in one calendar month."""
    while earliest <= latest:
        following = (earliest.replace(day=1) + timedelta(days=31)).replace(day=1)
        yield earliest, min(latest, following - timedelta(days=1))
        earliest = following


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
