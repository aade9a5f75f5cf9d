"""SSH public keys: what counts as one, and those the organization has registered."""

import base64
import binascii
import hashlib
import random
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from vp_jupyter.sandbox.refusals import Conflict, Unacceptable, Unknown
from vp_jupyter.sandbox.world import World

# How many fields the blob of each type has, its own name included (RFC 4253, 5656, 8709; PROTOCOL.u2f).
_FIELDS = {
    "ssh-ed25519": 2,
    "ssh-rsa": 3,
    "ecdsa-sha2-nistp256": 3,
    "ecdsa-sha2-nistp384": 3,
    "ecdsa-sha2-nistp521": 3,
    "sk-ssh-ed25519@openssh.com": 3,
    "sk-ecdsa-sha2-nistp256@openssh.com": 4,
}


def check_public_key(text: str) -> str:
    """The key without surrounding blanks; ValueError, with the reason, where it is none."""
    key = text.strip()
    words = key.split(None, 2)
    if len(words) < 2 or words[0] not in _FIELDS or any(ord(c) < 32 and c != "\t" for c in key):
        raise ValueError("not one OpenSSH public key such as 'ssh-ed25519 AAAA... comment'")
    kind, blob = words[:2]
    # The documentation's own example is shortened with dots, and programs copy it: half a key will do there.
    shortened = blob.endswith("...")
    encoded = blob.rstrip(".")
    if shortened:
        encoded = encoded[: len(encoded) // 4 * 4]
    try:
        fields = _fields(base64.b64decode(encoded, validate=True), complete=not shortened)
    except (binascii.Error, ValueError):
        raise ValueError(f"the base64 part is not an {kind} key: it is damaged or cut off") from None
    if not fields or fields[0] != kind.encode() or (not shortened and len(fields) != _FIELDS[kind]):
        raise ValueError(f"it says {kind}, but its base64 part holds something else")
    if kind == "ssh-ed25519" and not shortened and len(fields[1]) != 32:
        raise ValueError("an ssh-ed25519 key has 32 bytes")
    return key


def _fields(blob: bytes, *, complete: bool) -> list[bytes]:
    """The length-prefixed strings of a key blob; a half blob may end inside one."""
    fields = []
    while blob:
        length = int.from_bytes(blob[:4], "big")
        if len(blob) < 4 + length:
            if complete:
                raise ValueError("cut off")
            break
        fields.append(blob[4 : 4 + length])
        blob = blob[4 + length :]
    return fields


@dataclass
class SSHKey:
    id: UUID
    name: str
    content: str


@dataclass(frozen=True)
class Selection:
    """Which of the organization's keys a deploy takes: all, or those with these ids."""

    all: bool = False
    ids: tuple[UUID, ...] = ()


class KeyRing:
    """The keys registered with the organization."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._keys: dict[UUID, SSHKey] = {}

    def all(self) -> list[SSHKey]:
        return [*self._keys.values()]

    def add(self, name: str, content: str) -> SSHKey:
        if any(key.name == name for key in self._keys.values()):
            raise Conflict(f"An SSH key named {name!r} exists already.")
        key = SSHKey(self._world.new_id(), name, check_public_key(content))
        self._keys[key.id] = key
        return key

    def remove(self, id: UUID) -> None:
        if self._keys.pop(id, None) is None:
            raise Unknown("SSH key not found.")

    def authorize(self, selection: Selection, further: Iterable[str] = ()) -> tuple[str, ...]:
        """The public keys that a new machine lets in."""
        missing = [str(id) for id in selection.ids if id not in self._keys]
        if missing:
            raise Unacceptable(f"Unknown ssh_key_ids: {', '.join(missing)}.")
        chosen = self._keys.values() if selection.all else [self._keys[id] for id in selection.ids]
        return tuple(dict.fromkeys([*(key.content for key in chosen), *further]))


def seeded_key(rng: random.Random, comment: str) -> str:
    """A real ed25519 public key, the same for the same chance. Nobody has its private half at hand."""
    public = _ed25519_public(rng.randbytes(32))
    blob = b"".join(len(part).to_bytes(4, "big") + part for part in (b"ssh-ed25519", public))
    return f"ssh-ed25519 {base64.b64encode(blob).decode()} {comment}"


def _ed25519_public(secret: bytes) -> bytes:
    """RFC 8032, 5.1.5, in affine coordinates: slow, and enough for three keys without a dependency."""
    p = 2**255 - 19
    d = -121665 * pow(121666, -1, p) % p
    y = 4 * pow(5, -1, p) % p
    x2 = (y * y - 1) * pow(d * y * y + 1, -1, p) % p
    x = pow(x2, (p + 3) // 8, p)
    if (x * x - x2) % p:
        x = x * pow(2, (p - 1) // 4, p) % p
    base = (x if x % 2 == 0 else p - x, y)

    def add(a: tuple[int, int], b: tuple[int, int]) -> tuple[int, int]:
        t = d * a[0] * b[0] * a[1] * b[1] % p
        return (
            (a[0] * b[1] + a[1] * b[0]) * pow(1 + t, -1, p) % p,
            (a[1] * b[1] + a[0] * b[0]) * pow(1 - t, -1, p) % p,
        )

    scalar = int.from_bytes(hashlib.sha512(secret).digest()[:32], "little")
    scalar = (scalar & ((1 << 254) - 8)) | (1 << 254)
    point = (0, 1)
    for bit in range(scalar.bit_length() - 1, -1, -1):
        point = add(point, point)
        if scalar >> bit & 1:
            point = add(point, base)
    return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")
