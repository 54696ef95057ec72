"""The libraries of the extra `train`: whether they are there, and which of their warnings say nothing to a reader."""

import importlib.util
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version

from xfg_pipeline.signals.training.refusal import TrainingRefused

PACKAGES = {
    "xgboost": "xgboost-cpu",
    "lightgbm": "lightgbm",
    "catboost": "catboost",
    "torch": "torch",
    "pytorch_tabnet": "pytorch-tabnet",
    "flaml": "flaml",
    "sklearn": "scikit-learn",
    "skl2onnx": "skl2onnx",
    "onnxmltools": "onnxmltools",
    "onnx": "onnx",
}
"""Module by module the package that brings it."""


def missing_packages() -> list[str]:
    """Packages of the extra that are not installed."""
    return [package for module, package in PACKAGES.items() if importlib.util.find_spec(module) is None]


def require_packages() -> None:
    """Raises TrainingRefused when the extra is not installed."""
    missing = missing_packages()
    if missing:
        raise TrainingRefused(
            f"Training needs packages that are not installed: {', '.join(missing)}. "
            "Run `make train`; ready ensembles need none of them."
        )


def versions() -> dict[str, str]:
    """The version of every package that takes part."""
    return {package: version(package) for package in (*PACKAGES.values(), "onnxruntime", "numpy")}


_SAID_TO_AUTHORS = (
    (DeprecationWarning, r"Please import `spmatrix`"),  # pytorch-tabnet, at import
    (UserWarning, r"No early stopping will be performed"),  # pytorch-tabnet: as wanted
    (DeprecationWarning, r"You are using the legacy TorchScript-based ONNX export"),
    (DeprecationWarning, r"The feature will be removed"),  # torch, within that export
)


@contextmanager
def quiet() -> Iterator[None]:
    """Runs library code without the warnings that concern its authors only; all others pass."""
    with warnings.catch_warnings():
        for category, message in _SAID_TO_AUTHORS:
            warnings.filterwarnings("ignore", message, category)
        yield
