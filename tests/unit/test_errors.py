from __future__ import annotations

import pytest

from circuitgcl.errors import (
    CheckpointError,
    CircuitGCLError,
    ConfigError,
    DataError,
    InputError,
    NetlistError,
    ParasiticsError,
    SourceLocation,
)


@pytest.mark.parametrize(
    ("location", "path", "text"),
    [
        (None, "", "M1 has 3 nodes"),
        (SourceLocation("cell.sp", 42), "", "cell.sp:42: M1 has 3 nodes"),
        (SourceLocation("cell.sp", 0), "", "cell.sp: M1 has 3 nodes"),
        (SourceLocation("cell.sp", 42), "top/x3", "cell.sp:42 (top/x3): M1 has 3 nodes"),
        (None, "top/x3", "top/x3: M1 has 3 nodes"),
    ],
)
def test_a_message_begins_with_its_place(location: SourceLocation | None, path: str, text: str) -> None:
    error = NetlistError("M1 has 3 nodes", location=location, instance_path=path)
    assert str(error) == text
    assert (error.location, error.instance_path) == (location, path)


def test_a_very_long_message_shows_its_begin_and_its_end() -> None:
    name = "M" + "x" * 100_000
    error = NetlistError(f"{name} has 3 nodes", location=SourceLocation("cell.sp", 42), instance_path=name)
    assert str(error).startswith("cell.sp:42 (Mxxx")
    assert str(error).endswith("xxx has 3 nodes")
    assert len(str(error)) < 1300


@pytest.mark.parametrize("kind", [NetlistError, ParasiticsError, ConfigError])
def test_input_errors_share_a_base(kind: type[CircuitGCLError]) -> None:
    assert issubclass(kind, InputError)


@pytest.mark.parametrize("kind", [InputError, CheckpointError, DataError])
def test_all_errors_share_one_base(kind: type[CircuitGCLError]) -> None:
    assert issubclass(kind, CircuitGCLError)
    assert not issubclass(CircuitGCLError, (ValueError, OSError))
