"""The command that waits for capacity: watch."""

from __future__ import annotations

import random
import time
from argparse import Namespace
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from .. import listings
from ..actions import launching
from ..api import Offer, VoltageParkError
from ..costs import duration
from ..formats import rate
from ..refused import Refused, SoldOut
from ..session import Session
from .dialogue import Progress, confirm, say
from .grammar import YES, arg, command
from .launch import CHOICE, ORDER, choose, launched, quoted, require_budget

GROUP = "Launch"

_LEAST = 10.0  # seconds between two looks: the service is asked politely
_FAILURES = 5  # in a row, before it is given up


@command(
    "watch",
    *CHOICE,
    arg("--every", metavar="TIME", default="30s", help="how often to look (30s; at least 10s)"),
    arg("--until", metavar="TIME", default="1d", help="when to give up (1d)"),
    arg("--launch", action="store_true", help="take it, once there is some"),
    arg("--max-rate", metavar="USD", help="with --launch: the most that it may cost per hour"),
    *ORDER,
    YES,
    group=GROUP,
    takes_cell=True,
)
def watch(session: Session, args: Namespace) -> Any:
    """Wait until what is sold out can be had, and say so; with --launch take it, for --max-rate at most.

    The question about the money comes first, so that nobody has to be there. The notebook waits with it, and
    its interrupt ends that; a panel shows what can be had while you go on.
    """
    every, patience = max(_seconds(args.every), _LEAST), _seconds(args.until)
    most = _ceiling(args)
    offers: Sequence[Offer] = session.client.offers()
    found = _look(session, offers, args)
    if most is not None:
        question = f"Launch it without asking again, once it can be had for at most {rate(most)}?"
        confirm(session, question, yes=args.yes)
    progress, started, failures = Progress(), time.monotonic(), 0
    while found is None or (most is not None and _hourly(found, args) > most):
        why = "sold out" if found is None else f"{rate(_hourly(found, args))}, above {rate(most)}"
        waited = time.monotonic() - started
        if waited >= patience:
            raise Refused(f"Still {why} after {args.until}: nothing was launched.")
        progress(f"{why} · looking every {every:.0f} s")
        time.sleep(min(every * random.uniform(0.9, 1.1), patience - waited))
        try:
            offers, failures = session.client.offers(), 0
        except VoltageParkError as error:
            failures += 1
            if failures == _FAILURES:
                raise
            progress(f"{error}")
            continue
        found = _look(session, offers, args)
    if most is None:
        say("It can be had now.")
        return listings.offers([found], session.place_names())
    ordered, limit = quoted(session, args, lambda: offers)
    require_budget(limit, args)
    if ordered.rate_hourly > most:
        raise Refused(f"It costs {rate(ordered.rate_hourly)}, more than {rate(most)}: nothing was launched.")
    return launched(session, launching.deploy(session, ordered), ordered, wait=not args.no_wait)


def _look(session: Session, offers: Sequence[Offer], args: Namespace) -> Offer | None:
    """What can be had now, or None where that is sold out."""
    try:
        return choose(session, offers, args)
    except SoldOut:
        return None


def _hourly(offer: Offer, args: Namespace) -> Decimal:
    return offer.rate_hourly * (args.gpus or offer.gpus) / offer.gpus


def _ceiling(args: Namespace) -> Decimal | None:
    """The most that a launch may cost, USD per hour; None where nothing is to be launched."""
    if not args.launch:
        return None
    if args.max_rate is None:
        raise Refused("For how much at the most? Add --max-rate, in dollars per hour for all of it.")
    try:
        most = Decimal(args.max_rate.removeprefix("$").removesuffix("/h"))
    except InvalidOperation:
        most = Decimal("NaN")
    if not most.is_finite() or most <= 0:
        raise Refused(f"{args.max_rate!r} is no price: write dollars per hour, such as 25.")
    return most


def _seconds(text: str) -> float:
    try:
        return duration(text).total_seconds()
    except ValueError as error:
        raise Refused(str(error)) from None
