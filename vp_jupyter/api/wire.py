"""JSON as it travels: bodies out, records in."""

from __future__ import annotations

import contextlib
import functools
import gc
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, TypeVar

import msgspec

from .errors import InvalidRequest, UnexpectedAnswer
from .secret import Secret

R = TypeVar("R")
T = TypeVar("T")


class Digest(Generic[T]):
    """What `make` makes of a large answer, which is decoded as a `record`."""

    def __init__(self, record: type[R], make: Callable[[R], T]) -> None:
        self.record = record
        self.make = make


def encoded(body: Mapping[str, Any]) -> bytes:
    """A body as JSON, with what its `Secret`s hold. Raises `InvalidRequest` for what JSON cannot carry,
    without quoting it."""
    try:
        return msgspec.json.encode(body, enc_hook=_revealed)
    except (TypeError, ValueError, RecursionError) as error:  # a lone surrogate, say
        problem = type(error).__name__
    raise InvalidRequest(f"What was asked cannot be written as JSON ({problem}).")


def decoded(content: bytes | bytearray, into: Any, *, asked: str) -> Any:
    """JSON as a record. Raises `UnexpectedAnswer` that names the place where it does not fit."""
    passing = False
    try:
        with _uncollected():
            return _decoder(into).decode(content)
    except msgspec.ValidationError as error:
        problem = f"the answer has an unexpected shape, {error}. {UnexpectedAnswer.advice}"
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        problem = "the answer is not JSON; is the address the service's? Check VP_BASE_URL."
        passing = True  # a page of something in between
    raise UnexpectedAnswer(f"{asked}: {problem}", passing=passing)


def detail(content: bytes | bytearray, body: Mapping[str, Any] | None = None) -> object:
    """What an error answer says under ``detail``, without quoting the secret texts of the `body` that it
    answers; None where it is not FastAPI's JSON."""
    for secret in (body or {}).values():
        if isinstance(secret, Secret) and isinstance(secret.reveal(), str) and secret:
            content = content.replace(encoded({"": secret})[5:-2], b"(hidden)")
    try:
        answer = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return answer.get("detail") if isinstance(answer, dict) else None


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """While many records are made that are all kept, looking for garbage among them again and again takes as
    long as making them."""
    was_on = gc.isenabled()
    try:
        gc.disable()
        yield
    finally:
        if was_on:
            gc.enable()


@functools.cache
def _decoder(into: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(into, strict=False, dec_hook=_custom)


def _custom(kind: type, value: Any) -> Any:
    if kind is Secret and isinstance(value, str):
        return Secret(value)
    raise ValueError("expected a text")


def _revealed(held: Any) -> Any:
    if isinstance(held, Secret):
        return held.reveal()
    raise TypeError("not a thing that JSON carries")
