"""Records as columns: frozen dataclasses of arrays, numbers, texts and records to plain arrays and back.

Every value is encoded by the type its record declares, never by what a file says, so reading one back can
create nothing but these records. Rows that may be many (`tuple[Definition, ...]`) become one column per
field, whatever their number: values one after the other, and where each row begins.
"""

from __future__ import annotations

import dataclasses
import hashlib
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from circuitgcl.errors import DataError
from circuitgcl.netlist.names import NameList

Record = TypeVar("Record")
Columns = dict[str, NDArray[Any]]

_OFFSET, _PRESENT, _ITEM = "@offset", "@present", "@item"  # no field of a record is called so
_SCALARS: dict[type, type[np.generic]] = {bool: np.bool_, int: np.int64, float: np.float64}


def to_columns(record: Any) -> Columns:
    """Arrays of one record under dotted field names.

    Raises:
        TypeError: a field has a type that has no columns.
    """
    columns: Columns = {}
    _pack(type(record), [record], "", columns)
    return columns


def from_columns(kind: type[Record], columns: Mapping[str, NDArray[Any]]) -> Record:
    """The record whose arrays these are; its arrays are views of them.

    Raises:
        DataError: an array is missing, has another type, or does not fit the others.
    """
    found: list[Record] = _unpack(kind, 1, "", columns)
    return found[0]


def layout_of(kind: type) -> str:
    """Short hash of all fields below a record: files of another layout cannot be read back."""
    return hashlib.sha256(_described(kind).encode()).hexdigest()[:16]


@cache
def _fields(kind: type) -> dict[str, Any]:
    """Field names and types of a record."""
    hints = typing.get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}


def _described(hint: Any) -> str:
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return f"{hint.__name__}({','.join(f'{n}:{_described(h)}' for n, h in _fields(hint).items())})"
    arguments = ",".join(_described(argument) for argument in typing.get_args(hint))
    name = getattr(typing.get_origin(hint) or hint, "__name__", str(hint))
    return f"{name}[{arguments}]" if arguments else name


def _pack(hint: Any, values: Sequence[Any], path: str, columns: Columns) -> None:
    """Encode n values of one type."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if dataclasses.is_dataclass(hint):
        for name, inner in _fields(typing.cast(type, hint)).items():
            _pack(
                inner, [getattr(value, name) for value in values], f"{path}.{name}" if path else name, columns
            )
    elif origin is np.ndarray:
        empty = [] if values else [np.zeros(0, _dtype(hint))]
        columns[path] = np.ascontiguousarray(np.concatenate([*values, *empty]))
        columns[path + _OFFSET] = _offsets([len(value) for value in values])
    elif origin is tuple and arguments[1:] == (...,):
        columns[path + _OFFSET] = _offsets([len(value) for value in values])
        _pack(arguments[0], [item for value in values for item in value], path + _ITEM, columns)
    elif origin is tuple:
        for place, inner in enumerate(arguments):
            _pack(inner, [value[place] for value in values], f"{path}.{place}", columns)
    elif origin in (types.UnionType, typing.Union):
        columns[path + _PRESENT] = np.array([value is not None for value in values], bool)
        _pack(_present(arguments), [value for value in values if value is not None], path, columns)
    elif hint in _SCALARS:
        columns[path] = np.array(values, _SCALARS[hint])
    else:
        texts = [_text(hint, value) for value in values]
        columns[path] = np.frombuffer(b"".join(texts), np.uint8)
        columns[path + _OFFSET] = _offsets([len(text) for text in texts])


def _text(hint: Any, value: Any) -> bytes:
    """Value of a type that is stored as text."""
    if hint is NameList:
        return "".join(f"{name}\n" for name in value).encode()
    if isinstance(hint, type) and issubclass(hint, Enum):
        return str(value.value).encode()
    if hint in (str, Path):
        return str(value).encode("utf-8", "surrogateescape")
    raise TypeError(f"{hint} has no columns")


def _unpack(hint: Any, rows: int, path: str, columns: Mapping[str, NDArray[Any]]) -> list[Any]:
    """Decode n values of one type."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if dataclasses.is_dataclass(hint):
        kind = typing.cast(type, hint)
        parts = {
            name: _unpack(inner, rows, f"{path}.{name}" if path else name, columns)
            for name, inner in _fields(kind).items()
        }
        names, values = list(parts), zip(*parts.values(), strict=True)
        return [kind(**dict(zip(names, row, strict=True))) for row in values]
    if origin is np.ndarray:
        return _cut(_column(columns, path, _dtype(hint)), rows, path, columns)
    if origin is tuple and arguments[1:] == (...,):
        offset = _checked_offset(columns, path, rows)
        items = _unpack(arguments[0], int(offset[-1]), path + _ITEM, columns)
        return [tuple(items[start:stop]) for start, stop in _spans(offset)]
    if origin is tuple:
        places = [_unpack(inner, rows, f"{path}.{place}", columns) for place, inner in enumerate(arguments)]
        return list(zip(*places, strict=True))
    if origin in (types.UnionType, typing.Union):
        present = _rows(_column(columns, path + _PRESENT, np.dtype(bool)), rows, path)
        found = iter(_unpack(_present(arguments), int(present.sum()), path, columns))
        return [next(found) if there else None for there in present.tolist()]
    if hint in _SCALARS:
        numbers: list[Any] = _rows(_column(columns, path, np.dtype(_SCALARS[hint])), rows, path).tolist()
        return numbers
    texts = _cut(_column(columns, path, np.dtype(np.uint8)), rows, path, columns)
    try:
        return [_value(hint, text.tobytes()) for text in texts]
    except (KeyError, ValueError):
        raise DataError(f"{path} holds a text that is none of its kind") from None


