"""Array files: read back as written, as the safetensors library reads them, and never more than damage."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file

from circuitgcl.data.array_files import read_arrays, sha256_of, write_arrays
from circuitgcl.errors import DataError

ARRAYS = {
    "a": np.arange(6, dtype=np.int32).reshape(3, 2),
    "b": np.array([0.5, np.nan]),
    "flags": np.array([True, False, True]),
    "none": np.zeros((0, 3), np.float32),
    "bytes": np.frombuffer(b"abc", np.uint8),
    "hash": np.array([2**63 + 1], np.uint64),
}


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "deep" / "x.safetensors"
    write_arrays(path, ARRAYS, {"kind": "test", "text": "ü"})
    return path


def test_round_trip(written: Path):
    arrays, metadata = read_arrays(written)
    assert metadata == {"kind": "test", "text": "ü"}
    oracle = load_file(written)
    assert arrays.keys() == ARRAYS.keys() == oracle.keys()
    for name, values in ARRAYS.items():
        for found in (arrays[name], oracle[name]):
            assert (found.dtype, found.shape) == (values.dtype, values.shape)
            assert found.tobytes() == values.tobytes()


def test_arrays_lie_in_the_file_and_writing_to_them_leaves_it_alone(written: Path):
    before = sha256_of(written)
    arrays, _ = read_arrays(written)
    base = arrays["a"]
    while isinstance(base.base, np.ndarray):
        base = base.base
    assert isinstance(base, np.memmap)
    arrays["a"][:] = 7
    assert sha256_of(written) == before
    assert read_arrays(written)[0]["a"][0, 1] == 1


def test_nothing_is_left_of_a_file_that_cannot_be_written(tmp_path: Path):
    (tmp_path / "folder.safetensors").mkdir()
    with pytest.raises(DataError, match="cannot write"):
        write_arrays(tmp_path / "folder.safetensors", ARRAYS, {})
    assert [path.name for path in tmp_path.iterdir()] == ["folder.safetensors"]


def test_missing(tmp_path: Path):
    with pytest.raises(DataError, match=r"x.safetensors: this file is missing"):
        read_arrays(tmp_path / "x.safetensors")
    with pytest.raises(DataError, match="cannot read"):
        sha256_of(tmp_path / "x.safetensors")


def raw(path: Path, header: object, body: bytes = b"") -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + body)
    return path


def entry(**changes: object) -> dict[str, object]:
    return {"a": {"dtype": "I32", "shape": [2], "data_offsets": [0, 8]} | changes}


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (entry(data_offsets=[0, 12]), "lies outside"),
        (entry(data_offsets=[8, 0]), "lies outside"),
        (entry(data_offsets=[0, 4]), "has 4 bytes"),
        (entry(shape=[-1, -2]), "lies outside"),
        (entry(shape=[2**62]), "has 8 bytes"),
        (entry(dtype="PICKLE"), "PICKLE"),
        (entry(shape="ab"), "'a'"),
        (b'{"a": {"dtype": "I32", "shape": [Infinity], "data_offsets": [0, 8]}}', "infinity"),
        ({"a": 3}, "not subscriptable"),
        ([], "no table"),
        (b"{", "damaged"),
        (b"[" * 9000, "damaged"),
        ({"__metadata__": {"a": 1}}, "no texts"),
    ],
)
def test_damaged_headers(header: object, reason: str, tmp_path: Path):
    with pytest.raises(DataError, match="damaged or cut off") as caught:
        read_arrays(raw(tmp_path / "x.safetensors", header, bytes(8)))
    assert reason in str(caught.value)


def test_absurd_header_length(tmp_path: Path):
    path = tmp_path / "x.safetensors"
    path.write_bytes((2**60).to_bytes(8, "little") + b"{}")
    with pytest.raises(DataError, match="a header of 1152921504606846976 bytes"):
        read_arrays(path)
    path.write_bytes(b"")
    with pytest.raises(DataError, match="cannot map"):
        read_arrays(path)


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_any_damage_is_one_error_or_readable(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory):
    path = tmp_path_factory.mktemp("fuzz") / "x.safetensors"
    write_arrays(path, ARRAYS, {"kind": "test"})
    content = bytearray(path.read_bytes())
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=4)):
        content[place] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        arrays, _ = read_arrays(path)
    except DataError:
        return
    assert all(array.nbytes <= len(content) for array in arrays.values())
