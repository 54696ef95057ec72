"""An ensemble's folder is written whole or not at all."""

from pathlib import Path

import pytest

from xfg_pipeline.signals.training import TrainingRefused
from xfg_pipeline.signals.training.folder import require_free, write_folder

FILES = {"manifest.json": b"{}", "a.onnx": b"1"}


def _accept(_: Path) -> None:
    """Finds nothing wrong."""


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_files_are_checked_before_they_are_where_anyone_looks(tmp_path: Path) -> None:
    out = tmp_path / "models" / "new"
    seen: list[tuple[str, list[str], bool]] = []
    write_folder(out, FILES, replace=False, check=lambda made: seen.append((made.name, _names(made), out.exists())))
    assert seen == [(".new.part", ["a.onnx", "manifest.json"], False)]
    assert _names(out) == ["a.onnx", "manifest.json"]
    assert _names(out.parent) == ["new"]


def test_a_failed_check_leaves_what_was_there(tmp_path: Path) -> None:
    out = tmp_path / "models"
    write_folder(out, FILES, replace=False, check=_accept)

    def refuse(_: Path) -> None:
        raise TrainingRefused("not this one")

    with pytest.raises(TrainingRefused, match="not this one"):
        write_folder(out, {"manifest.json": b"new"}, replace=True, check=refuse)
    assert (out / "manifest.json").read_bytes() == b"{}"
    assert _names(tmp_path) == ["models"]


def test_an_ensemble_is_only_replaced_with_permission_and_then_leaves_nothing_behind(tmp_path: Path) -> None:
    out = tmp_path / "models"
    write_folder(out, FILES, replace=False, check=_accept)
    with pytest.raises(TrainingRefused, match="already holds an ensemble"):
        write_folder(out, {"manifest.json": b"new"}, replace=False, check=_accept)
    write_folder(out, {"manifest.json": b"new"}, replace=True, check=_accept)
    assert _names(out) == ["manifest.json"]
    assert _names(tmp_path) == ["models"]


def test_a_folder_of_something_else_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"sea")
    file = tmp_path / "holiday.jpg"
    for taken in (tmp_path, file):
        with pytest.raises(TrainingRefused, match="is not an ensemble"):
            require_free(taken, replace=True)
    require_free(tmp_path / "nothing here", replace=False)
    empty = tmp_path / "empty"
    empty.mkdir()
    require_free(empty, replace=False)


def test_what_a_crash_left_between_two_renames_is_put_back(tmp_path: Path) -> None:
    out = tmp_path / "models"
    write_folder(out, FILES, replace=False, check=_accept)
    out.rename(tmp_path / ".models.before")
    (tmp_path / ".models.part").mkdir()
    with pytest.raises(TrainingRefused, match="already holds an ensemble"):
        write_folder(out, {"manifest.json": b"new"}, replace=False, check=_accept)
    assert (out / "a.onnx").read_bytes() == b"1"
    write_folder(out, {"manifest.json": b"new"}, replace=True, check=_accept)
    assert _names(tmp_path) == ["models"]
