"""Cloud-init scripts: the service's own check of them."""

from __future__ import annotations

from .records import Validation
from .resource import Resource, hidden
from .secret import Secret
from .transport import Credential


class CloudInit(Resource):
    """``/validate/cloudinit``. Needs no key."""

    credential = Credential.NONE

    def validate(self, content: str | Secret, *, type: str = "instant-vm") -> Validation:
        """What the service says of a script; `type` is instant-vm, vm or baremetal."""
        content = hidden(content)
        body = {"type": type, "content": content}
        return self._change("POST", "validate/cloudinit", Validation, body=body, done=None)
