"""Base model TabNet (Arık & Pfister 2021): a small network with attention over features, on PyTorch."""

from typing import Any

import numpy as np

from xfg_pipeline.signals.candles import Floats
from xfg_pipeline.signals.training.onnx_files import INPUT, NETWORK_OPSET, OUTPUT
from xfg_pipeline.signals.training.plan import Sizes
from xfg_pipeline.signals.training.rows import Labels, Matrix

WIDEST = 4.0
"""Standard deviations from the mean at which a feature is held: a network has no other way to bear outliers."""
SMALLEST_SPREAD = 1e-6


class TabNet:
    """A fixed number of epochs: choosing the best one by score would need rows that then cannot judge it."""

    def __init__(self, sizes: Sizes, seed: int, threads: int) -> None:
        import torch
        from pytorch_tabnet.tab_model import TabNetClassifier

        torch.set_num_threads(threads)
        self._sizes = sizes
        self._centre = self._spread = np.empty(0, dtype=np.float32)
        self._model = TabNetClassifier(
            n_d=8,
            n_a=8,
            n_steps=3,
            gamma=1.3,
            seed=seed,
            device_name="cpu",
            verbose=0,
            optimizer_params={"lr": 0.02},
            scheduler_fn=torch.optim.lr_scheduler.ExponentialLR,
            scheduler_params={"gamma": 0.85},
        )

    @property
    def framework(self) -> str:
        """The library."""
        return "pytorch-tabnet"

    def fit(self, matrix: Matrix, labels: Labels) -> None:
        """Learns."""
        self._centre = matrix.mean(axis=0, dtype=np.float64).astype(np.float32)
        self._spread = np.maximum(matrix.std(axis=0, dtype=np.float64), SMALLEST_SPREAD).astype(np.float32)
        self._model.fit(
            self._scaled(matrix),
            labels,
            max_epochs=self._sizes.epochs,
            patience=0,
            batch_size=self._sizes.batch,
            virtual_batch_size=min(512, self._sizes.batch),
            num_workers=0,
            drop_last=False,
        )

    def probabilities(self, matrix: Matrix) -> Floats:
        """float32[n, 3]."""
        return np.asarray(self._model.predict_proba(self._scaled(matrix)))

    def _scaled(self, matrix: Matrix) -> Matrix:
        scaled: Matrix = np.clip((matrix - self._centre) / self._spread, -WIDEST, WIDEST)
        return scaled

    def onnx(self) -> Any:
        """By torch.onnx: class probabilities alone, without the loss that TabNet also returns."""
        import io

        import onnx
        import torch

        network = _probabilities(self._model.network, torch.from_numpy(self._centre), torch.from_numpy(self._spread))
        written = io.BytesIO()
        # The tracing exporter needs a tenth of the time and of the packages; torch is pinned.
        torch.onnx.export(
            network,
            (torch.zeros(2, self._model.input_dim),),
            written,
            dynamo=False,
            opset_version=NETWORK_OPSET,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_axes={INPUT: {0: "N"}, OUTPUT: {0: "N"}},
        )
        return onnx.load_from_string(written.getvalue())


def _probabilities(network: Any, centre: Any, spread: Any) -> Any:
    """A copy of a TabNet network that takes features as they are and gives probabilities, ready to be traced.

    While training, TabNet normalizes parts of a batch by themselves; afterwards the parts do not matter, but cutting a
    batch up would fix its size in the trace. So the normalization takes the place of what cuts.
    """
    import copy

    import torch
    from pytorch_tabnet.tab_network import GBN

    class Probabilities(torch.nn.Module):  # type: ignore[misc]  # torch has no types here
        """Scaled features in, softmax of the first of the network's two outputs."""

        def __init__(self) -> None:
            super().__init__()
            self.network = copy.deepcopy(network)
            self.register_buffer("centre", centre)
            self.register_buffer("spread", spread)

        def forward(self, features: Any) -> Any:
            scaled = torch.clamp((features - self.centre) / self.spread, -WIDEST, WIDEST)
            return torch.softmax(self.network(scaled)[0], dim=1)

    made = Probabilities()
    for module in list(made.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, GBN):
                setattr(module, name, child.bn)
    return made.eval()
