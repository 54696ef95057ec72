"""`report.html`: the figures of a training for a person, in one file without scripts."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape
from typing import Any

from xfg_pipeline.signals.manifest import CLASSES
from xfg_pipeline.signals.training.diagram import reliability_diagram
from xfg_pipeline.signals.training.evaluation import Figures

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1c2733 }
table { border-collapse: collapse; margin: .5rem 0 1.5rem }
th, td { padding: .2rem .8rem; text-align: right; border-bottom: 1px solid #dde3ea; font-variant-numeric: tabular-nums }
th:first-child, td:first-child { text-align: left }
.note { background: #fff6df; border-left: 4px solid #d79b00; padding: .6rem 1rem }
"""
_SCORES = (
    ("rows", "n"),
    ("Brier", "brier"),
    ("log loss", "log_loss"),
    ("ECE", "ece"),
    ("accuracy", "accuracy"),
    ("Brier, direction", "direction_brier"),
    ("ECE, direction", "direction_ece"),
)


def report_page(figures: Figures) -> str:
    """The page as HTML."""
    held_out = figures["held_out"]
    title = f"Training report: {figures['name']}"
    parts = [
        f"<h1>{escape(title)}</h1>",
        _note(figures),
        _what(figures),
        "<h2>On held-out rows</h2>",
        f"<p>{escape(_period(held_out))} Nothing was fitted or calibrated on them.</p>",
        _score_table(
            "model",
            {
                "base rates alone": held_out["base_rates"],
                **held_out["models"],
                "meta-learner": held_out["meta_learner"],
            },
        ),
        "<h2>Reliability of the likelier direction</h2>",
        reliability_diagram(held_out["reliability"], "Reliability diagram of the meta-learner"),
        "<h2>What a gate would let pass</h2>",
        _gates(held_out["gates"]),
        "<p>Slots next to each other share most of their event: the interval is narrower than it ought to be.</p>",
        "<h2>Confusion of the meta-learner</h2>",
        _table(
            ("came", *(f"forecast {name}" for name in CLASSES)),
            ((name, *map(str, row)) for name, row in zip(CLASSES, held_out["confusion"], strict=True)),
        ),
        "<h2>By coin</h2>",
        _score_table("coin", held_out["by_coin"]),
        "<h2>By month</h2>",
        _score_table("month", held_out["by_month"]),
        "<h2>Files</h2>",
        _table(
            ("file", "made by", "bytes", "largest difference to its original"),
            (
                (
                    file["file"],
                    figures["models"].get(name, "scikit-learn"),
                    f"{file['bytes']:,}",
                    f"{file['difference']:.1e}",
                )
                for name, file in figures["files"].items()
            ),
        ),
        "<h2>Libraries</h2>",
        _table(("package", "version"), figures["libraries"].items()),
    ]
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style>{''.join(parts)}</html>\n"
    )


def _note(figures: Figures) -> str:
    if not figures["demonstration"]:
        return ""
    return (
        '<p class="note">A demonstration: trained on an invented market with planted structure. '
        "It says nothing about a real one.</p>"
    )


def _what(figures: Figures) -> str:
    event, rows, plan = figures["event"], figures["rows"], figures["plan"]
    unit = "ATR(14)" if event["unit"] == "atr" else "of the close"
    kind = "which barrier is touched first" if event["kind"] == "first_touch" else "where the close is"
    fitted = (
        f"Fitted on {rows['fitted']:,} rows from {_time(figures['trained_from'])} to {_time(figures['trained_to'])}; "
        f"the meta-learner on {rows['forecast_out_of_fold']:,} out-of-fold forecasts in {len(figures['windows'])} "
        f"windows, {plan['embargo_hours']:g} hours after what was fitted on. Temperature {figures['temperature']:g}."
    )
    lines = (
        f"Market {figures['market']}: {', '.join(figures['coins'])}; written {_time(figures['created_at'])}.",
        f"Event: {kind}, close ± {event['barrier']:g} {unit}, within {event['horizon_candles']} candles.",
        fitted,
    )
    return "".join(f"<p>{escape(line)}</p>" for line in lines)


def _period(held_out: Figures) -> str:
    shares = ", ".join(f"{count:,} {name}" for name, count in held_out["classes"].items())
    return f"{_time(held_out['from'])} to {_time(held_out['to'])}: {shares}."


def _gates(gates: Figures) -> str:
    rows = (
        (f"confidence from {gates['confidence']:g}", gates["sure"]),
        (f"and volume ratio from {gates['volume_ratio']:g}", gates["sure_with_volume"]),
    )
    return _table(
        ("gate", "rows", "a day", "mean confidence", "came true", "95 % interval"),
        (
            (
                name,
                f"{part['n']:,}",
                f"{part['a_day']:.2f}",
                _number(part["mean_confidence"]),
                _number(part["came_true"]),
                "–" if part["interval"] is None else " to ".join(_number(end) for end in part["interval"]),
            )
            for name, part in rows
        ),
    )


def _score_table(what: str, scored: dict[str, Figures]) -> str:
    return _table(
        (what, *(label for label, _ in _SCORES)),
        ((name, *(_number(figures.get(key)) for _, key in _SCORES)) for name, figures in scored.items()),
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    header = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{header}</tr>{body}</table>"


def _time(text: str) -> str:
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M} UTC"


def _number(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) else f"{value:.4f}"
