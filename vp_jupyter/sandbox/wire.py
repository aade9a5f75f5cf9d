"""What all routes share: the credential, the state, the pages, and the refusals they declare."""

import hmac
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response, Security
from fastapi.routing import APIRoute
from fastapi.security import APIKeyHeader, HTTPBearer

from vp_jupyter.sandbox.answers import Detail, Page
from vp_jupyter.sandbox.cloud import Cloud

T = TypeVar("T")
Responses = dict[int | str, dict[str, Any]]


def refusals(*statuses: int) -> Responses:
    """For the OpenAPI: the answers besides success, all of one form."""
    return {status: {"model": Detail} for status in statuses}


async def _state(request: Request) -> AsyncIterator[Cloud]:
    cloud: Cloud = request.app.state.cloud
    with cloud.lock:
        yield cloud


# Held until the answer is rendered, and given up before it is sent: nothing waits while it is held.
State = Annotated[Cloud, Depends(_state, scope="function")]


class _Private(APIRoute):
    """Asks for the key before anything else is looked at, so that a bad body without a key is a 401."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            _authenticate(request)
            return await handle(request)

        return guarded


def _authenticate(request: Request) -> None:
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    offered = [bearer.strip()] if scheme.lower() == "bearer" else []
    offered = [key for key in [*offered, request.headers.get("x-api-token", "")] if key]
    wanted = request.app.state.cloud.api_key.encode()
    # Bytes, since compare_digest takes no strings beyond ASCII.
    if not any(hmac.compare_digest(key.encode(), wanted) for key in offered):
        detail = "Invalid API key" if offered else "Not authenticated"
        raise HTTPException(401, detail, headers={"WWW-Authenticate": "Bearer"})


def public(tag: str) -> APIRouter:
    return APIRouter(tags=[tag], responses=refusals(400, 413))


def private(tag: str) -> APIRouter:
    """Either header opens it. The dependencies only tell the OpenAPI so; the route class does the work."""
    schemes = [
        Security(HTTPBearer(auto_error=False)),
        Security(APIKeyHeader(name="x-api-token", auto_error=False)),
    ]
    return APIRouter(
        tags=[tag], route_class=_Private, dependencies=schemes, responses=refusals(400, 401, 413)
    )


@dataclass(frozen=True)
class Window:
    """The part of a list that was asked for."""

    limit: int
    offset: int

    def cut(self, items: Sequence[T]) -> Sequence[T]:
        return items[self.offset : self.offset + self.limit]

    def page(self, items: Iterable[T], total: int) -> Page[T]:
        """A page of these items, which are the window's part of `total`."""
        return Page(
            results=list(items),
            total_result_count=total,
            has_previous=self.offset > 0 and total > 0,
            has_next=self.offset + self.limit < total,
        )


def window(default: int, most: int) -> Any:
    """A dependency for `limit` and `offset` with this default and maximum."""

    async def asked(
        limit: Annotated[int, Query(ge=1, le=most)] = default,
        offset: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
    ) -> Window:
        return Window(limit, offset)

    return Depends(asked)
