"""The Python of a machine, and where it differs from this one."""

from __future__ import annotations

import json
import platform
import re
from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import NamedTuple

from ..api.errors import Conflict
from .failures import last_line
from .links import Link
from .remote import output, remote_path

#: Packages whose releases speak to their like only, and those whose data of another generation is not read.
SAME_RELEASE = ("dask", "distributed")
SAME_GENERATION = ("cloudpickle", "msgpack", "numpy", "pandas", "pyarrow", "toolz", "tornado")

_ASK = """
import json, sys
from importlib import metadata
found = {}
for name in %r:
    try:
        found[name] = metadata.version(name)
    except metadata.PackageNotFoundError:
        pass
print("vp-python " + json.dumps([sys.executable, "%%d.%%d" %% sys.version_info[:2], found]))
"""


class Python(NamedTuple):
    """A Python: its program, its release (``3.12``), and the packages that were asked for and are there."""

    executable: str
    release: str
    packages: Mapping[str, str]


def here(packages: Sequence[str]) -> Python:
    """This one."""
    import sys

    found = {}
    for name in packages:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    release = ".".join(platform.python_version_tuple()[:2])
    return Python(sys.executable, release, found)


def there(link: Link, interpreter: str, packages: Sequence[str]) -> Python:
    """A machine's. `interpreter` is a name, or a path in which ``~/`` is the home there.

    Raises `ConnectionFailed`, and `Conflict` where it is no Python.
    """
    status, said, complaint = output(link, _ASK % (tuple(packages),), interpreter=remote_path(interpreter))
    found = re.search(r"^vp-python (.*)$", said, re.MULTILINE)
    if status or found is None:
        raise Conflict(
            f"{link.target.label} has no Python at {interpreter} ({last_line(complaint) or status}): "
            "name another with --interpreter."
        )
    executable, release, versions = json.loads(found[1])
    if not re.fullmatch(r"/[\w./+@-]+", executable):  # it becomes a part of command lines
        raise Conflict(f"The Python of {link.target.label} is at a path that no shell can be told of safely.")
    return Python(executable, release, versions)


def differences(ours: Python, theirs: Python) -> list[str]:
    """Where two Pythons cannot work together on one Dask cluster, in words; nothing where they can."""
    found = []
    if ours.release != theirs.release:
        found.append(f"Python {theirs.release} (here {ours.release})")
    for name in SAME_RELEASE:
        has = theirs.packages.get(name)
        if has != ours.packages.get(name):
            found.append(f"{name} {has} (here {ours.packages.get(name)})" if has else f"no {name}")
    for name in SAME_GENERATION:
        mine, has = ours.packages.get(name), theirs.packages.get(name)
        if mine and has and mine.split(".")[0] != has.split(".")[0]:
            found.append(f"{name} {has} (here {mine})")
    return found


def remedy(ours: Python, machines: Sequence[str]) -> str:
    """A cell that gives machines an environment like this one."""
    wanted = " ".join(
        f"{name}=={version}"
        for name, version in ours.packages.items()
        if name in (*SAME_RELEASE, *SAME_GENERATION)
    )
    return (
        f"%%vp run {' '.join(machines)} --all-nodes\n"
        "curl -LsSf https://astral.sh/uv/install.sh | sh\n"
        f"~/.local/bin/uv venv --python {ours.release} ~/vp-env\n"
        f"~/.local/bin/uv pip install --python ~/vp-env/bin/python {wanted}"
    )
