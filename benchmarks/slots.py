"""From kept candles to signals and outcomes: a year of ten coins, and one live slot of 10, 100 and 1,000 coins.

Beside the year stands what onnxruntime alone needs for the same matrix in the same process; beside the live slots
nothing can stand but themselves. Each part runs in a process of its own, which tells its peak memory.
"""

import json
import multiprocessing
import resource
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from benchmarks.ground import fresh_database, median, seconds
from xfg_pipeline.resources.feeding import feed
from xfg_pipeline.resources.pipeline import PRACTICE_ENSEMBLE, Pipeline
from xfg_pipeline.resources.predicting import predict
from xfg_pipeline.resources.resolving import resolve
from xfg_pipeline.resources.selecting import publish
from xfg_pipeline.resources.slot_lights import without_light
from xfg_pipeline.resources.slot_work import SlotWork
from xfg_pipeline.settings import Settings
from xfg_pipeline.signals.ensemble import Ensemble
from xfg_pipeline.signals.features import FEATURES
from xfg_pipeline.signals.slots import SLOT
from xfg_pipeline.storage.database import Database

END = datetime(2025, 11, 1, tzinfo=UTC)
TEN = ("BTC", "ETH", "SOL", "XRP", "DOGE", "ADA", "AVAX", "LINK", "BNB", "LTC")
DAYS = 365


def measure() -> list[str]:
    """The year first, then the slots."""
    return [*_apart(_year), *(line for coins in (10, 100, 1000) for line in _apart(_slot, coins))]


def _apart(part: Callable[..., list[str]], *words: Any) -> list[str]:
    """Run a part in a new process: its peak memory is its own."""
    with tempfile.NamedTemporaryFile(mode="r", suffix=".json") as answer:
        process = multiprocessing.get_context("spawn").Process(target=_answer, args=(answer.name, part, words))
        process.start()
        process.join()
        if process.exitcode != 0:
            raise RuntimeError(f"{part.__name__} ended with {process.exitcode}")
        lines: list[str] = json.loads(Path(answer.name).read_text(encoding="utf-8"))
    return lines


def _answer(name: str, part: Callable[..., list[str]], words: tuple[Any, ...]) -> None:
    Path(name).write_text(json.dumps(part(*words)), encoding="utf-8")


def _peak() -> float:
    """Peak memory of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _pipeline(database: Database, home: str, coins: tuple[str, ...], now: datetime) -> Pipeline:
    settings = Settings(xfg_home=home, market={"coins": coins}, _env_file=None)
    return Pipeline(settings, database, SimpleNamespace(now=lambda: now))


def _year() -> list[str]:
    start = END - timedelta(days=DAYS)
    with fresh_database() as database, tempfile.TemporaryDirectory() as home:
        pipeline = _pipeline(database, home, TEN, END)
        work = SlotWork(start, END, END)
        fed = seconds(lambda: feed(pipeline, work, str.strip))
        # A backfill of a year is thirteen runs of thirty days, each with its predictions, signals and outcomes.
        parts: dict[str, float] = dict.fromkeys(("predictions", "signals", "outcomes"), 0.0)
        for piece in work.chunks():
            parts["predictions"] += seconds(lambda piece=piece: predict(pipeline, piece))
            parts["signals"] += seconds(lambda piece=piece: publish(pipeline, piece, without_light))
            parts["outcomes"] += seconds(lambda piece=piece: resolve(pipeline, piece))
        peak = _peak()
        matrix = np.concatenate([_matrix(pipeline, piece) for piece in work.chunks()])
    ours = sum(parts.values())
    bare = _bare(matrix)
    rows = matrix.shape[0]
    return [
        f"a year of {len(TEN)} coins, {rows:,} slots × coins (candles of the simulated market before: {fed:.1f} s)",
        *(f"    {name}: {took:.1f} s" for name, took in parts.items()),
        f"    together: {ours:.1f} s, {rows / ours:,.0f} slots × coins per second",
        f"    peak memory: {peak:,.0f} MB",
        f"    onnxruntime alone on the same matrix, all at once: {bare:.1f} s",
        f"    ratio: {ours / bare:.2f} (aim: at most 2); inference's share {bare / ours:.0%}",
    ]


def _matrix(pipeline: Pipeline, piece: SlotWork) -> Any:
    names = pipeline.ensemble.manifest.features
    by_coin = pipeline.features.rows(piece.span).values()
    return np.concatenate([one.features.matrix(names)[one.features.usable] for one in by_coin])


def _bare(matrix: Any) -> float:
    """The same files in bare sessions, every model on the whole matrix, and the meta-learner on what they say."""
    import onnxruntime as ort

    ensemble = Ensemble.load(PRACTICE_ENSEMBLE, market="simulated", known_features=FEATURES)
    sessions = {
        entry.name: ort.InferenceSession(PRACTICE_ENSEMBLE / entry.file, providers=["CPUExecutionProvider"])
        for entry in (*ensemble.manifest.models, ensemble.manifest.meta_learner)
    }
    meta = sessions.pop("meta_learner")
    stacked = np.full((matrix.shape[0], 3 * len(sessions)), 1 / 3, dtype=np.float32)

    def run() -> None:
        for session in sessions.values():
            session.run(None, {session.get_inputs()[0].name: matrix})
        meta.run(None, {meta.get_inputs()[0].name: stacked})

    return median([seconds(run) for _ in range(3)])


def _slot(count: int) -> list[str]:
    coins = tuple([*TEN, *(f"C{number}" for number in range(1000))][:count])
    slot = END + timedelta(hours=12)
    took: list[float] = []
    with fresh_database() as database, tempfile.TemporaryDirectory() as home:
        first = _pipeline(database, home, coins, slot + timedelta(seconds=6))
        _carry(first, slot)
        for number in range(1, 4):
            at = slot + number * SLOT
            # A new pipeline: what a new run's process has to open counts.
            fresh = _pipeline(database, home, coins, at + timedelta(seconds=6))
            took.append(seconds(lambda fresh=fresh, at=at: _carry(fresh, at)))
    return [
        f"one live slot of {count:,} coins, candles to outcomes: {median(took):.2f} s of work, peak {_peak():,.0f} MB"
    ]


def _carry(pipeline: Pipeline, slot: datetime) -> None:
    work = SlotWork(slot, slot + SLOT, slot, slot)
    feed(pipeline, work, str.strip)
    predict(pipeline, work)
    publish(pipeline, work, without_light)
    resolve(pipeline, work)
