"""One request and its answer."""

from __future__ import annotations

import enum
import functools
import random
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import urljoin, urlsplit

import httpx

from .address import checked_base_url, is_loopback
from .errors import (
    AuthenticationError,
    ConnectionFailed,
    InvalidRequest,
    RateLimited,
    ServiceUnavailable,
    UnexpectedAnswer,
    refusal,
)
from .records import Page
from .secret import Secret
from .together import AT_ONCE, together
from .wire import decoded, detail, encoded

T = TypeVar("T")

TIMEOUT = httpx.Timeout(30.0, connect=10.0)  # seconds, for each phase of a request
REDIRECTS = 3
TRIES = 3  # of a request that reads
PATIENCE = 10.0  # seconds that the pauses between those tries may take together


class Credential(enum.Enum):
    """How an operation is authorized. The documentation names `x-api-token` for keys and storage, where
    published clients send Bearer: those get both."""

    NONE = enum.auto()
    BEARER = enum.auto()
    BOTH = enum.auto()

    def headers(self, key: Secret | None) -> dict[str, str]:
        """The headers that carry the key. Raises `AuthenticationError` where there is none to carry."""
        if self is Credential.NONE:
            return {}
        if not key:
            raise AuthenticationError(f"There is no API key. {AuthenticationError.advice}")
        headers = {"Authorization": f"Bearer {key.reveal()}"}
        return headers | {"x-api-token": key.reveal()} if self is Credential.BOTH else headers


