"""What the desk shows of the light: a decision in, words and figures out. Colour never stands alone."""

from __future__ import annotations

from dataclasses import dataclass

from xfg_pipeline.desk.figures import utc_time
from xfg_pipeline.desk.formats import listed, sentence
from xfg_pipeline.desk.signals_view import span_text
from xfg_pipeline.resources.shown_light import ShownLight
from xfg_pipeline.trading.light.facts import Decision, Evidence, Status

WORDS: dict[Status, tuple[str, str, str]] = {
    "green": ("Green", "×1", "full size"),
    "yellow": ("Yellow", "×0.5", "half size"),
    "red": ("Red", "×0", "no new trades"),
}
DO: dict[Status, tuple[str, str]] = {
    "green": ("Trade as planned.", "The tickets carry full size."),
    "yellow": ("Trade at half size.", "The tickets carry it already."),
    "red": ("Open nothing.", "Open positions keep their stop and target at the exchange."),
}
LABELS = {
    "win_rate": "Win rate, last 20",
    "daily_loss": "Loss of the day",
    "consecutive_losses": "Losses in a row",
    "calibration": "Calibration error",
    "volatility": "Volatility",
    "signal_types": "Signal types",
    "paused": "Kill switch",
    "monitor": "Monitor",
    "probation": "Probation",
    "hold": "Waiting time",
}
PARTS = {
    "market": "Market data",
    "candles": "Candles",
    "account": "Account",
    "models": "Ensemble",
    "clock": "Clock",
    "database": "Database",
    "daemon": "Dagster daemon",
}

NOT_ON_PROBATION = ("calibration", "signal_types")


@dataclass(frozen=True)
class Lamp:
    """A light in a word, a shape and a multiplier."""

    colour: Status
    word: str
    multiplier: str
    size: str
    reason: str


@dataclass(frozen=True)
class LightPanel:
    """The large light: why, what to do, what comes next, and the facts beside it."""

    lamp: Lamp
    do: str
    do_more: str
    then: str
    facts: tuple[tuple[str, str], ...]


def label_of(rule: str | None) -> str:
    """The name of a rule for a person."""
    if rule is None:
        return "no rule"
    if rule.startswith("health_"):
        return PARTS.get(rule.removeprefix("health_"), rule.removeprefix("health_"))
    return LABELS.get(rule, rule.replace("_", " "))


def lamp_of(decision: Decision) -> Lamp:
    """The light alone, with the sentence of the rule that decided."""
    word, multiplier, size = WORDS[decision.status]
    reason = decision.triggers[0].message if decision.triggers else decision.message
    return Lamp(decision.status, word, multiplier, size, spoken(reason))


def spoken(message: str) -> str:
    """A rule's message as a sentence of the desk, which writes 65% without a space."""
    return sentence(message.replace(" %", "%"))


def panel_of(shown: ShownLight) -> LightPanel:
    """The large light."""
    do, more = DO[shown.status]
    return LightPanel(lamp_of(shown.decision), do, more, _then(shown), tuple(_facts(shown)))


def is_old(shown: ShownLight) -> bool:
    """Whether what the row says cannot be relied on any more: nothing of it is shown as green."""
    return any(trigger.rule == "monitor" for trigger in shown.decision.triggers)


def _then(shown: ShownLight) -> str:
    """What comes next: the first sentence that applies."""
    rules = {trigger.rule for trigger in shown.decision.triggers}
    standing = listed([label_of(trigger.rule) for trigger in shown.standing if trigger.rule != "hold"])
    is_red = shown.status == "red"
    sentences = {
        "Nobody evaluates the light. xfg health says what is down; the next evaluation ends this.": "monitor" in rules,
        "The rules are better already. The light follows one step at a time.": "hold" in rules,
        f"It ends when its cause does ({standing}); nobody can overrule it.": bool(standing),
        "Look at why first. An acknowledgement leads to yellow probation, never straight to green.": is_red,
        "On probation it is yellow at best. After it the rules judge as always.": "probation" in rules,
        "Green returns when every rule is green. Unknown is never green.": shown.status == "yellow",
        "Every rule is green.": True,
    }
    return next(text for text, applies in sentences.items() if applies)


def _facts(shown: ShownLight) -> list[tuple[str, str]]:
    facts = []
    if shown.row is not None:
        row, as_of = shown.row, shown.as_of
        if shown.since is not None and shown.is_as_evaluated:
            facts.append(("Since", utc_time(shown.since, as_of)))
        facts.append(("Decided by", label_of(shown.decision.triggered_by)))
        age = span_text(as_of - row["timestamp"])
        facts.append(("Evaluated", f"{utc_time(row['timestamp'], as_of)}, {age} ago"))
        if not shown.is_as_evaluated:
            facts.append(("It was", WORDS[row["status"]][0]))
        other: Evidence = "gated" if row["evidence"] == "literal" else "literal"
        facts.append((f"{other.capitalize()} light", WORDS[shown.lights[other].status][0]))
    if shown.pause is not None:
        facts.append(("Paused by", f"{shown.pause['who']}, {utc_time(shown.pause['at'], shown.as_of)}"))
    return facts
