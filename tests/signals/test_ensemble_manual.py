"""The page about models says what the manifest is: every field, and an example that is taken."""

import json
import re

from tests.conftest import ROOT
from xfg_pipeline.signals.manifest import Event, Manifest, ModelEntry
from xfg_pipeline.signals.onnx_model import BLOCK, INPUTS_KEY, LARGEST_BLOCK

PAGE = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")


def test_every_field_of_a_manifest_is_described() -> None:
    named = set(re.findall(r"`([a-z_0-9.]+)`", PAGE))
    for part in (Manifest, ModelEntry, Event):
        assert [name for name in part.model_fields if name not in named] == []


def test_the_example_is_a_manifest() -> None:
    (example,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    manifest = Manifest.model_validate(json.loads(example.replace("…", "0" * 64)))
    assert [model.output for model in manifest.models] == ["probabilities", "logits"]


def test_the_numbers_are_those_of_the_code() -> None:
    assert f"blocks of {BLOCK} rows" in PAGE
    assert f"{LARGEST_BLOCK:,} rows" in PAGE
    assert f"`{INPUTS_KEY}`" in PAGE
