"""The period that a command about money is asked for, and the account in it."""

from __future__ import annotations

import re
from argparse import Namespace
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from .. import tables
from ..api import together
from ..api.billing import Period
from ..formats import text
from ..refused import Refused
from ..session import Session
from .grammar import arg

TYPES = ("virtual_machine", "baremetal", "storage_block", "storage")
PERIOD = (
    arg(
        "--from",
        dest="since",
        metavar="DATE",
        help="first day, YYYY-MM-DD (default: the first of this month)",
    ),
    arg("--to", dest="until", metavar="DATE", help="last day, YYYY-MM-DD (default: today)"),
    arg("--last", metavar="30d", help="the last days instead, today among them"),
)


class Account(NamedTuple):
    """The lines of the account from `start` to before `end` (UTC; when they were read, if that is first)."""

    lines: Any  # as `tables.transactions`
    labels: Any  # as `tables.labels`
    start: datetime
    end: datetime
    periods: Sequence[Period]

    @property
    def days(self) -> str:
        """The period in words."""
        last = (self.end - timedelta(microseconds=1)).date()
        return f"{self.start:%Y-%m-%d} to {last:%Y-%m-%d}"


def account(session: Session, earliest: date, latest: date, *, types: Sequence[str] = ()) -> Account:
    """Read the days from `earliest` to `latest` (UTC), with what is known of what was billed."""
    periods, labels = together(
        lambda: session.client.billing.history(earliest, latest, types=types), session.labels
    )
    return Account(tables.transactions(periods), labels, periods[0].start, periods[-1].end, periods)


def asked(session: Session, args: Namespace) -> tuple[date, date]:
    """The first and the last day that the arguments of `PERIOD` name."""
    today = session.today()
    if args.last:
        if args.since or args.until:
            raise Refused("Either --last or --from and --to, not both.")
        days = re.fullmatch(r"([1-9][0-9]{0,4})d?", args.last)
        if not days:
            raise Refused(f"--last takes days, such as 30d, not {text(args.last)!r}.")
        return today - timedelta(days=int(days[1]) - 1), today
    earliest = day(args.since) if args.since else today.replace(day=1)
    latest = day(args.until) if args.until else max(today, earliest)
    if earliest > latest:
        raise Refused(f"The period ends ({latest}) before it begins ({earliest}).")
    return earliest, latest


def day(value: str) -> date:
    """A day, written YYYY-MM-DD."""
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise Refused(f"{text(value)!r} is no day: write it as YYYY-MM-DD.") from None
