"""The first gate for imported levels: the frame of all cells of a file, checked once by pandera."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING

from xfg_pipeline.levels.band import is_price, why_no_price
from xfg_pipeline.levels.formats.export import ExportDay
from xfg_pipeline.levels.issues import Issue, error
from xfg_pipeline.levels.vocabulary import label_of

if TYPE_CHECKING:
    import pandas as pd
    import pandera.pandas as pa


@cache
def cells_schema() -> pa.DataFrameSchema:
    """One row a level of a date: trading_date, level, price (text of a Decimal that `is_price`), line (from 1).

    Prices stand in the frame as their exact text: pandas looks into Decimals, and trips over some.
    """
    import pandera.pandas as pa

    return pa.DataFrameSchema(
        {
            "trading_date": pa.Column(object),
            "level": pa.Column(object, pa.Check.str_matches(r"^[a-z][a-z0-9_]*$")),
            "price": pa.Column(object, pa.Check(_are_prices, name="price")),
            "line": pa.Column("int64", pa.Check.ge(1)),
        },
        strict=True,
        unique=["trading_date", "level"],
    )


def cells_frame(days: Iterable[ExportDay]) -> pd.DataFrame:
    """All cells of a file's days, in the columns of `cells_schema`."""
    import pandas as pd

    rows = [(day.trading_date, name, cell) for day in days for name, cell in day.cells.items()]
    return pd.DataFrame(
        {
            "trading_date": pd.Series([day for day, _, _ in rows], dtype=object),
            "level": pd.Series([name for _, name, _ in rows], dtype=object),
            "price": pd.Series([str(cell.price) for _, _, cell in rows], dtype=object),
            "line": pd.Series([cell.line for _, _, cell in rows], dtype="int64"),
        }
    )


def schema_faults(days: Iterable[ExportDay]) -> list[Issue]:
    """Cells that the schema does not let pass; empty when all do."""
    import pandera.errors

    frame = cells_frame(days)
    try:
        cells_schema().validate(frame, lazy=True)
    except pandera.errors.SchemaErrors as faults:
        found = faults.failure_cases["index"].dropna().astype(int).unique().tolist()
        return [_fault(frame.iloc[row]) for row in found]
    return []


def _are_prices(texts: pd.Series[str]) -> pd.Series[bool]:
    return texts.map(lambda text: is_price(Decimal(text))).astype(bool)


def _fault(row: pd.Series[str]) -> Issue:
    why = why_no_price(Decimal(row["price"])) or "one price a level is wanted, under its API name"
    return error(
        "not_a_price",
        f"{label_of(row['level'])} {row['price']} of {row['trading_date']} is not a price: {why}",
        "correct the cell or export again",
        levels=(str(row["level"]),),
        line=int(row["line"]),
        values=(str(row["price"]),),
    )
