"""The layouts in which BODex, Dexonomy and DexGraspBench publish: scenes that files name, scales of rows, joints."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh

from datamodules.formats.bench_scene import family_of
from datamodules.formats.dexgraspbench import DexGraspBench
from datamodules.formats.foreign import BadEntry, ForeignGrasp
from datamodules.formats.joint_maps import MENAGERIE
from datamodules.formats.reading import read_grasps
from datamodules.formats.registry import open_source
from envs.hand.hand import Hand
from tests.datamodules.formats.conftest import NO_TURN, SCALE, Example, save, write_scene

NAME = "core_bottle_1a2b"
SCENE = f"assets/object/DGN_2k/scene_cfg/{NAME}/floating/scale008.npy"
FLOATING = [0.0, 0.0, 0.0, *NO_TURN]


@pytest.fixture
def root(tmp_path: Path, block: trimesh.Trimesh) -> Path:
    """A folder with one object and its scene."""
    assert write_scene(tmp_path, NAME, block) == SCENE
    return tmp_path


def entries_of(source: Path) -> list[ForeignGrasp | BadEntry]:
    reader = DexGraspBench(source)
    return [entry for unit in reader.units() for entry in reader.read(unit)]


def check(source: Path, examples: list[Example], hand: Hand) -> list[ForeignGrasp]:
    """The five grasps as they were written."""
    entries = entries_of(source)
    grasps = [entry for entry in entries if isinstance(entry, ForeignGrasp)]
    assert len(grasps) == len(entries) == len(examples), entries
    for grasp, example in zip(grasps, examples, strict=True):
        assert grasp.joints == pytest.approx(example.joints, abs=1e-6)
        np.testing.assert_allclose(grasp.wrist_pose_m[:3], example.wrist_pose_m[:3], atol=1e-6)
        assert grasp.scale == pytest.approx(SCALE)
        assert grasp.family == "bottle"
    read = read_grasps(grasps, hand)
    assert len(read) == len(examples)
    assert np.median(np.sort(read.tip_distance, axis=1)[:, :2]) < 0.010
    return grasps


def test_dexonomy_names_a_scene_and_multiplies_its_scale(
    root: Path, mounts: np.ndarray, examples: list[Example], hand: Hand
) -> None:
    """``succ_collect/TYPE/OBJECT/floating/scale008.npy``: stages (N, 29), ``scene_scale`` (N,)."""
    source = root / "assets" / "grasp" / "Dexonomy_GRASP_shadow" / "succ_collect"
    stages = dict.fromkeys(("pregrasp_qpos", "grasp_qpos", "squeeze_qpos"), mounts.astype(np.float32))
    save(
        source / "14_Tripod" / NAME / "floating" / "scale008.npy",
        stages | {"scene_path": SCENE, "scene_scale": np.ones(5)},
    )
    assert isinstance(open_source(source), DexGraspBench)
    check(source, examples, hand)
    changed = stages | {"scene_path": SCENE, "scene_scale": np.array([1.0, 1.5, 1.0, 1.0, 1.0])}
    save(source / "14_Tripod" / NAME / "floating" / "scale008.npy", changed)
    scales = [entry.scale for entry in entries_of(source) if isinstance(entry, ForeignGrasp)]
    np.testing.assert_allclose(scales, [SCALE, 1.5 * SCALE, SCALE, SCALE, SCALE])


def test_raw_bodex_of_palms_names_the_scene_by_where_it_was_written(
    root: Path, mounts: np.ndarray, examples: list[Example], hand: Hand
) -> None:
    """``robot_pose`` (1, N, 3, 29) of palms, the thumb first, ``scene_path`` a list of one absolute path."""
    palms = np.concatenate([[example.wrist_pose_m for example in examples], mounts[:, 7:]], axis=1)
    thumb_first = palms[:, [*range(7), *range(24, 29), *range(7, 24)]].astype(np.float32)
    content = {
        "robot_pose": np.repeat(thumb_first[None, :, None], 3, axis=2),
        "scene_path": [f"/home/someone/BODex/src/curobo/content/{SCENE}"],
    }
    save(root / "graspdata" / NAME / "floating" / "scale008_grasp.npy", content)
    check(root / "graspdata", examples, hand)


def test_raw_files_that_name_their_joints_are_read_by_name(
    root: Path, mounts: np.ndarray, examples: list[Example], hand: Hand
) -> None:
    order = np.random.default_rng(0).permutation(len(MENAGERIE))
    mixed = np.concatenate([mounts[:, :7], mounts[:, 7:][:, order]], axis=1)
    content = {
        "robot_pose": np.repeat(mixed[None, :, None], 3, axis=2),
        "joint_names": [MENAGERIE[column] for column in order],
        "scene_path": np.array([SCENE]),
    }
    save(root / "graspdata" / NAME / "scale008_grasp.npy", content)
    check(root / "graspdata", examples, hand)


def test_names_that_every_row_tells_are_those_of_all(
    root: Path, mounts: np.ndarray, examples: list[Example], hand: Hand
) -> None:
    """``succ_collect`` stacks what the files of single grasps have."""
    content = {"grasp_qpos": mounts, "joint_names": np.array([MENAGERIE] * 5), "scene_path": SCENE}
    save(root / "succ_collect" / NAME / "floating" / "scale008.npy", content)
    check(root / "succ_collect", examples, hand)


def test_older_scenes(root: Path, mounts: np.ndarray, examples: list[Example], hand: Hand) -> None:
    """``interest_obj_name`` in place of a task, ``rigid_mesh`` of the type."""
    scene = np.load(root / SCENE, allow_pickle=True).item()
    del scene["task"]
    scene["scene"][NAME]["type"] = "rigid_mesh"
    save(root / SCENE, scene | {"interest_obj_name": NAME})
    save(root / "graspdata" / NAME / "0.npy", {"grasp_qpos": mounts, "scene_path": SCENE})
    check(root / "graspdata", examples, hand)


def test_raw_contacts_of_one_scene_at_once(root: Path, mounts: np.ndarray) -> None:
    """BODex has the points (1, N, 1, C, 3), its one scene in the first place and one more axis after the grasps."""
    points = np.random.default_rng(0).normal(size=(1, 5, 1, 3, 3))
    content = {
        "robot_pose": np.repeat(mounts[None, :, None], 3, axis=2),
        "contact_point": points,
        "scene_path": [SCENE],
    }
    save(root / "graspdata" / NAME / "scale008_grasp.npy", content)
    found = [entry.contacts_m for entry in entries_of(root / "graspdata") if isinstance(entry, ForeignGrasp)]
    np.testing.assert_allclose(found, points[0, :, 0])  # the object stands at the origin


def test_poses_in_fields_of_their_own(root: Path, mounts: np.ndarray, examples: list[Example], hand: Hand) -> None:
    """Files of DexGraspBench of 2024: ``grasp_pose`` (7,) beside ``grasp_qpos`` (22,), one grasp a file."""
    for number, row in enumerate(mounts):
        content = {"obj_pose": np.array(FLOATING), "obj_scale": SCALE, "obj_path": f"assets/DGNObj/{NAME}"}
        for stage in ("pregrasp", "grasp", "squeeze"):
            content |= {f"{stage}_pose": row[:7], f"{stage}_qpos": row[7:]}
        save(root / "graspdata" / NAME / "scale008" / f"{number}.npy", content)
    check(root / "graspdata", examples, hand)


def test_paths_through_the_scene_are_followed(
    root: Path, mounts: np.ndarray, examples: list[Example], hand: Hand
) -> None:
    """DexGraspBench of 2025 keeps the way from the scene to the mesh in ``obj_path``."""
    for number, row in enumerate(mounts):
        way = f"{Path(SCENE).parent}/../../../processed_data/{NAME}"
        content = {"obj_pose": np.array(FLOATING), "obj_scale": SCALE, "obj_path": way, "grasp_qpos": row}
        save(
            root / "output" / "debug_shadow" / "graspdata" / NAME / "floating" / "scale008" / f"{number}_grasp.npy",
            content,
        )
    check(root / "output" / "debug_shadow" / "graspdata", examples, hand)


def test_steps_before_one_grasp_begin_with_the_most_open_hand(root: Path, mounts: np.ndarray) -> None:
    """Dexonomy's own files: ``pregrasp_qpos`` (K, 29) of one grasp (1, 29); the scene stands in the file."""
    scene = np.load(root / SCENE, allow_pickle=True).item()
    scene["scene"][NAME]["file_path"] = f"assets/object/DGN_2k/processed_data/{NAME}/mesh/simplified.obj"
    opened = mounts[:1] - np.concatenate([np.zeros(7), np.full(22, 0.1)])
    content = {
        "pregrasp_qpos": np.concatenate([opened, mounts[:1], mounts[:1]]),
        "grasp_qpos": mounts[:1],
        "squeeze_qpos": mounts[:1],
        "scene_cfg": scene,
        "robot_pose": np.zeros((30, 31)),  # the way of an arm, which is not looked at
    }
    save(root / "graspdata" / NAME / "0.npy", content)
    [grasp] = entries_of(root / "graspdata")
    assert isinstance(grasp, ForeignGrasp)
    assert grasp.pregrasp is not None
    assert grasp.pregrasp["FFJ2"] == pytest.approx(grasp.joints["FFJ2"] - 0.1)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"scene_path": "assets/nowhere.npy"}, "field scene_path: assets/nowhere.npy is not there"),
        ({"scene_path": []}, "field scene_path: empty is not there"),
        ({"scene_path": None}, "has no 'scene_path' or 'scene_cfg' either"),
        ({"scene_scale": np.array([40.0])}, "field scene_scale: 3.2; it is the true scale"),
        ({"scene_cfg": {"scene": {}}}, "expected the object that is grasped"),
        (
            {"scene_cfg": {"task": {"obj_name": "a"}, "scene": {"a": {"type": "articulated_object"}}}},
            "only rigid objects",
        ),
        ({"grasp_qpos": np.zeros((5, 7))}, "expected (N, 7 + joints)"),
        ({"joint_names": ["a", "b"]}, "field joint_names: 2 names, expected 22"),
    ],
)
def test_what_is_wrong_is_told(root: Path, mounts: np.ndarray, changed: dict[str, Any], words: str) -> None:
    content = {"grasp_qpos": mounts, "scene_path": SCENE} | changed
    save(root / "graspdata" / NAME / "0.npy", {name: value for name, value in content.items() if value is not None})
    [bad] = entries_of(root / "graspdata")
    assert isinstance(bad, BadEntry)
    assert words in bad.cause


