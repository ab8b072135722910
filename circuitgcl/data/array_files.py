"""Named arrays in one file, memory-mapped when read.

The format is safetensors: the length of a header, the header in JSON, the arrays. Nothing in it can execute.
The library's own reader copies every array for NumPy, and its writer orders texts by chance; here arrays stay
in the file until they are looked at, and the same content is the same file.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuitgcl.errors import DataError, SourceLocation
from circuitgcl.files import staged

MAX_HEADER_BYTES = 100 << 20  # the format's own limit
_LENGTH_BYTES = 8
_DTYPES = {
    "BOOL": np.dtype(bool),
    **{f"{kind}{bits}": np.dtype(f"{kind.lower()}{bits // 8}") for kind in "UI" for bits in (8, 16, 32, 64)},
    **{f"F{bits}": np.dtype(f"f{bits // 8}") for bits in (16, 32, 64)},
}

_NAMES = {dtype: name for name, dtype in _DTYPES.items()}


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]) -> None:
    """Write arrays and texts about them, in one step; the same content gives the same bytes.

    Raises:
        DataError: the file cannot be written.
    """
    # widest first, so that every array is aligned
    ordered = sorted(arrays.items(), key=lambda item: (-item[1].dtype.itemsize, item[0]))
    header: dict[str, Any] = {"__metadata__": dict(sorted(metadata.items()))}
    stop = 0
    for name, array in ordered:
        start, stop = stop, stop + array.nbytes
        kind = _NAMES[array.dtype]
        header[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [start, stop]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _LENGTH_BYTES)
    with staged(path) as part, part.open("wb") as file:
        file.write(len(text).to_bytes(_LENGTH_BYTES, "little") + text)
        for _, array in ordered:
            file.write(np.ascontiguousarray(array).data)


def read_arrays(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Arrays of a file and the texts about them.

    The arrays lie in a private map of the file: pages are read when touched, and writing to an array never
    reaches the file.

    Raises:
        DataError: there is no such file, or it is damaged or cut off.
    """
    where = SourceLocation(str(path), 0)
    try:
        content = np.memmap(path, np.uint8, mode="c")
    except FileNotFoundError:
        raise DataError("this file is missing; build the data set again", location=where) from None
    except (OSError, ValueError) as error:  # ValueError: an empty file
        raise DataError(f"cannot map this file: {error}", location=where) from None
    data = content.view(np.ndarray)
    try:
        length = int.from_bytes(data[:_LENGTH_BYTES].tobytes(), "little")
        if not 0 < length <= min(MAX_HEADER_BYTES, len(data) - _LENGTH_BYTES):
            raise ValueError(f"a header of {length} bytes in a file of {len(data)}")
        header = json.loads(data[_LENGTH_BYTES : _LENGTH_BYTES + length].tobytes())
        if not isinstance(header, dict):
            raise ValueError("a header that is no table")
        metadata = header.pop("__metadata__", {})
        if not all(isinstance(text, str) for text in metadata.values()):
            raise ValueError("its metadata are no texts")
        body = data[_LENGTH_BYTES + length :]
        return {name: _array(body, entry, name) for name, entry in header.items()}, metadata
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise DataError(
            f"damaged or cut off, or no safetensors file ({error}); build the data set again", location=where
        ) from None


def _array(body: NDArray[np.uint8], entry: Mapping[str, Any], name: str) -> NDArray[Any]:
    """One array as a view of the file.

    Raises:
        ValueError, KeyError or TypeError: the header's entry does not fit the file.
    """
    dtype = _DTYPES[entry["dtype"]]
    shape = tuple(int(length) for length in entry["shape"])
    start, stop = (int(offset) for offset in entry["data_offsets"])
    if min(shape, default=0) < 0 or not 0 <= start <= stop <= len(body):
        raise ValueError(f"array {name} lies outside")
    if math.prod(shape) * dtype.itemsize != stop - start:
        raise ValueError(f"array {name} has {stop - start} bytes, {shape} {dtype} needs another number")
    return body[start:stop].view(dtype).reshape(shape)


def sha256_of(path: Path) -> str:
    """Checksum of a file.

    Raises:
        DataError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from None
