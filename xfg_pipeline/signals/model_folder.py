"""A models folder as it lies on disk: the manifest, and the bytes of the files that it names, each read once."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from xfg_pipeline.signals.manifest import Manifest, ModelEntry

MANIFEST = "manifest.json"
LARGEST_MANIFEST = 4 * 2**20
LARGEST_MODEL = 2 * 2**30
"""Bytes; an ONNX file cannot be larger."""


class EnsembleRefused(Exception):
    """An ensemble that must not make signals. `problems` are all that were found, each with what to do about it."""

    def __init__(self, folder: Path, problems: Sequence[str]) -> None:
        self.folder = folder
        self.problems = tuple(problems)
        super().__init__("\n- ".join([f"the ensemble in {folder} is refused:", *self.problems]))


@dataclass(frozen=True, eq=False)
class ModelFolder:
    """What was read. `contents` has the bytes by file name, of those files only whose hash is the manifest's."""

    manifest: Manifest
    manifest_content: bytes
    contents: dict[str, bytes]
    problems: tuple[str, ...]


def read_folder(folder: Path) -> ModelFolder:
    """Reads manifest and files. Raises EnsembleRefused when there is no manifest that can be understood."""
    if not folder.is_dir():
        raise EnsembleRefused(
            folder,
            [f"there is no such folder; `models.path` names the folder that holds {MANIFEST} and the ONNX files"],
        )
    content = _read(folder / MANIFEST, LARGEST_MANIFEST)
    if isinstance(content, str):
        raise EnsembleRefused(
            folder, [f"{MANIFEST} {content}; it belongs beside the ONNX files, and `xfg train` writes one"]
        )
    manifest = _manifest(folder, content)
    contents: dict[str, bytes] = {}
    problems = []
    for entry in (*manifest.models, manifest.meta_learner):
        model = _verified(folder, entry)
        if isinstance(model, str):
            problems.append(f"{entry.name}: {entry.file} {model}")
        else:
            contents[entry.file] = model
    return ModelFolder(manifest, content, contents, tuple(problems))


def _read(path: Path, limit: int) -> bytes | str:
    """The bytes, or what is wrong with the file as the end of a sentence."""
    try:
        if not path.exists():
            return "is missing"
        if not path.is_file():
            return "is not a file"
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except (OSError, ValueError) as error:
        return f"cannot be read ({error.strerror if isinstance(error, OSError) else error})"
    if len(content) > limit:
        return f"is larger than {limit:,} bytes"
    return content or "is empty (0 bytes)"


def _verified(folder: Path, entry: ModelEntry) -> bytes | str:
    content = _read(folder / entry.file, LARGEST_MODEL)
    if isinstance(content, str):
        return f"{content}; copy it from where the ensemble was trained"
    found = hashlib.sha256(content).hexdigest()
    if found != entry.sha256:
        return (
            f"is not the file that the manifest describes: sha256 {found} of {len(content):,} bytes, expected "
            f"{entry.sha256}. It was replaced, or copied only in part; copy file and manifest again, together"
        )
    return content


class _Refused(ValueError):
    """JSON that reads two ways, or that JSON does not allow."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise _Refused(f"{', '.join(twice)}: there twice in one object; keep one")
    return dict(pairs)


def _no_constant(name: str) -> float:
    raise _Refused(f"{name} is not JSON; write null, or leave the field out")


def _manifest(folder: Path, content: bytes) -> Manifest:
    try:
        written = json.loads(content.decode("utf-8-sig"), object_pairs_hook=_unique, parse_constant=_no_constant)
    except _Refused as error:
        raise EnsembleRefused(folder, [f"{MANIFEST}: {error}"]) from error
    except (ValueError, RecursionError) as error:
        raise EnsembleRefused(
            folder, [f"{MANIFEST} is not JSON ({error}); correct it, or copy it again from where it was written"]
        ) from error
    try:
        return Manifest.model_validate(written)
    except ValidationError as error:
        problems = [_field(one) for one in error.errors(include_url=False)]
        raise EnsembleRefused(folder, problems) from error


def _field(error: Any) -> str:
    """One fault of the manifest: the field, what is wrong, what is there, what to do."""
    name = ".".join(str(part) for part in error["loc"])
    where = f"{MANIFEST}, {name}" if name else MANIFEST
    if error["type"] == "missing":
        return f"{where}: is missing; add it (docs/models.md describes every field)"
    if error["type"] == "extra_forbidden":
        return f"{where}: is not a field of a manifest; remove it, or correct its name"
    if error["type"] == "value_error" or not name:
        return f"{where}: {error['msg'].removeprefix('Value error, ')}; correct it"
    return f"{where}: {error['msg']}, and is {_short(error['input'])}; correct it"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
