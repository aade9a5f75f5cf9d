"""What will be spent, and until when the balance lasts: two ways to tell, each with how well it did lately.

*What runs now goes on* multiplies the present burn rate. *The history goes on* fits exponential smoothing
(ETS, Hyndman et al. 2008; statsmodels' implementation) to the daily spend and simulates it onward with its
own past errors, which gives the interval. Neither knows what anybody plans.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from .exact import units
from .quotes import runway
from .spending import spend

if TYPE_CHECKING:
    Floats = np.ndarray[Any, np.dtype[np.float64]]

LEVEL = 0.8  # of the prediction interval
SHORTEST = 21  # full days of history below which the statistics would be a guess
TESTED = 14  # days ahead that a backtest predicts
ORIGINS = 12  # backtests, a week apart
HORIZON = 365  # days that the balance is looked ahead
_PATHS = 1000
_WEEK = 7


class Forecast(NamedTuple):
    """`summary`: a row for each way; `fan`: the days to come; `notes`: what the reader has to know.

    Summary columns: method, spend (USD from now to `until`), low and high (its interval), empty_at (when the
    balance is used up, UTC; missing: not within a year), empty_low and empty_high (its interval), and of its
    backtests: tests (how many), error_daily (mean absolute error, USD per day), error_share (of what was
    really spent), coverage (how often the truth lay within the interval).

    Fan columns: day (UTC, its end), low, middle, high: USD spent from now on, cumulated.
    """

    summary: pd.DataFrame
    fan: pd.DataFrame
    notes: tuple[str, ...]
    until: datetime


def forecast(
    lines: pd.DataFrame,
    *,
    start: datetime,
    now: datetime,
    until: datetime,
    burn_hourly: Decimal,
    balance: Decimal,
) -> Forecast:
    """Forecast the spend from `now` to `until` and the end of the balance (USD).

    `lines` are the transactions since `start` (`tables.transactions`), `burn_hourly` what everything costs
    per hour now. Today, which is not over, is no day of the history.
    """
    hours = spend(lines, ["hour"], start=start, end=now)
    hourly = pd.Series(units(hours["charged"]) / 1e6, index=pd.DatetimeIndex(hours["hour"]))
    daily = full_days(hourly, start, now)
    left = (until - now) / timedelta(hours=1)
    lasts = runway(balance, burn_hourly)
    tests = [*_backtests(daily, hourly)]
    rows = [
        {
            "method": "what runs now goes on",
            "spend": float(burn_hourly) * left,
            "low": math.nan,
            "high": math.nan,
            "empty_at": now + lasts if lasts is not None and lasts <= timedelta(days=HORIZON) else None,
            **_scores(tests, "constant"),
        }
    ]
    notes: list[str] = []
    fan = pd.DataFrame({"day": pd.DatetimeIndex([], tz="UTC"), "low": [], "middle": [], "high": []})
    if len(daily) < SHORTEST:
        notes.append(
            f"There are {len(daily)} full days of history, too few for statistics ({SHORTEST} are needed)."
        )
    else:
        paths = simulate(daily, HORIZON + 1)
        paths[0] *= 1 - (now - _midnight(now)) / timedelta(days=1)  # what is left of today
        spent = paths.cumsum(axis=0)
        days = pd.date_range(_midnight(now) + timedelta(days=1), periods=len(spent), freq="D")
        at_end = _at(spent, days, until)
        low, high = np.quantile(at_end, _tails())
        empty = [_empty(spent, days, float(balance), share) for share in (0.5, *_tails())]
        rows.append(
            {
                "method": "the history goes on",
                "spend": float(np.median(at_end)),
                "low": float(low),
                "high": float(high),
                "empty_at": empty[0],
                "empty_low": empty[1],
                "empty_high": empty[2],
                **_scores(tests, "statistical"),
            }
        )
        shown = days < pd.Timestamp(until) + timedelta(days=1)
        low, middle, high = np.quantile(spent[shown], (_tails()[0], 0.5, _tails()[1]), axis=1)
        fan = pd.DataFrame({"day": days[shown], "low": low, "middle": middle, "high": high})
        if len(tests) < ORIGINS:
            notes.append(f"The history allows only {len(tests)} backtests.")
    summary = pd.DataFrame(rows).reindex(columns=_SUMMARY)
    for name in ("empty_at", "empty_low", "empty_high"):
        summary[name] = pd.to_datetime(summary[name], utc=True)
    return Forecast(summary, fan, tuple(notes), until)


_SUMMARY = [
    "method",
    "spend",
    "low",
    "high",
    "empty_at",
    "empty_low",
    "empty_high",
    "tests",
    "error_daily",
    "error_share",
    "coverage",
]


def full_days(hourly: pd.Series[Any], start: datetime, now: datetime) -> pd.Series[Any]:
    """Spend by UTC day (USD) from the first day on which anything was spent to yesterday."""
    daily = hourly.resample("D").sum()
    daily = daily[(daily.index >= pd.Timestamp(start)) & (daily.index < pd.Timestamp(_midnight(now)))]
    spending = np.flatnonzero(daily.to_numpy())
    return daily.iloc[spending[0] :] if len(spending) else daily.iloc[:0]


def simulate(daily: pd.Series[Any], days: int, *, paths: int = _PATHS) -> Floats:
    """Possible futures of a daily spend (USD): an array of `days` by `paths`, the same each time.

    Of level, level with a damped trend, and level with the days of the week, the model with the lowest
    corrected Akaike criterion is simulated, with errors drawn from its own. Raises `ImportError` that names
    the extra to install.
    """
    try:
        from statsmodels.tsa.exponential_smoothing.ets import ETSModel
    except ImportError:
        raise ImportError('Forecasts need statsmodels: pip install "vp_jupyter[forecast]".') from None

    history = daily.to_numpy(float)
    kinds: list[dict[str, Any]] = [{}, {"trend": "add", "damped_trend": True}]
    if len(history) >= 4 * _WEEK:
        kinds.append({"seasonal": "add", "seasonal_periods": _WEEK})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a fit that does not converge loses by its criterion
        fits = [ETSModel(history, error="add", **kind).fit(disp=False) for kind in kinds]
        best = min(fits, key=lambda fit: fit.aicc if math.isfinite(fit.aicc) else math.inf)
        drawn = best.simulate(
            days, anchor="end", repetitions=paths, random_errors="bootstrap", rng=np.random.default_rng(7)
        )
    futures: Floats = np.maximum(np.asarray(drawn, float).reshape(days, paths), 0.0)
    return futures


class _Test(NamedTuple):
    """One backtest: what was spent in `TESTED` days, and what each way would have said (USD)."""

    spent: float
    constant: float
    statistical: float
    low: float
    high: float


def _backtests(daily: pd.Series[Any], hourly: pd.Series[Any]) -> Iterator[_Test]:
    """Predict `TESTED` days from the ends of past weeks, as it could have been done then."""
    for back in range(ORIGINS):
        cut = len(daily) - TESTED - _WEEK * back
        if cut < SHORTEST:
            return
        known, future = daily.iloc[:cut], daily.iloc[cut : cut + TESTED]
        rate = hourly.get(future.index[0] - timedelta(hours=1), 0.0)  # what ran in the last hour before
        sums = simulate(known, TESTED, paths=_PATHS // 2).sum(axis=0)
        low, high = np.quantile(sums, _tails())
        yield _Test(float(future.sum()), 24 * TESTED * float(rate), float(np.median(sums)), low, high)


def _scores(tests: list[_Test], method: str) -> dict[str, Any]:
    if not tests:
        return {"tests": 0}
    errors = [abs(getattr(test, method) - test.spent) for test in tests]
    spent = sum(test.spent for test in tests)
    covered = [test.low <= test.spent <= test.high for test in tests]
    return {
        "tests": len(tests),
        "error_daily": sum(errors) / len(tests) / TESTED,
        "error_share": sum(errors) / spent if spent else math.nan,
        "coverage": sum(covered) / len(tests) if method == "statistical" else math.nan,
    }


def _tails() -> tuple[float, float]:
    return (1 - LEVEL) / 2, (1 + LEVEL) / 2


def _at(spent: Floats, days: pd.DatetimeIndex, until: datetime) -> Floats:
    """What each path has spent at a moment, between the ends of two days in proportion."""
    moment = pd.Timestamp(until)
    index = min(int(days.searchsorted(moment)), len(days) - 1)
    share = 1 - min(max((days[index] - moment) / timedelta(days=1), 0.0), 1.0)
    before = spent[index - 1] if index else 0.0
    return before + share * (spent[index] - before)  # type: ignore[no-any-return]


def _empty(spent: Floats, days: pd.DatetimeIndex, balance: float, share: float) -> datetime | None:
    """The day by whose end that share of the paths has used the balance up."""
    used_up = (spent >= balance).mean(axis=1) >= share
    return days[int(np.argmax(used_up))].to_pydatetime() if used_up.any() else None


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)
