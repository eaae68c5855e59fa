"""Answers written: as a table for people, as CSV or JSON for programs."""

import csv
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from typing import Any

from rich.table import Table
from rich.text import Text

from hpo.cli.consoles import answers, printable
from hpo.cli.options import Format


def write_rows(columns: Sequence[str], rows: Iterable[Sequence[Any]], form: Format) -> None:
    """Write rows to stdout, one by one as they come where a program reads them."""
    if form is Format.TABLE:
        write_table(columns, rows)
    elif form is Format.CSV:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([_flat(value) for value in row] for row in rows)
    else:
        names = _distinct(columns)
        lines = (_to_json(dict(zip(names, row, strict=True))) for row in rows)
        sys.stdout.write("[")
        for index, line in enumerate(lines):
            sys.stdout.write(f"{',' if index else ''}\n {line}")
        sys.stdout.write("\n]\n")


def write_record(record: Mapping[str, Any], form: Format) -> None:
    """Write one record for a program: JSON as it is, CSV as one row in which `a: {b: 1}` is the column `a_b`."""
    if form is Format.CSV:
        flat = dict(flattened(record))
        write_rows(list(flat), [list(flat.values())], form)
    else:
        sys.stdout.write(_to_json(record, indent=2) + "\n")


def write_table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write rows to stdout for people; long cells are folded."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    contents = [list(row) for row in rows]
    for index, column in enumerate(columns):
        numeric = any(isinstance(row[index], int | float) for row in contents)
        table.add_column(Text(printable(column)), justify="right" if numeric else "left", overflow="fold")
    for row in contents:
        table.add_row(*(Text(shown(value)) for value in row))
    answers().print(table)


def shown(value: Any) -> str:
    """Return a value as people like to read it."""
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, bytes):
        return f"<{len(value):,} bytes>"
    if isinstance(value, Mapping):
        return printable(", ".join(f"{name}={shown(item)}" for name, item in value.items()))
    return printable(str(value))


def flattened(record: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    """Yield the leaves of a nested record, each with its path, joined by underscores, as its name."""
    for name, value in record.items():
        if isinstance(value, Mapping):
            yield from flattened(value, f"{prefix}{name}_")
        else:
            yield f"{prefix}{name}", value


def _flat(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    return _to_json(value) if isinstance(value, Mapping | list | tuple) else value


def _to_json(value: Any, indent: int | None = None) -> str:
    return json.dumps(_plain(value), ensure_ascii=False, allow_nan=False, indent=indent)


def _plain(value: Any) -> Any:
    """Return what JSON can say: bytes in hex, what is not finite as text."""
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, bytes):
        return value.hex()
    return str(value) if isinstance(value, float) and not isfinite(value) else value


def _distinct(columns: Sequence[str]) -> list[str]:
    """Return the columns' names, those that come again with a number: the keys of a JSON object differ."""
    names: list[str] = []
    for column in columns:
        name, count = column, 1
        while name in names:
            count += 1
            name = f"{column}_{count}"
        names.append(name)
    return names
