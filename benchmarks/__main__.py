"""`make bench`: all measurements, or those named in ARGS; ALL lists them."""

import sys
from importlib import import_module

ALL = (
    "read_exports",
    "import_rows",
    "nearby_levels",
    "recovery",
    "file_to_api",
    "slots",
    "performance",
    "snapshots",
    "light",
)


def main() -> None:
    """Print each measurement as it ends."""
    for name in sys.argv[1:] or ALL:
        print(f"\n{name}", flush=True)
        for line in import_module(f"benchmarks.{name}").measure():
            print(f"  {line}", flush=True)


if __name__ == "__main__":
    main()
