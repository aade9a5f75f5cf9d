"""Which requests meet which fault: a plain schedule, seeded, so that the same one gives the same weather."""

import math
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal, Self, get_args

Kind = Literal[
    "away",  # the connection breaks, and for `seconds` further ones are refused
    "reset",  # the connection is reset
    "cut",  # the answer breaks off in the middle
    "stall",  # nothing comes for `seconds`, then the connection is closed
    "late",  # everything takes `seconds` longer, also where nobody waits for it any more
    "status",  # an error answer: `status`, with Retry-After where `retry_after` is given
    "html",  # a page of something in between, with `status`
    "elsewhere",  # a redirect to another host
    "empty",  # 200 whose body is lost
    "shape",  # 200 with JSON of another shape
    "event",  # nothing but `event`
]


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong; with `acts` the service does what was asked all the same, before it. `event`
    is called when the request has been heard."""

    kind: Kind
    acts: bool = False
    seconds: float = 0.0
    status: int = 503
    retry_after: str | None = None
    event: Callable[[], object] = lambda: None


@dataclass(frozen=True)
class Rule:
    """A fault for the requests that match, `*` and `?` in `path` (without ``/api/v1/``) standing for
    anything: the first `skip` of them go well, then `times` meet it, each with `chance`."""

    fault: Fault
    method: str = "*"
    path: str = "*"
    skip: int = 0
    times: float = 1
    chance: float = 1.0


class Throttle:
    """How much the service takes: a burst of `most` requests, and `per_second` after it."""

    def __init__(self, per_second: float, most: int) -> None:
        self._per_second = per_second
        self._most = most
        self._left = float(most)
        self._seen = time.monotonic()

    def pause(self) -> float | None:
        """Seconds after which a request may come again; None where this one may pass."""
        now = time.monotonic()
        self._left = min(self._left + (now - self._seen) * self._per_second, self._most)
        self._seen = now
        if self._left >= 1:
            self._left -= 1
            return None
        return (1 - self._left) / self._per_second


class Faults:
    """A schedule of faults. The first rule that applies is taken; `met` are the faults so far, in order.
    With a `throttle`, what comes too fast is answered 429."""

    def __init__(self, *rules: Rule, seed: int = 0, throttle: Throttle | None = None) -> None:
        self._rules = rules
        self._throttle = throttle
        self.heard = 0
        self._random = random.Random(seed)
        self._matched = [0] * len(rules)
        self._used = [0] * len(rules)
        self._lock = threading.Lock()
        self.met: list[tuple[str, str, Fault]] = []

    @classmethod
    def drawn(cls, seed: int, *, chance: float = 0.3, times: int = 6, seconds: float = 0.02) -> Self:
        """A schedule by lot: up to `times` faults of every kind but ``event``, for any request."""
        lot = random.Random(seed)
        rules = [Rule(_drawn(lot, seconds), chance=chance) for _ in range(lot.randint(1, times))]
        return cls(*rules, seed=seed)

    def meets(self, method: str, path: str) -> Fault | None:
        """The fault that a request meets, if any."""
        with self._lock:
            self.heard += 1
            if self._throttle is not None and (pause := self._throttle.pause()) is not None:
                fault = Fault("status", status=429, retry_after=str(math.ceil(pause)))
                self.met.append((method, path, fault))
                return fault
            for place, rule in enumerate(self._rules):
                if rule.method not in ("*", method) or not fnmatchcase(path, rule.path):
                    continue
                self._matched[place] += 1
                if self._matched[place] <= rule.skip or self._used[place] >= rule.times:
                    continue
                if self._random.random() < rule.chance:
                    self._used[place] += 1
                    self.met.append((method, path, rule.fault))
                    return rule.fault
        return None


def _drawn(lot: random.Random, seconds: float) -> Fault:
    kinds: Sequence[Kind] = [kind for kind in get_args(Kind) if kind != "event"]
    kind = lot.choice(kinds)
    status, retry_after = lot.choice(_STATUSES)
    if kind == "html":
        status = lot.choice((200, 502, 503))
    # A service that throttles has done nothing; one that says 200 has, only its answer may be lost.
    acts = kind in ("empty", "shape") or (status != 429 and lot.random() < 0.5)
    return Fault(
        kind,
        acts=acts,
        seconds=lot.uniform(0.5, 2) * seconds,
        status=status,
        retry_after=retry_after,
    )


_STATUSES: Sequence[tuple[int, str | None]] = [
    (429, None),
    (429, "0"),
    (500, None),
    (502, None),
    (503, None),
    (503, "0"),
    (504, None),
]
