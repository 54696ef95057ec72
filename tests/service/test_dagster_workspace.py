"""Dagster's internals that we lean on are still where they were: fails when an upgrade moves them."""

from pathlib import Path

from dagster import DagsterInstance
from dagster_webserver.app import create_app_from_workspace_process_context

from xfg_pipeline.service.dagster_workspace import open_workspace


def test_a_workspace_file_opens_and_becomes_a_web_app(tmp_path: Path) -> None:
    file = tmp_path / "workspace.yaml"
    file.write_text("load_from: []\n")
    with DagsterInstance.local_temp(str(tmp_path)) as instance, open_workspace(instance, file) as workspace:
        app = create_app_from_workspace_process_context(workspace)
        assert any(getattr(route, "path", "") == "/graphql" for route in app.routes)


def test_the_top_level_workspace_and_instance_files_are_those_that_the_service_uses() -> None:
    root = Path(__file__).resolve().parents[2]
    packaged = root / "xfg_pipeline" / "service" / "dagster.yaml"
    assert packaged.is_symlink()
    assert packaged.resolve() == root / "dagster.yaml"
    assert "xfg_pipeline.definitions" in (root / "workspace.yaml").read_text()
