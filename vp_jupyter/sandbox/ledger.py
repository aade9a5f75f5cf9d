"""The bookkeeping: what was charged and paid, so that every report adds up by construction.

One idea carries it: each entry can say how much of it is booked up to any moment, exactly. The amount of
a period is then a difference of two such figures, and differences telescope: however a span is cut into
days, months or transactions, the pieces sum to the whole to the last micro-dollar.

Charges are negative, deposits and credits positive, and a balance is the sum of everything.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Literal, NamedTuple
from uuid import UUID, uuid5

Kind = Literal["virtual_machine", "storage_block", "baremetal", "storage"]
ZERO = Decimal("0.000000")
MICRO_DOLLAR = Decimal("0.000001")
_DAY = timedelta(days=1)
_MICROSECOND = timedelta(microseconds=1)
_MICROSECONDS_PER_HOUR = 3_600_000_000
# "Since ever" and "for good": the ends of a period that was not bounded.
EVER = datetime.min.replace(tzinfo=UTC)
FOREVER = datetime.max.replace(tzinfo=UTC)

_CHARGES = {
    "virtual_machine": "charge",
    "storage_block": "charge",
    "baremetal": "baremetal_charge",
    "storage": "storage_charge",
}


@dataclass
class Instance:
    """One life of something that is billed: compute held, a disk, a rental or a volume."""

    id: UUID
    kind: Kind
    subject: UUID  # the machine, rental or volume it belongs to
    created: datetime
    deleted: datetime | None = None


@dataclass
class Charge:
    """An instance at one rate, from start until end (None while it runs)."""

    instance: Instance
    rate: Decimal  # USD per hour, six places
    start: datetime
    end: datetime | None = None
    segment: int = 0  # how many rates the instance had before this one

    def booked(self, until: datetime, now: datetime) -> Decimal:
        """What it has cost up to `until`, in whole micro-dollars (rounded toward zero), never positive."""
        stop = min(until, now) if self.end is None else min(until, now, self.end)
        elapsed = max(0, (stop - self.start) // _MICROSECOND)
        micro_dollars = int(self.rate / MICRO_DOLLAR) * elapsed // _MICROSECONDS_PER_HOUR
        return Decimal(-micro_dollars).scaleb(-6)


@dataclass(frozen=True)
class Lump:
    """Money that moved at one moment: a deposit, or a credit."""

    id: UUID
    type: str
    amount: Decimal
    at: datetime
    note: str | None = None
    instance: Instance | None = None

    def booked(self, until: datetime, now: datetime) -> Decimal:
        return self.amount if self.at < until else ZERO


class Line(NamedTuple):
    """Where a transaction stands: an entry, and which part of it. Cheap, so a year of them is no trouble."""

    start: datetime
    entry_number: int
    day: int
    entry: Charge | Lump
    stop: datetime


@dataclass(frozen=True)
class Transaction:
    id: UUID
    type: str
    instance: Instance | None
    note: str | None
    created: datetime
    completed: datetime | None
    total: Decimal
    in_period: Decimal


@dataclass
class Ledger:
    entries: list[Charge | Lump] = field(default_factory=list)

    def open(self, instance: Instance, rate: Decimal) -> Charge:
        charge = Charge(instance, rate, instance.created)
        self.entries.append(charge)
        return charge

    def close(self, charge: Charge, now: datetime) -> None:
        charge.end = charge.instance.deleted = now

    def reprice(self, charge: Charge, rate: Decimal, now: datetime) -> Charge:
        """The same instance at another rate from now on."""
        charge.end = now
        successor = Charge(charge.instance, rate, now, segment=charge.segment + 1)
        self.entries.append(successor)
        return successor

    def pay_in(
        self,
        id: UUID,
        type: Literal["stripe_deposit", "other"],
        amount: Decimal,
        at: datetime,
        note: str | None = None,
    ) -> None:
        self.entries.append(Lump(id, type, amount, at, note))

    def make_good(self, id: UUID, instance: Instance, amount: Decimal, at: datetime) -> None:
        """A goodwill credit for something that was charged."""
        type = _CHARGES[instance.kind].replace("charge", "payout")
        self.entries.append(Lump(id, type, amount, at, instance=instance))

    def burn(self) -> Decimal:
        """USD per hour of everything that runs now."""
        return sum((e.rate for e in self.entries if isinstance(e, Charge) and e.end is None), ZERO)

    def balance(self, until: datetime, now: datetime) -> Decimal:
        return sum((entry.booked(until, now) for entry in self.entries), ZERO)

    def lines(self, since: datetime, until: datetime, now: datetime, kinds: Iterable[str] = ()) -> list[Line]:
        """The transactions that touch [since, until), newest first."""
        wanted = set(kinds)
        found: list[Line] = []
        for number, entry in enumerate(self.entries):
            if wanted and (entry.instance is None or entry.instance.kind not in wanted):
                continue
            if isinstance(entry, Charge):
                found.extend(_days(entry, number, since, until, now))
            elif since <= entry.at < until:
                found.append(Line(entry.at, number, 0, entry, entry.at))
        return sorted(found, key=lambda line: line[:3], reverse=True)

    def transactions(
        self, lines: Sequence[Line], since: datetime, until: datetime, now: datetime
    ) -> list[Transaction]:
        return [_transaction(line, since, until, now) for line in lines]


def month_bounds(year: int, month: int) -> tuple[datetime, datetime]:
    """A UTC month as [first moment, first moment of the next)."""
    following = (year + 1, 1) if month == 12 else (year, month + 1)
    return datetime(year, month, 1, tzinfo=UTC), datetime(*following, 1, tzinfo=UTC)


def _days(charge: Charge, number: int, since: datetime, until: datetime, now: datetime) -> Iterator[Line]:
    """One line per 24 hours of the instance's own life, cut where the rate changed."""
    born = charge.instance.created
    last = now if charge.end is None else charge.end
    if charge.start >= until or (last <= since and charge.start < since):
        return
    first_day = (max(charge.start, since) - born) // _DAY
    last_day = (min(last, until) - born) // _DAY
    for day in range(first_day, last_day + 1):
        start, stop = max(charge.start, born + day * _DAY), born + (day + 1) * _DAY
        if charge.end is not None:
            stop = min(stop, charge.end)
        # A day begins where the charge does, or where there is something of it left to bill.
        begun = start == charge.start or start < last
        if begun and start < until and (start >= since or min(stop, now) > since):
            yield Line(start, number, day, charge, stop)


def _transaction(line: Line, since: datetime, until: datetime, now: datetime) -> Transaction:
    entry = line.entry
    if isinstance(entry, Lump):
        part = entry.booked(until, now) - entry.booked(since, now)
        return Transaction(
            entry.id, entry.type, entry.instance, entry.note, entry.at, entry.at, entry.amount, part
        )
    return Transaction(
        id=uuid5(entry.instance.id, f"{entry.segment}/{line.day}"),
        type=_CHARGES[entry.instance.kind],
        instance=entry.instance,
        note=None,
        created=line.start,
        completed=line.stop if line.stop <= now else None,
        total=entry.booked(line.stop, now) - entry.booked(line.start, now),
        in_period=entry.booked(min(line.stop, until), now) - entry.booked(max(line.start, since), now),
    )
