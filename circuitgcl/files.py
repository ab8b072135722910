"""Writing files without ever leaving half of one."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from circuitgcl.errors import DataError


def write_atomically(path: Path, text: str) -> None:
    """Write a file in one step: a reader sees the old content or the new, never half of it.

    Raises:
        DataError: the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
            Path(temporary).chmod(0o644)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise DataError(f"cannot write {path}: {error.strerror}") from None
