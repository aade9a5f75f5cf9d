"""Independent calls at once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

AT_ONCE = 12  # a year is read in one go


def together(*calls: Callable[[], Any]) -> list[Any]:
    """Run independent calls in threads and give their results in order; the first failure is raised, and
    nothing waits for the others then."""
    if len(calls) < 2:
        return [call() for call in calls]
    pool = ThreadPoolExecutor(min(AT_ONCE, len(calls)), thread_name_prefix="vp")
    try:
        return [future.result() for future in [pool.submit(call) for call in calls]]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
