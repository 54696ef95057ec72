"""`xfg status`: the light on a terminal, for a person and for a program."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.trading_rows import DAILY_LOSS, LOW_WIN_RATE, WIN_RATE, keep_lights, light, side
from xfg_pipeline.cli import main
from xfg_pipeline.signals.slots import slot_at
from xfg_pipeline.storage.database import Database

Rows = Callable[..., list[dict[str, object]]]


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str


@pytest.fixture
def xfg(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Ended]:
    """Runs `xfg …` in this process, on a fresh migrated database."""

    def run(*words: str, **settings: str) -> Ended:
        monkeypatch.chdir(tmp_path)
        for name, value in {"XFG_HOME": str(tmp_path / "home"), "DATABASE_URL": database_url, **settings}.items():
            monkeypatch.setenv(name, value)
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(words)
        told = capsys.readouterr()
        return Ended(int(ended.value.code or 0), told.out, told.err)

    return run


@pytest.fixture
def slot() -> datetime:
    """The newest slot of now."""
    return slot_at(datetime.now(UTC))


def test_the_light_is_printed_with_every_rule_that_is_not_green(
    xfg: Callable[..., Ended], database: Database, slot: datetime
) -> None:
    keep_lights(database, light("red", slot, [LOW_WIN_RATE, WIN_RATE | {"rule": "calibration"}], gated=side("green")))
    shown = xfg("status")
    assert shown.code == 0, shown.err
    lines = shown.out.splitlines()
    assert lines[0].startswith("PRACTICE, account paper_simulated, as of ")
    assert lines[1].startswith("RED ×0: 12 of the last 20 trades won: 60 %")
    assert lines[2].startswith("  yellow calibration: ")
    assert lines[3].endswith("(slot); literal red, gated green; literal rules")
    told = json.loads(xfg("status", "--json").out)
    assert (told["status"], told["position_multiplier"], told["triggered_by"]) == ("red", 0, "win_rate")
    assert (told["account"], told["mode"]) == ("paper_simulated", "practice")


def test_a_light_that_was_never_evaluated_or_cannot_be_read_is_red(xfg: Callable[..., Ended]) -> None:
    assert "RED ×0: no light has been evaluated yet" in xfg("status").out
    gone = xfg("status", DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")
    assert gone.code == 1
    assert gone.err.startswith("xfg: The light is red: it cannot be read (Postgres does not answer")
    assert "Open nothing." in gone.err


def test_pausing_and_acknowledging_are_signed_by_who_typed(
    xfg: Callable[..., Ended], database: Database, slot: datetime, rows: Rows
) -> None:
    keep_lights(database, light("green", slot))
    paused = xfg("status", "pause", "news at two")
    assert paused.code == 0, paused.err
    assert "(command line): news at two." in paused.out
    assert "RED ×0: paused by " in paused.out
    (row,) = rows("SELECT action, who, reason FROM controller_actions")
    assert (row["action"], row["reason"]) == ("pause", "news at two")
    assert str(row["who"]).endswith(" (command line)")
    assert xfg("status", "pause", "  ").code == 2
    # Somebody in a hurry puts no quotes.
    assert xfg("status", "pause", "news", "at", "two").code == 0
    assert [one["reason"] for one in rows("SELECT reason FROM controller_actions")] == ["news at two"] * 2


def test_an_acknowledgement_that_cannot_be_says_what_is_still_red(
    xfg: Callable[..., Ended], database: Database, slot: datetime
) -> None:
    keep_lights(database, light("red", slot, [DAILY_LOSS]))
    refused = xfg("status", "acknowledge", "I looked")
    assert refused.code == 1
    assert refused.err.startswith("xfg: Nothing was changed. The day lost 4.6 % of its first equity")


def test_the_history_lists_changes_and_all_of_it_when_asked(
    xfg: Callable[..., Ended], database: Database, slot: datetime
) -> None:
    keep_lights(database, light("green", slot), light("red", slot - timedelta(days=1), changed=True))
    days = f"{slot - timedelta(days=1):%Y-%m-%d}", f"{slot:%Y-%m-%d}"
    changes = xfg("status", "history", *days).out
    assert "red ×0" in changes
    assert "green ×1" not in changes
    told = json.loads(xfg("status", "history", *days, "--all", "--json").out)
    assert [row["status"] for row in told["history"]] == ["green", "red"]
    assert xfg("status", "history", days[1], days[0]).code == 2
    assert xfg("status", "history", "x", days[0]).code == 2
    assert "The light did not change" in xfg("status", "history", "2020-01-01", "2020-01-01").out


def test_cost_and_replay_are_asked_for_a_range_of_days(xfg: Callable[..., Ended], slot: datetime) -> None:
    assert "No signal was paused or cut on these days." in xfg("status", "cost", "2025-10-15", "2025-10-16").out
    assert json.loads(xfg("status", "cost", "2025-10-15", "2025-10-16", "--json").out)["total"]["n"] == 0
    days = ("2025-10-16", "2025-10-16")
    replayed = xfg("status", "replay", "--set", "controller.red_wr_threshold=0.6", *days)
    assert replayed.code == 0, replayed.err
    assert "96 of 96 slots differ." in replayed.out
    told = json.loads(xfg("status", "replay", "--set", "controller.red_wr_threshold=0.6", *days, "--json").out)
    assert len(told["rows"]) == 96
    assert told["counts"][0]["shown"] is None
    for wrong in (
        "controller.red_wr_threshold",
        "controller.luck=1",
        "trading.min_confidence=1",
        "controller.red_wr_threshold=2",
    ):
        refused = xfg("status", "replay", "--set", wrong, *days)
        assert refused.code == 2, wrong


def test_json_stands_behind_the_command(xfg: Callable[..., Ended]) -> None:
    assert xfg("status", "--json", "history", "2025-10-16", "2025-10-16").code == 2
