"""Text of an extraction file, in blocks of whole lines.

Extraction files reach gigabytes: readers work block by block, so that memory grows with nodes and pairs, not
with text.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from circuitgcl.errors import ParasiticsError, SourceLocation

BLOCK_BYTES = 1 << 20  # stays in the processor's cache; larger blocks read slower
_GZIP_MAGIC = b"\x1f\x8b"
_UTF8_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, kw_only=True, slots=True)
class TextBlock:
    """Consecutive lines, each ended by one line feed."""

    data: bytes
    first_line: int  # 1-based number of the first line


def read_blocks(path: str | Path, *, block_bytes: int = BLOCK_BYTES) -> Iterator[TextBlock]:
    """Lines of a plain or gzip'd text file (told by its first bytes), with line ends made uniform.

    Raises:
        ParasiticsError: the file cannot be read, is binary, or its compressed data are damaged or cut off.
    """
    rest = b""
    line = 1
    for chunk in _chunks(path, block_bytes):
        text = rest + chunk
        cut = text.rfind(b"\n") + 1
        rest = text[cut:]
        if cut:
            block = _block(path, text[:cut], line)
            line += block.data.count(b"\n")
            yield block
    if rest:
        yield _block(path, rest + b"\n", line)


def decode(text: bytes) -> str:
    """Text of a name or a message; bytes that are no UTF-8 are taken as Latin-1."""
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text.decode("latin-1")


def _block(path: str | Path, data: bytes, first_line: int) -> TextBlock:
    nul = data.find(b"\0")
    if nul >= 0:
        line = first_line + data.count(b"\n", 0, nul)
        raise ParasiticsError(
            "this is a binary file; expected the text written by a layout extractor.",
            location=SourceLocation(str(path), line),
        )
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n")
    if first_line == 1:
        data = data.removeprefix(_UTF8_MARK)
    return TextBlock(data=data, first_line=first_line)


def _chunks(path: str | Path, size: int) -> Iterator[bytes]:
    try:
        with _open(path) as stream:
            while chunk := stream.read(size):
                yield chunk
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ParasiticsError(
            f"the compressed data are damaged or cut off ({error}); copy or extract the file again.",
            location=SourceLocation(str(path), 0),
        ) from error
    except (OSError, ValueError) as error:  # ValueError: a NUL character in the path
        reason = getattr(error, "strerror", None) or str(error)
        raise ParasiticsError(
            f"cannot read this file: {reason}.", location=SourceLocation(str(path), 0)
        ) from error


@contextmanager
def _open(path: str | Path) -> Iterator[BinaryIO]:
    with Path(path).open("rb") as raw:
        packed = raw.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
        raw.seek(0)
        if packed:
            with gzip.open(raw, "rb") as stream:
                yield stream  # type: ignore[misc]  # GzipFile reads like a binary file but is not typed as one
        else:
            yield raw