def _value(hint: Any, text: bytes) -> Any:
    """Inverse of `_text`."""
    if hint is NameList:
        text.decode()
        return NameList(text)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return {str(member.value): member for member in hint}[text.decode()]
    return hint(text.decode("utf-8", "surrogateescape"))


def _present(arguments: tuple[Any, ...]) -> Any:
    """Type of a value that may be absent."""
    (inner,) = (argument for argument in arguments if argument is not types.NoneType)
    return inner


def _dtype(hint: Any) -> np.dtype[Any]:
    dtype: np.dtype[Any] = np.dtype(typing.get_args(typing.get_args(hint)[1])[0])
    return dtype


def _offsets(lengths: Sequence[int]) -> NDArray[np.int64]:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)])


def _column(columns: Mapping[str, NDArray[Any]], path: str, dtype: np.dtype[Any]) -> NDArray[Any]:
    found = columns.get(path)
    if found is None or found.dtype != dtype or not found.ndim:
        state = "is missing" if found is None else f"is {found.dtype} of shape {found.shape}"
        raise DataError(f"column {path} {state}; expected {dtype}")
    return found


def _rows(column: NDArray[Any], rows: int, path: str) -> NDArray[Any]:
    if column.shape != (rows,):
        raise DataError(f"column {path} has shape {column.shape}; expected {rows} values")
    return column


def _checked_offset(columns: Mapping[str, NDArray[Any]], path: str, rows: int) -> NDArray[np.int64]:
    offset = _rows(_column(columns, path + _OFFSET, np.dtype(np.int64)), rows + 1, path)
    if offset[0] != 0 or (np.diff(offset) < 0).any():
        raise DataError(f"the offsets of column {path} do not rise from 0")
    return offset


def _cut(
    column: NDArray[Any], rows: int, path: str, columns: Mapping[str, NDArray[Any]]
) -> list[NDArray[Any]]:
    """The column's part of every row."""
    offset = _checked_offset(columns, path, rows)
    if offset[-1] != len(column):
        raise DataError(f"column {path} has {len(column)} values; its offsets end at {offset[-1]}")
    return [column[start:stop] for start, stop in _spans(offset)]


def _spans(offset: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    return pairwise(offset.tolist())
