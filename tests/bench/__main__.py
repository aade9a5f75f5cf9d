"""`python -m tests.bench`: a table of how fast it is, each figure against another that is taken beside it."""

from __future__ import annotations

import os
import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import version

from tests.bench import measures

MEASURES = {
    measure.__name__: measure
    for measure in (
        measures.loading,
        measures.first_listing,
        measures.warm_listing,
        measures.round_trips,
        measures.decoding,
        measures.remembering,
        measures.grouping,
        measures.refreshing,
        measures.completing,
    )
}


def main() -> int:
    """Print the table as Markdown; the exit status tells whether every row is met."""
    wanted = sys.argv[1:] or [*MEASURES]
    if unknown := {*wanted} - {*MEASURES}:
        sys.exit(f"{', '.join(sorted(unknown))}: measured are {', '.join(MEASURES)}.")
    names = ("pandas", "pyarrow", "msgspec", "httpx", "ipython")
    packages = ", ".join(f"{name} {version(name)}" for name in names)
    computer = f"{os.cpu_count()} cores, {platform.system()}"
    print(f"{datetime.now(UTC):%Y-%m-%d}, {computer}, Python {platform.python_version()}, {packages}\n")
    print("| What | Against | Measured | Must reach | |\n|---|---|---|---|---|")
    met = True
    for name in wanted:
        for row in MEASURES[name]():
            met = met and row.met
            cells = (row.what, row.against, row.measured, row.target, "yes" if row.met else "NO")
            print(f"| {' | '.join(cells)} |", flush=True)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
