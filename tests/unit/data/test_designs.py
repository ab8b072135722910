"""Manifests and loading of designs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from circuitgcl.data import DesignFiles, load_design, read_manifest, synthetic_array
from circuitgcl.data.designs import chosen, without
from circuitgcl.errors import DataError, NetlistError

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a manifest beside two empty netlists."""
    (tmp_path / "nets").mkdir()
    for name in ("a.sp.gz", "b__x.sp", "a.pex.sp"):
        (tmp_path / "nets" / name).write_text("")

    def manifest(text: str) -> Path:
        path = tmp_path / "all.toml"
        path.write_text(text)
        return path

    return manifest


def test_names_families_and_paths(write: Write):
    path = write(
        '[[design]]\nschematic = "nets/a.sp.gz"\nextracted = "nets/a.pex.sp"\ntechnology = "t1"\n'
        '[[design]]\nschematic = "nets/b__x.sp"\n'
        '[[design]]\nname = "c__y"\nschematic = "nets/b__x.sp"\nfamily = "other"\n'
    )
    first, second, third = read_manifest(path)
    folder = path.parent / "nets"
    assert first == DesignFiles(
        name="a", schematic=folder / "a.sp.gz", extracted=folder / "a.pex.sp", technology="t1", family="a"
    )
    assert (second.name, second.family, second.extracted) == ("b__x", "b", None)
    assert (third.name, third.family) == ("c__y", "other")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"all.toml: the manifest lists no \[\[design\]\]"),
        ("design = []", "lists no"),
        ('[design]\nschematic = "nets/a.sp.gz"', "lists no"),
        ('design = ["a"]', r"'a' stands where a \[\[design\]\] table is expected"),
        ("[[design]\n", "not a readable TOML manifest"),
        ('[[design]]\nname = "a"', "has no schematic"),
        ('[[design]]\nschematic = ""', "has no schematic"),
        ("[[design]]\nschematic = 3", "schematic = 3 .* is no text"),
        ('[[design]]\nschematic = "nets/a.sp.gz"\nextracted = 3', "extracted = 3 .* is no text"),
        (
            '[[design]]\nshematic = "nets/a.sp.gz"',
            r"all.toml:1: unknown key 'shematic' .*; did you mean schematic\?",
        ),
        ('[[design]]\nq = "a"', r"unknown key 'q' .*; known: name, schematic, extracted"),
        ('[[design]]\nrails = ["vdd", 1]', r"rails = \['vdd', 1\] in a \[\[design\]\] is no list of texts"),
        ('[[design]]\nschematic = "nets/z.sp"', "listed file .*z.sp does not exist"),
        ('[[design]]\nschematic = "nets"', "listed file .*nets does not exist"),
        ('[[design]]\nschematic = "nets/a.sp.gz"\nextracted = "z.sp"', "listed file .*z.sp does not exist"),
        ('[[design]]\nschematic = "nets/a.sp.gz"\n' * 2, "two designs are called 'a'"),
    ],
)
def test_bad_manifests(write: Write, text: str, message: str):
    with pytest.raises(DataError, match=message):
        read_manifest(write(text))


def test_missing_and_unreadable_manifest(tmp_path: Path):
    with pytest.raises(DataError, match=r"nowhere.toml does not exist"):
        read_manifest(tmp_path / "nowhere.toml")
    with pytest.raises(DataError, match="not a readable TOML manifest"):
        read_manifest(tmp_path)
    (tmp_path / "odd.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match="not a readable TOML manifest"):
        read_manifest(tmp_path / "odd.toml")


def test_choice_by_pattern():
    designs = [DesignFiles(name=name, schematic=Path(name)) for name in ("sram_1", "sram_2", "ota")]
    assert chosen(designs, ()) == tuple(designs)
    assert [d.name for d in chosen(designs, ["sram_*", "o?a"])] == ["sram_1", "sram_2", "ota"]
    assert [d.name for d in without(designs, ["sram_*"])] == ["ota"]
    assert without(designs, []) == tuple(designs)
    with pytest.raises(DataError, match=r"no design matches x\*; known: sram_1, sram_2, ota"):
        chosen(designs, ["x*"])
    with pytest.raises(DataError, match=r"\* leaves no design"):
        without(designs, ["*"])


def test_loading(tmp_path: Path):
    files = synthetic_array(1, 2).write(tmp_path)
    design = load_design(files)
    assert design.files is files
    assert design.labels is not None
    without_labels = load_design(DesignFiles(name="x", schematic=files.schematic))
    assert without_labels.labels is None
    assert np.array_equal(without_labels.graph.contexts.key_exact, design.graph.contexts.key_exact)
    cell = load_design(DesignFiles(name="bit", schematic=files.schematic), top="bit", rails=["vdd"])
    assert cell.graph.circuit.name == "bit"
    assert cell.graph.rails.sum() == 2
    with pytest.raises(NetlistError):
        load_design(DesignFiles(name="x", schematic=tmp_path / "nowhere.sp"))
