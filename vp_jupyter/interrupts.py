"""Interrupts wait until a change has its outcome."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Held:
    """The interrupts that came meanwhile."""

    def __init__(self) -> None:
        self.pressed = 0

    def note(self, _: int, __: FrameType | None) -> None:
        self.pressed += 1
        if self.pressed > 1:  # somebody does not want to know
            raise KeyboardInterrupt


@contextmanager
def held_back() -> Iterator[Held]:
    """Within it a first interrupt (Ctrl-C, the notebook's stop button) is only noted, for what sends a change
    to hear its answer; a second one is raised."""
    held = Held()
    if threading.current_thread() is not threading.main_thread():  # interrupts reach the main one only
        yield held
        return
    before = signal.signal(signal.SIGINT, held.note)
    try:
        yield held
    finally:
        signal.signal(signal.SIGINT, before)
