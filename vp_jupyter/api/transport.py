"""One request and its answer."""

from __future__ import annotations

import enum
import functools
import re
import threading
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
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
    UnexpectedAnswer,
    VoltageParkError,
    refusal,
)
from .pace import Pace
from .paging import every
from .patience import Patience, repeated
from .records import Page
from .secret import Secret
from .sharing import Sharing
from .together import AT_ONCE
from .wire import Digest, decoded, detail, encoded

T = TypeVar("T")

REDIRECTS = 3
_SENDABLE = re.compile(r"[!-~]+")  # what a header can carry
_JSON = {"Content-Type": "application/json"}


class Credential(enum.Enum):
    """How an operation is authorized. The documentation names `x-api-token` for keys and storage, where
    published clients send Bearer: those get both."""

    NONE = enum.auto()
    BEARER = enum.auto()
    BOTH = enum.auto()

    def auth(self, key: Secret | None) -> httpx.Auth | None:
        """What puts the key into a request. Raises `AuthenticationError` where there is none."""
        if self is Credential.NONE:
            return None
        if not key:
            raise AuthenticationError(f"There is no API key. {AuthenticationError.advice}")
        if not _SENDABLE.fullmatch(key.reveal()):
            raise AuthenticationError(
                f"The API key has characters that no key has. {AuthenticationError.advice}"
            )
        return _Key(key, by_token=self is Credential.BOTH)


class _Key(httpx.Auth):
    """Writes the key into the headers when nothing of ours is on the stack that could show it."""

    def __init__(self, key: Secret, *, by_token: bool) -> None:
        self._key = key
        self._by_token = by_token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self._key.reveal()}"
        if self._by_token:
            request.headers["x-api-token"] = self._key.reveal()
        yield request


