"""Values as people read them; every text from elsewhere is made safe to show here."""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

NOTHING = "–"
_ACTING = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def plain(value: object) -> str:
    """A text without what would act on a terminal, break the line or turn it around: control, bidi and
    surrogate characters become ``�``."""
    text = str(value)
    if text.isprintable():  # nearly always, and quick to tell
        return text
    return "".join("�" if unicodedata.category(sign) in _ACTING else sign for sign in text)


def brief(value: object, most: int) -> str:
    """A text of which not more than `most` characters are shown."""
    text = plain(value)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def escaped(value: object) -> str:
    """A text as it may stand in HTML, and in an attribute."""
    return html.escape(plain(value), quote=True)


def usd(value: Decimal | None, *, places: int | None = None) -> str:
    """Dollars: rounded to `places`, or in full with at least two places: ``$1.99``, ``$0.017408``."""
    if missing(value):
        return NOTHING
    amount = Decimal(value)  # type: ignore[arg-type]
    if places is not None:
        amount = amount.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    whole, _, fraction = f"{abs(amount):,f}".partition(".")
    if places is None:
        fraction = fraction.rstrip("0").ljust(2, "0")
    sign = "-" if amount < 0 else ""
    return f"{sign}${whole}.{fraction}" if fraction else f"{sign}${whole}"


def rate(value: Decimal | None, *, places: int | None = None) -> str:
    """Dollars per hour, as `usd`."""
    return NOTHING if missing(value) else f"{usd(value, places=places)}/h"


def burn_rate(value: Decimal | None) -> str:
    """Dollars per hour of many things together: to the cent."""
    return rate(value, places=2)


def cents(value: Decimal | None) -> str:
    """Dollars to the cent."""
    return usd(value, places=2)


def span(value: timedelta | None) -> str:
    """A time span in its two largest units: ``3 d 4 h``, ``12 min``, ``40 s``."""
    if missing(value):
        return NOTHING
    seconds = int(value.total_seconds())  # type: ignore[union-attr]
    sign, seconds = ("-", -seconds) if seconds < 0 else ("", seconds)
    if seconds >= 86_400:
        days, rest = divmod(seconds, 86_400)
        return f"{sign}{days:,} d {rest // 3600} h" if days < 60 else f"{sign}{days:,} d"
    if seconds >= 3600:
        return f"{sign}{seconds // 3600} h {seconds % 3600 // 60} min"
    return f"{sign}{seconds // 60} min" if seconds >= 60 else f"{sign}{seconds} s"


def moment(value: datetime | None) -> str:
    """A point in time, in UTC, to the minute."""
    return NOTHING if missing(value) else f"{value:%Y-%m-%d %H:%M} UTC"


def text(value: object) -> str:
    """Any single value; lists are joined with commas."""
    if isinstance(value, list | tuple):
        return ", ".join(plain(item) for item in value) or NOTHING
    return NOTHING if missing(value) or value == "" else plain(value)


def side_by_side(names: Iterable[str]) -> str:
    """Several names in a cell; a line breaks between them, not within."""
    return " · ".join(plain(name).replace(" ", "\N{NO-BREAK SPACE}") for name in names)


def short_id(value: object) -> str:
    """The first group of an id, which is usually unique."""
    return text(value)[:8]


def number(value: Any) -> str:
    """A count or a size."""
    return NOTHING if missing(value) else f"{value:,.0f}"


def missing(value: object) -> bool:
    """Whether there is no value: None, NaN, NaT or NA."""
    if value is None or isinstance(value, list | tuple | str):
        return value is None
    import pandas as pd  # what takes long to import is imported where it is needed

    return bool(pd.isna(value))
