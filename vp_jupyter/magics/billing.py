"""Commands about the account: bill, report."""

from __future__ import annotations

import re
from argparse import Namespace
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from .. import tables
from ..api.records import Transaction
from ..formats import cents, moment, short_id, text, usd
from ..views import Column, Table
from .grammar import Refused, arg, command
from .session import Session

GROUP = "Money"

TYPES = ("virtual_machine", "baremetal", "storage_block", "storage")
_COLUMNS = [
    Column("created", "from", moment),
    Column("completed", "to", moment),
    Column("type", "type"),
    Column("name", "for"),
    Column("part", "part"),
    Column("amount", "USD in the period", usd, right=True),
    Column("note", "note", wraps=True),
]


@command(
    "bill",
    arg(
        "--from",
        dest="since",
        metavar="DATE",
        help="first day, YYYY-MM-DD (default: the first of this month)",
    ),
    arg("--to", dest="until", metavar="DATE", help="last day, YYYY-MM-DD (default: today)"),
    arg("--last", metavar="30d", help="the last days instead"),
    arg("--type", action="append", choices=TYPES, help="only these; repeatable"),
    group=GROUP,
)
def bill(session: Session, args: Namespace) -> Any:
    """The lines of the account in a period (UTC days), with their exact sum; by default this month's."""
    client = session.client
    machines = session.machines()  # which also tells the service's time
    today = client.now().date()
    earliest, latest = _period(args, today)
    lines = client.billing.transactions(earliest, latest, types=args.type or ())
    spent, paid = totals(lines)
    caption = (
        f"{earliest} to {latest} (UTC): spent {usd(-spent)}, "
        f"paid in and credited {usd(paid)}, {len(lines)} lines."
    )
    return _table(lines, {machine.id: machine.label for machine in machines}, caption)


@command(
    "report",
    arg("year", type=int, nargs="?", help="default: this month's"),
    arg("month", type=int, nargs="?", help="1 to 12"),
    group=GROUP,
)
def report(session: Session, args: Namespace) -> Any:
    """A calendar month (UTC): what it opened with, every movement, what it closed with."""
    machines = session.machines()
    now = session.client.now()
    if args.year is not None and args.month is None:
        raise Refused("Which month? %vp report YEAR MONTH.")
    year, month = args.year or now.year, args.month or now.month
    if not 1 <= month <= 12:
        raise Refused(f"{month} is no month: they go from 1 to 12.")
    month_report = session.client.billing.report(year, month)
    spent, paid = totals(month_report.transactions)
    so_far = " so far" if (year, month) == (now.year, now.month) else ""
    caption = (
        f"{year}-{month:02} (UTC){so_far}: opened with {usd(month_report.balance_at_period_start)}, "
        f"spent {usd(-spent)}, paid in and credited {usd(paid)}, "
        f"closed with {usd(month_report.balance_at_period_end)} "
        f"({cents(month_report.balance_delta_in_period)} in all)."
    )
    return _table(month_report.transactions, {one.id: one.label for one in machines}, caption)


def totals(lines: Sequence[Transaction]) -> tuple[Decimal, Decimal]:
    """The exact sums of what was charged (below zero) and of what was paid in or credited, USD."""
    amounts = [line.total_amount if line.period_amount is None else line.period_amount for line in lines]
    zero = Decimal(0)
    return sum((x for x in amounts if x < 0), start=zero), sum((x for x in amounts if x > 0), start=zero)


def _table(lines: Sequence[Transaction], names: dict[str, str], caption: str) -> Table:
    frame = tables.transactions(lines)
    named = [names.get(id, short_id(id)) if isinstance(id, str) else None for id in frame["resource_id"]]
    frame.insert(4, "name", tables.texts(named))
    return Table.of(frame, _COLUMNS, caption=caption)


def _period(args: Namespace, today: date) -> tuple[date, date]:
    if args.last:
        if args.since or args.until:
            raise Refused("Either --last or --from and --to, not both.")
        days = re.fullmatch(r"([1-9][0-9]{0,4})d?", args.last)
        if not days:
            raise Refused(f"--last takes days, such as 30d, not {text(args.last)!r}.")
        return today - timedelta(days=int(days[1]) - 1), today
    earliest = _day(args.since) if args.since else today.replace(day=1)
    latest = _day(args.until) if args.until else max(today, earliest)
    if earliest > latest:
        raise Refused(f"The period ends ({latest}) before it begins ({earliest}).")
    return earliest, latest


def _day(value: str) -> date:
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise Refused(f"{text(value)!r} is no day: write it as YYYY-MM-DD.") from None
