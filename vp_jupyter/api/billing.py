"""The account: transactions, monthly reports, rates."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from .address import route
from .records import BillingReport, HourlyRate, Transaction
from .resource import Resource, given


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
        return self._call(
            "GET", route("billing", "reports", str(year), str(month), "transactions"), BillingReport
        )

    def balance(self) -> Decimal:
        """USD on the account now: where the current month's report ends. What a UTC month is comes from the
        service's clock."""
        now = self._transport.now()
        return self.report(now.year, now.month).balance_at_period_end

    def hourly_rate(self) -> Decimal:
        """USD per hour that everything of the organization costs now."""
        return self._call("GET", "billing/hourly-rate", HourlyRate).rate_hourly
