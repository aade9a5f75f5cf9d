"""Commands about what was spent: bill, report, export."""

from __future__ import annotations

from argparse import Namespace
from datetime import timedelta
from pathlib import Path
from typing import Any

from .. import costs, listings, tables
from ..actions import accounts
from ..actions.accounts import Account, account
from ..api import together
from ..api.days import end_of_month
from ..cards import Note
from ..formats import cents, moment, short_id, text, usd
from ..refused import Refused
from ..session import Session
from ..views import Column, Table
from .dialogue import show
from .grammar import arg, command
from .periods import PERIOD, TYPES, asked

GROUP = "Money"

_LINES = [
    Column("start", "from", moment),
    Column("end", "to", moment),
    Column("type", "type"),
    Column("name", "for"),
    Column("part", "part"),
    Column("amount", "USD in the period", usd, right=True),
    Column("note", "note", wraps=True),
]


@command(
    "bill",
    *PERIOD,
    arg(
        "--by",
        action="append",
        metavar="WHAT",
        help="sums by hour, day, week, month, machine, kind, type, part, tag or tag:KEY; repeatable",
    ),
    arg("--plot", action="store_true", help="draw it too"),
    arg("--type", action="append", choices=TYPES, help="only charges of these; repeatable"),
    group=GROUP,
)
def bill(session: Session, args: Namespace) -> Any:
    """What was spent in a period (UTC days), exact; by default this month's lines, with --by their sums.

    Charges stand apart from what was credited and paid in. A machine with several tags gives each an equal
    share. A time that the period covers only in part is marked.
    """
    by = [one.strip() for words in args.by or () for one in words.split(",")]
    known = account(session, *asked(session, args), types=args.type or (), fresh=args.fresh)
    caption = f"{known.days} (UTC): {_in_words(known)}"
    if not by and not args.plot:
        return lines_table(known, caption)
    spent = accounts.spend(known, by or ["day"])
    if args.plot:
        show(accounts.plot(spent, by or ["day"], known))
    return listings.spending(spent, by or ["day"], caption=caption)


def _in_words(known: Account) -> str:
    """The sums of a period."""
    sums = {entry: costs.total(known.lines, entry) for entry in tables.ENTRIES}
    parts = [f"charged {usd(-sums['charge'])}"]
    parts += [f"{word} {usd(sums[entry])}" for entry, word in _PAID.items() if sums[entry]]
    return f"{', '.join(parts)}; {len(known.lines)} lines."


_PAID = {"credit": "credited", "deposit": "paid in", "other": "other movements"}


def lines_table(known: Account, caption: str) -> Table:
    """The lines of an account, each with the name of what it is for."""
    frame = known.lines.copy()
    frame.insert(4, "name", _names(known, frame["resource_id"]))
    return Table.of(frame, _LINES, caption=caption)


def _names(known: Account, ids: Any) -> Any:
    """What the things with these ids are called: by the beginning of the id, where they have ended."""
    names = dict(zip(known.labels["id"], known.labels["name"], strict=True))
    return tables.texts(names.get(id, short_id(id)) if isinstance(id, str) else None for id in ids)


@command(
    "report",
    arg("year", type=int, nargs="?", help="default: this month's"),
    arg("month", type=int, nargs="?", help="1 to 12"),
    arg("--check", action="store_true", help="list whatever does not add up"),
    group=GROUP,
)
def report(session: Session, args: Namespace) -> Any:
    """A calendar month (UTC): what it opened with, every movement, what it closed with.

    With --check it is reconciled: the balances with the transactions and the month before, the charges with
    what their hours make at their rates.
    """
    today = session.today()
    if args.year is not None and args.month is None:
        raise Refused("Which month? %vp report YEAR MONTH.")
    year, month = args.year or today.year, args.month or today.month
    if not 1 <= month <= 12 or not 1 <= year <= 9998:
        raise Refused(f"{year}-{month} is no month: they go from 1 to 12.")
    first = today.replace(year=year, month=month, day=1)
    known = account(session, first, end_of_month(first), fresh=True)
    balances = known.balances
    assert balances is not None  # a whole month has them
    so_far = " so far" if (year, month) == (today.year, today.month) else ""
    caption = (
        f"{year}-{month:02} (UTC){so_far}: opened with {usd(balances.opening)}, {_in_words(known)[:-1]}, "
        f"closed with {usd(balances.closing)} ({cents(balances.delta)} in all)."
    )
    if not args.check:
        return lines_table(known, caption)
    before = first - timedelta(days=1)
    previous, machines, volumes = together(
        lambda: session.client.billing.report(before.year, before.month),
        session.machines,
        session.volumes,
    )
    rates = costs.burn(tables.machines(machines, known.end), tables.volumes(volumes, str))
    wrong = costs.reconcile(
        known.lines,
        **balances._asdict(),
        previous_closing=previous.balance_at_period_end,
        rates=rates if so_far else None,
    )
    wrong.insert(1, "name", _names(known, wrong["resource_id"]))
    verdict = f"{len(wrong)} differences." if len(wrong) else "Everything adds up."
    return Table.of(wrong, _DIFFERENCES, caption=f"{caption} {verdict}")


_DIFFERENCES = [
    Column("what", "what should hold", wraps=True),
    Column("name", "of"),
    Column("expected", "expected, USD", usd, right=True),
    Column("found", "found", usd, right=True),
    Column("difference", "difference", usd, right=True),
    Column("resource_id", "id", short_id),
]


@command(
    "export",
    arg("file", help="a path that ends in .csv or .parquet"),
    *PERIOD,
    arg("--focus", action="store_true", help="in the columns of FOCUS 1.2, the FinOps specification"),
    group=GROUP,
)
def export(session: Session, args: Namespace) -> Any:
    """Write the lines of the account in a period to a file: CSV or Parquet, as they are or as FOCUS 1.2."""
    path = Path(args.file).expanduser()
    known = account(session, *asked(session, args), fresh=args.fresh)
    if args.focus:
        organization = session.client.organization.get()
        frame = costs.focus(
            known.lines,
            account_id=organization.id or "unknown",
            account_name=organization.name,
            labels=known.labels,
        )
    else:
        frame = known.lines
    try:
        costs.write(frame, path)
    except ValueError as error:
        raise Refused(str(error)) from None
    except OSError as error:
        raise Refused(f"{path} cannot be written: {error.strerror or error}.") from None
    return Note(f"{len(frame)} lines of {known.days} (UTC) are in {text(str(path))}.")
