"""Half a year of a sandbox's account, read once for each seed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

import pandas as pd
import pytest

from vp_jupyter import tables
from vp_jupyter.api import Client
from vp_jupyter.api.billing import Period
from vp_jupyter.sandbox import Sandbox

NOW = datetime(2026, 11, 23, 14, 30, 5, tzinfo=UTC)


class History(NamedTuple):
    """What the service says, and what is made of it."""

    client: Client
    periods: list[Period]
    lines: pd.DataFrame
    labels: pd.DataFrame
    machines: pd.DataFrame
    volumes: pd.DataFrame
    now: datetime

    @property
    def start(self):
        return self.periods[0].start


@pytest.fixture(scope="session", params=[7, 11, 42], ids=lambda seed: f"seed{seed}")
def history(request):
    with (
        Sandbox(seed=request.param, now=NOW, time_scale=0, months=6) as sandbox,
        Client(sandbox.api_key, sandbox.base_url) as client,
    ):
        machines, volumes = client.machines.list(), client.storage.list()
        now = client.now().replace(microsecond=0)
        periods = client.billing.history(datetime(2026, 5, 1).date(), now.date())
        yield History(
            client,
            periods,
            tables.transactions(periods, now),
            tables.labels([*machines, *volumes]),
            tables.machines(machines, now),
            tables.volumes(volumes, str),
            now,
        )
