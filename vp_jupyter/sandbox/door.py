"""The door of the sandbox: what is settled before the application sees a request.

It turns away foreign Host headers (a web page that rebinds its own name to 127.0.0.1 must not reach the
API), keeps bodies small, stamps every answer with the simulated time, which clients take from `Date`, and
lets the machines catch up with the cloud before anything is said of them and before it is heard.
"""

import json
import re
from collections.abc import Callable
from datetime import datetime
from email.utils import format_datetime

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST_BODY = 2 * 1024**2
_OWN_HOST = re.compile(rb"(127\.0\.0\.1|localhost|\[::1\])(:[0-9]*)?", re.IGNORECASE)


class Door:
    def __init__(self, app: ASGIApp, now: Callable[[], datetime], settle: Callable[[], None]) -> None:
        self._app = app
        self._now = now
        self._settle = settle

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":  # there is no lifespan to run, and no websocket to open
            return

        async def stamped(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._settle()
                date = format_datetime(self._now(), usegmt=True).encode()
                headers = [*message.get("headers", ()), (b"date", date), (b"server", b"voltage-park-sandbox")]
                message = {**message, "headers": headers}
            await send(message)

        if not _is_own(scope):
            return await _refuse(stamped, 400, "Invalid Host header: the sandbox answers to 127.0.0.1 only.")
        try:
            body = await _read(receive)
        except ClientDisconnect:
            return  # half a request is no request, and nobody is there to hear an answer
        if body is None:
            return await _refuse(stamped, 413, f"The body is larger than {LARGEST_BODY} bytes.")
        self._settle()
        await self._app(scope, _replay(body, receive), stamped)


def _is_own(scope: Scope) -> bool:
    hosts = [value for name, value in scope["headers"] if name == b"host"]
    return len(hosts) == 1 and _OWN_HOST.fullmatch(hosts[0]) is not None


async def _read(receive: Receive) -> bytes | None:
    """The body; None where it is too large. All of it is read even then, so that the client, which is still
    sending, gets to hear the answer, but no more than the limit is ever kept."""
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size <= LARGEST_BODY:
            chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks) if size <= LARGEST_BODY else None


def _replay(body: bytes, receive: Receive) -> Receive:
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return messages.pop() if messages else await receive()

    return replayed


async def _refuse(send: Send, status: int, detail: str) -> None:
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps({"detail": detail}).encode()})
