"""Commands about SSH keys."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from .. import tables
from ..actions.keys import listed, public_key
from ..api.naming import pick
from ..cards import Note
from ..formats import short_id
from ..session import Session
from ..views import Column, Table
from .dialogue import confirm
from .grammar import YES, arg, command

GROUP = "SSH keys"


@command("keys", group=GROUP)
def keys(session: Session, args: Namespace) -> Any:
    """The organization's public SSH keys, which a launch can give to a machine."""
    frame = tables.ssh_keys(listed(session))
    columns = [
        Column("name", "name"),
        Column("type", "type"),
        Column("comment", "comment"),
        Column("id", "id", short_id),
    ]
    return Table.of(
        frame, columns, caption=f"{len(frame)} keys." if len(frame) else "No keys yet: %vp keys add NAME."
    )


@command(
    "keys add",
    arg("name", help="3 to 64 letters, digits, hyphens, spaces"),
    arg("key", nargs="?", help="a public key file or the key itself; without it the usual one of ~/.ssh"),
    group=GROUP,
)
def add(session: Session, args: Namespace) -> Any:
    """Add a public key, from a file or as text. Machines that are already there do not get it."""
    with session.changing():
        added = session.client.ssh_keys.add(args.name, public_key(args.key))
    return Note(f"Added the key {added.name}; machines launched from now on can have it.")


@command("keys rm", arg("name", live="keys", help="name or id"), YES, group=GROUP)
def remove(session: Session, args: Namespace) -> Any:
    """Remove a public key. Machines that have it keep it."""
    key = pick(args.name, listed(session), "SSH key")
    confirm(session, f"Remove the SSH key {key.name}?", yes=args.yes)
    with session.changing():
        session.client.ssh_keys.delete(key.id)
    return Note(f"Removed the key {key.name}; machines that have it keep it.")
