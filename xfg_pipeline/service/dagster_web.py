"""The Dagster UI behind the desk's login: `python -m xfg_pipeline.service.dagster_web`, run by `xfg up`."""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path

from xfg_pipeline.clock import SystemClock
from xfg_pipeline.desk.access import Access
from xfg_pipeline.service.dagster_guard import DagsterGuard
from xfg_pipeline.service.layout import Layout, secret_key
from xfg_pipeline.service.logs import configure_logging
from xfg_pipeline.settings import load_settings
from xfg_pipeline.storage.database import Database

log = logging.getLogger(__name__)


def main() -> None:
    """Serve on 127.0.0.1:DAGSTER_PORT until SIGTERM."""
    settings = load_settings()
    configure_logging(settings)

    import uvicorn
    from dagster import DagsterInstance
    from dagster_webserver.app import create_app_from_workspace_process_context

    from xfg_pipeline.service.dagster_workspace import open_workspace

    if settings.database_url is None:
        raise SystemExit("dagster-web: DATABASE_URL is not set; `xfg up` sets it for its processes")
    database = Database(settings.database_url.get_secret_value(), pool_size=3)
    token = settings.xfg_api_token
    access = Access(
        database,
        secret_key(settings, Layout.of(settings)),
        token.get_secret_value() if token else None,
        SystemClock(),
        https=settings.public_https,
    )
    # A workspace opened before its code server answers shows an error until somebody reloads it.
    _await_code_server(Path(os.environ["XFG_CODE_SERVER"]), seconds=60)
    with (
        DagsterInstance.get() as instance,
        open_workspace(instance, Path(os.environ["DAGSTER_HOME"]) / "workspace.yaml") as workspace,
    ):
        instance.optimize_for_webserver(statement_timeout=30_000, pool_recycle=3600, max_overflow=10)
        guarded = DagsterGuard(
            create_app_from_workspace_process_context(workspace),
            access=access,
            desk_port=settings.port,
            hosts=settings.trusted_hosts,
            https=settings.public_https,
        )
        uvicorn.run(
            guarded,
            host=settings.host,
            port=settings.dagster_port,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=2,
        )
    database.dispose()


def _await_code_server(socket: Path, seconds: float) -> None:
    from xfg_pipeline.resources.health import code_server_answers

    deadline = time.monotonic() + seconds
    while not code_server_answers(socket):
        if time.monotonic() > deadline:
            log.warning("the code server does not answer; the UI starts without it")
            return
        time.sleep(0.2)


if __name__ == "__main__":
    main()
