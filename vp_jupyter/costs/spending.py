"""What was spent, by time and by what it was spent on: exact sums of the lines of the account."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from .exact import Ints, amounts, shares, summed, units
from .leases import leased

TIMES = ("hour", "day", "week", "month")  # UTC; weeks begin on Monday
THINGS = ("machine", "kind", "type", "part", "tag")
UNTAGGED = "(untagged)"
ENDED = "(ended, tags unknown)"
ACCOUNT = "(account)"  # what belongs to no machine or volume: deposits, notes

_SUMS = {"charge": "charged", "credit": "credited", "deposit": "deposited", "other": "other"}
_LENGTH_MS = {"hour": 3_600_000, "day": 86_400_000, "week": 7 * 86_400_000}
_MONDAY_MS = 4 * 86_400_000  # the first Monday after the epoch, a Thursday


def spend(
    lines: pd.DataFrame,
    by: Sequence[str] = ("day",),
    *,
    start: datetime,
    end: datetime,
    labels: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Sums of `lines` (see `tables.transactions`) over the period from `start` to before `end` (UTC).

    `by` names what to group by, one or several of: hour, day, week, month (at most one of these), machine,
    kind, type, part, tag, and ``tag:KEY``, which is the value of tags such as ``KEY:value`` or ``KEY=value``.
    `labels` (see `tables.labels`) names and tags what is billed; what it does not know, because it has ended,
    is called by its kind and the beginning of its id, and its tags are not known.

    Columns: those of `by` (a time is the beginning of its span), for machine also its id; charged (USD, above
    zero), credited (payouts), deposited, other (signed), net (what all of it moved the balance by); with a
    time, also partial: whether the period covers the span only in part. A single time is gap-free.

    Sums are exact. A charge that runs on over the end of a span is split in proportion to time (in whole
    milliseconds), each part rounded so that the parts sum to it; a month is never split, so that sums over
    months are the service's own, and a day differs from what the service would answer for that day alone by
    at most a millionth of a dollar a line. A machine with several tags gives each an equal share. Raises
    `ValueError` for a `by` that is none of these.
    """
    times = [one for one in by if one in TIMES]
    unknown = [one for one in by if one not in (*TIMES, *THINGS) and not one.startswith("tag:")]
    tags = [one for one in by if one.startswith("tag")]
    if unknown or len(times) > 1 or len(tags) > 1 or not by or len(set(by)) < len(by):
        raise ValueError(f"{', '.join(by) or 'nothing'} is nothing to group by.")
    rows, when, amount = _split(lines, times[0]) if times else (slice(None), None, units(lines["amount"]))
    keys: dict[str, Coded] = {}
    for one in by:
        if one in TIMES:
            assert when is not None
            keys[one] = when
        elif one == "machine" or one in tags:
            keys["id"] = _coded(lines["resource_id"], "", rows)
            kinds = _of_each(keys["id"], _coded(lines["resource"], ACCOUNT, rows))
        else:
            keys[one] = _coded(lines["resource" if one == "kind" else one], ACCOUNT, rows)
    sums = _sums(keys, _coded(lines["entry"], "other", rows), amount)
    if "id" in keys:
        names, tagged = known(labels)
        sums["machine"] = [names.get(id) or (f"{kinds[id]} {id[:8]}" if id else ACCOUNT) for id in sums["id"]]
        if tags:
            sums = _by_tag(sums, tags[0], tagged)
        keep = [*by, "id"] if "machine" in by else [*by]
        sums = sums.groupby(keep, sort=True)[[*_SUMS.values(), "net"]].sum().reset_index()
    if times:
        sums = _timed(sums, times[0], start, end, gap_free=len(by) == 1)
    sums["charged"] = -sums["charged"]
    for name in (*_SUMS.values(), "net"):
        sums[name] = amounts(sums[name].to_numpy(np.int64))
    order = [
        *by,
        *(["id"] if "machine" in by else []),
        *_SUMS.values(),
        "net",
        *(["partial"] if times else []),
    ]
    return sums[order] if times else sums[order].sort_values("charged", ascending=False, ignore_index=True)


