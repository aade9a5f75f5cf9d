"""A local Voltage Park: the same HTTP API on loopback, with a seeded past and a clock that can be hurried."""

try:
    import fastapi  # noqa: F401
    import uvicorn  # noqa: F401
except ImportError as missing:
    raise ImportError(
        f'The sandbox needs {missing.name}: pip install "vp_jupyter[demo]".', name=missing.name
    ) from None

from vp_jupyter.sandbox.server import Sandbox

__all__ = ["Sandbox"]
