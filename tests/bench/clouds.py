"""Sandboxes of a chosen size, in a process of their own, and the shell that looks at them."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import NamedTuple

from vp_jupyter.sandbox import Sandbox
from vp_jupyter.sandbox.faults import Fault, Faults, Rule
from vp_jupyter.sandbox.ledger import Charge, Instance


class Cloud(NamedTuple):
    """Where a sandbox is."""

    base_url: str
    api_key: str

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "VP_BASE_URL": self.base_url, "VP_API_KEY": self.api_key}

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.api_key}"}


@contextlib.contextmanager
def cloud(*, machines: int = 20, lines: int = 0, latency: float = 0.0) -> Iterator[Cloud]:
    """A sandbox with so many machines and so many further lines in its last twelve months, each of whose
    answers takes `latency` seconds longer."""
    command = [sys.executable, "-m", "tests.bench.clouds", str(machines), str(lines), str(latency)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield Cloud(*process.stdout.readline().split())
        assert process.stdin is not None
        process.stdin.close()


def furnish(sandbox: Sandbox, machines: int, lines: int) -> None:
    """Bring a sandbox to a size."""
    books = sandbox.cloud
    world = books.world
    with books.lock:
        preset = next(iter(books.catalog.presets))
        for place, node in enumerate(books.catalog.hostnodes.values()):
            node.let, node.ports = -10 * machines, range(20_000 + 1000 * place, 21_000 + 1000 * place)
        world.ledger.pay_in(world.new_id(), "stripe_deposit", Decimal(10_000_000), books.now())
        while len(books.vms.all()) + len(books.rentals.all()) < machines:
            books.vms.launch(preset, f"machine-{len(books.vms.all())}", tags=["team:a"])
        now, subjects = books.now(), [world.new_id() for _ in range(500)]
        for number in range(lines):
            begin = now - timedelta(days=334) * ((number + 0.5) / lines) - timedelta(hours=2)
            end = begin + timedelta(hours=1, milliseconds=number)
            life = Instance(world.new_id(), "virtual_machine", subjects[number % len(subjects)], begin, end)
            rate = Decimal(number % 977 + 1) / 1_000_000
            world.ledger.entries.append(Charge(life, rate, begin, end))


def main() -> None:
    machines, lines, latency = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    with Sandbox(seed=7, months=1, time_scale=0) as sandbox:
        furnish(sandbox, machines, lines)
        if latency:
            sandbox.faults = Faults(Rule(Fault("late", seconds=latency), times=float("inf")))
        print(sandbox.base_url, sandbox.api_key, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
