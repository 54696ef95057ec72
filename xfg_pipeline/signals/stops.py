"""The gates by name, what each one read, and in which words the one that stopped a candidate says so."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from xfg_pipeline.signals.candles import Floats
from xfg_pipeline.signals.increments import decimals, rounded_down

GATES: Final = (
    "data",
    "model",
    "direction",
    "confidence",
    "volume",
    "plan",
    "risk_reward",
    "size",
    "open_signal",
    "daily_limit",
)
DATA, MODEL, DIRECTION, CONFIDENCE, VOLUME, PLAN, RISK_REWARD, SIZE, OPEN_SIGNAL, DAILY_LIMIT = range(len(GATES))
PASSED: Final = -1
MILLION: Final = 1_000_000


@dataclass(frozen=True)
class GateReading:
    """One gate at one candidate: what was found, what is needed, and by how much it passed (below 0: failed)."""

    gate: str
    passed: bool
    value: Decimal | None = None
    comparison: str = ""
    threshold: Decimal | None = None
    margin: Decimal | None = None
    detail: str = ""

    def to_dict(self) -> dict[str, Any]:
        """For JSON: numbers are their decimal text, so that none is changed on the way."""
        numbers = {name: getattr(self, name) for name in ("value", "threshold", "margin")}
        texts = {name: None if number is None else f"{number:f}" for name, number in numbers.items()}
        return {
            "gate": self.gate,
            "passed": self.passed,
            "value": texts["value"],
            "comparison": self.comparison,
            "threshold": texts["threshold"],
            "margin": texts["margin"],
            "detail": self.detail,
        }


@dataclass(frozen=True, eq=False)
class Stops:
    """Where each of n candidates was stopped, in columns.

    `gate` int8[n] indexes GATES, PASSED where none stopped it. `value` and `threshold` float64[n] are what that gate
    compared, NaN where it compares nothing. `detail` int64[n] indexes `details`, 0 where there is nothing to add.
    """

    gate: NDArray[np.int8]
    value: Floats
    threshold: Floats
    detail: NDArray[np.int64]
    details: tuple[str, ...]

    def reason(self, row: int) -> str:
        """Why the row became no signal; "" where no gate stopped it."""
        at = int(self.gate[row])
        if at == PASSED:
            return ""
        return why(GATES[at], self.value[row], self.threshold[row], self.details[self.detail[row]])


def why(gate: str, value: float | None, threshold: float | None, detail: str | None) -> str:
    """The sentence of a gate that stopped a candidate, also from stored columns; ends without a full stop."""
    if gate == "model":
        return "the ensemble gave no usable probabilities"
    if value is None or threshold is None or np.isnan(value) or np.isnan(threshold):
        return detail or ""
    found, needed = shown(value, threshold)
    return {
        "direction": f"no direction: up or down has at most {value:.2f}, another class {threshold:.2f}",
        "confidence": f"confidence {found} is below {needed}",
        "volume": f"volume is {found} times its mean of 20 candles, below {needed}",
        "risk_reward": f"risk/reward {found} is below {needed}",
        "daily_limit": f"it would be signal {value:.0f} of the day, and {threshold:.0f} are allowed",
    }.get(gate, detail or "")


def shown(value: float, threshold: float) -> tuple[str, str]:
    """A value below its threshold with 2 decimals, or with as many as it takes to look below it."""
    exact, limit = Decimal(repr(float(value))), Decimal(repr(float(threshold)))
    places = next((n for n in range(2, 6) if rounded_down(exact, n) != rounded_down(limit, n)), 6)
    return f"{rounded_down(exact, places):f}", f"{limit:.{max(2, decimals(limit))}f}"


def at_least(
    gate: str, value: Decimal, threshold: Decimal, *, passed: bool, comparison: str = "≥", detail: str = ""
) -> GateReading:
    """A reading whose margin is how far the value is above the threshold."""
    return GateReading(gate, passed, value, comparison, threshold, value - threshold, detail)


def in_millionths(shares: NDArray[Any]) -> NDArray[np.int64]:
    """Rounded to 6 decimals. A float32 times a million is exact in float64: nothing but the rounding happens."""
    return np.rint(shares.astype(np.float64) * MILLION).astype(np.int64)


def millionths(count: int) -> Decimal:
    """As a Decimal with 6 decimals."""
    return Decimal(int(count)).scaleb(-6)
