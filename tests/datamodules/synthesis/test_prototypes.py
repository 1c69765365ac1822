"""Grasp types, their pads, and the prototype file."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from datamodules.synthesis.prototypes import load_prototypes
from envs.hand.shadow import shadow_hand

HAND = shadow_hand()


def test_shipped_prototypes_cover_every_type_within_the_limits() -> None:
    prototypes, limits = load_prototypes(HAND), HAND.limits
    assert set(prototypes) == set(HAND.type_names)
    for lines in prototypes.values():
        assert lines
        for line in lines:
            for joints in (line.open, line.closed):
                assert joints.shape == (18,)
                assert ((joints >= limits.low) & (joints <= limits.high)).all()


def _content() -> dict[str, Any]:
    line = {"open": [0.0] * 18, "closed": [0.1, *[0.2] * 12, 0.1, 0.1, 0.1, 0.1, -0.1], "verified": 4}
    return {"joint_order": list(HAND.joints), "types": {"wrap": [line]}}


def _write(path: Path, content: dict[str, Any]) -> Path:
    path.write_text(json.dumps(content))
    return path


def test_a_file_of_ones_own_is_read(tmp_path: Path) -> None:
    (line,) = load_prototypes(HAND, _write(tmp_path / "own.json", _content()))["wrap"]
    assert line.verified == 4
    np.testing.assert_array_equal(line.closed[[0, 1, 17]], [0.1, 0.2, -0.1])


def test_another_joint_order_is_refused(tmp_path: Path) -> None:
    content = _content()
    content["joint_order"].reverse()
    with pytest.raises(ValueError, match=r"own.json, field joint_order: expected \['FFJ3'.*reorder the columns"):
        load_prototypes(HAND, _write(tmp_path / "own.json", content))


def test_an_unknown_type_is_refused(tmp_path: Path) -> None:
    content = _content()
    content["types"]["hook"] = content["types"]["wrap"]
    with pytest.raises(ValueError, match="grasp type 'hook' of the hand shadow is unknown"):
        load_prototypes(HAND, _write(tmp_path / "own.json", content))


def test_a_joint_too_few_is_refused(tmp_path: Path) -> None:
    content = _content()
    content["types"]["wrap"][0]["closed"].pop()
    with pytest.raises(ValueError, match=r"own.json: wrap\[0\].closed has shape \(17,\), expected \(B, 18\)"):
        load_prototypes(HAND, _write(tmp_path / "own.json", content))


@pytest.mark.parametrize("value", [2.0, -0.7, float("nan")])
def test_a_joint_beyond_its_limits_is_refused(tmp_path: Path, value: float) -> None:
    content = _content()
    content["types"]["wrap"][0]["open"][4] = value
    with pytest.raises(
        ValueError, match=r"own.json: wrap\[0\].open: joint MFJ2 is .* rad .* allowed: 0.0000 to 1.5710"
    ):
        load_prototypes(HAND, _write(tmp_path / "own.json", content))


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"types": []}', '{"types": {"wrap": {}}}', '{"types": {"wrap": [1]}}']
)
def test_files_of_another_kind_are_named_with_the_remedy(text: str, tmp_path: Path) -> None:
    (tmp_path / "own.json").write_text(text)
    with pytest.raises(ValueError, match=r"own\.json.*; make it with: python -m datamodules\.pilot"):
        load_prototypes(HAND, tmp_path / "own.json")
