"""What is declared is documented: settings, commands, endpoints, assets, tables, sensors and checks."""

import re
from collections.abc import Iterator

import pytest
from pydantic import BaseModel

from tests.conftest import ROOT
from xfg_pipeline.settings import Settings

PAGES = {path.name: path.read_text(encoding="utf-8") for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]}
ALL = "\n".join(PAGES.values())


def setting_names(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from setting_names(inner, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}" if prefix else name.upper()


@pytest.mark.parametrize("name", sorted(setting_names(Settings)))
def test_every_setting_is_documented(name: str) -> None:
    assert f"`{name}`" in PAGES["settings.md"]


def test_no_page_names_a_setting_that_is_not_there() -> None:
    sections = "|".join(name for name, field in Settings.model_fields.items() if "." not in name and _is_section(field))
    known = set(setting_names(Settings))
    named = set(re.findall(rf"`((?:{sections})\.[a-z_.]+)`", ALL))
    assert named - known == set()


def _is_section(field: object) -> bool:
    annotation = getattr(field, "annotation", None)
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def test_every_command_is_documented() -> None:
    import typer

    from xfg_pipeline.cli import app

    group = typer.main.get_command(app)
    words = []
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        inner = getattr(command, "commands", None)
        words += [f"xfg {name} {word}" for word in inner] if inner else [f"xfg {name}"]
    assert len(words) > 8
    missing = [word for word in words if f"`{word}" not in PAGES["api.md"]]
    assert missing == []


def test_every_endpoint_is_documented(openapi: dict[str, dict[str, object]]) -> None:
    paths = {path.removeprefix("/api/v2") for path in openapi["paths"]}
    assert "/manual-levels" in paths
    assert [path for path in sorted(paths) if f" {path}`" not in PAGES["api.md"]] == []


@pytest.fixture
def openapi(pipeline: object) -> dict[str, dict[str, object]]:
    from xfg_pipeline.desk.app import create_app
    from xfg_pipeline.resources.pipeline import Pipeline

    assert isinstance(pipeline, Pipeline)
    app = create_app(
        settings=pipeline.settings,
        database=pipeline.database,
        clock=pipeline.clock,
        level_book=pipeline.book,
        importer=pipeline.importer,
        signal_book=pipeline.signals,
        light_book=pipeline.light_book,
        performance_book=pipeline.performance_book,
    )
    described: dict[str, dict[str, object]] = app.openapi()
    return described


def test_every_part_of_the_code_location_is_documented() -> None:
    from xfg_pipeline.build import build_definitions

    repository = build_definitions().get_repository_def()
    graph = repository.asset_graph
    names = [key.to_user_string() for key in graph.get_all_asset_keys()]
    names += [key.name for key in graph.asset_check_keys]
    names += [job.name for job in repository.get_all_jobs() if not job.name.startswith("__")]
    names += [sensor.name for sensor in repository.sensor_defs]
    names += [schedule.name for schedule in repository.schedule_defs]
    assert [name for name in names if f"`{name}`" not in PAGES["architecture.md"]] == []


def test_every_table_is_documented() -> None:
    from xfg_pipeline.storage.tables import metadata

    assert [name for name in metadata.tables if f"`{name}`" not in PAGES["data.md"]] == []


def test_every_link_between_the_pages_leads_somewhere() -> None:
    broken = []
    for name, text in PAGES.items():
        base = ROOT if name == "README.md" else ROOT / "docs"
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
            if not (base / target).exists():
                broken.append(f"{name}: {target}")
    assert broken == []


def test_the_locks_hold_no_address_and_only_hashed_pins() -> None:
    for lock in ("requirements.lock", "requirements-dev.lock", "requirements-train.lock"):
        text = (ROOT / lock).read_text()
        assert "://" not in text
        pins = re.findall(r"^([a-z0-9._-]+)(==[^ ]+)?", text, re.MULTILINE)
        assert all(version for name, version in pins if name)
        assert text.count("==") <= text.count("--hash=")
