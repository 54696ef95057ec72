"""The gate that every cell of a file passes, once a file."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from tests.levels.writing import csv, level_row, read
from xfg_pipeline.levels.formats import ExportDay, LevelCell
from xfg_pipeline.levels.schema import cells_frame, cells_schema, schema_faults


def _days() -> tuple[ExportDay, ...]:
    return read(csv([level_row("14/10/2025 09:30:00"), level_row("15/10/2025 09:30:00")])).days


def test_the_cells_of_a_good_file_pass() -> None:
    frame = cells_frame(_days())
    assert list(frame["price"]) == ["6718.50", "6605.75"] * 2
    assert len(cells_schema().validate(frame)) == 4
    assert schema_faults(_days()) == []
    assert schema_faults(()) == []


@pytest.mark.parametrize("price", ["NaN", "sNaN", "Infinity", "0", "-1", "1E+400", "9E-9"])
def test_a_cell_that_is_no_price_is_named(price: str) -> None:
    first, second = _days()
    bad = replace(second, cells={**second.cells, "vah": LevelCell(Decimal(price), "VAH", 7, price)})
    (issue,) = schema_faults((first, bad))
    assert (issue.code, issue.line, issue.levels) == ("not_a_price", 7, ("vah",))
    assert issue.is_error
    assert issue.message.startswith(f"VAH {price} of 2025-10-15 is not a price: ")


def test_a_level_has_one_price_a_date() -> None:
    first, second = _days()
    assert len(schema_faults((first, replace(second, trading_date=date(2025, 10, 14))))) == 4


def test_a_level_is_called_by_its_api_name() -> None:
    (first, _) = _days()
    assert schema_faults((replace(first, cells={"MGI: ONH": first.cells["overnight_high"]}),))
