"""What the programs of `xfg up` are given."""

import pytest

from xfg_pipeline.service.programs import HOUSE, dagster_url


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
