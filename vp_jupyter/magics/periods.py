"""The period that a command about money is asked for."""

from __future__ import annotations

import re
from argparse import Namespace
from datetime import date, timedelta

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
    arg("--fresh", action="store_true", help="read months that are over again, although they are kept"),
)


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
