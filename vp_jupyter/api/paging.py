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
        self._repairs = 0

    def all(self) -> list[T]:
        page, at = self._read(0), 0
        self._take(page)
        step = len(page.results) - 1
        last = (page.total_result_count or 0) - 1 if page.has_next else 0
        while step > 0 and at + step < last:
            offsets = range(at + step, last, step)[:_AT_A_TIME]
            pages = together(*(functools.partial(self._read, offset) for offset in offsets))
            brought = [self._join(one, offset) for one, offset in zip(pages, offsets, strict=True)]
            page, at = pages[-1], offsets[-1]
            if not all(brought):
                break
        while page.results and (page.has_next or len(self._seen) < (page.total_result_count or 0)):
            at += max(len(page.results) - 1, 1)
            page = self._read(at)
            if not self._join(page, at):
                break
        return [*self._seen.values()]

    def _join(self, page: Page[T], at: int) -> bool:
        """Take a page, and what is missing before it; tells whether it brought anything."""
        if page.results and not self._touches(page):
            self._bridge(page, at)
        return self._take(page)

    def _bridge(self, page: Page[T], at: int) -> None:
        """Read what lies between what was seen and a page at an offset: back until there is something that
        was seen, and forth from there."""
        end, back = at + len(page.results), len(page.results)
        while True:
            at = max(at - back, 0)
            between = self._repair(at)
            if at == 0 or self._touches(between):
                break
            back *= 2
        self._take(between)
        while between.results and at < end and not self._touches(page):
            at += max(len(between.results) - 1, 1)
            between = self._repair(at)
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

    def _take(self, page: Page[T]) -> bool:
        before = len(self._seen)
        for one in page.results:
            self._seen.setdefault(_id(one), one)
        return len(self._seen) > before


def _id(record: Any) -> str:
    return record.id  # type: ignore[no-any-return]  # all that is listed has one