def test_files_of_objects_are_no_grasps(root: Path, mounts: np.ndarray, examples: list[Example], hand: Hand) -> None:
    """A source that holds objects and grasps: scenes and clouds are neither looked at nor listed as bad entries."""
    cloud = root / "assets" / "object" / "DGN_2k" / "vision_data" / NAME / "pc.npy"
    save(cloud, {})
    save(root / "bodex_shadow" / NAME / "floating" / "scale008.npy", {"grasp_qpos": mounts, "scene_path": SCENE})
    assert isinstance(open_source(root), DexGraspBench)
    check(root, examples, hand)


def test_links_to_folders_are_followed_once(
    root: Path, mounts: np.ndarray, examples: list[Example], hand: Hand
) -> None:
    save(root / "elsewhere" / NAME / "scale008.npy", {"grasp_qpos": mounts, "scene_path": SCENE})
    source = root / "output" / "graspdata"
    source.mkdir(parents=True)
    (source / "linked").symlink_to(root / "elsewhere")
    (root / "elsewhere" / "round").symlink_to(root / "elsewhere")
    check(source, examples, hand)


def test_units_of_long_paths_have_names_that_a_file_may_have(root: Path, mounts: np.ndarray) -> None:
    for last in "ab":
        folder = root.joinpath("graspdata", *["a_long_name_of_a_folder" * 4] * 4, f"x{last}")
        save(folder / "scale008.npy", {"grasp_qpos": mounts, "scene_path": SCENE})
    names = {unit.name for unit in DexGraspBench(root / "graspdata").units()}
    assert len(names) == 2
    assert max(map(len, names)) < 200


@pytest.mark.parametrize(
    ("code", "family"),
    [("core_bottle_1a2b", "bottle"), ("sem-Car-66a0", "Car"), ("mujoco_Star_Wars", "mujoco"), ("box_00000", "box")],
)
def test_categories(code: str, family: str) -> None:
    assert family_of(code) == family
