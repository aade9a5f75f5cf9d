"""The sandbox's machines as ssh finds them: each a program of its own, confined where the system can."""

from vp_jupyter.sandbox.machines.fleet import Fleet

__all__ = ["Fleet"]
