"""Files are written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from circuitgcl.errors import DataError, InputError
from circuitgcl.files import check_output, write_atomically, write_together


def test_content_is_written_as_given(tmp_path: Path):
    path = tmp_path / "new" / "x.txt"
    write_atomically(path, "µ\r\nb\n")
    assert path.read_bytes() == "µ\r\nb\n".encode()
    assert [p.name for p in path.parent.iterdir()] == ["x.txt"]


def test_old_content_stays_when_writing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "x.txt"
    path.write_text("old")

    def full(*_: object) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(DataError, match=r"cannot write .*x\.txt: No space left"):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_none_of_several_files_is_written_when_one_cannot_be(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"file/b\.txt"):
        write_together({tmp_path / "a.txt": "a", tmp_path / "file" / "b.txt": "b"})
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_folder_in_the_place_of_one_of_several_files(tmp_path: Path):
    (tmp_path / "b.txt").mkdir()
    with pytest.raises(DataError, match=r"b\.txt"):
        write_together({tmp_path / "a.txt": "a", tmp_path / "b.txt": "b"})
    assert [path.name for path in tmp_path.iterdir()] == ["b.txt"]


def test_bytes_of_odd_file_names_survive(tmp_path: Path):
    write_atomically(tmp_path / "x", b"caf\xe9".decode("utf-8", "surrogateescape"))
    assert (tmp_path / "x").read_bytes() == b"caf\xe9"


def test_check_output(tmp_path: Path):
    check_output(tmp_path / "x.CSV", (".json", ".csv"))
    for path, reason in (
        (tmp_path / "x.txt", "unknown output format .txt; known: .json, .csv"),
        (tmp_path / "nix" / "x.csv", "does not exist"),
        (tmp_path, "is a folder"),
    ):
        with pytest.raises(InputError, match=reason):
            check_output(path, (".json", ".csv"))


def test_bytes_and_texts_are_written_together(tmp_path: Path):
    write_together({tmp_path / "a": "µ\udcb5\r\n", tmp_path / "b": b"PAR1\x00"})
    assert (tmp_path / "a").read_bytes() == b"\xc2\xb5\xb5\r\n"
    assert (tmp_path / "b").read_bytes() == b"PAR1\x00"
