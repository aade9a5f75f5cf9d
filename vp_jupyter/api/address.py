"""Where the service is: its base address and the paths below it."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from .errors import InvalidRequest

DEFAULT_BASE_URL = "https://cloud-api.voltagepark.com/api/v1"


def checked_base_url(base_url: str) -> str:
    """The service's address without its last slash, with ``/api/v1`` added where it has no path.

    Raises `InvalidRequest` where the key would travel unencrypted, or the address is none.
    """
    parts = urlsplit(base_url.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidRequest(f"VP_BASE_URL must be an https address, not {base_url!r}.")
    if parts.username or parts.password:
        raise InvalidRequest("VP_BASE_URL must not carry a user name or password.")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise InvalidRequest(
            f"The key would travel unencrypted to {parts.hostname}: use https; http is for this computer."
        )
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/') or '/api/v1'}"


def is_loopback(host: str | None) -> bool:
    """Whether a host name means this computer."""
    return host in ("localhost", "::1") or (host or "").startswith("127.")


def route(*parts: str) -> str:
    """A path from its parts, each quoted; an empty part, or one of dots, would name another resource.

    Raises `InvalidRequest` for such a part.
    """
    for part in parts:
        if not part.strip("."):
            raise InvalidRequest(f"{'/'.join(parts)!r} names nothing: an id is missing.")
    return "/".join(quote(part, safe="", errors="replace") for part in parts)
