"""The notebook's Python, which is the machines' too."""

import site
import sys
from pathlib import Path


def python() -> list[str]:
    """How it is started, without what is in the current folder."""
    return [sys.executable, "-P"]


def search_path() -> str:
    """PATH in a machine: its programs, then the system's."""
    return f"{sys.prefix}/bin:/usr/local/bin:/usr/bin:/bin"


def user_site() -> Path | None:
    """Where `pip install --user` has put packages, if this Python looks there."""
    found = Path(site.getusersitepackages())
    return found if site.ENABLE_USER_SITE and found.is_dir() else None


def variables() -> dict[str, str]:
    """What must be in its environment."""
    return {} if user_site() is None else {"PYTHONUSERBASE": site.getuserbase()}
