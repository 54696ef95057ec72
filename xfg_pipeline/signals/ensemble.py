"""An ensemble of ONNX models and its meta-learner: loaded whole or refused, asked in batches, never partly right."""

import hashlib
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from xfg_pipeline.signals.ensemble_choice import disagreements
from xfg_pipeline.signals.manifest import Manifest, ModelEntry
from xfg_pipeline.signals.model_folder import EnsembleRefused, ModelFolder, read_folder
from xfg_pipeline.signals.onnx_model import BLOCK, FAULTS, ModelUnusable, OnnxModel, Rows, faults_of
from xfg_pipeline.signals.onnx_outputs import Probabilities
from xfg_pipeline.signals.onnx_trials import any_features, any_probabilities

__all__ = ["Ensemble", "EnsembleBroken", "EnsembleRefused", "Prediction", "meta_inputs"]

CHUNK = 32 * BLOCK
"""Rows that one thread takes at a time; what is held between models is bounded by it."""
ALIKE = 256
"""So many different rows with one and the same answer are no market, but a broken model."""
NOT_FINITE = 1


class EnsembleBroken(Exception):
    """A loaded ensemble failed at a batch; none of its answers are used. `model` says which model."""

    def __init__(self, model: str, problem: str) -> None:
        super().__init__(f"{model} {problem}")
        self.model = model


@dataclass(frozen=True, eq=False)
class Prediction:
    """What an ensemble says of N rows; classes are down, flat, up.

    `meta` float32[N, 3] and `members` float32[M, N, 3] (in manifest order) are distributions: within 0 to 1, summing to
    1. `reason` int16[N] indexes `reasons`: 0 is usable, and a row that is not is NaN in every array. `disagreement`
    float32[N] is the largest difference between members' probability of the class that the meta-learner favours.
    """

    meta: Probabilities
    members: Probabilities
    disagreement: NDArray[np.float32]
    reason: NDArray[np.int16]
    reasons: tuple[str, ...]

    @property
    def broken(self) -> NDArray[np.bool_]:
        """Which rows are not usable."""
        return np.not_equal(self.reason, 0)


def meta_inputs(models: Iterable[str], classes: Sequence[str]) -> tuple[str, ...]:
    """What the meta-learner takes, in order: the class probabilities of one model after the other."""
    return tuple(f"{model}.{name}" for model in models for name in classes)


