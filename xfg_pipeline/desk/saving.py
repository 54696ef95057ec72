"""One way to save typed pivots, for the API and for the form: the book's refusals as answers of the desk."""

from __future__ import annotations

from xfg_pipeline.desk.access import Identity
from xfg_pipeline.desk.desk_room import Room
from xfg_pipeline.desk.errors import ApiError
from xfg_pipeline.desk.formats import price_text
from xfg_pipeline.desk.parameters import ManualLevels, body_sha256
from xfg_pipeline.levels.vocabulary import label_of
from xfg_pipeline.resources.level_book import (
    Idempotency,
    IdempotencyConflict,
    LostUpdate,
    PivotsRefused,
    PivotsSaved,
    TooFarAhead,
    UnknownSymbol,
)


def save_pivots(
    room: Room, identity: Identity, body: ManualLevels, *, match: str | None, key: str | None
) -> PivotsSaved:
    """Save, or raise ApiError 409 or 422 with a sentence a field. Nothing is saved in part."""
    idempotency = None
    if key is not None:
        idempotency = Idempotency(identity.username, "manual-levels", key, body_sha256(body))
    try:
        return room.level_book.enter_pivots(
            body.symbol,
            body.trading_date,
            body.levels.named(),
            by=identity.username,
            if_match=match,
            idempotency=idempotency,
        )
    except UnknownSymbol:
        allowed = ", ".join(room.rules.allowed_symbols)
        raise ApiError(422, "refused", fields={"symbol": f"is unknown; known here: {allowed}"}) from None
    except TooFarAhead as closed:
        raise ApiError(422, "refused", f"Nothing was saved: {closed}.", {"trading_date": str(closed)}) from None
    except PivotsRefused as refused:
        message = "Nothing was saved. " + " ".join(
            f"{label_of(name)}: {sentence}{'' if sentence.endswith('?') else '.'}"
            for name, sentence in refused.fields.items()
        )
        raise ApiError(422, "refused", message.strip(), refused.fields) from None
    except LostUpdate as lost:
        typed = body.levels.named()
        differing = {
            name: f"is now {price_text(now, room.rules.tick(body.symbol))}" if now is not None else "was removed"
            for name in typed
            if (now := lost.current.get(name)) != typed[name]
        }
        raise ApiError(
            409,
            "lost_update",
            "Somebody else saved these levels meanwhile. Nothing of yours was saved.",
            differing,
            headers={"ETag": lost.etag},
            extra={"current": dict(lost.current), "etag": lost.etag},
        ) from None
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
