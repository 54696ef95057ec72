"""The workspace of the running service inside this process: for the guarded webserver and for backfills.

Dagster publishes no way to make one, so this is the one private import of the project: tests/service says so
when an upgrade moves it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dagster import DagsterInstance
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget


@contextmanager
def open_workspace(instance: DagsterInstance, workspace_file: Path) -> Iterator[WorkspaceProcessContext]:
    """The code locations that `workspace_file` names, kept up to date while the block runs."""
    target = WorkspaceFileTarget(paths=[str(workspace_file)])
    with WorkspaceProcessContext(instance, workspace_load_target=target) as workspace:
        yield workspace
