"""Files of recorded candles: CSV, parquet and feather, checked before anything of them is used."""

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from xfg_pipeline.exchange.market import MarketUnavailable
from xfg_pipeline.exchange.replay_cells import numbers_of, seconds_of
from xfg_pipeline.exchange.replay_names import Recording
from xfg_pipeline.signals.candles import Candles
from xfg_pipeline.signals.slots import moment

if TYPE_CHECKING:
    import pandas as pd
    import pandera.pandas as pa
    from pyarrow import Table

TIMES = ("date", "datetime", "time", "timestamp", "open_time")
NUMBERS = ("open", "high", "low", "close", "volume")


def read_recording(file: Recording) -> Candles:
    """The candles of a file, by time; rows may stand in any order.

    Times are when a candle opened: ISO 8601 text (UTC where it names no zone), typed times, or whole seconds, milli-
    or microseconds since 1970. Raises MarketMalformed that names file, row, column and remedy, and MarketUnavailable
    for a file that cannot be opened.
    """
    from pandas.errors import EmptyDataError, ParserError
    from pyarrow import ArrowException

    try:
        frame = _csv(file) if file.is_csv else _arrow(file).to_pandas()
    except (ParserError, EmptyDataError, UnicodeError) as broken:
        raise file.malformed(f"cannot be read: {_line(broken)}", "write it as UTF-8 text with commas") from None
    except (ArrowException, ValueError, LookupError, TypeError) as broken:
        raise file.malformed(f"cannot be read: {_line(broken)}", "record or convert it again") from None
    except OSError as closed:
        # Arrow tells of broken contents by an OSError that the system knows nothing of.
        if closed.errno is None:
            raise file.malformed(f"cannot be read: {_line(closed)}", "record or convert it again") from None
        raise MarketUnavailable(f"{file.path} cannot be opened: {closed.strerror}", coin=file.coin) from None
    return _candles(file, frame)


def _csv(file: Recording) -> "pd.DataFrame":
    import pandas as pd

    frame = pd.read_csv(file.path, encoding="utf-8-sig", low_memory=False)
    if not isinstance(frame.index, pd.RangeIndex):
        raise file.malformed("has more cells in its rows than in its header", "name every column")
    return frame


def _candles(file: Recording, frame: "pd.DataFrame") -> Candles:
    import pandas as pd

    if isinstance(frame.index, pd.DatetimeIndex) or frame.index.name is not None:
        frame = frame.reset_index(names=str(frame.index.name or TIMES[0]))
    columns = _columns(file, frame)
    times = seconds_of(file, columns["open_time"])
    numbers = {name: numbers_of(file, columns[name]) for name in NUMBERS}
    checked = pd.DataFrame({"open_time": times, **numbers})
    _check(file, checked)
    ordered = checked.sort_values("open_time", kind="stable")
    opened, *prices = (ordered[name].to_numpy() for name in ("open_time", *NUMBERS))
    open_, high, low, close, volume = prices
    return Candles(file.coin, opened, open_, high, low, close, volume, 60 * file.minutes)


def _arrow(file: Recording) -> "Table":
    from pyarrow import feather, parquet

    wanted = parquet if file.path.suffix.lower() == ".parquet" else feather
    return wanted.read_table(file.path, memory_map=False)


def _columns(file: Recording, frame: "pd.DataFrame") -> dict[str, Any]:
    """The wanted columns under their own names, as Series that still have the file's name."""
    named: dict[str, list[Any]] = {}
    for name in frame.columns:
        named.setdefault(str(name).strip().lower().replace(" ", "_"), []).append(frame[name])
    times = [name for name in TIMES if name in named]
    there = ", ".join(repr(str(name))[:40] for name in list(frame.columns)[:12])
    if len(times) != 1 or len(named[times[0]]) != 1:
        found = f"has {' and '.join(times)}" if times else f"has no column of times (it has {there})"
        raise file.malformed(found, f"name exactly one column {', '.join(TIMES)}: when the candle opened")
    for name in NUMBERS:
        if len(named.get(name, [])) != 1:
            found = f"has {len(named[name])} columns" if name in named else "has no column"
            raise file.malformed(f"{found} {name} (it has {there})", f"columns are a time, {', '.join(NUMBERS)}")
    return {"open_time": named[times[0]][0], **{name: named[name][0] for name in NUMBERS}}


@cache
def _schema(step: int) -> "pa.DataFrameSchema":
    """One row a candle: open_time in seconds on the grid and unique, prices finite and positive, low <= all <= high."""
    import pandera.pandas as pa

    price = [pa.Check(lambda price: np.isfinite(price) & (price > 0), error="is no price: finite and above zero")]
    grid = f"is not on the {step} s grid of its interval"
    return pa.DataFrameSchema(
        {
            "open_time": pa.Column(
                "int64",
                [
                    pa.Check(lambda at: at % step == 0, error=grid),
                    pa.Check(lambda at: ~at.duplicated(), error="is there twice"),
                ],
            ),
            **{name: pa.Column("float64", price) for name in NUMBERS[:4]},
            "volume": pa.Column(
                "float64", pa.Check(lambda v: np.isfinite(v) & (v >= 0), error="is no volume: finite, zero or more")
            ),
        },
        checks=[
            pa.Check(
                lambda candle: candle["high"] >= candle[["open", "low", "close"]].max(axis=1),
                error="has its high below its open, low or close",
            ),
            pa.Check(
                lambda candle: candle["low"] <= candle[["open", "close"]].min(axis=1),
                error="has its low above its open or close",
            ),
        ],
        strict=True,
        ordered=True,
    )


def _check(file: Recording, frame: "pd.DataFrame") -> None:
    import pandera.errors

    try:
        _schema(60 * file.minutes).validate(frame, lazy=True)
    except pandera.errors.SchemaErrors as faults:
        cases = faults.failure_cases
    else:
        return
    row = int(cases["index"].min())
    # A cell that is wrong by itself says more than the candle that it spoils: "Column" stands before "DataFrameSchema".
    first = cases[cases["index"] == row].sort_values("schema_context", kind="stable").iloc[0]
    told = "is empty" if first["check"] == "not_nullable" else str(first["check"])
    what = "the candle"
    if first["schema_context"] == "Column":
        name = str(first["column"])
        value = frame[name].iloc[row]
        what = f"column {name}: {moment(value).isoformat() if name == 'open_time' else value}"
    others = cases["index"].nunique() - 1
    more = f", and {others:,} other rows are wrong" if others else ""
    raise file.malformed(f"{file.row(row)}, {what} {told}{more}", "record it again, or take the rows out")


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
