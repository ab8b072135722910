from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from circuitgcl.data import DesignFiles
from circuitgcl.data.synthetic import synthetic_array

Write = Callable[[int, int], DesignFiles]


@pytest.fixture(scope="session")
def write_array(tmp_path_factory: pytest.TempPathFactory) -> Write:
    """Writes synthetic arrays of any size; all of them share their weights."""
    folder = tmp_path_factory.mktemp("arrays")
    return lambda rows, columns: synthetic_array(rows, columns).write(folder)


@pytest.fixture(scope="session")
def manifest(write_array: Write, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two training arrays and a larger one."""
    path = tmp_path_factory.mktemp("manifest") / "arrays.toml"
    entries = [
        f'[[design]]\nname = "{files.name}"\nschematic = "{files.schematic}"\n'
        f'extracted = "{files.extracted}"\nfamily = "{files.family}"\n'
        for files in (write_array(3, 3), write_array(4, 3), write_array(6, 6))
    ]
    path.write_text("\n".join(entries))
    return path
