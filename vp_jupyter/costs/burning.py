"""What everything costs per hour now, and why."""

from __future__ import annotations

import numpy as np
import pandas as pd

from .exact import amounts, units
from .quotes import HOURS_PER_MONTH

#: What a rate is paid for. Stopped machines bill in full; released ones bill their storage only (as the
#: service documents its power states).
REASONS = (
    "running",
    "starting",
    "stopped, billed in full",
    "released, storage only",
    "volume in use",
    "volume unattached",
    "other",
)
_BY_STATUS = {
    "Running": "running",
    "Pending": "starting",
    "Relocating": "starting",
    "Stopped": "stopped, billed in full",
    "StoppedDisassociated": "released, storage only",
}


def burn(machines: pd.DataFrame, volumes: pd.DataFrame) -> pd.DataFrame:
    """Everything that costs now, the dearest first, from `tables.machines` and `tables.volumes`.

    Columns: name, kind (vm, metal, volume), why (one of `REASONS`), gpus, rate_hourly (USD per hour),
    rate_daily (24 hours), rate_monthly (730 hours), tags, id. Its sum is the rate of the whole account.
    """
    attached = volumes["attached_to"].map(len).to_numpy() > 0
    rates = np.concatenate([units(machines["rate_hourly"]), units(volumes["rate_hourly"])])
    frame = pd.DataFrame(
        {
            "name": [*machines["name"], *volumes["name"]],
            "kind": pd.Categorical([*machines["kind"], *(["volume"] * len(volumes))]),
            "why": pd.Categorical(
                [_BY_STATUS.get(status, "other") for status in machines["status"]]
                + ["volume in use" if one else "volume unattached" for one in attached],
                categories=REASONS,
            ),
            "gpus": pd.array([*machines["gpus"], *([pd.NA] * len(volumes))], dtype="Int64"),
            "rate_hourly": amounts(rates),
            "rate_daily": amounts(24 * rates),
            "rate_monthly": amounts(HOURS_PER_MONTH * rates),
            "tags": pd.Series([*machines["tags"], *([[]] * len(volumes))], dtype=object),
            "id": pd.array([*machines["id"], *volumes["id"]], dtype="str"),
        }
    )
    frame["name"] = frame["name"].astype("str")
    return frame[rates > 0].sort_values("rate_hourly", ascending=False, ignore_index=True, kind="stable")


def burn_by(burning: pd.DataFrame, column: str) -> pd.DataFrame:
    """The rates of `burn` summed by kind or why, the dearest first. Columns: `column`, things (how many),
    rate_hourly, rate_daily, rate_monthly (USD)."""
    rates = pd.DataFrame({column: burning[column], "things": 1, "rate": units(burning["rate_hourly"])})
    sums = rates.groupby(column, observed=True).sum().sort_values("rate", ascending=False).reset_index()
    hourly = sums.pop("rate").to_numpy(np.int64)
    return sums.assign(
        rate_hourly=amounts(hourly),
        rate_daily=amounts(24 * hourly),
        rate_monthly=amounts(HOURS_PER_MONTH * hourly),
    )
