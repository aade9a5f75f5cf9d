"""Plots: what they say in words and as JSON that any front end reads."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal

import pytest

from tests.costs.conftest import history  # noqa: F401
from vp_jupyter import costs, plots


@pytest.fixture
def drawn(history):  # noqa: F811
    start = history.now - timedelta(days=20)
    lines = history.lines[history.lines["end"] > start]
    spent = {
        by: costs.spend(lines, by.split(","), start=start, end=history.now, labels=history.labels)
        for by in ("day", "day,tag:team", "month", "kind,machine")
    }
    ahead = costs.forecast(
        history.lines,
        start=history.start,
        now=history.now,
        until=history.now + timedelta(days=7),
        burn_hourly=Decimal(20),
        balance=Decimal(4000),
    )
    burning = costs.burn(history.machines, history.volumes)
    return {
        "bars": plots.spend_bars(spent["day"], "day"),
        "stacked": plots.spend_bars(spent["day,tag:team"], "day", group="tag:team"),
        "months": plots.spend_bars(spent["month"], "month"),
        "cumulative": plots.spend_cumulative(
            spent["day"], now=history.now, budget=Decimal(5000), forecast=ahead
        ),
        "treemap": plots.treemap(spent["kind,machine"], ["kind", "machine"], period="October"),
        "rates": plots.rate_bars(burning, [*burning["name"]], title="Burn rate now, USD per hour"),
    }


def test_every_plot_names_its_unit_and_has_a_text_form_and_json_without_packed_arrays(drawn):
    for name, plot in drawn.items():
        bundle = plot._repr_mimebundle_()
        title = plot.figure.layout.title.text
        assert "USD" in title
        assert "UTC" in title or name == "rates"
        assert bundle["text/plain"].startswith(title)
        assert "$" in bundle["text/plain"]
        text = json.dumps(bundle["application/vnd.plotly.v1+json"])
        assert "bdata" not in text
        assert "http" not in text


def test_a_partial_period_is_hatched_and_marked_in_words(drawn):
    bars = drawn["bars"]
    shapes = bars.figure.data[0].marker.pattern.shape
    assert shapes[-1] == "/"
    assert shapes[2] == ""
    assert bars.text.splitlines()[-1].split("  ")[0].endswith("(part)")


def test_names_from_elsewhere_are_no_html():
    import pandas as pd

    frame = pd.DataFrame({"rate_hourly": [Decimal(1)]})
    html = plots.rate_bars(frame, ["<img src=x>"], title="USD")._repr_mimebundle_()["text/html"]
    assert "<img" not in html