@dataclass(frozen=True, eq=False)
class Ensemble:
    """A complete ensemble. `hash` is the SHA-256 over the manifest's bytes and the hash of every file."""

    manifest: Manifest
    hash: str
    threads: int
    _members: tuple[OnnxModel, ...]
    _meta: OnnxModel

    @classmethod
    def load(
        cls,
        folder: Path,
        *,
        market: str,
        members: Sequence[str] = (),
        meta_learner: str | None = None,
        known_features: Sequence[str],
        threads: int = 2,
    ) -> "Ensemble":
        """Reads, verifies and tries every model of a folder; docs/models.md says what a folder must hold.

        `market` is the one whose candles will be asked about, `members` and `meta_learner` are the settings that name
        models (by name or file; nothing means those of the manifest), `known_features` those that are computed.
        `threads` share the chunks of a large batch; the answers do not depend on it. Raises EnsembleRefused with
        everything that is wrong.
        """
        onnxruntime.disable_telemetry_events()
        read = read_folder(folder)
        manifest = read.manifest
        wanted = disagreements(
            manifest, market=market, known_features=known_features, members=members, meta_learner=meta_learner
        )
        problems = [*wanted, *read.problems]
        meta_takes = meta_inputs((entry.name for entry in manifest.models), manifest.classes)
        named = f"the manifest names {len(manifest.features)} features"
        made = (
            f"{len(manifest.models)} models with {len(manifest.classes)} classes give {len(meta_takes)} probabilities"
        )
        features = any_features(len(manifest.features))
        shares = any_probabilities(len(manifest.models), len(manifest.classes))
        opened = [_open(read, entry, manifest.features, named, features, problems) for entry in manifest.models]
        meta = _open(read, manifest.meta_learner, meta_takes, made, shares, problems)
        models = tuple(model for model in opened if model is not None)
        if problems or meta is None:
            raise EnsembleRefused(folder, problems)
        digest = hashlib.sha256(read.manifest_content)
        for entry in _entries(manifest):
            digest.update(bytes.fromhex(entry.sha256))
        return cls(manifest, digest.hexdigest(), threads, models, meta)

    @property
    def names(self) -> tuple[str, ...]:
        """The base models, in the order of the manifest."""
        return tuple(entry.name for entry in self.manifest.models)

    @property
    def models_hashes(self) -> dict[str, str]:
        """SHA-256 of every file, the meta-learner's last, by model name."""
        return {entry.name: entry.sha256 for entry in _entries(self.manifest)}

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why a row can be broken; `Prediction.reason` indexes them."""
        faults = (f"{entry.name}: {fault}" for entry in _entries(self.manifest) for fault in FAULTS)
        return ("", "an input is not finite", *faults)

    def describe(self) -> dict[str, Any]:
        """What made an answer, as JSON values: for lineage."""
        shown = self.manifest.model_dump(mode="json", exclude={"metrics"})
        return {**shown, "hash": self.hash, "onnxruntime": onnxruntime.__version__}

    def predict(self, features: Rows) -> Prediction:
        """Asks every model about float32[N, F], C-contiguous, columns in the order of `manifest.features`; N may be 0.

        A row's answer is the same to the last bit in any batch, on one machine and version of onnxruntime. Rows with an
        input that is not finite reach no model. Raises ValueError for another array, EnsembleBroken when a model fails
        or answers all of many different rows alike.
        """
        _check(features, len(self.manifest.features))
        size, count = len(features), len(self._members)
        members = np.full((count, size, len(self.manifest.classes)), np.nan, dtype=np.float32)
        meta = np.full(members.shape[1:], np.nan, dtype=np.float32)
        reason = np.zeros(size, dtype=np.int16)

        def ask(start: int) -> None:
            part = slice(start, start + CHUNK)
            self._ask(features[part], members[:, part], meta[part], reason[part])

        starts = range(0, size, CHUNK)
        if len(starts) > 1 and self.threads > 1:
            with ThreadPoolExecutor(self.threads) as pool:
                for _ in pool.map(ask, starts):
                    pass
        else:
            for start in starts:
                ask(start)
        self._refuse_constant(features, members, meta, reason == 0)
        return Prediction(meta, members, _disagreement(members, meta), reason, self.reasons)

    def _ask(self, rows: Rows, members: Probabilities, meta: Probabilities, reason: NDArray[np.int16]) -> None:
        """One chunk; the other arrays are written in place."""
        reason[~np.isfinite(rows).all(axis=1)] = NOT_FINITE
        asked = np.flatnonzero(reason == 0)
        finite = rows if len(asked) == len(rows) else rows[asked]
        answers = np.empty((len(members), len(asked), meta.shape[1]), dtype=np.float32)
        for number, model in enumerate(self._members):
            answers[number] = _answer(model, self.names[number], finite)
            _blame(reason, asked, answers[number], number)
        usable = reason[asked] == 0
        asked, answers = asked[usable], np.clip(answers[:, usable], 0, 1)
        stacked = np.concatenate(answers, axis=1)
        last = _answer(self._meta, self.manifest.meta_learner.name, stacked)
        _blame(reason, asked, last, len(members))
        usable = reason[asked] == 0
        members[:, asked[usable]] = answers[:, usable]
        meta[asked[usable]] = np.clip(last[usable], 0, 1)

    def _refuse_constant(
        self, features: Rows, members: Probabilities, meta: Probabilities, usable: NDArray[np.bool_]
    ) -> None:
        for entry, answers in zip(_entries(self.manifest), (*members, meta), strict=True):
            answered = answers[usable]
            if len(answered) >= ALIKE and (answered == answered[0]).all():
                different = len(np.unique(features[usable][: 16 * ALIKE], axis=0))
                if different >= ALIKE:
                    raise EnsembleBroken(entry.name, f"answered {different} different rows alike; train it again")


def _entries(manifest: Manifest) -> tuple[ModelEntry, ...]:
    return (*manifest.models, manifest.meta_learner)


def _open(
    read: ModelFolder, entry: ModelEntry, inputs: Sequence[str], given: str, trial: Rows, problems: list[str]
) -> OnnxModel | None:
    """The model of an entry, or None with the reason among `problems`."""
    content = read.contents.get(entry.file)
    if content is None:
        return None
    try:
        return OnnxModel(
            content, output=entry.output, classes=read.manifest.classes, inputs=inputs, given=given, trial=trial
        )
    except ModelUnusable as error:
        problems.append(f"{entry.name}: {entry.file} {error}")
        return None


def _answer(model: OnnxModel, name: str, rows: Rows) -> Probabilities:
    try:
        return model.probabilities(rows)
    except ModelUnusable as error:
        raise EnsembleBroken(name, str(error)) from error


def _blame(reason: NDArray[np.int16], asked: NDArray[np.intp], answers: Probabilities, number: int) -> None:
    """Notes the first fault of each row that was asked: the reasons of one model follow those of the model before."""
    faults = faults_of(answers)
    first = (faults > 0) & (reason[asked] == 0)
    reason[asked[first]] = NOT_FINITE + len(FAULTS) * number + faults[first]


def _disagreement(members: Probabilities, meta: Probabilities) -> NDArray[np.float32]:
    favoured = meta.argmax(axis=1)
    opinions = np.take_along_axis(members, favoured[None, :, None], axis=2)[:, :, 0]
    spread: NDArray[np.float32] = opinions.max(axis=0) - opinions.min(axis=0)
    return spread


def _check(features: Rows, width: int) -> None:
    wanted = f"wanted is a C-contiguous float32 array [N, {width}]"
    if not isinstance(features, np.ndarray) or features.dtype != np.float32:
        raise ValueError(f"features are {getattr(features, 'dtype', type(features).__name__)}; {wanted}")
    if features.ndim != 2 or features.shape[1] != width:
        raise ValueError(f"features have the shape {features.shape}; {wanted}")
    if not features.flags.c_contiguous:
        raise ValueError(f"features are not C-contiguous; {wanted}")
