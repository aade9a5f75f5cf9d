"""Commands about what it costs and will cost: burn, forecast, compare, waste, budget."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from .. import costs, plots, tables
from ..actions import accounts
from ..actions.choosing import one_of_each
from ..actions.notices import budgeted, standing, warning
from ..api import together
from ..api.offers import NETWORKS
from ..cards import Card, Note
from ..formats import burn_rate, cents, missing, moment, number, side_by_side, span, text, usd
from ..refused import Refused
from ..session import Session
from ..views import Column, Table
from .dialogue import show
from .grammar import arg, command
from .periods import day

GROUP = "Money"

_RATES = [
    Column("rate_hourly", "$/h", usd, right=True),
    Column("rate_daily", "$/day", cents, right=True),
    Column("rate_monthly", "$/730 h", cents, right=True),
]


@command(
    "burn",
    arg("--by", choices=("kind", "why"), help="sums in place of single machines and volumes"),
    arg("--plot", action="store_true", help="draw it too"),
    group=GROUP,
)
def burn(session: Session, args: Namespace) -> Any:
    """What everything costs per hour now, per day and per month of 730 hours, and why.

    What runs, what is stopped but billed in full, what is released and billed for storage, which volumes hang
    unattached; the balance, and when it is empty at this rate.
    """
    machines, volumes, rate_hourly, balance, spent = together(
        session.machines,
        session.volumes,
        session.client.billing.hourly_rate,
        session.client.billing.balance,
        lambda: budgeted(session),
    )
    now = session.client.now()
    burning = costs.burn(tables.machines(machines, now), tables.volumes(volumes, str))
    caption = f"{burn_rate(rate_hourly)} in all, {cents(24 * rate_hourly)} a day. "
    caption += _lasting(balance, rate_hourly, now)
    listed = costs.total(burning.assign(amount=burning["rate_hourly"]))
    if listed != rate_hourly:
        caption += f" The service names {usd(rate_hourly)}/h, what is listed makes {usd(listed)}/h."
    if note := warning(standing(spent, rate_hourly)):
        caption += f" {note}"
    if args.plot:
        title = f"Burn rate now, USD per hour ({now:%Y-%m-%d %H:%M} UTC)"
        show(plots.rate_bars(burning, [*burning["name"]], title=title))
    if args.by:
        columns = [Column(args.by, args.by), Column("things", "things", number, right=True), *_RATES]
        return Table.of(costs.burn_by(burning, args.by), columns, caption=caption)
    columns = [
        Column("name", "name"),
        Column("kind", "kind"),
        Column("why", "why"),
        Column("gpus", "GPUs", number, right=True),
        *_RATES,
        Column("tags", "tags", wraps=True),
    ]
    return Table.of(burning, columns, caption=caption)


def _lasting(balance: Decimal, rate_hourly: Decimal, now: datetime) -> str:
    left = costs.runway(balance, rate_hourly)
    if left is None:
        return f"The balance is {cents(balance)}."
    if not left:
        return f"The balance is {cents(balance)}: it is used up."
    return f"The balance of {cents(balance)} lasts {span(left)} at this rate, until {moment(now + left)}."


@command(
    "forecast",
    arg("--to", dest="until", metavar="DATE", help="the last day (default: the end of this month)"),
    arg("--plot", action="store_true", help="draw it too"),
    group=GROUP,
)
def forecast(session: Session, args: Namespace) -> Any:
    """What will be spent to the end of the month, and when the balance runs out, told in two ways.

    One says that what runs now goes on. The other says that the history of half a year goes on, with an
    interval that holds the truth in 80 of 100 cases if it is right. Beside each is how it would have done in
    the last months: backtests a week apart, each 14 days ahead.
    """
    found = accounts.ahead(session, day(args.until) if args.until else None)
    if args.plot:
        show(found.plot(session))
    caption = f"From now to the end of {found.last} (UTC); the balance is {cents(found.balance)}."
    table = found.forecast.summary.copy()
    table.insert(4, "interval", _interval(table, "low", "high", _dollars))
    table.insert(8, "empty_interval", _interval(table, "empty_low", "empty_high", _date))
    return Table.of(table, _FORECAST, caption=" ".join([caption, *found.forecast.notes]))


def _dollars(value: object) -> str:
    return cents(None) if missing(value) else cents(Decimal(str(value)))


def _date(value: Any) -> str:
    return text(None) if missing(value) else f"{value:%Y-%m-%d}"


def _interval(table: Any, low: str, high: str, show: Callable[[Any], str]) -> list[str]:
    return [
        text(None) if missing(one) and missing(two) else f"{show(one)} to {show(two)}"
        for one, two in zip(table[low], table[high], strict=True)
    ]


def _percent(value: Any) -> str:
    return text(None) if missing(value) else f"{value:.0%}"


_FORECAST = [
    Column("method", "if"),
    Column("spend", "spent, USD", _dollars, right=True),
    Column("interval", "80% interval", text),
    Column("empty_at", "balance empty", _date),
    Column("empty_interval", "80% interval", text),
    Column("tests", "backtests", number, right=True),
    Column("error_daily", "off by, USD/day", _dollars, right=True),
    Column("error_share", "off by", _percent, right=True),
    Column("coverage", "in the interval", _percent, right=True),
]


@command(
    "compare",
    arg("--gpus", type=int, help="how many GPUs the job needs"),
    arg("--hours", help="for how many hours"),
    arg("--network", choices=NETWORKS, help="only bare metal on this network"),
    arg("--all", action="store_true", help="every preset at every system"),
    arg("--pause", metavar="MACHINE", live="machines", help="instead: what to do with it for those hours"),
    arg("--setup", default="0.5", metavar="HOURS", help="to set it up anew, for --pause (default 0.5)"),
    arg("--plot", action="store_true", help="draw it too"),
    group=GROUP,
)
def compare(session: Session, args: Namespace) -> Any:
    """A job priced over every way to buy it today: presets, and whole bare-metal nodes on each network.

    With --pause MACHINE instead: what it costs to keep it stopped, released, or to delete it and launch it
    again, and from how many hours on which is cheaper.
    """
    if args.hours is None:
        raise Refused("For how long? %vp compare --gpus 16 --hours 200.")
    hours = _hours(args.hours)
    if args.pause:
        return _pause(session, args.pause, hours, _hours(args.setup))
    if args.gpus is None:
        raise Refused("How many GPUs? %vp compare --gpus 16 --hours 200.")
    offers, balance, place = together(
        session.client.offers, session.client.billing.balance, session.place_names
    )
    if not args.all:
        vms = [offer for offer in offers if offer.kind == "vm"]
        metal = [offer for offer in offers if offer.kind == "metal"]  # a job may fit into one place only
        offers = [*one_of_each(vms, session.settings.operating_system), *metal]
    try:
        ways = costs.compare(
            tables.offers(offers, place), gpus=args.gpus, hours=hours, balance=balance, network=args.network
        )
    except ValueError as error:
        raise Refused(str(error)) from None
    ways.insert(0, "stock", tables.texts("yes" if one else "sold out" for one in ways["available"]))
    ways.insert(1, "short", ~ways["available"])
    ways["funds"] = tables.texts("yes" if one else "no" for one in ways["affordable"])
    names = [_way(row) for row in ways.itertuples()]
    title = f"{args.gpus} GPUs for {hours:,} hours, USD in all"
    if args.plot:
        show(plots.rate_bars(ways, names, title=title, column="total"))
    caption = (
        f"{title}; only whole units are sold, so idle GPUs are paid for. The balance is {cents(balance)}."
    )
    columns = [column for column in _WAYS if args.all or column.name != "operating_system"]
    return Table.of(ways, columns, caption=caption, muted="short")


def _way(row: Any) -> str:
    parts = [f"{row.units} × {row.gpus}-GPU {row.kind}"]
    parts += [] if missing(row.network) else [row.network, *row.where]
    return " ".join(parts)


_WAYS = [
    Column("units", "units", number, right=True),
    Column("gpus", "of GPUs", number, right=True),
    Column("kind", "kind"),
    Column("network", "network"),
    Column("operating_system", "system"),
    Column("rate_hourly", "$/h", usd, right=True),
    Column("rate_per_gpu_hour", "$/GPU-h needed", cents, right=True),
    Column("total", "total, USD", cents, right=True),
    Column("idle_gpus", "idle GPUs", number, right=True),
    Column("idle_cost", "for these", cents, right=True),
    Column("stock", "to be had"),
    Column("funds", "balance allows"),
    Column("where", "where", side_by_side, wraps=True),
]


def _hours(value: str) -> Decimal:
    """Hours as a number, or a time span such as 2d."""
    try:
        hours = Decimal(value)
    except ArithmeticError:
        try:
            hours = Decimal(str(costs.duration(value) / timedelta(hours=1)))
        except ValueError as error:
            raise Refused(str(error)) from None
    if not hours.is_finite() or not 0 < hours <= 1_000_000:
        raise Refused(f"{text(value)} is no number of hours.")
    return hours


def _pause(session: Session, reference: str, hours: Decimal, setup: Decimal) -> Card:
    machine = session.machine(reference)
    if machine.full_rate_hourly is None:
        raise Refused(f"The service does not say what {machine.label} costs.")
    ways = costs.pause(machine.full_rate_hourly, machine.released_rate_hourly, hours=hours, setup_hours=setup)
    if ways.released is None:
        released = "cannot be: it is bare metal"
    else:
        released = f"{cents(ways.released)}, its GPUs may be gone when it starts again"
    anew = f"{cents(ways.relaunched)} for {setup:,} h of setting up; its disk is lost"
    after = "" if ways.relaunch_pays_after is None else f"after {ways.relaunch_pays_after:,.1f} h of pause"
    return Card(
        f"{machine.label}: a pause of {hours:,} hours",
        {
            "kept stopped": f"{cents(ways.stopped)}, everything stays",
            "released": released,
            "deleted and launched again": anew,
            "cheapest": ways.cheapest,
            "deleting pays": after,
        },
    )


@command("waste", group=GROUP)
def waste(session: Session, args: Namespace) -> Any:
    """Money that buys nothing: what, how much a day, and the command that ends it."""
    machines, listed = together(session.machines, session.volumes)
    client = session.client
    # Only the answer for one volume says how full it is.
    volumes: Sequence[Any] = together(*(lambda id=one.id: client.storage.get(id) for one in listed))
    now = client.now()
    found = costs.waste(tables.machines(machines, now), tables.volumes(volumes, str), now)
    columns = [
        Column("name", "name"),
        Column("what", "what"),
        Column("rate_daily", "$/day", cents, right=True),
        Column("command", "what ends it"),
    ]
    daily = costs.total(found.assign(amount=found["rate_daily"]))
    caption = f"{cents(daily)} a day (24 h) could be saved." if len(found) else "Nothing is wasted."
    return Table.of(found, columns, caption=caption)


@command(
    "budget",
    arg("limit", nargs="?", help="500/month, 40/day or 1000/week in USD; without it, how the budget stands"),
    arg("--rm", action="store_true", help="have none"),
    group=GROUP,
)
def budget(session: Session, args: Namespace) -> Any:
    """Set what may be spent a day, week or month (UTC), or see how it stands.

    Warnings come at 50, 80 and 100 percent; a launch that would break it needs --over-budget.
    """
    if args.rm:
        session.budget = None
        return Note("There is no budget any more.")
    if args.limit:
        try:
            session.budget = costs.parse_budget(args.limit)
        except ValueError as error:
            raise Refused(str(error)) from None
    spent, rate_hourly = together(lambda: budgeted(session), session.client.billing.hourly_rate)
    now = standing(spent, rate_hourly)
    if now is None:
        return Note("There is no budget: %vp budget 500/month sets one.")
    return Card(
        f"Budget: {cents(now.budget.amount)} a {now.budget.period}",
        {
            "spent": f"{cents(now.spent)} since {moment(now.start)}, {now.used:.0f}%",
            f"at the end of the {now.budget.period}": f"{cents(now.at_end)} if what runs now goes on",
        },
        note=warning(now),
    )
