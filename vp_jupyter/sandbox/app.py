"""The FastAPI application over a cloud."""

import json
import math
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.responses import Response

from vp_jupyter.sandbox import (
    routes_account,
    routes_billing,
    routes_market,
    routes_metal,
    routes_vms,
)
from vp_jupyter.sandbox.cloud import Cloud
from vp_jupyter.sandbox.door import Door
from vp_jupyter.sandbox.refusals import Refused

PREFIX = "/api/v1"


def create_api(cloud: Cloud) -> FastAPI:
    api = FastAPI(
        title="Voltage Park On-Demand API (sandbox)",
        version="1",
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=f"{PREFIX}/docs",
        redoc_url=None,
        strict_content_type=False,  # a JSON body needs no Content-Type
    )
    api.state.cloud = cloud
    # The first route that matches is taken: fixed paths (market) stand before those with an id in them.
    for router in (
        routes_market.open_routes,
        routes_market.key_routes,
        routes_vms.routes,
        routes_metal.routes,
        routes_billing.routes,
        routes_account.routes,
    ):
        api.include_router(router, prefix=PREFIX)
    api.add_exception_handler(Refused, _refused)
    api.add_exception_handler(RequestValidationError, _invalid)
    return api


def create_app(cloud: Cloud, settle: Callable[[], None] = lambda: None) -> Door:
    """What the server serves: the API behind its door. `settle` makes the machines follow the cloud."""
    return Door(create_api(cloud), cloud.now, settle)


def _json(status: int, content: Any) -> Response:
    # ASCII, so that whatever strange text a caller sent can be quoted back to them.
    return Response(json.dumps(content), status, media_type="application/json")


async def _refused(request: Request, refusal: Exception) -> Response:
    status = refusal.status if isinstance(refusal, Refused) else 400
    return _json(status, {"detail": str(refusal)})


async def _invalid(request: Request, invalid: Exception) -> Response:
    """FastAPI's own 422, save that `input` is only quoted where it is short and plain: echoing a whole
    body would send back passwords, a megabyte of name, or what JSON cannot carry."""
    errors = invalid.errors() if isinstance(invalid, RequestValidationError) else ()
    return _json(422, {"detail": [_error(error) for error in errors]})


def _error(error: dict[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = {"type": error["type"], "loc": list(error["loc"]), "msg": error["msg"]}
    if _quotable(error.get("input")):
        shown["input"] = error["input"]
    if "ctx" in error:
        shown["ctx"] = {
            key: value if _quotable(value) else str(value)[:200] for key, value in error["ctx"].items()
        }
    return shown


def _quotable(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return len(value) <= 100 if isinstance(value, str) else isinstance(value, int) and abs(value) < 10**100