class Transport:
    """A pool of connections to one service, safe to use from several threads.

    The key is sent to `base_url` alone, which must be https, or http on this computer; a redirect is followed
    only within that address.
    """

    def __init__(
        self, base_url: str, key: Secret | None, *, page_size: int, user_agent: str, patience: Patience
    ) -> None:
        self.base_url = checked_base_url(base_url)
        self.page_size = max(page_size, 2)  # neighbouring pages share a record
        self.patience = patience
        self.key = key
        self._pace = Pace()
        self._sharing = Sharing()
        self._maximum: dict[str, int] = {}  # page limits that the service has taught us, by path
        self._skew = timedelta(0)
        self.knows_time = False
        self._thread = threading.local()
        # Large answers take turns: together they would take many times the memory of what is made of them,
        # and so would several threads, which do not share what they free.
        self._digests = ThreadPoolExecutor(1, thread_name_prefix="vp-digest")
        self._http = httpx.Client(
            timeout=httpx.Timeout(patience.phase, connect=patience.connect),
            limits=httpx.Limits(max_connections=4 * AT_ONCE, max_keepalive_connections=AT_ONCE),
            headers={"Accept": "application/json", "User-Agent": user_agent},
            follow_redirects=False,
            # A proxy has no business between this computer and itself.
            trust_env=not is_loopback(urlsplit(self.base_url).hostname),
        )

    def close(self) -> None:
        """Close every connection."""
        self._http.close()
        self._digests.shutdown(wait=False, cancel_futures=True)

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
        into: type[T] | Digest[T] | None = None,
        *,
        credential: Credential,
        params: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> T:
        """Send one request, once, and decode its answer as `into` (None: what it says does not matter, as
        long as it is the service that says it). Raises `VoltageParkError`."""
        if method != "GET":
            self._sharing.forget()
        asked = _asked(method, path)
        digest = functools.partial(self._digested, into, asked) if isinstance(into, Digest) else None
        content = self._answer(
            method, path, credential=credential, params=params, body=body, receive=digest or _content
        )
        if digest is not None:
            return content  # type: ignore[no-any-return]
        if into is None and not content:
            return None  # type: ignore[return-value]
        answer: T = decoded(content, into or Any, asked=asked)
        return answer if into else None  # type: ignore[return-value]

    def read(
        self,
        path: str,
        into: type[T] | Digest[T],
        *,
        credential: Credential,
        params: Mapping[str, Any] | None = None,
    ) -> T:
        """Read something, again after a failure that may pass. Raises `VoltageParkError`."""

        def read() -> tuple[T, datetime]:
            attempt = functools.partial(self.call, "GET", path, into, credential=credential, params=params)
            return repeated(attempt, self.patience), self.answered()

        what = (path, into, credential, repr(sorted((params or {}).items())))
        answer: T
        answer, self._thread.answered = self._sharing.share(what, read)
        return answer

    def pages(
        self,
        path: str,
        record: type[T],
        *,
        credential: Credential,
        params: Mapping[str, Any] | None = None,
        limit: int | None = None,
    ) -> list[T]:
        """Every record of a listing, each once, in the service's order (see `paging.every`).

        `limit` is a page size known to be the service's maximum; another maximum is learnt from the service's
        refusal and kept.
        """

        def page(offset: int) -> Page[T]:
            size = self._maximum.get(path, limit or self.page_size)
            asked = {**(params or {}), "limit": size, "offset": offset}
            shapes: Any = Page[record] | list[record]  # type: ignore[valid-type]
            try:
                answer = self.read(path, shapes, credential=credential, params=asked)
            except InvalidRequest as error:
                maximum = error.bound("limit", "le")
                if maximum is None or maximum >= size:
                    raise
                self._maximum[path] = maximum
                return page(offset)
            return answer if isinstance(answer, Page) else Page(results=answer)

        return every(page, asked=_asked("GET", path))

    def _answer(
        self,
        method: str,
        path: str,
        *,
        credential: Credential,
        params: Mapping[str, Any] | None,
        body: Mapping[str, Any] | None,
        receive: Callable[[httpx.Response], Any],
    ) -> Any:
        """What `receive` makes of the answer to one request."""
        asked = _asked(method, path)
        auth = credential.auth(self.key)
        url = f"{self.base_url}/{path}"
        for _ in range(REDIRECTS + 1):
            response, content = self._send(
                asked, method, url, params=params, body=body, auth=auth, receive=receive
            )
            self._learn_time(response)
            if not response.has_redirect_location:
                break
            url, params = self._within(urljoin(url, response.headers["location"]), asked), None
        else:
            raise UnexpectedAnswer(f"{asked}: the service redirects in a circle. {UnexpectedAnswer.advice}")
        if response.is_success:
            self._pace.answered()
            return content
        pause = _retry_after(response)
        if response.status_code == httpx.codes.TOO_MANY_REQUESTS:
            self._pace.throttled(pause or 0.0)
        raise refusal(asked, response.status_code, detail(content, body), retry_after=pause)

    def _send(
        self,
        asked: str,
        method: str,
        url: str,
        *,
        params: Mapping[str, Any] | None,
        body: Mapping[str, Any] | None,
        auth: httpx.Auth | None,
        receive: Callable[[httpx.Response], Any],
    ) -> tuple[httpx.Response, Any]:
        """One exchange. What httpx raises holds the request, and so the key and the body, in its frames: our
        error is raised outside the handlers, so that it is not even its context."""
        passing = may_have_acted = True
        stray: BaseException | None = None
        try:
            with self._pace.gate(self.patience.budget):
                request = self._http.build_request(
                    *(method, url),
                    params=params,
                    content=None if body is None else encoded(body),
                    headers=None if body is None else _JSON,
                )
                with closing(self._http.send(request, auth=auth, stream=True)) as response:
                    return response, receive(response)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError) as error:
            failure = f"could not reach {self.base_url} ({error or type(error).__name__})."
            may_have_acted = False
        except httpx.TimeoutException:
            failure = f"{self.base_url} did not answer in time."
        except httpx.LocalProtocolError:
            failure = "the request cannot be written: is the key the one that was given to you?"
            passing = may_have_acted = False
        except httpx.RequestError as error:
            failure = f"the connection to {self.base_url} broke ({error or type(error).__name__})."
        except (httpx.InvalidURL, UnicodeError):
            failure = "this is not an address that can be asked."
            passing = may_have_acted = False
        except VoltageParkError:
            raise
        except BaseException as error:
            if isinstance(error, RuntimeError) and self._http.is_closed:  # by another thread
                failure = "this client has been closed."
                passing = False
            else:  # an interrupt, a fault
                failure, stray = "", error.with_traceback(None)
        if stray is not None:
            raise stray
        advice = ConnectionFailed.advice
        raise ConnectionFailed(f"{asked}: {failure} {advice}", passing=passing, may_have_acted=may_have_acted)

    def _digested(self, digest: Digest[T], asked: str, response: httpx.Response) -> T | bytearray:
        """Receive an answer, and make of it what is wanted when its turn comes."""

        def make() -> T | bytearray:
            self._learn_time(response)  # in this thread too
            content = _content(response)
            if not response.is_success:
                return content
            record = decoded(content, digest.record, asked=asked)
            del content  # as large as what is made of it
            return digest.make(record)

        return self._digests.submit(make).result()

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


def _content(response: httpx.Response) -> bytearray:
    """Receive the content of an answer. It is not left there: that lives until it is collected."""
    content = bytearray()
    for part in response.iter_bytes():
        content += part
    return content


def _asked(method: str, path: str) -> str:
    return f"{method} /{path}"


def _retry_after(response: httpx.Response) -> float | None:
    """The pause in seconds that an answer asks for, as a number or as a date."""
    value = response.headers.get("retry-after", "")
    if value.isdecimal():
        return float(value)
    try:
        now = parsedate_to_datetime(response.headers.get("date", "")) if "date" in response.headers else None
        return (parsedate_to_datetime(value) - (now or datetime.now(UTC))).total_seconds()
    except (ValueError, TypeError):
        return None
