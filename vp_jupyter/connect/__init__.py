"""From a machine's record to a connection."""

from .failures import failure
from .links import Link, Links
from .ssh import Ssh
from .target import Target, target, targets

__all__ = ["Link", "Links", "Ssh", "Target", "failure", "target", "targets"]
