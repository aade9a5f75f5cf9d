"""DataFrames as plotly figures, legible on light and dark, each with a text form for where nothing draws."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .formats import brief, cents, escaped

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from .costs import Forecast

# Okabe and Ito's colours for every kind of sight (2008), those that stand out on white and on black alike.
COLOURS = ("#3B8BC4", "#D55E00", "#009E73", "#CC79A7", "#A87900", "#8C6BB1", "#7A7A7A")
_TEXT = "#7b7b7b"  # 4.3:1 on white and on JupyterLab's dark alike; no grey has more on both
_GRID = "rgba(128,128,128,.25)"
_FAN = "rgba(59,139,196,.25)"
_MOST = 6  # groups shown by themselves; the rest together
_NAME = 60  # characters of a group's name
_BAR = 32  # characters of the longest bar of a text form
REST = "(others)"


class Plot:
    """A figure: plotly where the front end draws it, bars of characters in a terminal and in static pages."""

    def __init__(self, figure: go.Figure, text: str) -> None:
        self.figure = figure
        self.text = text

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return {
            "application/vnd.plotly.v1+json": _json(self.figure),
            "text/html": f'<pre class="mathjax_ignore tex2jax_ignore">{escaped_lines(self.text)}</pre>',
            "text/plain": self.text,
        }

    def __repr__(self) -> str:
        return self.text


def spend_bars(spent: pd.DataFrame, unit: str, *, group: str | None = None) -> Plot:
    """Bars of what was charged per `unit` (hour, day, week, month), from `costs.spend`; stacked by `group`.
    Spans that the period covers only in part are hatched."""
    title = f"Charged, USD per {unit} (UTC)"
    figure = _figure(title)
    frame = _largest(spent, group) if group else spent.assign(all="charged")
    key = group or "all"
    for colour, (name, part) in zip(_colours(), _groups(frame, key), strict=False):
        figure.add_bar(
            x=part[unit],
            y=part["charged"].astype(float),
            name=_label(name),
            marker={
                "color": colour,
                "pattern": {"shape": ["/" if one else "" for one in part["partial"]]},
            },
            customdata=[
                f"{cents(value)}{' in part' if one else ''}"
                for value, one in zip(part["charged"], part["partial"], strict=True)
            ],
            hovertemplate="%{x}: %{customdata}<extra>%{fullData.name}</extra>",
        )
    figure.update_layout(barmode="stack", showlegend=group is not None)
    if bool(spent["partial"].any()):
        figure.add_annotation(
            text="hatched: covered only in part", xref="paper", yref="paper", x=1, y=1.08, showarrow=False
        )
    if unit == "month":
        figure.update_xaxes(dtick="M1", tickformat="%Y-%m")
    figure.update_yaxes(tickprefix="$", rangemode="tozero")
    whole = spent.groupby(unit, sort=True).agg(charged=("charged", "sum"), partial=("partial", "any"))
    labels = [f"{when:%Y-%m-%d}{f' {when:%H}h' if unit == 'hour' else ''}" for when in whole.index]
    marks = [
        f"{label}{' (part)' if one else ''}" for label, one in zip(labels, whole["partial"], strict=True)
    ]
    return Plot(figure, _bars(title, marks, whole["charged"]))


def spend_cumulative(
    daily: pd.DataFrame,
    *,
    now: datetime,
    budget: Decimal | None = None,
    forecast: Forecast | None = None,
) -> Plot:
    """What was charged since the first day of `daily` (`costs.spend` by day), cumulated, against a budget
    (USD) and with the fan of a forecast."""
    spent = daily["charged"].astype(float).cumsum()
    ends = [min(day + pd.Timedelta(days=1), pd.Timestamp(now)) for day in daily["day"]]
    title = f"Charged since {daily['day'].iloc[0]:%Y-%m-%d}, USD, cumulated (UTC)"
    figure = _figure(title)
    figure.add_scatter(mode="lines", x=ends, y=spent, name="charged", line={"color": COLOURS[0], "width": 3})
    last = float(spent.iloc[-1])
    if forecast is not None and len(forecast.fan):
        fan, days = forecast.fan, [pd.Timestamp(now), *forecast.fan["day"]]
        figure.add_scatter(
            mode="lines",
            x=days,
            y=[last, *(last + fan["high"])],
            name="high",
            line={"width": 0},
            showlegend=False,
        )
        figure.add_scatter(
            mode="lines",
            x=days,
            y=[last, *(last + fan["low"])],
            name="80% interval",
            fill="tonexty",
            fillcolor=_FAN,
            line={"width": 0},
        )
        figure.add_scatter(
            mode="lines",
            x=days,
            y=[last, *(last + fan["middle"])],
            name="if the history goes on",
            line={"color": COLOURS[0], "dash": "dot"},
        )
    if forecast is not None:
        figure.add_scatter(
            mode="lines",
            x=[now, forecast.until],
            y=[last, last + forecast.summary["spend"].iloc[0]],
            name="if what runs now goes on",
            line={"color": COLOURS[1], "dash": "dash"},
        )
    if budget is not None:
        figure.add_hline(
            y=float(budget),
            line={"color": COLOURS[3], "dash": "dash"},
            annotation_text=f"budget {cents(budget)}",
            annotation_position="top left",
        )
    figure.update_yaxes(tickprefix="$", rangemode="tozero")
    labels = [f"{day:%Y-%m-%d}" for day in daily["day"]]
    return Plot(figure, _bars(title, labels, accumulate(daily["charged"])))


def treemap(spent: pd.DataFrame, by: Sequence[str], *, period: str) -> Plot:
    """Areas of what was charged by one thing within another, from `costs.spend` grouped by those."""
    import plotly.express as px

    title = f"Charged, USD, {period} (UTC)"
    some = spent[spent["charged"] > 0]
    frame = pd.DataFrame(
        {one: some[one].map(_label) for one in by} | {"charged": some["charged"].astype(float)}
    )
    figure = px.treemap(frame, path=[*by], values="charged", color_discrete_sequence=COLOURS)
    figure.update_traces(
        texttemplate="%{label}<br>$%{value:,.2f}",
        hovertemplate="%{label}: $%{value:,.2f}<extra></extra>",
        marker={"line": {"width": 1, "color": "rgba(255,255,255,.6)"}},
        textfont={"color": "black"},  # 4.8:1 and more on each of the colours, where white has 3:1
        root_color="rgba(0,0,0,0)",
    )
    _style(figure, title)
    figure.update_layout(
        margin={"l": 0, "r": 0, "b": 0},
        extendtreemapcolors=False,
        uniformtext={"minsize": 9, "mode": "hide"},
    )
    names = [" / ".join(row) for row in some[[*by]].itertuples(index=False)]
    return Plot(figure, _bars(title, names, some["charged"]))


def rate_bars(rates: pd.DataFrame, names: Sequence[str], *, title: str, column: str = "rate_hourly") -> Plot:
    """Horizontal bars of rates or totals (USD), one for each row, in the order given from the top."""
    figure = _figure(title)
    figure.add_bar(
        x=rates[column].astype(float),
        y=[_label(name) for name in names],
        orientation="h",
        marker={"color": COLOURS[0]},
        text=[cents(value) for value in rates[column]],
        textposition="auto",
        hovertemplate="%{y}: %{text}<extra></extra>",
    )
    figure.update_yaxes(autorange="reversed", automargin=True, type="category")
    figure.update_xaxes(tickprefix="$", rangemode="tozero")
    return Plot(figure, _bars(title, names, rates[column]))


def escaped_lines(text: str) -> str:
    """Lines as they may stand in HTML."""
    return "\n".join(escaped(line) for line in text.splitlines())


def _figure(title: str) -> go.Figure:
    import plotly.graph_objects as go

    figure = go.Figure()
    _style(figure, title)
    return figure


def _style(figure: go.Figure, title: str) -> None:
    """No background of its own, and greys that stand out on white and on black."""
    figure.update_layout(
        title={"text": title, "font": {"size": 16}},
        template="none",
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": _TEXT, "size": 13},
        margin={"l": 60, "r": 30, "t": 70, "b": 50},
        height=380,
        legend={"orientation": "h", "y": -0.2},
    )
    figure.update_xaxes(gridcolor=_GRID, zerolinecolor=_GRID, linecolor=_GRID)
    figure.update_yaxes(gridcolor=_GRID, zerolinecolor=_GRID, linecolor=_GRID)


def _json(figure: go.Figure) -> Any:
    """A figure as JSON that any front end reads: plain numbers, where plotly packs arrays for newer ones; it
    is drawn anew when the window gets another width."""
    import json

    return {**_unpacked(json.loads(figure.to_json())), "config": {"responsive": True}}


def _unpacked(part: Any) -> Any:
    if isinstance(part, list):
        return [_unpacked(one) for one in part]
    if not isinstance(part, dict):
        return part
    if "bdata" in part:
        return np.frombuffer(base64.b64decode(part["bdata"]), dtype=part["dtype"]).tolist()
    return {name: _unpacked(one) for name, one in part.items()}


def _label(name: object) -> str:
    """A name as plotly, which reads markup, shows it."""
    return escaped(brief(name, _NAME))


def _colours() -> Iterable[str]:
    return (*COLOURS[:_MOST], COLOURS[-1])


def _groups(frame: pd.DataFrame, key: str) -> list[tuple[str, pd.DataFrame]]:
    """The groups, the dearest first, the rest last."""
    sums = frame.groupby(key)["charged"].sum().sort_values(ascending=False)
    order = [name for name in sums.index if name != REST] + [name for name in sums.index if name == REST]
    return [(name, frame[frame[key] == name]) for name in order]


def _largest(spent: pd.DataFrame, group: str) -> pd.DataFrame:
    """The dearest groups by themselves, the others as one; without those that cost nothing."""
    sums = spent.groupby(group)["charged"].sum().sort_values(ascending=False)
    spent = spent[spent[group].isin(sums[sums > 0].index)]
    top = set(sums.index[:_MOST])
    times = [name for name in ("hour", "day", "week", "month") if name in spent.columns]
    merged = spent.assign(**{group: [name if name in top else REST for name in spent[group]]})
    return (
        merged.groupby([*times, group], sort=True)
        .agg(charged=("charged", "sum"), partial=("partial", "any"))
        .reset_index()
    )


def _bars(title: str, names: Iterable[str], amounts: Iterable[Any]) -> str:
    """The text form: a bar of characters for each amount."""
    rows = [(brief(name, _NAME), Decimal(amount)) for name, amount in zip(names, amounts, strict=True)]
    most = max((amount for _, amount in rows), default=Decimal(0))
    width = max((len(name) for name, _ in rows), default=0)
    money = max((len(cents(amount)) for _, amount in rows), default=0)
    lines = [title]
    for name, amount in rows:
        bar = "█" * round(_BAR * float(amount / most)) if most > 0 else ""
        lines.append(f"{name.ljust(width)}  {cents(amount).rjust(money)}  {bar}".rstrip())
    return "\n".join(lines)
