"""Data files: CSV, Parquet and NPZ, from their bytes to a table."""

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from hpo.data.arrays import features_of, targets_of
from hpo.data.columns import check_names
from hpo.data.messages import DataError, quoted
from strategies.spelling import suggestion

if TYPE_CHECKING:
    import pandas as pd

SEPARATORS: Final = (",", ";", "\t")
MISSING: Final = ("", "?", "#N/A", "#NA", "<NA>")
"""Cells that hold nothing, whatever their column: as the UCI repository, spreadsheets and pandas write them."""
_DECIMAL: Final = re.compile(r"[+-]?[0-9]*(,[0-9]+)?([eE][+-]?[0-9]+)?\s*")


@dataclass(frozen=True, slots=True)
class Contents:
    """A table and, from a file that keeps them apart, the targets, and what else is beside them by name.

    Of a CSV file, `decimals` are the columns of text that are numbers with a decimal comma, as numbers; `verbatim`
    reads the columns that it is given the names of as text, in which NA, None and the like are not missing.
    """

    frame: "pd.DataFrame"
    targets: "pd.DataFrame | None" = None
    beside: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    decimals: "pd.DataFrame | None" = None
    verbatim: "Callable[[Sequence[str]], pd.DataFrame] | None" = None


def read_bytes(path: Path) -> bytes:
    """Return the file's content; raises DataError, with the nearest name in its folder, when there is none."""
    if path.suffix.casefold() not in READERS:
        raise DataError(f"{path}: unknown kind of file '{path.suffix}'. Data files end in {', '.join(READERS)}.")
    try:
        return path.read_bytes()
    except FileNotFoundError:
        beside = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
        raise DataError(
            f"{path}: there is no such file.{suggestion(path.name, beside)} Give the path of a data file."
        ) from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}). Give a data file that may be read.") from error


def parse(content: bytes, path: Path) -> Contents:
    """Return the table in `content`, read as the file's ending says."""
    if not content.strip():
        raise DataError(f"{path}: the file is empty. Give a file with a table in it.")
    return READERS[path.suffix.casefold()](content, path)


def _read_csv(content: bytes, path: Path) -> Contents:
    text = _decoded(content, path)
    separator = max(SEPARATORS, key=lambda candidate: len(next(_rows(text, candidate, path))[1]))
    _check_rows(text, separator, path)

    def read(names: Sequence[str] | None = None, **options: Any) -> "pd.DataFrame":
        return _frame(text, separator, path, names, options)

    frame = read()
    commas = [] if separator == "," else [name for name in frame.columns if _may_have_decimal_commas(frame[name])]
    decimals = read(commas, decimal=",").select_dtypes("number") if commas else None
    return Contents(
        frame,
        decimals=None if decimals is None or decimals.empty else decimals,
        verbatim=lambda names: read(names, dtype=str, keep_default_na=False),
    )


def _frame(
    text: str, separator: str, path: Path, names: Sequence[str] | None, options: Mapping[str, Any]
) -> "pd.DataFrame":
    """Return the table, or its columns of these names."""
    import pandas as pd

    try:
        frame: pd.DataFrame = pd.read_csv(
            io.StringIO(text, newline=""),
            sep=separator,
            skipinitialspace=True,
            na_values=list(MISSING),
            low_memory=False,
            usecols=None if names is None else lambda name: str(name).strip() in names,
            **options,
        )
    except (ValueError, OverflowError) as error:
        raise DataError(f"{path}: cannot be read as CSV ({str(error).strip()}). Correct that place.") from error
    return frame.set_axis([str(name).strip() for name in frame.columns], axis=1)


def _may_have_decimal_commas(values: "pd.Series[Any]") -> bool:
    """Tell a column of text by whose first and last one it could be of numbers."""
    from pandas.api import types

    if types.is_numeric_dtype(values.dtype):
        return False
    texts = values.dropna()
    return len(texts) > 0 and all(isinstance(text, str) and _DECIMAL.fullmatch(text) for text in texts.iloc[[0, -1]])


def _decoded(content: bytes, path: Path) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path}, line {line}: byte 0x{content[error.start]:02x} is not UTF-8. Save the file as UTF-8 "
            "(for example `iconv -f latin1 -t utf-8`)."
        ) from error


def _rows(text: str, separator: str, path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield line number and fields of each row that is not blank; raises DataError when there is none."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True)
    blank = True
    try:
        for row in reader:
            if len(row) > 1 or "".join(row).strip():
                blank = False
                yield reader.line_num, row
    except csv.Error as error:
        raise DataError(f"{path}, line {reader.line_num}: cannot be read as CSV ({error}). Correct it.") from error
    if blank:
        raise DataError(f"{path}: the file is blank. Give a file with a table in it.")


def _check_rows(text: str, separator: str, path: Path) -> None:
    """Raise DataError for what pandas would mend in silence: a name that appears twice, a row of another length."""
    rows = _rows(text, separator, path)
    _, header = next(rows)
    check_names([name.strip() for name in header if name.strip()], str(path))
    for line, row in rows:
        if len(row) != len(header):
            raise DataError(
                f"{path}, line {line}: {len(row)} fields, where the header has {len(header)}. Correct that line "
                f"(fields are separated by {separator!r}; a field that holds it goes in quotes)."
            )


def _read_parquet(content: bytes, path: Path) -> Contents:
    from pyarrow import parquet

    try:
        table = parquet.read_table(io.BytesIO(content))
        table.validate(full=True)  # damaged texts would otherwise be noticed where they are used
        return Contents(table.to_pandas())
    except Exception as error:  # damage makes the parser fail in any way
        raise DataError(f"{path}: is damaged, or no Parquet file ({error}). Write it again.") from error


def _read_npz(content: bytes, path: Path) -> Contents:
    arrays = _npz_arrays(content, path)
    if "X" not in arrays:
        raise DataError(f"{path}: there is no array 'X' in it, but {quoted(list(arrays))}. Name the arrays X and y.")
    frame = features_of(arrays.pop("X"), str(path))
    targets = targets_of(arrays.pop("y"), len(frame), str(path)) if "y" in arrays else None
    return Contents(frame, targets, arrays)


def _npz_arrays(content: bytes, path: Path) -> dict[str, NDArray[Any]]:
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return dict(arrays)
    except Exception as error:  # damage makes the parser fail in any way
        raise DataError(
            f"{path}: is damaged, no NPZ file, or holds Python objects ({error}). "
            "Write it by numpy.savez(path, X=X, y=y)."
        ) from error


READERS: Final[Mapping[str, Callable[[bytes, Path], Contents]]] = {
    ".csv": _read_csv,
    ".tsv": _read_csv,
    ".txt": _read_csv,
    ".parquet": _read_parquet,
    ".npz": _read_npz,
}
