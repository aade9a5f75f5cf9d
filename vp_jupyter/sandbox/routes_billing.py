"""Routes for the books: transactions, monthly reports, and what an hour costs now."""

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any

from fastapi import Path, Query
from fastapi.exceptions import RequestValidationError
from pydantic import BeforeValidator, StringConstraints

from vp_jupyter.sandbox import answers, views
from vp_jupyter.sandbox.ledger import EVER, FOREVER, month_bounds
from vp_jupyter.sandbox.wire import State, Window, private, window

routes = private("billing")


def _plain_day(value: Any) -> Any:
    if not (isinstance(value, str) and re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", value)):
        raise ValueError("a day is written YYYY-MM-DD")
    return value


Day = Annotated[date, BeforeValidator(_plain_day)]
_KIND = "virtual_machine|baremetal|storage_block|storage"
Kinds = Annotated[str, StringConstraints(pattern=f"^({_KIND})(,({_KIND}))*$")]


@routes.get("/billing/transactions", response_model_exclude_unset=True)
async def list_transactions(
    cloud: State,
    at: Annotated[Window, window(30, 100)],
    earliest: Annotated[Day | None, Query()] = None,
    latest: Annotated[Day | None, Query()] = None,
    types: Annotated[list[Kinds], Query()] = [],  # noqa: B006 FastAPI copies it
) -> answers.Page[answers.TransactionOut]:
    """Newest first. `earliest` and `latest` are UTC days, both inclusive; without them, everything.

    `types` repeats, or lists several with commas. Deposits and other credits have no type to ask for, and
    come only where none is asked for. `period_amount` is the part of `total_amount` that was booked on the
    days asked for.
    """
    since = EVER if earliest is None else datetime.combine(earliest, time(), UTC)
    until = (
        FOREVER if latest in (None, date.max) else datetime.combine(latest, time(), UTC) + timedelta(days=1)
    )
    if since >= until:
        raise RequestValidationError(
            [{"type": "value_error", "loc": ("query", "earliest"), "msg": "earliest is after latest"}]
        )
    ledger, now = cloud.world.ledger, cloud.now()
    kinds = [kind for one in types for kind in one.split(",")]
    lines = ledger.lines(since, until, now, kinds)
    shown = ledger.transactions(at.cut(lines), since, until, now)
    return at.page(map(views.transaction, shown), len(lines))


@routes.get("/billing/reports/{year}/{month}/transactions", response_model_exclude_unset=True)
async def get_report(
    cloud: State,
    year: Annotated[int, Path(ge=1, le=9998)],
    month: Annotated[int, Path(ge=1, le=12)],
) -> answers.Report:
    """One UTC month, whole: balance at its start + delta = balance at its end, to the last digit.

    A month that runs still ends now; one before the organization existed, or to come, has no transactions.
    """
    ledger, now = cloud.world.ledger, cloud.now()
    since, until = month_bounds(year, month)
    start, end = ledger.balance(since, now), ledger.balance(until, now)
    shown = ledger.transactions(ledger.lines(since, until, now), since, until, now)
    return answers.Report(
        transactions=[views.transaction(one) for one in shown],
        balance_at_period_start=start,
        balance_delta_in_period=end - start,
        balance_at_period_end=end,
    )


@routes.get("/billing/hourly-rate")
async def get_hourly_rate(cloud: State) -> answers.HourlyRate:
    """What everything that runs now costs in an hour."""
    return answers.HourlyRate(rate_hourly=cloud.world.ledger.burn())