def total(lines: pd.DataFrame, entry: str | None = None) -> Any:
    """The exact sum of the amounts of `lines`, USD; of one kind of entry, where it is named."""
    wanted = lines if entry is None else lines[lines["entry"] == entry]
    return amounts(np.array([units(wanted["amount"]).sum()], dtype=np.int64))[0]


class Coded(NamedTuple):
    """A column as numbers: each row's code, and the value of each code, of which some may be in no row."""

    codes: np.ndarray[Any, np.dtype[np.int32]]
    values: Any


def _coded(column: pd.Series[Any], missing: str, rows: Any) -> Coded:
    """A column of texts in some rows, with `missing` for what is: the first value."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        codes, values = column.cat.codes.to_numpy(), column.cat.categories
    else:
        codes, values = pd.factorize(column)
    return Coded(codes[rows].astype(np.int32) + 1, np.array([missing, *values], dtype=object))


def _of_each(things: Coded, kinds: Coded) -> dict[Any, str]:
    """The kind of each thing, by its value."""
    kind = np.zeros(len(things.values), dtype=np.int32)
    kind[things.codes] = kinds.codes
    return dict(zip(things.values, kinds.values[kind], strict=True))


def _sums(keys: Mapping[str, Coded], entries: Coded, amount: Ints) -> pd.DataFrame:
    """Exact sums by the values of the keys, in their order: those of `_SUMS`, by `entries`, and net."""
    first, *further = keys.values()
    group, number = first.codes, len(first.values)
    for codes, values in further:
        group = group.astype(np.int64) * len(values) + codes
        number *= len(values)
    there = None
    if number > len(amount) + 1024:  # few of them are there
        there, group = np.unique(group, return_inverse=True)
        number = len(there)
    kinds = len(entries.values)
    table = summed(group * kinds + entries.codes, amount, number * kinds).reshape(number, kinds)
    if there is None:
        there = np.flatnonzero(np.bincount(group, minlength=number))
        table = table[there]
    columns: dict[str, Any] = {}
    for name in [*keys][::-1]:
        there, code = np.divmod(there, len(keys[name].values))
        columns = {name: keys[name].values[code], **columns}
    for kind, name in _SUMS.items():
        columns[name] = table[:, entries.values == kind].sum(axis=1)
    frame = pd.DataFrame(columns | {"net": table.sum(axis=1)})
    return frame.sort_values([*keys], ignore_index=True)


def _split(lines: pd.DataFrame, unit: str) -> tuple[Ints, Coded, Ints]:
    """Lines cut at the ends of time spans: the row that each part is of, the span it is in and its amount in
    whole units."""
    begin, finish = (lines[name].astype("int64").to_numpy() // 1000 for name in ("start", "end"))
    amount, rows = units(lines["amount"]), np.arange(len(lines))
    if unit == "month":  # a line lies within one: it was asked for by month
        months = lines["start"].to_numpy("datetime64[us]").astype("datetime64[M]")
        low, codes = _from_the_first(months.astype(np.int64))
        every = np.arange(low, low + codes.max(initial=0) + 1).astype("datetime64[M]")
        return rows, Coded(codes, pd.DatetimeIndex(every.astype("datetime64[us]")).tz_localize("UTC")), amount
    length, shift = _LENGTH_MS[unit], _MONDAY_MS if unit == "week" else 0
    whole = np.maximum(finish - begin, 1)
    first = (begin - shift) // length
    count = (np.maximum(finish - 1, begin) - shift) // length - first + 1
    one, several = np.flatnonzero(count == 1), np.flatnonzero(count > 1)
    cut = np.repeat(several, count[several])
    number = np.arange(len(cut)) - np.repeat(np.cumsum(count[several]) - count[several], count[several])
    upto = (first[cut] + number + 1) * length + shift - begin[cut]
    used = shares(amount[cut], np.minimum(upto, whole[cut]), whole[cut])
    parts = np.where(number == 0, used, used - np.roll(used, 1))
    rows = np.concatenate([one, cut])
    span = np.concatenate([first[one], first[cut] + number])
    parts = np.concatenate([amount[one], parts])
    low, codes = _from_the_first(span)
    every = np.arange(low, low + codes.max(initial=0) + 1) * length + shift
    return rows, Coded(codes, pd.to_datetime(every, unit="ms", utc=True).as_unit("us")), parts


def _from_the_first(numbers: Ints) -> tuple[int, np.ndarray[Any, np.dtype[np.int32]]]:
    """The lowest of some numbers, and each as its distance from it."""
    low = int(numbers.min(initial=numbers[0] if len(numbers) else 0))
    return low, (numbers - low).astype(np.int32)


def _timed(sums: pd.DataFrame, unit: str, start: datetime, end: datetime, *, gap_free: bool) -> pd.DataFrame:
    """Sums by time with the spans that are partial marked and, where that is all, those that are empty."""
    step = {"hour": pd.Timedelta(hours=1), "day": pd.Timedelta(days=1), "week": pd.Timedelta(days=7)}
    first, last = pd.Timestamp(start), pd.Timestamp(end)
    if gap_free and last > first:
        every = pd.date_range(
            _floor(first, unit), last, freq=step.get(unit, "MS"), inclusive="left", unit="us"
        )
        sums = sums.set_index(unit).reindex(every, fill_value=0).rename_axis(unit).reset_index()
    after = sums[unit] + (pd.offsets.MonthBegin(1) if unit == "month" else step[unit])
    sums["partial"] = (sums[unit] < first) | (after > last)
    return sums


def _floor(moment: pd.Timestamp, unit: str) -> pd.Timestamp:
    """The beginning of the span that a moment lies in."""
    day = moment.normalize()
    match unit:
        case "hour":
            return moment.floor("h")
        case "week":
            return day - pd.Timedelta(days=day.weekday())
        case "month":
            return day.replace(day=1)
        case _:
            return day


def known(labels: pd.DataFrame | None) -> tuple[dict[str, str], dict[str, list[str]]]:
    """The names and the tags of `labels` by id."""
    if labels is None:
        return {}, {}
    ids = labels["id"].tolist()
    return dict(zip(ids, labels["name"], strict=True)), dict(zip(ids, labels["tags"], strict=True))


def _by_tag(sums: pd.DataFrame, key: str, tagged: dict[str, list[str]]) -> pd.DataFrame:
    """Sums by machine as sums by tag, each tag with an equal share of its machine."""
    tags = [
        _values(key, tagged[id]) or [UNTAGGED] if id in tagged else [ENDED if id else ACCOUNT]
        for id in sums["id"]
    ]
    count = np.array([len(one) for one in tags], dtype=np.int64)
    rows = np.repeat(np.arange(len(sums)), count)
    number = np.arange(len(rows)) - np.repeat(np.cumsum(count) - count, count)
    shared = sums.iloc[rows].reset_index(drop=True)
    shared[key] = [tag for one in tags for tag in one]
    for name in (*_SUMS.values(), "net"):
        amount = shared[name].to_numpy()
        shared[name] = shares(amount, number + 1, count[rows]) - shares(amount, number, count[rows])
    return shared


def _values(by: str, tags: Sequence[str]) -> list[str]:
    """The tags that count: all of them but the lease, or with ``tag:KEY`` the values of that key."""
    _, _, key = by.partition(":")
    tags = leased(tags, None)
    if not key:
        return [*dict.fromkeys(tags)]
    return [*dict.fromkeys(tag[len(key) + 1 :] for tag in tags if tag.startswith((f"{key}:", f"{key}=")))]
