"""What an ensemble says of itself: `manifest.json` beside its ONNX files."""

from datetime import datetime
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator

CLASSES = ("down", "flat", "up")


def _inside(name: str) -> str:
    path = PurePosixPath(name)
    if path.is_absolute() or len(path.parts) != 1 or name in ("", ".", "..") or "\\" in name:
        raise ValueError("is a file name beside the manifest, without a folder")
    return name


FileName = Annotated[str, AfterValidator(_inside)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Word = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ModelEntry(_Part):
    """One ONNX file. `output`: what its numeric output holds; `positive` is P(last class) alone, of two classes."""

    name: Word
    file: FileName
    sha256: Sha256
    framework: str
    output: Literal["probabilities", "logits", "positive"] = "probabilities"


class Event(_Part):
    """What the probabilities speak of.

    `first_touch`: from the slot's close, which of close ± barrier is touched first within the horizon; none is flat.
    `close_change`: whether the close `horizon_candles` later is beyond close ± barrier.
    The barrier is in ATR(14) of the slot, or a fraction of its close.
    """

    kind: Literal["first_touch", "close_change"]
    horizon_candles: Annotated[int, Field(ge=1, le=672)]
    barrier: Annotated[float, Field(gt=0)]
    unit: Literal["atr", "fraction"]


class Manifest(_Part):
    """An ensemble: base models in the order in which the meta-learner takes their class probabilities."""

    format: Literal[1]
    name: Annotated[str, Field(min_length=1, max_length=80)]
    demonstration: bool
    market: Word
    coins: tuple[str, ...]
    interval_minutes: Literal[15]
    trained_from: AwareDatetime
    trained_to: AwareDatetime
    created_at: AwareDatetime
    features: Annotated[tuple[str, ...], Field(min_length=1)]
    classes: Annotated[tuple[str, ...], Field(min_length=2)]
    event: Event
    models: Annotated[tuple[ModelEntry, ...], Field(min_length=1)]
    meta_learner: ModelEntry
    metrics: dict[str, Any] = {}

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> "Manifest":
        for what, names in (
            ("features", self.features),
            ("classes", self.classes),
            ("models", tuple(model.name for model in self.models)),
            ("files", tuple(model.file for model in (*self.models, self.meta_learner))),
        ):
            if len(set(names)) != len(names):
                raise ValueError(f"{what}: a name is there twice")
        if self.classes != CLASSES:
            raise ValueError(f"classes: only {', '.join(CLASSES)} are known, in this order")
        if self.trained_to <= self.trained_from:
            raise ValueError("trained_to must be after trained_from")
        return self

    def describes(self, at: datetime) -> bool:
        """Whether a time lies in the stretch that the ensemble was fitted on: there it is no evidence."""
        return self.trained_from <= at < self.trained_to
