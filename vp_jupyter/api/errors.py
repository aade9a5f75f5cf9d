"""What can go wrong between us and the service, as one small tree.

::

    VoltageParkError
    ├── AuthenticationError   no key, or one that the service does not know (401)
    ├── PermissionDenied      the key may not do this (403)
    ├── NotFound              no such thing, or it has ended (404)
    ├── InvalidRequest        the service, or this client before it, refuses what was asked (400, 422)
    ├── InsufficientFunds     the balance does not allow it (402)
    ├── Conflict              the thing is in a state that forbids it (409)
    │   └── NoCapacity        nothing of the kind is free now
    ├── RateLimited           too many requests; `retry_after` seconds if the service said so (429)
    ├── ServiceUnavailable    the service is in trouble (5xx)
    ├── ConnectionFailed      no answer came
    ├── UnexpectedAnswer      an answer came that cannot be understood
    ├── OutcomeUnknown        the answer was lost, and what became of it could not be found out
    └── StillWaiting          what was waited for has not happened in the time given
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

__all__ = [
    "AuthenticationError",
    "Conflict",
    "ConnectionFailed",
    "InsufficientFunds",
    "InvalidRequest",
    "NoCapacity",
    "NotFound",
    "OutcomeUnknown",
    "PermissionDenied",
    "Problem",
    "RateLimited",
    "ServiceUnavailable",
    "StillWaiting",
    "UnexpectedAnswer",
    "VoltageParkError",
    "refusal",
]


class VoltageParkError(Exception):
    """Any failure of a call; its text says what was asked, what came back and what to do.

    `status` is the HTTP status, or None where there was none. `passing` tells whether the same call may go
    well a little later, `may_have_acted` whether the service may have done what was asked all the same.
    """

    advice = ""
    passing = False
    may_have_acted = False

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class AuthenticationError(VoltageParkError):
    """No key, or one that the service does not know."""

    advice = "Set VP_API_KEY, or give a valid key (in a notebook: %vp login)."


class PermissionDenied(VoltageParkError):
    """The key is known but may not do this."""

    advice = "Ask the owner of the organization for a key that may."


class NotFound(VoltageParkError):
    """There is no such thing, or it has ended."""

    advice = "It may have ended; list what exists and try again."


class Problem(NamedTuple):
    """One field that was not accepted: where it is, why, and the bounds the service names."""

    field: str
    message: str
    bounds: Mapping[str, Any] = {}


class InvalidRequest(VoltageParkError):
    """What was asked cannot be; `problems` names the fields, where it is known which."""

    def __init__(self, message: str, *, status: int | None = None, problems: Sequence[Problem] = ()) -> None:
        super().__init__(message, status=status)
        self.problems = tuple(problems)

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of the fields that were not accepted."""
        return tuple(problem.field for problem in self.problems)

    def bound(self, field: str, name: str) -> int | None:
        """The bound that the service names for a field, `le` say; None where it names none."""
        for problem in self.problems:
            value = problem.bounds.get(name)
            if problem.field == field and isinstance(value, int):
                return value
        return None


class InsufficientFunds(VoltageParkError):
    """The balance does not allow it."""

    advice = "Add funds on your billing page, or choose something smaller."


class Conflict(VoltageParkError):
    """The thing is in a state that forbids what was asked."""

    advice = "Look at its state and try again."


class NoCapacity(Conflict):
    """Nothing of this kind is free now."""

    advice = "Choose another size or place, or try again later."


class RateLimited(VoltageParkError):
    """Too many requests; `retry_after` is the pause in seconds that the service asks for."""

    advice = "Wait a moment and try again."
    passing = True
    retry_after: float | None = None


class ServiceUnavailable(VoltageParkError):
    """The service is in trouble; `retry_after` as for `RateLimited`."""

    advice = "Try again in a minute."
    passing = may_have_acted = True
    retry_after: float | None = None


class ConnectionFailed(VoltageParkError):
    """No answer came: the address, the network or the service is not there."""

    advice = "Check the network and VP_BASE_URL."

    def __init__(self, message: str, *, passing: bool = True, may_have_acted: bool = True) -> None:
        super().__init__(message)
        self.passing = passing
        self.may_have_acted = may_have_acted


class UnexpectedAnswer(VoltageParkError):
    """An answer came that cannot be understood; nothing in it was used."""

    advice = "If it stays so, the service has changed: look for a newer vp_jupyter."
    may_have_acted = True

    def __init__(self, message: str, *, status: int | None = None, passing: bool = False) -> None:
        super().__init__(message, status=status)
        self.passing = passing


class OutcomeUnknown(VoltageParkError):
    """The answer to something that must not be done twice was lost; `looked` tells whether the service could
    be looked at since, without finding it."""

    may_have_acted = True

    def __init__(self, message: str, *, looked: bool = False) -> None:
        super().__init__(message)
        self.looked = looked


class StillWaiting(VoltageParkError):
    """What was waited for has not happened in the time given; it may yet."""


_BY_STATUS: dict[int, type[VoltageParkError]] = {
    400: InvalidRequest,
    401: AuthenticationError,
    402: InsufficientFunds,
    403: PermissionDenied,
    404: NotFound,
    409: Conflict,
    422: InvalidRequest,
    429: RateLimited,
}
_FUNDS = ("balance", "fund", "credit", "payment")
_CAPACITY = (
    "capacity",
    "not available",
    "unavailable",
    "out of stock",
    "sold out",
    "not enough",
    "insufficient",
)


def refusal(asked: str, status: int, detail: object, *, retry_after: float | None = None) -> VoltageParkError:
    """The error for an answer with an error status.

    `asked` is what was asked in words, `detail` what the service's JSON says under that name: a text,
    FastAPI's list of problems (whose `input`, which may be a secret, is left out), or anything else.
    """
    problems = [_problem(item) for item in detail] if isinstance(detail, list) else []
    if problems:
        said = "; ".join(f"{problem.field}: {problem.message}" for problem in problems)
    else:
        said = detail.strip()[:500] if isinstance(detail, str) else ""
    kind = _BY_STATUS.get(status, ServiceUnavailable if status >= 500 else UnexpectedAnswer)
    low = said.lower()
    if status == 400 and any(word in low for word in _FUNDS):
        kind = InsufficientFunds
    elif status in (400, 409) and any(word in low for word in _CAPACITY):
        kind = NoCapacity
    message = f"{asked}: the service answered {status}" + (f", {said}" if said else "")
    message = message.rstrip(".") + "." + (f" {kind.advice}" if kind.advice else "")
    if issubclass(kind, InvalidRequest):
        return kind(message, status=status, problems=problems)
    error = kind(message, status=status)
    if isinstance(error, RateLimited | ServiceUnavailable):
        error.retry_after = retry_after
    return error


def _problem(item: object) -> Problem:
    """One entry of a 422's list; ``["body", "name"]`` becomes ``name``."""
    if not isinstance(item, Mapping):
        return Problem("request", str(item)[:200])
    where = item.get("loc")
    parts = [str(part) for part in where] if isinstance(where, list) else []
    field = ".".join(parts[1:] or parts) or "request"
    bounds = item.get("ctx")
    return Problem(
        field, str(item.get("msg", "not accepted"))[:200], bounds if isinstance(bounds, Mapping) else {}
    )
