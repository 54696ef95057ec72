"""The OpenAPI description, made true: the ways to log in, and the body that routes read themselves."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from xfg_pipeline.desk.parameters import ManualLevels, ReasonGiven

PUBLIC = ("/healthz", "/readyz")


def describe(app: FastAPI) -> None:
    """Replace `app.openapi` by one that also knows bodies, logins and public paths."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _described(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # the way that FastAPI documents


def _described(app: FastAPI) -> dict[str, Any]:
    found = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        routes=app.routes,
        description=(
            "Dates are trading dates, prices are numbers, errors have one shape. Log in with HTTP Basic, "
            "a Bearer token (XFG_API_TOKEN) or the session cookie of the desk."
        ),
    )
    components: dict[str, Any] = found.setdefault("components", {})
    schemas: dict[str, Any] = components.setdefault("schemas", {})
    bodies = [(ManualLevels, "validation"), (ReasonGiven, "validation")]
    _, own = models_json_schema(bodies, ref_template="#/components/schemas/{model}")  # type: ignore[arg-type]
    schemas.update(own["$defs"])
    # FastAPI describes its own shape of 422, which the desk never answers with.
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    components["securitySchemes"] = {
        "basic": {"type": "http", "scheme": "basic"},
        "bearer": {"type": "http", "scheme": "bearer"},
        "session": {"type": "apiKey", "in": "cookie", "name": "xfg_session"},
    }
    found["security"] = [{"basic": []}, {"bearer": []}, {"session": []}]
    for path, methods in found["paths"].items():
        if path.endswith(PUBLIC):
            for call in methods.values():
                call["security"] = []
    return found
