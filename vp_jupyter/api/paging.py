"""A listing in pages, read as a whole although it changes meanwhile."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from .errors import UnexpectedAnswer
from .records import Page
from .together import together

T = TypeVar("T")

_AT_A_TIME = 64  # pages asked for before it is looked whether there is anything on them
_STALE = 8  # pages in a row without anything new, after which there is nothing more
_REPAIRS = 32  # pages read again in one listing


def every(read: Callable[[int], Page[T]], *, asked: str) -> list[T]:
    """Every record of a listing, each once, in the service's order; `read` gives the page at an offset.

    After the first page the rest go out together, each beginning with the last record of the one before.
    Where neighbours share a record, nothing that was there all the time can be missing between them; where
    they share none, because something before them has ended meanwhile, what lies between is read again.
    Whether there is more is taken from the records too, since counts and `has_next` may be wrong. Raises
    `UnexpectedAnswer` for a listing that changes faster than it can be read.
    """
    return _Listing(read, asked).all()


class _Listing(Generic[T]):
    def __init__(self, read: Callable[[int], Page[T]], asked: str) -> None:
        self._read = read
        self._asked = asked
        self._seen: dict[str, T] = {}
        self._last: Page[T] = Page()  # the last page that had anything, and its offset
        self._at = 0
        self._repairs = 0

    def all(self) -> list[T]:
        self._take(self._read(0), 0)
        self._read_ahead()
        stale = 0
        while self._last.has_next or len(self._seen) < (self._last.total_result_count or 0):
            at = self._at + max(len(self._last.results) - 1, 1)
            page = self._read(at)
            stale = 0 if self._join(page, at) else stale + 1
            if not page.results or stale == _STALE:
                break
        return [*self._seen.values()]

    def _read_ahead(self) -> None:
        """Take the pages that there should be after the first, by its count."""
        step = len(self._last.results) - 1
        last = (self._last.total_result_count or 0) - 1 if self._last.has_next else 0
        offsets = range(step, last, step) if step > 0 else range(0)
        while offsets:
            now, offsets = offsets[:_AT_A_TIME], offsets[_AT_A_TIME:]
            pages = together(*(functools.partial(self._read, at) for at in now))
            brought = [self._join(page, at) for page, at in zip(pages, now, strict=True) if page.results]
            if not pages[-1].results or not any(brought):  # the count is wrong
                return

    def _join(self, page: Page[T], at: int) -> bool:
        """Take a page, and what is missing before it; tells whether that brought anything."""
        before = len(self._seen)
        if self._seen and not self._touches(page):
            self._bridge(page, at)
        self._take(page, at)
        return len(self._seen) > before

    def _bridge(self, page: Page[T], at: int) -> None:
        """Read what lies between what was seen and a page at an offset: back until there is something that
        was seen, and forth from there."""
        back = max(len(page.results), len(self._last.results))
        while True:
            at = max(at - back, 0)
            between = self._repair(at)
            if at == 0 or self._touches(between):
                break
            back *= 2
        self._take(between, at)
        while between.results and not self._touches(page):  # to the end, where all of the page has ended
            at += max(len(between.results) - 1, 1)
            between = self._repair(at)
            if between.results:
                self._join(between, at)

    def _repair(self, at: int) -> Page[T]:
        self._repairs += 1
        if self._repairs > _REPAIRS:
            raise UnexpectedAnswer(
                f"{self._asked}: the listing changes faster than it can be read. Try again."
            )
        return self._read(at)

    def _touches(self, page: Page[T]) -> bool:
        return any(_id(one) in self._seen for one in page.results)

    def _take(self, page: Page[T], at: int) -> None:
        for one in page.results:
            self._seen.setdefault(_id(one), one)
        if page.results:
            self._last, self._at = page, at


def _id(record: Any) -> str:
    return record.id  # type: ignore[no-any-return]  # all that is listed has one
