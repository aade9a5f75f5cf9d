"""Writing files that matter: whole or not at all, and for whom they are meant."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path


def write(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Put `content` into a file in one step; one that is there keeps its permissions and its place behind a
    link, a new one gets `mode`. Raises `OSError`."""
    path = path.resolve()
    with contextlib.suppress(FileNotFoundError):
        mode = path.stat().st_mode & 0o7777
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, made = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(made).chmod(mode)
        Path(made).replace(path)
    except BaseException:
        Path(made).unlink(missing_ok=True)
        raise
