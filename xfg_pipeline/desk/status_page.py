"""The light's page: whether to trade, why, what it rests on, and the two things that a person may do about it."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from xfg_pipeline.desk.access import Identity
from xfg_pipeline.desk.account_view import account_lines, position_rows, reconciled_days
from xfg_pipeline.desk.desk_room import Room, RoomOf
from xfg_pipeline.desk.errors import ApiError
from xfg_pipeline.desk.figures import money, utc_time
from xfg_pipeline.desk.light_acts import Act, act
from xfg_pipeline.desk.light_rules_view import Known, health_rows, rule_rows
from xfg_pipeline.desk.light_strip import strip_of
from xfg_pipeline.desk.light_view import NOT_ON_PROBATION, is_old, label_of, lamp_of, panel_of
from xfg_pipeline.desk.metric_cards import JUDGED, cards_of
from xfg_pipeline.desk.pages import page
from xfg_pipeline.desk.parameters import caller, writer
from xfg_pipeline.resources.light_book import EVIDENCES, LONGEST_REASON
from xfg_pipeline.resources.shown_light import ShownLight

router = APIRouter(include_in_schema=False)

STRIP_DAYS = 30
SHOWN_ACTIONS, SHOWN_DAYS = 6, 7
_DONE = {
    "pause": "Paused. It stays red until somebody acknowledges.",
    "acknowledge": "Acknowledged. It is in the audit log.",
}
_LATER = " The light could not be evaluated just now; the next slot does."


@router.get("/status")
def status_page(request: Request, room: RoomOf, identity: Annotated[Identity, Depends(caller)]) -> Response:
    query = request.query_params
    return _render(request, room, identity, reason=query.get("reason", "")[:LONGEST_REASON], done=query.get("done", ""))


@router.post("/status/pause")
async def pause(request: Request, room: RoomOf) -> Response:
    return await _acted(request, room, "pause")


@router.post("/status/acknowledge")
async def acknowledge(request: Request, room: RoomOf) -> Response:
    return await _acted(request, room, "acknowledge")


async def _acted(request: Request, room: Room, action: Act) -> Response:
    async with request.form(max_files=0, max_fields=4) as form:
        reason = str(form.get("reason") or "")
    identity = getattr(request.state, "identity", None)
    if identity is None:
        # The login has ended: nothing is done, and what was typed comes back.
        target = f"/status?{urlencode({'reason': reason[:LONGEST_REASON]})}"
        return RedirectResponse(f"/login?{urlencode({'next': target})}", 303)
    return await run_in_threadpool(_act, request, room, writer(identity), action, reason)


def _act(request: Request, room: Room, identity: Identity, action: Act, reason: str) -> Response:
    try:
        done = act(room, identity, action, reason)
    except ApiError as refused:
        if refused.status_code not in {409, 422}:
            raise
        told = refused.fields.get("reason")
        says = f"Nothing was changed: the reason {told}." if told else refused.message
        return _render(request, room, identity, reason=reason, refusal=says, refused=action, status=refused.status_code)
    word = action if done.evaluated else f"{action}-later"
    return RedirectResponse(f"/status?done={word}#act", 303)


def _render(
    request: Request,
    room: Room,
    identity: Identity,
    *,
    reason: str = "",
    refusal: str = "",
    refused: str = "",
    done: str = "",
    status: int = 200,
) -> Response:
    light, performance = room.light_book, room.performance_book
    as_of = light.moment()
    shown = light.now(as_of)
    snapshot = performance.snapshot(as_of)
    state = performance.account_state()
    marks: dict[str, str] = {trigger.rule: trigger.status for trigger in reversed(shown.decision.triggers)}
    if "probation" in marks:
        marks = dict.fromkeys(NOT_ON_PROBATION, "none") | marks
    if is_old(shown):
        marks = dict.fromkeys(JUDGED, "none")
    full = [row for row in performance.by_type(as_of) if row["is_failing"] is not None]
    failing = sum(row["is_failing"] for row in full) if full else None
    known = Known(snapshot or {}, light.volatility(as_of), (failing, len(full)))
    word, _, later = done.partition("-")
    values: dict[str, Any] = {
        "panel": panel_of(shown),
        "shown": shown,
        "strip": strip_of(light.days(STRIP_DAYS, as_of)),
        "sides": [(name, lamp_of(shown.lights[name]), _rules_now(shown, name)) for name in EVIDENCES],
        "rules": rule_rows(shown, light.thresholds, known),
        "cards": cards_of(snapshot, light.thresholds, marks) if snapshot else [],
        "snapshot_at": utc_time(snapshot["snapshot_time"], as_of) if snapshot else "",
        "health": health_rows(shown),
        "health_at": utc_time(shown.row["evaluated_at"], as_of) if shown.row else "",
        "account": light.account,
        "equity": money(state.equity["equity"], sign=False) if state.equity else "",
        "equity_at": utc_time(state.equity["at"], as_of) if state.equity else "",
        "lines": account_lines(state, as_of, light.mode),
        "positions": position_rows(state.positions),
        "were_read": state.equity is not None,
        "reconciled": reconciled_days(performance.reconciliations(SHOWN_DAYS)),
        "actions": [
            (utc_time(row["at"], as_of), row["action"], row["who"], row["reason"])
            for row in light.actions(SHOWN_ACTIONS)
        ],
        "standing": [label_of(trigger.rule) for trigger in shown.standing],
        "reason": reason,
        "longest": LONGEST_REASON,
        "refusal": refusal,
        "refused": refused,
        "says": _DONE.get(word, "") + (_LATER if later and word in _DONE else ""),
        "may_write": identity.may_write,
    }
    return page(request, room, identity, "status.html", values, status=status)


def _rules_now(shown: ShownLight, name: str) -> bool:
    return shown.row is not None and shown.row["evidence"] == name
