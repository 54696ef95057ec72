"""The programs of `xfg up`: how each is started, in what environment, and supervisord's configuration.

No secret stands in a command line or in the configuration: secrets are inherited through the environment.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from xfg_pipeline.service.layout import Layout, Sockets, write_private
from xfg_pipeline.settings import Settings

LOCATION = "xfg_pipeline"
"""Name of the code location, in the service's workspace and in the top-level workspace.yaml."""

DEFINITIONS = "xfg_pipeline.definitions"

_LOG_BYTES = "10MB"
_LOG_BACKUPS = 5


@dataclass(frozen=True)
class Program:
    """One supervised process. `words` follow the interpreter; `stop_seconds` until it is killed."""

    name: str
    words: tuple[str, ...]
    stop_seconds: int = 6

    @property
    def supervised_name(self) -> str:
        """Its name for supervisord: Postgres is alone, the others are one group that stops at once."""
        return self.name if self.name == "postgres" else f"house:{self.name}"


_REDACTED = ("-m", "xfg_pipeline.service.redacted")

POSTGRES = Program("postgres", ("-m", "xfg_pipeline.service.postgres"), stop_seconds=12)
CODE_SERVER = Program(
    "code-server",
    (
        *(*_REDACTED, "dagster", "api", "grpc", "--socket", "$XFG_CODE_SERVER", "--module-name", DEFINITIONS),
        *("--location-name", LOCATION, "--use-python-environment-entry-point"),
    ),
)
# Its information lines say every five seconds that nothing was dropped; what it did stands in the Dagster UI.
DAEMON = Program(
    "daemon",
    (
        *(*_REDACTED, "dagster._daemon", "run", "--workspace", "$DAGSTER_HOME/workspace.yaml"),
        *("--log-level", "warning"),
    ),
)
DAGSTER_WEB = Program("dagster-web", ("-m", "xfg_pipeline.service.dagster_web"))
DESK = Program("desk", (*_REDACTED, "xfg_pipeline.desk"))
HOUSE = (CODE_SERVER, DAEMON, DAGSTER_WEB, DESK)


def environment(settings: Settings, layout: Layout, sockets: Sockets, *, database_url: str, key: str) -> dict[str, str]:
    """What every program inherits: this process's environment with all addresses absolute and decided."""
    return {
        **os.environ,
        "XFG_HOME": str(layout.home),
        "PORT": str(settings.port),
        "DAGSTER_PORT": str(settings.dagster_port),
        "DATABASE_URL": database_url,
        "SECRET_KEY": key,
        "DAGSTER_HOME": str(layout.dagster),
        "DAGSTER_POSTGRES_URL": dagster_url(database_url),
        "XFG_CODE_SERVER": sockets.code_server,
        "XFG_SUPERVISOR": sockets.supervisor,
        "XFG_PYTHON": sys.executable,
        # Where config.yaml and .env are looked for.
        "XFG_STARTED_IN": str(Path.cwd()),
        "GX_ANALYTICS_ENABLED": "false",
        # The first look at a real account reads two years, which takes longer than Dagster's minute.
        "DAGSTER_SENSOR_GRPC_TIMEOUT_SECONDS": "600",
        "PYTHONUNBUFFERED": "1",
    }


def dagster_url(database_url: str) -> str:
    """The same database for Dagster: psycopg2's bare scheme, and a schema of its own."""
    address = database_url.partition("://")[2]
    separator = "&" if "?" in address else "?"
    return f"postgresql://{address}{separator}options={quote('-csearch_path=dagster', safe='')}"


def write_dagster_home(layout: Layout, sockets: Sockets) -> None:
    """`dagster.yaml` from the package and a workspace that names our code server."""
    settings = (Path(__file__).parent / "dagster.yaml").read_text()
    write_private(layout.dagster / "dagster.yaml", settings)
    socket = sockets.code_server.replace("'", "''")
    workspace = f"load_from:\n  - grpc_server:\n      socket: '{socket}'\n      location_name: {LOCATION}\n"
    write_private(layout.dagster / "workspace.yaml", workspace)


def write_supervisor_configuration(layout: Layout, *, with_postgres: bool) -> Path:
    """supervisord.conf below `run/`; its path.

    It runs in XFG_HOME with relative paths; others come in through `%(ENV_…)s`: so no character of a folder's name
    means anything to its parser.
    """
    path = layout.run / "supervisord.conf"
    sections = [
        "[supervisord]",
        "nodaemon=true",
        "logfile=logs/supervisord.log",
        f"logfile_maxbytes={_LOG_BYTES}",
        f"logfile_backups={_LOG_BACKUPS}",
        "pidfile=run/supervisord.pid",
        "childlogdir=logs",
        "umask=077",
        *(("user=root",) if os.geteuid() == 0 else ()),
        "[unix_http_server]",
        "file=%(ENV_XFG_SUPERVISOR)s",
        "chmod=0700",
        "[rpcinterface:supervisor]",
        "supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface",
        "[group:house]",
        f"programs={','.join(program.name for program in HOUSE)}",
        # Higher priorities stop first: Postgres goes last.
        "priority=999",
    ]
    for program in (*((POSTGRES,) if with_postgres else ()), *HOUSE):
        sections += _section(program)
    write_private(path, "\n".join(sections) + "\n")
    return path


def _section(program: Program) -> list[str]:
    python = '"%(ENV_XFG_PYTHON)s"'
    words = " ".join(_word(word) for word in program.words)
    return [
        f"[program:{program.name}]",
        f"command={python} -m xfg_pipeline.service.launch --death-signal 15 -- {python} {words}",
        f"autostart={'true' if program is POSTGRES else 'false'}",
        "autorestart=true",
        "startsecs=2",
        "startretries=1000000",
        f"stopwaitsecs={program.stop_seconds}",
        # Dagster's run workers are children of the code server.
        "stopasgroup=%s" % ("false" if program is POSTGRES else "true"),
        "killasgroup=true",
        "priority=1",
        "directory=%(ENV_XFG_STARTED_IN)s",
        "umask=022",
        "redirect_stderr=true",
        f"stdout_logfile=logs/{program.name}.log",
        f"stdout_logfile_maxbytes={_LOG_BYTES}",
        f"stdout_logfile_backups={_LOG_BACKUPS}",
    ]


def _word(word: str) -> str:
    """`$NAME/rest` becomes supervisord's spelling of an environment variable, in quotes."""
    if not word.startswith("$"):
        return word
    name, slash, rest = word[1:].partition("/")
    return f'"%(ENV_{name})s{slash}{rest}"'
