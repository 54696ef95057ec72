"""An ensemble's folder: there whole or not at all."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from xfg_pipeline.signals.training.refusal import TrainingRefused


def require_free(folder: Path, *, replace: bool) -> None:
    """Raises TrainingRefused when something is there that may not be replaced, or is no ensemble."""
    if not folder.exists():
        return
    if not folder.is_dir() or (any(folder.iterdir()) and not (folder / "manifest.json").is_file()):
        raise TrainingRefused(f"{folder} is there and is not an ensemble: name another folder.")
    if not replace and any(folder.iterdir()):
        raise TrainingRefused(f"{folder} already holds an ensemble: name another folder, or allow it to be replaced.")


def write_folder(folder: Path, files: Mapping[str, bytes], *, replace: bool, check: Callable[[Path], None]) -> None:
    """Writes all files beside the folder, has them checked there, then puts them in its place by renaming.

    What `check` raises is passed on; the folder is then as before.

    A crash in between the two renames leaves the former one as `.<name>.before`; the next writing puts it back first.
    Raises TrainingRefused as `require_free` does.
    """
    made = folder.with_name(f".{folder.name}.part")
    before = folder.with_name(f".{folder.name}.before")
    if before.exists() and not folder.exists():
        before.rename(folder)
    require_free(folder, replace=replace)
    for leftover in (made, before):
        if leftover.exists():
            shutil.rmtree(leftover)
    made.mkdir(parents=True)
    for name, content in files.items():
        (made / name).write_bytes(content)
    try:
        check(made)
    except BaseException:
        shutil.rmtree(made)
        raise
    if folder.exists():
        folder.rename(before)
    made.rename(folder)
    if before.exists():
        shutil.rmtree(before)
