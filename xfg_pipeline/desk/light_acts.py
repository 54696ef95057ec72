"""One way to pause and to acknowledge, for the API and for the forms: the book's refusals as answers of the desk."""

from __future__ import annotations

from dataclasses import asdict
from typing import Literal

from xfg_pipeline.desk.access import Identity
from xfg_pipeline.desk.desk_room import Room
from xfg_pipeline.desk.errors import ApiError
from xfg_pipeline.desk.parameters import ReasonGiven, body_sha256
from xfg_pipeline.resources.level_book import Idempotency, IdempotencyConflict
from xfg_pipeline.resources.light_book import Acted, NotAcknowledged, ReasonRefused

Act = Literal["pause", "acknowledge"]


def act(room: Room, identity: Identity, action: Act, reason: str, *, key: str | None = None) -> Acted:
    """Do it, or raise ApiError 409 with what is still red, or 422 for a reason that cannot be kept."""
    book, idempotency = room.light_book, None
    do = book.pause if action == "pause" else book.acknowledge
    try:
        if key is not None:
            digest = body_sha256(ReasonGiven(reason=reason))
            idempotency = Idempotency(identity.username, f"status-{action}", key, digest)
        return do(identity.username, reason, idempotency)
    except ReasonRefused as refused:
        raise ApiError(422, fields={"reason": str(refused)}) from None
    except NotAcknowledged as standing:
        code = "still_red" if standing.triggers else "not_red"
        triggers = [asdict(trigger) for trigger in standing.triggers]
        raise ApiError(409, code, f"Nothing was changed. {standing}", extra={"triggers": triggers}) from None
    except IdempotencyConflict as conflict:
        if conflict.kind == "in_flight":
            raise ApiError(
                409, "in_flight", "The same call is being worked on. Ask again.", headers={"Retry-After": "1"}
            ) from None
        raise ApiError(
            422,
            "idempotency_key_reused",
            "This Idempotency-Key came before with another body.",
            {"Idempotency-Key": "was used with another body"},
        ) from None
