"""Writing files without ever leaving half of one."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from circuitgcl.errors import DataError, InputError


def check_output(path: Path, formats: Sequence[str] = ()) -> None:
    """Refuse an output file that cannot be written, before anything is computed.

    Args:
        path: where the result shall go; its folder must exist.
        formats: known suffixes, in lower case; any when empty.

    Raises:
        InputError: unknown suffix, missing or read-only folder, or a folder in the place of the file.
    """
    if path.is_dir():
        raise InputError(f"{path} is a folder; expected a file name")
    if formats and path.suffix.lower() not in formats:
        found = path.suffix or "(no suffix)"
        raise InputError(f"{path}: unknown output format {found}; known: {', '.join(formats)}")
    if not path.parent.is_dir():
        raise InputError(f"{path}: folder {path.parent} does not exist; create it first")
    if not os.access(path.parent, os.W_OK):
        raise InputError(f"{path}: no permission to write into folder {path.parent}")


def write_atomically(path: Path, text: str) -> None:
    """Write a file in one step: a reader sees the old content or the new, never half of it.

    Raises:
        DataError: the file cannot be written.
    """
    write_together({path: text})


def write_together(contents: Mapping[Path, str | bytes]) -> None:
    """Write several files, texts in UTF-8: all contents are on disk before the first file gets its name.

    Raises:
        DataError: one of them cannot be written; none is then left half-written.
    """
    staged: dict[Path, Path] = {}
    try:
        for path, content in contents.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
            staged[path] = Path(temporary)
            data = content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
            staged[path].chmod(0o644)
        for path, part in staged.items():
            part.replace(path)
    except OSError as error:
        raise DataError(f"cannot write {path}: {error.strerror}") from None
    finally:
        for part in staged.values():
            part.unlink(missing_ok=True)


@contextmanager
def staged(path: Path) -> Iterator[Path]:
    """A temporary file beside a path that takes its place when the block ends well, and else vanishes.

    Raises:
        DataError: the file cannot be written.
    """
    part: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        os.close(descriptor)
        part = Path(temporary)
        yield part
        part.chmod(0o644)
        part.replace(path)
    except OSError as error:
        raise DataError(f"cannot write {path}: {error.strerror}") from None
    finally:
        if part is not None:
            part.unlink(missing_ok=True)
