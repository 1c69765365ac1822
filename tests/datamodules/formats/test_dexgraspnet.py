"""DexGraspNet: the true scale, floating objects, the table variant."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from datamodules.formats.dexgraspnet import DexGraspNet
from datamodules.formats.foreign import BadEntry, ForeignGrasp
from datamodules.formats.reading import read_grasps
from datamodules.formats.registry import open_source
from envs.hand.hand import Hand
from tests.datamodules.formats.conftest import Example

Writer = Callable[..., Path]


def entries_of(source: Path) -> list[ForeignGrasp | BadEntry]:
    reader = DexGraspNet(source)
    return [entry for unit in reader.units() for entry in reader.read(unit)]


def test_scale_is_the_true_one(dexgraspnet: Writer, example: Example) -> None:
    [grasp] = entries_of(dexgraspnet({"scale": 0.06}))
    assert isinstance(grasp, ForeignGrasp)
    assert grasp.scale == 0.06
    assert grasp.joints == pytest.approx(example.joints, abs=1e-9)
    assert (grasp.family, grasp.plane_m) == ("bottle", None)


def test_reciprocal_scale_is_refused_with_the_remedy(dexgraspnet: Writer) -> None:
    [bad] = entries_of(dexgraspnet({"scale": 12.5}))
    assert isinstance(bad, BadEntry)
    assert "row 0, field scale: 12.5" in bad.cause
    assert "--format unidexgrasp" in bad.cause


def test_table_variant_brings_its_table(dexgraspnet: Writer, hand: Hand, example: Example) -> None:
    source = dexgraspnet({}, with_plane=True)
    (source.parent / "poses").mkdir()
    np.save(source.parent / "poses" / "core-bottle-1a2b.npy", np.eye(4)[None])
    [grasp] = entries_of(source)
    assert isinstance(grasp, ForeignGrasp)
    np.testing.assert_allclose(grasp.plane_m, example.plane_m)  # type: ignore[arg-type]
    assert len(read_grasps([grasp], hand)) == 1


def test_bad_rows_are_listed_by_number(dexgraspnet: Writer) -> None:
    entries = entries_of(dexgraspnet({}, None, {"qpos": {}}, {}))
    assert [type(entry) for entry in entries] == [ForeignGrasp, BadEntry, BadEntry, ForeignGrasp]
    assert [entry.origin.rsplit(", ")[-1] for entry in entries if isinstance(entry, BadEntry)] == ["row 1", "row 2"]


def test_hand_far_from_the_object_is_refused(dexgraspnet: Writer, hand: Hand, example: Example) -> None:
    far = entries_of(dexgraspnet({}))[0]
    assert isinstance(far, ForeignGrasp)
    far.wrist_pose_m[0] += 1.0
    read = read_grasps([far], hand)
    assert len(read) == 0
    assert "nearest fingertip" in read.bad[0].cause


def test_most_per_object(dexgraspnet: Writer, hand: Hand) -> None:
    assert len(read_grasps(entries_of(dexgraspnet({}, {}, {}, {})), hand, most=2)) == 2


def test_source_is_recognised(dexgraspnet: Writer) -> None:
    assert isinstance(open_source(dexgraspnet({})), DexGraspNet)


def test_unknown_source_lists_the_formats(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(ValueError, match=r"no known format .*unidexgrasp.*dexgraspnet"):
        open_source(tmp_path)
    with pytest.raises(ValueError, match="--format is 'isaac'; available: unidexgrasp"):
        open_source(tmp_path, "isaac")
    with pytest.raises(FileNotFoundError, match="does not exist"):
        open_source(tmp_path / "absent")


@pytest.mark.parametrize("content", [np.array([]), None])
def test_an_empty_or_damaged_first_file_does_not_hide_the_format(
    dexgraspnet: Writer, content: NDArray[np.float64] | None
) -> None:
    """Validation writes an empty array where no grasp of an object passed; its mesh is not looked for then."""
    source = dexgraspnet({})
    first = source / "core-aaa-1a2b.npy"
    if content is None:
        first.write_text("version https://git-lfs.github.com/spec/v1\n")
    else:
        np.save(first, content)
    assert isinstance(open_source(source), DexGraspNet)
    kinds = [type(entry) for entry in entries_of(source)]
    assert kinds == ([BadEntry, ForeignGrasp] if content is None else [ForeignGrasp])
