"""docs/signals.md says the rules that are in the code: names, order and numbers."""

import re

import pytest

from tests.conftest import ROOT
from xfg_pipeline.signals import outcomes, plans, positioning, signal_types, tiers
from xfg_pipeline.signals.signal_types import SIGNAL_TYPES
from xfg_pipeline.signals.stops import GATES

PAGE = (ROOT / "docs" / "signals.md").read_text(encoding="utf-8")


def first_cells(heading: str) -> list[str]:
    """The names in the first column of the table below a heading."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"^\| `([a-z_]+)` \|", section, re.MULTILINE)


def cells(heading: str, name: str) -> str:
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return next(line for line in section.splitlines() if line.startswith(f"| `{name}` |"))


def test_types_gates_and_outcomes_are_listed_in_their_order() -> None:
    assert first_cells("Signal types") == list(SIGNAL_TYPES)
    assert first_cells("Entry zone, stop and target") == list(SIGNAL_TYPES)
    assert first_cells("Gates") == list(GATES)
    assert first_cells("Outcomes") == list(outcomes.OUTCOMES[1:])


@pytest.mark.parametrize("name", SIGNAL_TYPES)
def test_the_stop_of_each_type_is_stated(name: str) -> None:
    assert f"| {plans.STOP[name]} ATR |" in cells("Entry zone, stop and target", name)


@pytest.mark.parametrize(
    ("heading", "said"),
    [
        ("Entry zone, stop and target", f"± {plans.ZONE} ATR"),
        ("Entry zone, stop and target", f"at most {plans.FARTHEST} ATR"),
        ("Entry zone, stop and target", f"| {plans.TARGET_ATR:.0f} ATR |"),
        ("Entry zone, stop and target", f"{plans.EXTENSION} × the height"),
        ("Entry zone, stop and target", f"{plans.RETRACEMENT:.1%}".replace("%", " %")),
        ("Signal types", f"{signal_types.CASCADE_MOVE:.0f} ATR or more"),
        ("Signal types", f"shrank by {-signal_types.CASCADE_OPEN_INTEREST:.0%}".replace("%", " %")),
        ("Signal types", f"RSI(14) is {signal_types.OVERSOLD:.0f} or less"),
        ("Signal types", f"ADX(14) is {signal_types.TRENDING:.0f} or more"),
        ("Signal types", f"funding is {signal_types.FUNDING_LONG:.2%} or more".replace("%", " %")),
        ("Signal types", f"(funding {positioning.FUNDING_HOLDS // 3600} hours, the others"),
        ("Signal types", f"the others {positioning.READING_HOLDS // 3600})"),
        ("Tier", f"the last {tiers.WINDOW}: tier 1 from {tiers.WINDOW * tiers.FIRST_PERCENT // 100}"),
        ("Tier", f"tier 2 from {tiers.WINDOW * tiers.SECOND_PERCENT // 100}"),
        ("Outcomes", f"for {outcomes.OUTCOME_CANDLES} candles"),
    ],
)
def test_the_numbers_are_those_of_the_code(heading: str, said: str) -> None:
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    assert said in " ".join(section.split())
