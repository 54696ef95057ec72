"""`python -m xfg_pipeline.service.redacted MODULE …`: run a module with no secret in its output.

Dagster and uvicorn bring their own logging; what they print goes through our redaction, tracebacks included.
"""

from __future__ import annotations

import runpy
import sys

from xfg_pipeline.service.logs import RedactingStream, Redactor, quieten
from xfg_pipeline.settings import load_settings


def main() -> None:
    """Become `python -m MODULE …` behind redacting standard streams."""
    if len(sys.argv) < 2:
        sys.exit("redacted: which module?")
    redact = Redactor(load_settings().secrets())
    streams = [RedactingStream(stream, redact) for stream in (sys.stdout, sys.stderr)]
    sys.stdout, sys.stderr = streams
    quieten()
    del sys.argv[0]
    try:
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    except Exception:  # noqa: BLE001 (told and ended, whatever it is)
        # While the interpreter ends, the plain stream is back: the last traceback must not slip past.
        import traceback

        traceback.print_exc()
        sys.exit(1)
    finally:
        for stream in streams:
            stream.finish()


if __name__ == "__main__":
    main()
