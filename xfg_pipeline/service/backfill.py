"""A backfill of one asset over a range of dates, launched on the running service and followed to its end."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from xfg_pipeline.resources.health import check_health
from xfg_pipeline.service.errors import ServiceError
from xfg_pipeline.service.layout import Layout
from xfg_pipeline.service.programs import dagster_url
from xfg_pipeline.settings import Settings

if TYPE_CHECKING:
    from dagster._core.workspace.context import WorkspaceProcessContext

_ASSETS = (
    "{ assetNodes { assetKey { path } isPartitioned isExecutable dependencyKeys { path } dependedByKeys { path } } }"
)
_KEYS = "query ($key: AssetKeyInput!) { assetNodes(assetKeys: [$key]) { partitionKeys } }"
_LAUNCH = """
mutation ($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on Error { message }
  }
}
"""
_FOLLOW = """
query ($id: String!) {
  partitionBackfillOrError(backfillId: $id) {
    __typename
    ... on PartitionBackfill {
      status
      error { message }
      assetBackfillData {
        assetBackfillStatuses {
          ... on AssetPartitionsStatusCounts {
            numPartitionsTargeted numPartitionsMaterialized numPartitionsFailed numPartitionsInProgress
          }
        }
      }
    }
    ... on Error { message }
  }
}
"""
_FAILED_RUNS = """
query ($id: String!) {
  runsOrError(filter: {statuses: [FAILURE], tags: [{key: "dagster/backfill", value: $id}]}, limit: 1) {
    ... on Runs {
      results { eventConnection(limit: 1000) { events { ... on ExecutionStepFailureEvent { error { message } } } } }
    }
  }
}
"""
_FAILURE = "dagster._core.definitions.events.Failure: "
_ENDED_WELL = ("COMPLETED_SUCCESS", "COMPLETED")
_ENDED_BADLY = ("FAILED", "CANCELED", "COMPLETED_FAILED")


@dataclass(frozen=True)
class Progress:
    """Where a backfill stands, in partitions."""

    total: int
    done: int
    failed: int
    running: int


class Backfill:
    """A backfill on the running service. Made by `open_backfills`; raises `ServiceError`."""

    def __init__(self, workspace: WorkspaceProcessContext) -> None:
        self._workspace = workspace

    def launch(self, asset: str, first: str, last: str) -> tuple[str, int]:
        """Start one of an asset with what it is made of and what is made of it, over partitions `first` to `last`.

        Both ends are included. Its id, and the number of partitions.
        """
        nodes = {_name(node["assetKey"]): node for node in self._ask(_ASSETS)["assetNodes"]}
        if asset not in nodes:
            raise ServiceError(f"There is no asset {asset}. There are: {', '.join(sorted(nodes))}.")
        if not nodes[asset]["isPartitioned"]:
            raise ServiceError(f"{asset} has no partitions, so there is no range of dates to backfill.")
        if not nodes[asset]["isExecutable"]:
            raise ServiceError(f"{asset} comes from outside: there is nothing here that could derive it again.")
        key = {"path": asset.split("/")}
        known = self._ask(_KEYS, key=key)["assetNodes"][0]["partitionKeys"]
        wanted = [name for name in known if first <= name <= last]
        if not wanted:
            raise ServiceError(f"{asset} has no partition from {first} to {last}.")
        params = {
            "assetSelection": [{"path": name.split("/")} for name in _with_relatives(asset, nodes)],
            "partitionNames": wanted,
            "title": f"xfg backfill {asset}",
            "tags": [{"key": "xfg/by", "value": "command line"}],
        }
        answer = self._ask(_LAUNCH, params=params)["launchPartitionBackfill"]
        if answer["__typename"] != "LaunchBackfillSuccess":
            raise ServiceError(f"Dagster refuses the backfill: {answer.get('message', answer['__typename'])}")
        return str(answer["backfillId"]), len(wanted)

    def follow(self, backfill_id: str, every: float = 1.0) -> Iterator[Progress]:
        """Progress until it has ended. Raises `ServiceError` when it failed or was cancelled."""
        while True:
            answer = self._ask(_FOLLOW, id=backfill_id)["partitionBackfillOrError"]
            if answer["__typename"] != "PartitionBackfill":
                raise ServiceError(f"The backfill {backfill_id} is gone: {answer.get('message', '')}")
            progress = _progress(answer)
            yield progress
            status = answer["status"]
            if status in _ENDED_WELL and not progress.failed:
                return
            if status in (*_ENDED_BADLY, *_ENDED_WELL):
                why = (answer["error"] or {}).get("message", "").strip()
                said = why.splitlines()[0] if why else self._why(backfill_id, progress)
                raise ServiceError(f"The backfill {backfill_id} ended as {status.lower()}: {said}")
            time.sleep(every)

    def _why(self, backfill_id: str, progress: Progress) -> str:
        """How many failed, and what the newest failed run says of its first step that did."""
        count = f"{progress.failed} of {progress.total} failed"
        runs = self._ask(_FAILED_RUNS, id=backfill_id)["runsOrError"].get("results") or []
        said = [
            (event.get("error") or {}).get("message", "") for run in runs for event in run["eventConnection"]["events"]
        ]
        told = next((text.strip() for text in said if text.strip()), "")
        return f"{count}. {told.removeprefix(_FAILURE)}" if told else count

    def _ask(self, query: str, **variables: Any) -> Mapping[str, Any]:
        from dagster_graphql.cli import execute_query

        answer = execute_query(self._workspace, query, variables)
        if answer.get("errors"):
            raise ServiceError(f"Dagster cannot answer: {answer['errors'][0].get('message', 'no reason given')}")
        found: Mapping[str, Any] = answer["data"]
        return found


@contextmanager
def open_backfills(settings: Settings) -> Iterator[Backfill]:
    """Backfills of the service on `settings.database_url`. Raises `ServiceError` when it is down.

    Sets Dagster's variables in the environment of this process.
    """
    health = check_health(settings, ("postgres", "dagster_code_server", "dagster_daemon"))
    if settings.database_url is None or not health.ok:
        down = "; ".join(f"{part.name}: {part.detail}" for part in health.dependencies if not part.ok)
        raise ServiceError(f"A backfill needs the running service; start it with xfg up ({down}).")
    layout = Layout.of(settings)
    os.environ["DAGSTER_HOME"] = str(layout.dagster)
    os.environ["DAGSTER_POSTGRES_URL"] = dagster_url(settings.database_url.get_secret_value())

    from dagster import DagsterInstance

    from xfg_pipeline.service.dagster_workspace import open_workspace

    with (
        DagsterInstance.get() as instance,
        open_workspace(instance, layout.dagster / "workspace.yaml") as workspace,
    ):
        yield Backfill(workspace)


def _name(key: Mapping[str, Any]) -> str:
    return "/".join(key["path"])


def _with_relatives(asset: str, nodes: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The asset, what it is derived from, and what is derived from it.

    Of dates that nobody has looked at yet the inputs are missing; and what was derived from old rows is derived again.
    """
    found = [asset]
    for direction in ("dependencyKeys", "dependedByKeys"):
        reached = [asset]
        for name in reached:
            for near in map(_name, nodes[name][direction]):
                if near not in reached and nodes[near]["isPartitioned"] and nodes[near]["isExecutable"]:
                    reached.append(near)
        found += reached[1:]
    return found


def _progress(answer: Mapping[str, Any]) -> Progress:
    counts = (answer["assetBackfillData"] or {}).get("assetBackfillStatuses") or []

    def of(field: str) -> list[int]:
        return [int(one.get(field, 0)) for one in counts] or [0]

    # A date is done when it is done for every asset.
    return Progress(
        total=max(of("numPartitionsTargeted")),
        done=min(of("numPartitionsMaterialized")),
        failed=max(of("numPartitionsFailed")),
        running=max(of("numPartitionsInProgress")),
    )
