"""Commands about SSH keys."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .. import tables
from ..api.naming import called, pick
from ..api.records import SshKey
from ..formats import short_id
from ..refused import Refused
from ..session import Session
from ..views import Column, Note, Table
from .dialogue import confirm
from .grammar import YES, arg, command

GROUP = "SSH keys"

_USUAL = ("id_ed25519.pub", "id_ecdsa.pub", "id_rsa.pub")  # in ~/.ssh, best first


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
    added = session.client.ssh_keys.add(args.name, public_key(args.key))
    session.changed()
    return Note(f"Added the key {added.name}; machines launched from now on can have it.")


@command("keys rm", arg("name", live="keys", help="name or id"), YES, group=GROUP)
def remove(session: Session, args: Namespace) -> Any:
    """Remove a public key. Machines that have it keep it."""
    key = pick(args.name, listed(session), "SSH key")
    confirm(session, f"Remove the SSH key {key.name}?", yes=args.yes)
    session.client.ssh_keys.delete(key.id)
    session.changed()
    return Note(f"Removed the key {key.name}; machines that have it keep it.")


def listed(session: Session) -> Sequence[SshKey]:
    """The organization's keys now."""
    return session.seen("keys", fetch=lambda client: client.ssh_keys.list(), max_age=0)


def public_key(source: str | None) -> str:
    """The text of a public key, from a file, from the text itself or from the usual file of ~/.ssh.

    Raises `Refused` where there is none, and where it is a private key, which is not sent anywhere.
    """
    if source and source.startswith(("ssh-", "ecdsa-", "sk-")):
        return source.strip()
    if source:
        path = Path(source).expanduser()
    else:
        usual = [Path.home() / ".ssh" / name for name in _USUAL]
        path = next((path for path in usual if path.is_file()), usual[0])
    try:
        content = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise Refused(f"There is no public key at {path}; ssh-keygen -t ed25519 makes one.") from None
    if "PRIVATE KEY" in content:
        raise Refused(f"{path} is a private key, which is not sent anywhere; give the one that ends in .pub.")
    return content


def for_launch(known: Sequence[SshKey], choices: Sequence[str]) -> tuple[str | list[str], list[str], str]:
    """What a deploy is told of keys: which of the organization's, further ones as text, and both in words.

    A choice is ``all``, ``none``, the name of one of the organization's keys, or a public key (file).
    """
    if list(choices) == ["none"]:
        return "none", [], "none: only the service's own console will reach it"
    if list(choices) == ["all"]:
        if not known:
            raise Refused("There is no SSH key for the new machine: %vp keys add NAME, or --key FILE.")
        return "all", [], ", ".join(map(called, known))
    ids, texts, names = [], [], []
    for choice in choices:
        if choice.startswith(("ssh-", "ecdsa-", "sk-")) or Path(choice).expanduser().is_file():
            texts.append(public_key(choice))
            names.append(Path(choice).name if " " not in choice else "the key given")
        else:
            key = pick(choice, known, "SSH key")
            ids.append(key.id)
            names.append(called(key))
    return ids, texts, ", ".join(names)
