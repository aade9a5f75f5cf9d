"""The account: transactions, monthly reports, rates."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple, Self, TypeVar

from .address import route
from .days import end_of_month, midnight, months
from .records import BillingReport, HourlyRate, Transaction
from .resource import Resource, given
from .together import together
from .wire import Digest

T = TypeVar("T")


class Balances(NamedTuple):
    """What the service says of a month's balance, USD: at its start, the movement in it, at its end."""

    opening: Decimal
    delta: Decimal
    closing: Decimal

    @classmethod
    def of(cls, report: BillingReport) -> Self:
        """Those of a report."""
        return cls(
            report.balance_at_period_start, report.balance_delta_in_period, report.balance_at_period_end
        )


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
        return self._read(_report(year, month), BillingReport)

    def history(self, earliest: date, latest: date, *, types: Iterable[str] = ()) -> list[Period]:
        """The days from `earliest` to `latest` (UTC) month by month, oldest first; the reads go out together.

        Each period's amounts are the service's own for that period, so that sums over them are too. A month
        that is asked for whole (this month: up to today) is its report, one read; with `types`, and for a
        part of a month, the transactions are listed.
        """
        kinds = [*types]
        parts = months(earliest, latest)
        return together(
            *(functools.partial(self.period, *days, kinds, into=lambda one: one) for days in parts)
        )

    def period(self, first: date, last: date, types: Sequence[str] = (), *, into: Callable[[Period], T]) -> T:
        """What `into` makes of a part of `history`, days of one month. Of a whole month the records are
        not kept any longer than that takes, nor those of several at once."""
        start, end = midnight(first), midnight(last + timedelta(days=1))

        def period(transactions: list[Transaction], balances: Balances | None = None) -> T:
            answered = self._transport.answered()
            return into(Period(start, min(end, max(start, answered)), transactions, balances))

        if types or not self.is_whole(first, last):
            return period(self.transactions(first, last, types=types))
        report = Digest(BillingReport, lambda report: period(report.transactions, Balances.of(report)))
        return self._read(_report(first.year, first.month), report)

    def is_whole(self, first: date, last: date) -> bool:
        """Whether days of a month are all of it, so far."""
        return first.day == 1 and last >= min(end_of_month(first), self._transport.now().date())

    def balance(self) -> Decimal:
        """USD on the account now: where the current month's report ends. What a UTC month is comes from the
        service's clock."""
        now = self._transport.now()
        return self.report(now.year, now.month).balance_at_period_end

    def hourly_rate(self) -> Decimal:
        """USD per hour that everything of the organization costs now."""
        return self._read("billing/hourly-rate", HourlyRate).rate_hourly


def _report(year: int, month: int) -> str:
    return route("billing", "reports", str(year), str(month), "transactions")
