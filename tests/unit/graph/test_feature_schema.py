"""The schema: complete, documented, and written down where users look."""

from __future__ import annotations

from pathlib import Path

import pytest

from circuitgcl.graph.feature_schema import FEATURES, SCHEMA_VERSION, feature_schema, feature_table

PAGE = Path(__file__).parents[3] / "docs" / "features.md"
PUBLISHED = {"net": 17, "device": 16, "pin": 1}


@pytest.mark.parametrize("rows", FEATURES)
def test_names_are_distinct_and_everything_is_explained(rows: str):
    columns = FEATURES[rows]
    assert len({feature.name for feature in columns}) == len(columns)
    for feature in columns:
        assert feature.name.isidentifier()
        assert feature.unit, feature
        assert feature.meaning, feature


@pytest.mark.parametrize("rows", FEATURES)
def test_every_published_statistic_is_there(rows: str):
    found = {feature.published for feature in FEATURES[rows]} - {0}
    assert found == set(range(1, PUBLISHED.get(rows, 0) + 1))


def test_checkpoints_hold_version_names_and_units():
    schema = feature_schema()
    assert schema["version"] == SCHEMA_VERSION
    assert schema["net"][:2] == ["mos [count]", "gate_pins [count]"]
    assert {name: len(columns) for name, columns in schema.items() if name != "version"} == {
        name: len(columns) for name, columns in FEATURES.items()
    }


def test_the_page_is_the_schema():
    assert PAGE.read_text(encoding="utf-8") == feature_table()
    assert "| `mos_width` | channel lengths, log | 5 | sum of W of its MOSFETs |" in feature_table()
