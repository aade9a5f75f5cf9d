"""Which SSH keys a machine is launched with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..api.naming import called, pick
from ..api.records import SshKey
from ..refused import Refused
from ..session import Session

_USUAL = ("id_ed25519.pub", "id_ecdsa.pub", "id_rsa.pub")  # in ~/.ssh, best first


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
