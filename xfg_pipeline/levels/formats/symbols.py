"""Whose levels a file holds: by a word of its name or a symbol column, never by letters inside a word."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from xfg_pipeline.levels.issues import refused
from xfg_pipeline.levels.rules import LevelRules

_ROOTS = {"ES": "ES", "EP": "ES", "NQ": "NQ", "ENQ": "NQ", "MES": "MES", "MNQ": "MNQ"}
"""Root → symbol. EP and ENQ are CQG's names. A micro is a market of its own, with its own volume."""

_CONTRACT = r"(?:[FGHJKMNQUVXZ](?:[0-9]{1,2}|20[0-9]{2})|[12])?"
"""Month code and year, or the 1 and 2 of continuous contracts."""

_HINT = "put the symbol into the name as a word of its own, such as {example}_levels.csv, or add a symbol column"


def symbol_of_name(file_name: str, rules: LevelRules) -> str:
    """The symbol that a name says: `ESU6 - 5 min - RTH.csv` → ES. ExportRefused: none, two, not allowed."""
    name = _base(file_name)
    found = _symbols_of(_words(name), rules)
    hint = _HINT.format(example=rules.allowed_symbols[0])
    if not found:
        raise refused("no_symbol", f'the name "{name}" holds no symbol', hint, values=(name,))
    if len(found) > 1:
        raise refused("two_symbols", f'the name "{name}" holds {" and ".join(found)}', hint, values=(name,))
    return _allowed(found[0], name, rules)


def symbol_of_file(
    file_name: str, cells: Sequence[str] | None, lines: Sequence[int], header: str, rules: LevelRules
) -> str:
    """The symbol by the file's name, else by its symbol column (`cells` under `header`). Both must agree."""
    name = _base(file_name)
    said = _symbols_of(_words(name), rules)
    if cells is None or not any(cell.strip() for cell in cells):
        return symbol_of_name(file_name, rules)
    written = {text: _symbols_of(_words(text), rules) for text in dict.fromkeys(cell.strip() for cell in cells) if text}
    in_column = list(dict.fromkeys(symbol for symbols in written.values() for symbol in symbols))
    if len(in_column) > 1 or (len(said) == 1 and in_column and in_column != said):
        other = next(symbol for symbol in in_column if symbol != (said or in_column)[0])
        row = next(row for row, cell in enumerate(cells) if other in written.get(cell.strip(), ()))
        raise refused(
            "two_symbols",
            f"the file is for {' and '.join(dict.fromkeys((*said, *in_column)))}: one file is for one symbol",
            "export one file a symbol",
            line=lines[row],
            columns=(header,),
            values=(cells[row],),
        )
    if len(said) == 1:
        return symbol_of_name(file_name, rules)
    unknown = next((text for text, symbols in written.items() if not symbols), None)
    if unknown is not None or not in_column:
        row = next(row for row, cell in enumerate(cells) if cell.strip() == unknown)
        raise refused(
            "no_symbol",
            f'neither the name "{name}" nor "{cells[row]}" is a known symbol',
            _HINT.format(example=rules.allowed_symbols[0]),
            line=lines[row],
            columns=(header,),
            values=(cells[row],),
        )
    return _allowed(in_column[0], name, rules)


def says_regular_hours(file_name: str) -> bool:
    """Whether the name says that the file holds regular trading hours only."""
    return "RTH" in (word.upper() for word in _words(_base(file_name)))


def minutes_in_name(file_name: str) -> int | None:
    """The bar size that the name says, such as 5 of `ESZ5 - 5 min - RTH.csv`."""
    match = re.search(r"(?<![0-9])([0-9]{1,4}) ?min", _base(file_name), re.IGNORECASE)
    return int(match[1]) if match else None


def _base(file_name: str) -> str:
    return re.split(r"[/\\]", unicodedata.normalize("NFKC", file_name))[-1]


def _words(text: str) -> list[str]:
    """Words of a name: `LevelsES` is two, `RESULTS` and `naMES` are one. A word has three letters or more."""
    stem = re.sub(r"\.(?:csv|txt|tsv)$", "", text, flags=re.IGNORECASE)
    apart = re.sub(r"(?<=[a-z]{3})(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z]{3})", " ", stem)
    return re.findall(r"[^\W_]+", apart)


def _symbols_of(words: Iterable[str], rules: LevelRules) -> list[str]:
    roots = {**_ROOTS, **{symbol.upper(): symbol.upper() for symbol in rules.allowed_symbols}}
    pattern = re.compile(rf"({'|'.join(map(re.escape, sorted(roots, key=len, reverse=True)))}){_CONTRACT}")
    matches = (pattern.fullmatch(word.upper()) for word in words)
    return list(dict.fromkeys(roots[match[1]] for match in matches if match))


def _allowed(symbol: str, name: str, rules: LevelRules) -> str:
    allowed = [candidate.upper() for candidate in rules.allowed_symbols]
    if symbol not in allowed:
        raise refused(
            "symbol_not_allowed",
            f"the file is for {symbol}; allowed are {', '.join(allowed)}",
            f"add {symbol} to the allowed symbols, or remove the file",
            values=(name,),
        )
    return symbol
