"""What the programs of `xfg up` are given."""

from pathlib import Path

import pytest
from dagster._grpc.utils import default_sensor_grpc_timeout

from xfg_pipeline.service.layout import Layout, Sockets
from xfg_pipeline.service.programs import HOUSE, dagster_url, environment
from xfg_pipeline.settings import Settings


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("postgresql://u:p@h:5432/db", "postgresql://u:p@h:5432/db?options=-csearch_path%3Ddagster"),
        ("postgres://u@h/db", "postgresql://u@h/db?options=-csearch_path%3Ddagster"),
        (
            "postgresql+psycopg://u:p@h/db?sslmode=require",
            "postgresql://u:p@h/db?sslmode=require&options=-csearch_path%3Ddagster",
        ),
    ],
)
def test_dagster_gets_the_same_database_with_a_schema_of_its_own(url: str, wanted: str) -> None:
    assert dagster_url(url) == wanted


def test_the_programs_are_those_of_the_design() -> None:
    assert [program.name for program in HOUSE] == ["code-server", "daemon", "dagster-web", "desk"]


def test_the_first_look_at_two_years_of_an_account_is_not_cut_off_by_dagster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, sockets = Settings(xfg_home=tmp_path), Sockets("supervisor", "code-server")
    given = environment(settings, Layout.of(settings), sockets, database_url="postgresql://h/d", key="k")
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert default_sensor_grpc_timeout() >= 600
