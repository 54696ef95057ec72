"""What holds a light from one evaluation to the next, and its form as JSON."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from xfg_pipeline.trading.light.facts import MULTIPLIERS, Action, Status

VERSION = 1
_STATUSES: dict[str, Status] = {status: status for status in MULTIPLIERS}


@dataclass(frozen=True, order=True)
class Ended:
    """How a trade, or a plan that was paused, ended, and when that was known."""

    at: datetime
    id: str
    win: bool


@dataclass(frozen=True)
class LightMemory:
    """One light's past, as much of it as counts. Times are aware UTC.

    `cause` is the rule that brought the shown status; `reds` are the rules that were red when rules last were.
    `better_since`: from when on the rules have been better than what is shown, without interruption.
    `red_since`: when the red that is shown began; `shadow`: the newest outcomes of paused plans known since.
    `paused`: the kill switch, until it is acknowledged. `heard`: actions of late, so that none counts twice.
    `probation_since` and `trades`: the newest probation, and what closed since.
    """

    at: datetime
    status: Status
    cause: str | None = None
    reds: tuple[str, ...] = ()
    better_since: datetime | None = None
    red_since: datetime | None = None
    shadow: tuple[Ended, ...] = ()
    paused: Action | None = None
    heard: tuple[Action, ...] = ()
    probation_since: datetime | None = None
    trades: tuple[Ended, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON: times as ISO 8601 in UTC."""
        return {
            "version": VERSION,
            "at": _text(self.at),
            "status": self.status,
            "cause": self.cause,
            "reds": list(self.reds),
            "better_since": _text(self.better_since),
            "red_since": _text(self.red_since),
            "shadow": [_ended(one) for one in self.shadow],
            "paused": self.paused and _action(self.paused),
            "heard": [_action(one) for one in self.heard],
            "probation_since": _text(self.probation_since),
            "trades": [_ended(one) for one in self.trades],
        }

    @classmethod
    def from_dict(cls, kept: dict[str, Any]) -> "LightMemory":
        """What `to_dict` gave. Raises ValueError for anything else: a memory is never guessed."""
        try:
            return cls(
                datetime.fromisoformat(kept["at"]),
                {VERSION: _STATUSES}[kept["version"]][kept["status"]],
                kept["cause"],
                tuple(kept["reds"]),
                _time(kept["better_since"]),
                _time(kept["red_since"]),
                tuple(_read_ended(one) for one in kept["shadow"]),
                kept["paused"] and _read_action(kept["paused"]),
                tuple(_read_action(one) for one in kept["heard"]),
                _time(kept["probation_since"]),
                tuple(_read_ended(one) for one in kept["trades"]),
            )
        except (KeyError, TypeError, ValueError) as wrong:
            raise ValueError(
                f"not a memory of the light: {wrong!r}. Evaluate without one: the light then starts from its rules"
            ) from None


def _text(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat()


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _ended(one: Ended) -> list[Any]:
    return [_text(one.at), one.id, one.win]


def _read_ended(kept: list[Any]) -> Ended:
    at, identity, win = kept
    return Ended(datetime.fromisoformat(at), identity, win)


def _action(one: Action) -> list[Any]:
    return [_text(one.at), one.action, one.who, one.reason]


def _read_action(kept: list[Any]) -> Action:
    at, action, who, reason = kept
    return Action(datetime.fromisoformat(at), action, who, reason)
