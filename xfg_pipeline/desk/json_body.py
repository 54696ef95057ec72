"""A JSON body, read strictly: exact numbers, no key twice, no NaN; what is wrong is told as 4xx."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from xfg_pipeline.desk.errors import ApiError

M = TypeVar("M", bound=BaseModel)

BODY = "body"


class _RefusedError(ValueError):
    pass


def parse_json(raw: bytes) -> Any:
    """The value of a JSON text. All numbers are Decimal, so that a price is what was written.

    Raises ApiError 422 for text that is no JSON, is not UTF-8, repeats a key, holds NaN, Infinity or a
    number of absurd size, or is nested too deeply.
    """
    try:
        return json.loads(
            raw.decode("utf-8"),
            parse_float=_number,
            parse_int=_number,
            parse_constant=_no_constant,
            object_pairs_hook=_object,
        )
    except UnicodeDecodeError:
        _refuse("is not UTF-8 text")
    except RecursionError:
        _refuse("is nested too deeply")
    except _RefusedError as refused:
        _refuse(str(refused))
    except ValueError as invalid:
        where = f" (line {invalid.lineno}, column {invalid.colno})" if isinstance(invalid, json.JSONDecodeError) else ""
        _refuse(f"is not JSON{where}")


def _refuse(reason: str) -> NoReturn:
    raise ApiError(422, "invalid_json", f"The body {reason}. Nothing was saved.", {BODY: reason})


def _number(text: str) -> Decimal:
    if len(text) > 64:
        raise _RefusedError("holds a number of more than 64 characters")
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise _RefusedError("holds a number that cannot be read") from None
    if not number.is_finite() or abs(number.adjusted()) > 100:
        raise _RefusedError("holds a number of absurd size")
    return number


def _no_constant(text: str) -> NoReturn:
    raise _RefusedError(f"holds {text}, which is no number")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _RefusedError(f"holds the key {json.dumps(key[:80])} twice")
        found[key] = value
    return found


def json_body(model: type[M]) -> Callable[[Request], Awaitable[M]]:
    """A dependency that gives the body as `model`, or raises 415 or 422 with one entry a field."""

    async def read(request: Request) -> M:
        content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if content_type != "application/json" and not content_type.endswith("+json"):
            raise ApiError(415)
        parsed = parse_json(await request.body())
        try:
            return model.model_validate(parsed, strict=True)
        except ValidationError as invalid:
            raise ApiError(422, fields=field_errors(invalid.errors(include_url=False))) from None

    return read


def field_errors(errors: list[Any]) -> dict[str, str]:
    """Pydantic's findings as bare field name to sentence; what was sent is not echoed."""
    fields: dict[str, str] = {}
    for error in errors:
        names = [str(part) for part in error["loc"] if str(part) not in {"body", "query", "path", "header"}]
        name = printable(names[-1]) if names else BODY
        fields.setdefault(name, _sentence(error))
    return fields


def _sentence(error: Any) -> str:
    kind, context = str(error["type"]), error.get("ctx", {})
    if kind == "value_error":
        return str(context.get("error", error["msg"]))
    told = {
        "missing": "is missing",
        "extra_forbidden": "is not known here",
        "decimal_type": "must be a number",
        "is_instance_of": "must be a number",
        "string_type": "must be text",
        "model_type": "must be an object",
        "model_attributes_type": "must be an object",
        "dict_type": "must be an object",
    }
    return told.get(kind) or str(error["msg"]).replace("Input should be", "must be")


def printable(text: str, limit: int = 80) -> str:
    """Foreign text that can be put into an answer: no control characters, no lone surrogates, not endless."""
    safe = text.encode("utf-8", "replace").decode("utf-8")
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in safe)[:limit]
