"""Inputs on which a model is tried before it is trusted: always the same, of every scale, real for no market."""

import numpy as np
from numpy.typing import NDArray

TRIALS = 96
"""More than one block, and not a multiple of it: a padded block is tried too."""


def any_features(width: int) -> NDArray[np.float32]:
    """float32[TRIALS, width]: a third without negative numbers, a third of both signs, a third from 1e-6 to 1e6."""
    random = np.random.default_rng(1)
    rows = random.standard_normal((TRIALS, width))
    third = TRIALS // 3
    rows[:third] = np.abs(rows[:third])
    rows[-third:] *= 10.0 ** random.uniform(-6, 6, (third, width))
    return rows.astype(np.float32)


def any_probabilities(models: int, classes: int) -> NDArray[np.float32]:
    """float32[TRIALS, models × classes]: distributions of every sharpness, as base models give them."""
    drawn = np.random.default_rng(2).dirichlet([0.5] * classes, (TRIALS, models))
    return drawn.reshape(TRIALS, -1).astype(np.float32)
