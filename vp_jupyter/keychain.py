"""The API key in the system's keyring, where there is one that encrypts."""

from __future__ import annotations

from typing import Any

from .api import Secret

SERVICE = "vp_jupyter"


def load(base_url: str) -> Secret | None:
    """The key saved for a service; None where there is none, or no keyring that can be asked."""
    backend = _backend()
    if backend is None:
        return None
    try:
        key = backend.get_password(SERVICE, base_url)
    except Exception:  # backends raise what their platform raises
        return None
    return Secret(key) if key else None


def save(base_url: str, key: Secret) -> bool:
    """Keep a key; False where there is no keyring that encrypts."""
    backend = _backend()
    if backend is None:
        return False
    try:
        backend.set_password(SERVICE, base_url, key.reveal())
    except Exception:
        return False
    return True


def forget(base_url: str) -> bool:
    """Delete the key saved for a service; False where none was."""
    backend = _backend()
    if backend is None or load(base_url) is None:
        return False
    try:
        backend.delete_password(SERVICE, base_url)
    except Exception:
        return False
    return True


def _backend() -> Any:
    """The keyring in use; None where it is none, or one of those that write plain files."""
    import keyring

    try:
        backend = keyring.get_keyring()
        trusted = backend.priority >= 1  # keyring's own measure: below 1 is not recommended
    except Exception:
        return None
    plain = type(backend).__module__.startswith(
        ("keyring.backends.fail", "keyring.backends.null", "keyrings.alt")
    )
    return backend if trusted and not plain else None
