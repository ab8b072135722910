from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from circuitgcl.netlist import FlatCircuit, Netlist, flatten, read_netlist


@pytest.fixture
def write_deck(tmp_path: Path) -> Callable[..., Path]:
    def write(text: str | bytes, name: str = "deck.sp") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


@pytest.fixture
def read_deck(write_deck: Callable[..., Path]) -> Callable[[str], Netlist]:
    return lambda text: read_netlist(write_deck(text))


@pytest.fixture
def flatten_deck(write_deck: Callable[..., Path]) -> Callable[..., FlatCircuit]:
    return lambda text, top=None: flatten(read_netlist(write_deck(text)), top)
