"""Files for Isaac Gym, held against the models of MuJoCo that they are made of."""

import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import mujoco
import numpy as np
import pytest
import trimesh

from envs.hand.hand import Hand
from envs.hand.own_hand import read_hand
from envs.physics.isaacgym.assets import AssetFiles
from envs.physics.isaacgym.base_joints import BASE_JOINTS, base_from_pose
from envs.physics.settings import PhysicsSettings
from envs.physics.world_model import build_hand_model
from tests.contracts.physics_start import HAND, hovering_start
from tests.envs.hand.claw import write_claw
from tests.hands import ABILITY_HAND, needs_ability_hand


def claw(folder: Path) -> Hand:
    """A made-up hand with meshes, boxes and spheres."""
    write_claw(folder)
    return read_hand(folder / "claw.yaml")


MAKERS = [
    pytest.param(lambda folder: HAND, id="shadow"),
    pytest.param(claw, id="claw"),
    pytest.param(lambda folder: ABILITY_HAND, id="ability", marks=needs_ability_hand),
]


@pytest.mark.parametrize("make", MAKERS)
def test_the_hands_file_has_the_same_links_where_the_hand_has_them(
    make: Callable[[Path], Hand], tmp_path: Path
) -> None:
    hand = make(tmp_path)
    settings = PhysicsSettings(base_mass=3.0)
    file = AssetFiles(tmp_path).of_hand(hand, settings)
    model = mujoco.MjModel.from_xml_path(str(file.folder / file.name))
    known = build_hand_model(hand, settings)
    ours, theirs = mujoco.MjData(known), mujoco.MjData(model)
    rng = np.random.default_rng(0)
    pose_w = np.array([0.1, -0.2, 0.3, 0.5, -0.5, 0.1, 0.7])
    pose_w[3:] /= np.linalg.norm(pose_w[3:])
    ours.qpos[:7] = pose_w
    for name, value in zip(BASE_JOINTS, base_from_pose(pose_w[None], np.zeros((1, 6)))[0], strict=True):
        theirs.joint(name).qpos = value
    for name in hand.all_joints:
        joint = known.joint(hand.element(name))
        angle = rng.uniform(*joint.range)
        ours.joint(hand.element(name)).qpos = theirs.joint(name).qpos = angle
        np.testing.assert_allclose(model.joint(name).range, joint.range, rtol=1e-7)
    for each, data in ((known, ours), (model, theirs)):
        mujoco.mj_forward(each, data)
    for name in hand.links:
        there, here = theirs.body(name), ours.body(hand.element(name))
        np.testing.assert_allclose(there.xpos, here.xpos, atol=1e-7)  # nine digits in the file
        np.testing.assert_allclose(there.xmat, here.xmat, atol=1e-6)
        np.testing.assert_allclose(there.xipos, here.xipos, atol=1e-7)
        assert model.body(name).mass == pytest.approx(known.body(hand.element(name)).mass, rel=1e-7)
        np.testing.assert_allclose(model.body(name).inertia, known.body(hand.element(name)).inertia, rtol=1e-5)
    solid = (known.geom_contype | known.geom_conaffinity).astype(bool)
    solid[known.geom("table").id] = False
    assert model.ngeom == solid.sum()
    # spheres around shapes: as large and in the same places
    np.testing.assert_allclose(np.sort(model.geom_rbound), np.sort(known.geom_rbound[solid]), atol=1e-6)
    centres = [each.geom_xpos[rows] for each, rows in ((theirs, slice(None)), (ours, solid))]
    distance = np.linalg.norm(centres[0][:, None] - centres[1][None], axis=2).min(axis=1)
    assert distance.max() < 1e-5


def test_an_objects_file_has_its_mass_and_pieces(tmp_path: Path) -> None:
    for thing in hovering_start(3).objects:
        file = AssetFiles(tmp_path).of_object(thing)
        link = ET.parse(file.folder / file.name).getroot().find("link")
        assert link is not None
        assert float(link.find("inertial/mass").attrib["value"]) == pytest.approx(thing.mass)  # type: ignore[union-attr]
        inertia = link.find("inertial/inertia").attrib  # type: ignore[union-attr]
        found = [[float(inertia["i" + "".join(sorted(a + b))]) for b in "xyz"] for a in "xyz"]
        np.testing.assert_allclose(found, thing.inertia, rtol=1e-7, atol=1e-15)
        names = [mesh.attrib["filename"] for mesh in link.iter("mesh")]
        assert len(names) == len(thing.pieces)
        for name, piece in zip(names, thing.pieces, strict=True):
            mesh = trimesh.load_mesh(file.folder / name)
            assert mesh.is_watertight
            assert mesh.volume == pytest.approx(
                trimesh.PointCloud(piece).convex_hull.volume, rel=1e-6
            )  # and not -1 of it


def test_files_are_written_once_and_told_apart_by_what_is_in_them(tmp_path: Path) -> None:
    (thing,) = hovering_start(1).objects
    files = AssetFiles(tmp_path)
    first = files.of_object(thing)
    written = (first.folder / first.name).stat().st_mtime_ns
    assert files.of_object(thing) == first
    assert (first.folder / first.name).stat().st_mtime_ns == written
    assert files.of_object(replace(thing, mass=0.2)).folder != first.folder
    hands = {files.of_hand(HAND, PhysicsSettings(base_mass=mass)).folder for mass in (1.0, 2.0, 1.0)}
    assert len(hands) == 2
    assert sorted(path.name[0] for path in first.folder.parent.iterdir()) == ["b", "b"]  # nothing left aside


def test_a_flat_piece_is_refused(tmp_path: Path) -> None:
    (thing,) = hovering_start(1).objects
    flat = thing.pieces[0] * np.array([1.0, 1.0, 0.0])
    message = rf"object '{thing.name}' cannot be simulated: piece 1 of 2 has no volume; each convex piece needs"
    with pytest.raises(ValueError, match=message):
        AssetFiles(tmp_path).of_object(replace(thing, pieces=(thing.pieces[0], flat)))


def test_without_a_cache_files_go_with_those_who_wrote_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRASPGF_CACHE", "off")
    files = AssetFiles()
    folder = files.of_object(hovering_start(1).objects[0]).folder
    assert folder.is_dir()
    del files
    assert not folder.exists()
