"""Waiting until a machine that runs also answers."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

from ..api.errors import StillWaiting
from .target import Target

_PAUSE = 1.0  # seconds between two looks
_PATIENCE = 5.0  # seconds that one look may take


def answers(target: Target, *, timeout: float = _PATIENCE) -> bool:
    """Whether there is an ssh server now, by its first words."""
    try:
        with socket.create_connection((target.host, target.port), timeout) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def until_answering(
    target: Target, *, timeout: float = 600.0, progress: Callable[[float], None] = lambda _: None
) -> None:
    """Wait until the machine's ssh server speaks, at most `timeout` seconds.

    `progress` is called with the seconds waited. An interrupt ends the wait. Raises `StillWaiting`.
    """
    started = time.monotonic()
    while not answers(target, timeout=min(_PATIENCE, max(timeout - (time.monotonic() - started), 0.1))):
        waited = time.monotonic() - started
        if waited >= timeout:
            forward = "" if target.port_is_forwarded else f" (%vp forward {target.label} 22 opens it a port)"
            raise StillWaiting(
                f"{target.label} runs, but its ssh at {target.host}:{target.port} has not answered in "
                f"{timeout:.0f} s{forward}. It may yet."
            )
        progress(waited)
        time.sleep(_PAUSE)
