"""The organization that the key belongs to, and its SSH keys."""

from __future__ import annotations

from collections.abc import Iterable

from .address import route
from .records import Organization, SshKey
from .resource import Resource, gone
from .transport import Credential


class Organizations(Resource):
    """``/organization``"""

    def get(self) -> Organization:
        """The organization's id, name and billing addresses."""
        return self._read("organization", Organization)

    def notify(self, emails: Iterable[str]) -> Organization:
        """Replace the addresses that billing notices go to."""
        body = {"billing_notification_target_emails": [*emails]}
        return self._change("PATCH", "organization", Organization, body=body)


class SshKeys(Resource):
    """``/organization/ssh-keys``: public keys that deploys can name. A change does not reach machines that
    are already there."""

    credential = Credential.BOTH

    def list(self) -> list[SshKey]:
        """Every key of the organization."""
        return self._pages("organization/ssh-keys", SshKey)

    def add(self, name: str, content: str) -> SshKey:
        """Add a public key under a unique name (3 to 64 letters, digits, hyphens, spaces). Raises `Conflict`
        where the name is taken."""

        def look() -> SshKey | None:
            same = (key for key in self.list() if (key.name, key.content) == (name, content))
            return next(same, None)

        body = {"name": name, "content": content}
        return self._create("organization/ssh-keys", SshKey, body=body, look=look, what=f"a key {name!r}")

    def delete(self, id: str) -> None:
        """Remove a key."""
        self._change("DELETE", route("organization", "ssh-keys", id), done=gone)
