"""Independent calls at once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

AT_ONCE = 8


def together(*calls: Callable[[], Any]) -> list[Any]:
    """Run independent calls in threads and give their results in order; the first failure is raised."""
    if len(calls) < 2:
        return [call() for call in calls]
    with ThreadPoolExecutor(min(AT_ONCE, len(calls)), thread_name_prefix="vp") as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]
