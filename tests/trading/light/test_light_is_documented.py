"""The page of the light: every rule, every setting with its default, and the simulation that the numbers are of."""

from pathlib import Path

import pytest

from benchmarks.light import LIVES, SEED
from xfg_pipeline.settings import ControllerSettings
from xfg_pipeline.trading.light.evidence import DRAWS
from xfg_pipeline.trading.light.facts import Thresholds
from xfg_pipeline.trading.light.rules import RULES

PAGE = (Path(__file__).parents[3] / "docs" / "light.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [*(rule.name for rule in RULES), "paused", "probation", "hold", "monitor"])
def test_every_rule_is_on_the_page(name: str) -> None:
    assert f"`{name}`" in PAGE


def test_the_page_says_the_defaults_that_are_in_force() -> None:
    asked = Thresholds()
    for name in ("hold_minutes", "probation_trades", "shadow_outcomes", "ece_window", "ece_min_n", "ece_gate"):
        assert f"`controller.{name}` ({getattr(asked, name)})" in " ".join(PAGE.split())
    assert f"`controller.evidence_level` ({asked.evidence_level})" in " ".join(PAGE.split())
    assert f"{LIVES:,} invented lives each, seed {SEED}" in PAGE
    assert f"{DRAWS:,} resamplings" in PAGE


def test_the_settings_and_the_rules_have_the_same_defaults() -> None:
    own = ControllerSettings().model_dump(exclude={"day_timezone"})
    assert Thresholds(**own) == Thresholds()