class Transport:
    """A pool of connections to one service, safe to use from several threads.

    The key is sent to `base_url` alone, which must be https, or http on this computer; a redirect is followed
    only within that address.
    """

    def __init__(self, base_url: str, key: Secret | None, *, page_size: int, user_agent: str) -> None:
        self.base_url = checked_base_url(base_url)
        self.page_size = page_size
        self._key = key
        self._maximum: dict[str, int] = {}  # page limits that the service has taught us, by path
        self._skew = timedelta(0)
        self.knows_time = False
        self._thread = threading.local()
        self._http = httpx.Client(
            timeout=TIMEOUT,
            limits=httpx.Limits(max_connections=4 * AT_ONCE, max_keepalive_connections=AT_ONCE),
            headers={"Accept": "application/json", "User-Agent": user_agent},
            follow_redirects=False,
            # A proxy has no business between this computer and itself.
            trust_env=not is_loopback(urlsplit(self.base_url).hostname),
        )

    def close(self) -> None:
        """Close every connection."""
        self._http.close()

    def now(self) -> datetime:
        """The time by the service's clock, as of its last answer; this computer's before the first."""
        return datetime.now(UTC) + self._skew

    def answered(self) -> datetime:
        """The service's time in the last answer that came to this thread, to the second: what it tells is of
        then."""
        return getattr(self._thread, "answered", None) or self.now()

    def call(
        self,
        method: str,
        path: str,
        into: type[T] | None = None,
        *,
        credential: Credential,
        params: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> T:
        """Send one request and decode its answer as `into` (None: the answer has no content).

        Only reads are repeated after a failure. Raises `VoltageParkError`.
        """
        content = None if body is None else encoded(body)
        attempt = functools.partial(
            self._attempt, method, path, credential=credential, params=params, content=content
        )
        response = patiently(attempt) if method == "GET" else attempt()
        if into is None:
            return None  # type: ignore[return-value]
        return decoded(response.content, into, asked=_asked(method, path))  # type: ignore[no-any-return]

    def pages(
        self,
        path: str,
        record: type[T],
        *,
        credential: Credential,
        params: Mapping[str, Any] | None = None,
        limit: int | None = None,
    ) -> list[T]:
        """Every record of a listing, each once, in the service's order.

        After the first page the rest go out together. `limit` is a page size known to be the service's
        maximum; another maximum is learnt from the service's refusal and kept.
        """

        def page(offset: int) -> Page[T]:
            size = self._maximum.get(path, limit or self.page_size)
            asked = {**(params or {}), "limit": size, "offset": offset}
            shapes: Any = Page[record] | list[record]  # type: ignore[valid-type]
            try:
                answer = self.call("GET", path, shapes, credential=credential, params=asked)
            except InvalidRequest as error:
                maximum = error.bound("limit", "le")
                if maximum is None or maximum >= size:
                    raise
                self._maximum[path] = maximum
                return page(offset)
            return answer if isinstance(answer, Page) else Page(results=answer)

        found = [page(0)]
        step = len(found[0].results)
        if found[0].has_next and step:
            offsets = range(step, found[0].total_result_count or 0, step)
            found += together(*(functools.partial(page, offset) for offset in offsets))
            while found[-1].has_next and found[-1].results:  # it has grown meanwhile, or named no total
                found.append(page(sum(len(part.results) for part in found)))
        items = [item for part in found for item in part.results]
        return list({getattr(item, "id", id(item)): item for item in items}.values())

    def _attempt(
        self,
        method: str,
        path: str,
        *,
        credential: Credential,
        params: Mapping[str, Any] | None,
        content: bytes | None,
    ) -> httpx.Response:
        asked = _asked(method, path)
        headers = credential.headers(self._key)
        if content is not None:
            headers["Content-Type"] = "application/json"
        url = f"{self.base_url}/{path}"
        for _ in range(REDIRECTS + 1):
            response = self._send(asked, method, url, params=params, content=content, headers=headers)
            self._learn_time(response)
            if not response.has_redirect_location:
                break
            url, params = self._within(urljoin(url, response.headers["location"]), asked), None
        else:
            raise UnexpectedAnswer(f"{asked}: the service redirects in a circle. {UnexpectedAnswer.advice}")
        if response.is_success:
            return response
        raise refusal(
            asked, response.status_code, detail(response.content), retry_after=_retry_after(response)
        )

    def _send(self, asked: str, method: str, url: str, **request: Any) -> httpx.Response:
        """One exchange. Our error is raised outside the handlers, so that httpx's exceptions, which hold the
        request and so the key, are not even its context."""
        try:
            return self._http.request(method, url, **request)
        except httpx.TimeoutException:
            failure = f"{self.base_url} did not answer in time."
        except httpx.RequestError as error:
            failure = f"could not reach {self.base_url} ({error or type(error).__name__})."
        except (httpx.InvalidURL, UnicodeError):
            failure = "this is not an address that can be asked."
        except RuntimeError:  # another thread has closed the client, before or while this one asks
            if not self._http.is_closed:
                raise
            failure = "this client has been closed."
        raise ConnectionFailed(f"{asked}: {failure} {ConnectionFailed.advice}")

    def _within(self, location: str, asked: str) -> str:
        """Where a redirect leads, taken on our own base: only the path is the service's to choose, so that a
        proxy in front of it that writes http for https does not strip the encryption."""
        target, own = urlsplit(location), urlsplit(self.base_url)
        ports = {target.port, own.port}
        if target.hostname != own.hostname or not (len(ports) == 1 or ports <= {None, 80, 443}):
            raise UnexpectedAnswer(
                f"{asked}: the service redirects to another host ({target.netloc}), which was not followed. "
                "Check VP_BASE_URL."
            )
        return target._replace(scheme=own.scheme, netloc=own.netloc, fragment="").geturl()

    def _learn_time(self, response: httpx.Response) -> None:
        with suppress(KeyError, ValueError, TypeError):  # a service that names no time gets ours
            self._thread.answered = parsedate_to_datetime(response.headers["date"])
            self._skew = self._thread.answered - datetime.now(UTC)
            self.knows_time = True


def patiently(attempt: Callable[[], T]) -> T:
    """Try a read again after a failure that may pass, pausing a random part of a growing time (full jitter),
    or as long as the service asks; give up where the pauses would exceed `PATIENCE`."""
    spent = 0.0
    for number in range(1, TRIES + 1):
        try:
            return attempt()
        except (ConnectionFailed, RateLimited, ServiceUnavailable) as error:
            wished = getattr(error, "retry_after", None)
            pause = random.uniform(0, 0.15 * 2**number) if wished is None else max(wished, 0.0)
            spent += pause
            if number == TRIES or spent > PATIENCE:
                raise
        time.sleep(pause)
    raise AssertionError("the last try returns or raises")


def _asked(method: str, path: str) -> str:
    return f"{method} /{path}"


def _retry_after(response: httpx.Response) -> float | None:
    """The pause in seconds that an answer asks for, as a number or as a date."""
    value = response.headers.get("retry-after", "")
    if value.isdecimal():
        return float(value)
    try:
        return (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError):
        return None
