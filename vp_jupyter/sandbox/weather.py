"""The weather between the sandbox and who asks: what `faults` says happens to requests, happens here."""

import asyncio
import contextlib
import json
import socket
import struct
from collections.abc import Awaitable, Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vp_jupyter.sandbox.faults import Fault, Faults

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close by resetting


class Weather:
    """An ASGI layer around the whole service. `go_away` makes it refuse connections for some seconds."""

    def __init__(
        self,
        app: ASGIApp,
        prefix: str,
        faults: Callable[[], Faults | None],
        go_away: Callable[[float], Awaitable[None]],
    ) -> None:
        self._app = app
        self._prefix = prefix
        self._faults = faults
        self._go_away = go_away

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        faults = self._faults() if scope["type"] == "http" else None
        path = scope.get("path", "").removeprefix(f"{self._prefix}/")
        fault = faults.meets(scope["method"], path) if faults is not None else None
        if fault is None:
            return await self._app(scope, receive, send)
        fault.event()
        if fault.kind == "event":
            return await self._app(scope, receive, send)
        if fault.kind == "late":
            held = await _hold(receive)
            await asyncio.sleep(fault.seconds)
            return await self._app(scope, held, send)
        said: list[Message] = []
        if fault.acts or fault.kind == "cut":
            await self._app(scope, await _hold(receive), _into(said))
        if fault.kind in ("empty", "shape") and said and said[0]["status"] >= 300:
            for message in said:  # it is a success whose body is lost, never a refusal
                await send(message)
            return
        match fault.kind:
            case "away":
                _break(send)
                await self._go_away(fault.seconds)
            case "reset":
                _break(send)
            case "cut":
                await _cut(said, send)
            case "stall":
                await asyncio.sleep(fault.seconds)
                _break(send)
            case _:
                return await _answer(fault, send)
        await _until_gone(receive)


async def _hold(receive: Receive) -> Receive:
    """What is received, read now, so that it is heard even when nobody waits for the answer."""
    messages = [await receive()]
    while messages[-1].get("more_body", False):
        messages.append(await receive())
    waiting = iter(messages)

    async def held() -> Message:
        return next(waiting, {"type": "http.disconnect"})

    return held


def _into(said: list[Message]) -> Send:
    async def keep(message: Message) -> None:
        said.append(message)

    return keep


def _break(send: Send) -> None:
    """Reset the connection. uvicorn's `send` belongs to the exchange, which knows its transport."""
    transport: asyncio.Transport = send.__self__.transport  # type: ignore[attr-defined]
    with contextlib.suppress(OSError):
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    transport.abort()


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _cut(said: list[Message], send: Send) -> None:
    start, *parts = said
    body = b"".join(part.get("body", b"") for part in parts)
    await send(start)
    await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
    _break(send)


async def _answer(fault: Fault, send: Send) -> None:
    headers: list[tuple[bytes, bytes]] = []
    status, body, kind = 200, b"", b"application/json"
    match fault.kind:
        case "status":
            status, body = fault.status, json.dumps({"detail": "The sandbox has a bad day."}).encode()
            if fault.retry_after is not None:
                headers.append((b"retry-after", fault.retry_after.encode()))
        case "html":
            status, body, kind = (
                fault.status,
                b"<html><body>Please hold the line.</body></html>",
                b"text/html",
            )
        case "elsewhere":
            status = 307
            headers.append((b"location", b"http://127.0.0.9:9/api/v1/"))
        case "shape":
            body = b'{"results": {"id": 7}, "id": [], "vm_id": {}, "rental_id": 1.5, "error": "perhaps"}'
    headers += [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
