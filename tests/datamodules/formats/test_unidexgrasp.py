"""UniDexGrasp: the reciprocal scale, Euler order, absent keys, the table, bad files that end nothing."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from datamodules.formats.foreign import BadEntry, ForeignGrasp
from datamodules.formats.joint_maps import flipped
from datamodules.formats.openai_keys import KEYS, read_keys, write_keys
from datamodules.formats.reading import read_grasps
from datamodules.formats.registry import open_source
from datamodules.formats.unidexgrasp import UniDexGrasp
from envs.hand.hand import Hand
from tests.datamodules.formats.conftest import Example

Writer = Callable[..., Path]


def entries_of(source: Path) -> list[ForeignGrasp | BadEntry]:
    reader = UniDexGrasp(source)
    return [entry for unit in reader.units() for entry in reader.read(unit)]


def test_grasp_comes_back_as_it_was_written(unidexgrasp: Writer, example: Example) -> None:
    [grasp] = entries_of(unidexgrasp())
    assert isinstance(grasp, ForeignGrasp)
    assert grasp.joints == pytest.approx(example.joints, abs=1e-9)
    np.testing.assert_allclose(grasp.wrist_pose_m[:3], example.wrist_pose_m[:3], atol=1e-9)
    turn = Rotation.from_quat(grasp.wrist_pose_m[3:], scalar_first=True)
    wanted = Rotation.from_quat(example.wrist_pose_m[3:], scalar_first=True)
    assert (turn * wanted.inv()).magnitude() < 1e-7
    assert (grasp.code, grasp.family) == ("core/bottle-1a2b", "bottle")


def test_scale_is_a_reciprocal(unidexgrasp: Writer) -> None:
    [grasp] = entries_of(unidexgrasp(scale=np.float32(12.5)))
    assert isinstance(grasp, ForeignGrasp)
    assert grasp.scale == pytest.approx(0.08)  # 1 / 12.5


def test_a_true_scale_is_refused_with_the_remedy(unidexgrasp: Writer) -> None:
    [bad] = entries_of(unidexgrasp(scale=np.float32(0.08)))
    assert isinstance(bad, BadEntry)
    assert "field scale: 0.08" in bad.cause
    assert "--format dexgraspnet" in bad.cause


def test_angles_turn_about_fixed_axes_x_then_y_then_z() -> None:
    qpos = dict.fromkeys(KEYS, 0.0) | {"WRJRx": 0.3, "WRJRy": 0.5, "WRJRz": -0.7}
    _, wrist = read_keys("file", qpos)
    about_x, about_y, about_z = (Rotation.from_euler(axis, qpos[f"WRJR{axis}"]) for axis in "xyz")
    wanted = about_z * about_y * about_x  # the first turn stands on the right
    assert (Rotation.from_quat(wrist[3:], scalar_first=True) * wanted.inv()).magnitude() < 1e-12


def test_absent_key_names_file_and_key(unidexgrasp: Writer, example: Example) -> None:
    keys = write_keys(example.joints, example.wrist_pose_m)
    del keys["robot0:THJ2"]
    [bad] = entries_of(unidexgrasp(qpos=keys))
    assert isinstance(bad, BadEntry)
    assert "00000.npz" in bad.cause
    assert "'robot0:THJ2'" in bad.cause


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"plane": None}, "lacks the field 'plane'"),
        ({"plane": np.array([0.0, 0.0, 2.0, 0.1])}, "normal has the length 2"),
        ({"scale": np.array([np.nan])}, "NaN or infinity"),
        ({"scale": np.array([10**400], dtype=object)}, "field scale: no numbers (int too large"),
        ({"qpos": np.zeros(28)}, "expected a dict of 28 numbers"),
        ({"qpos": dict.fromkeys(KEYS, 10**400)}, "field qpos: no numbers (int too large"),
    ],
)
def test_bad_fields_are_told(unidexgrasp: Writer, changed: dict[str, object], words: str) -> None:
    [bad] = entries_of(unidexgrasp(**changed))
    assert isinstance(bad, BadEntry)
    assert words in bad.cause


def test_bad_files_do_not_end_the_reading(unidexgrasp: Writer) -> None:
    source = unidexgrasp(0)
    unidexgrasp(2)
    (source / "core" / "bottle-1a2b" / "00001.npz").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    kinds = [type(entry) for entry in entries_of(source)]
    assert kinds == [ForeignGrasp, BadEntry, ForeignGrasp]


def test_pickle_that_names_code_is_not_run(unidexgrasp: Writer, tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (eval, (f"open({str(tmp_path / 'ran')!r}, 'w')",))

    [bad] = entries_of(unidexgrasp(qpos=np.array(Evil(), dtype=object)))
    assert isinstance(bad, BadEntry)
    assert "only numpy arrays and plain containers" in bad.cause
    assert not (tmp_path / "ran").exists()


def test_lowest_vertex_has_to_be_on_the_table(unidexgrasp: Writer, hand: Hand, example: Example) -> None:
    raised = example.plane_m + np.array([0.0, 0.0, 0.0, 0.01])
    source = unidexgrasp(plane=raised)
    read = read_grasps(entries_of(source), hand)
    assert len(read) == 0
    assert "10.0 mm above the table" in read.bad[0].cause


def test_joints_beyond_limits_are_clamped_and_counted(unidexgrasp: Writer, hand: Hand, example: Example) -> None:
    keys = write_keys(example.joints | {"FFJ3": -0.697}, example.wrist_pose_m)
    read = read_grasps(entries_of(unidexgrasp(qpos=keys)), hand)
    assert read.num_clamped == {"FFJ3": 1}
    assert read.joint_pos[0, hand.joints.index("FFJ3")] == pytest.approx(-0.349, abs=1e-3)


def test_fingertips_of_good_grasps_are_near_the_surface(unidexgrasp: Writer, hand: Hand) -> None:
    for number in range(5):
        source = unidexgrasp(number)
    read = read_grasps(entries_of(source), hand)
    assert len(read) == 5
    assert np.median(np.sort(read.tip_distance, axis=1)[:, :2]) < 0.010


def test_axes_the_other_way_round_are_found_out(unidexgrasp: Writer, examples: list[Example]) -> None:
    for number, example in enumerate(examples):
        source = unidexgrasp(number, qpos=write_keys(flipped(example.joints), example.wrist_pose_m))
    grasps = entries_of(source)
    assert UniDexGrasp(source).has_other_axes
    for grasp, example in zip(grasps, examples, strict=True):
        assert isinstance(grasp, ForeignGrasp)
        assert grasp.joints == pytest.approx(example.joints, abs=1e-9)


def test_source_is_recognised(unidexgrasp: Writer) -> None:
    assert isinstance(open_source(unidexgrasp()), UniDexGrasp)


def test_absent_mesh_names_the_option(unidexgrasp: Writer) -> None:
    source = unidexgrasp()
    (source.parent / "meshdatav3_scaled/core/bottle-1a2b/coacd/decomposed.obj").unlink()
    [bad] = entries_of(source)
    assert isinstance(bad, BadEntry)
    assert "--meshes" in bad.cause
