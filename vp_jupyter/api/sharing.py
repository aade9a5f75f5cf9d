"""Identical reads at one time are one read."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Any

from .errors import VoltageParkError


class Sharing:
    """The reads that are under way."""

    def __init__(self) -> None:
        self._under_way: dict[Hashable, Future[Any]] = {}
        self._lock = threading.Lock()

    def share(self, what: Hashable, read: Callable[[], Any]) -> Any:
        """What `read` gives, or what the same read gives that another thread has begun."""
        with self._lock:
            begun = self._under_way.get(what)
            if begun is None:
                mine: Future[Any] = Future()
                self._under_way[what] = mine
        if begun is not None:
            try:
                return begun.result()
            except VoltageParkError:
                raise
            except BaseException as stray:
                if not begun.done() or begun.exception() is not stray:  # this thread's own interrupt
                    raise
            return read()  # the other thread was interrupted, which is not for this one
        try:
            mine.set_result(read())
        except BaseException as error:
            mine.set_exception(error)
        finally:
            with self._lock:
                if self._under_way.get(what) is mine:
                    del self._under_way[what]
        return mine.result()

    def forget(self) -> None:
        """Share nothing of what is under way any more: something is being changed."""
        with self._lock:
            self._under_way = {}
