"""What tests read and run."""

from __future__ import annotations

import json
from pathlib import Path

#: A public key whose private half nobody has.
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g test"
DATA = Path(__file__).parent / "data"


def data(name: str):
    """A body from the documentation, or one recorded from the live service."""
    return json.loads((DATA / name).read_text())
