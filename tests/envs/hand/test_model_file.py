"""A hand's model file: what becomes of its links, shapes and limits, and attaching it to a scene."""

import warnings
from pathlib import Path

import mujoco
import numpy as np
import pytest

from envs.hand.hand import Hand
from envs.hand.model_file import HULL_VERTICES, Capsule, HandFile
from tests.envs.hand.claw import write_claw
from tests.hands import each_hand


@pytest.fixture
def claw(tmp_path: Path) -> Path:
    return write_claw(tmp_path)


def compiled(file: HandFile, *, visual: bool = False) -> mujoco.MjModel:
    scene = mujoco.MjSpec()
    file.attach(scene, visual=visual)
    return scene.compile()


def names_of(model: mujoco.MjModel) -> list[str]:
    return [model.body(body).name for body in range(1, model.nbody)]


def test_links_without_joints_become_part_of_what_carries_them(claw: Path) -> None:
    model = compiled(HandFile(claw, root="mount", inertia_from_shapes=True))
    assert names_of(model) == ["hand/palm", "hand/near", "hand/far", "hand/stub"]
    np.testing.assert_allclose(model.body("hand/near").pos, [0.0, 0.06, 0.0], atol=1e-12)


def test_base_is_turned_into_the_palm_s_frame(claw: Path) -> None:
    # a quarter turn about x takes y to z; then 2 cm towards the fingers
    quat = (0.5**0.5, 0.5**0.5, 0.0, 0.0)
    model = compiled(HandFile(claw, root="mount", inertia_from_shapes=True, base_quat=quat, base_pos=(0.0, 0.0, 0.02)))
    np.testing.assert_allclose(model.body("hand/near").pos, [0.0, 0.0, 0.08], atol=1e-12)
    np.testing.assert_allclose(model.body("hand/palm").quat, [1.0, 0.0, 0.0, 0.0])


def test_mimic_joints_are_free_for_whoever_drives_them(claw: Path) -> None:
    model = compiled(HandFile(claw, root="mount", inertia_from_shapes=True))
    assert (model.njnt, model.neq, model.nu) == (3, 0, 0)


def test_limits_replace_those_of_the_file(claw: Path) -> None:
    model = compiled(HandFile(claw, root="mount", inertia_from_shapes=True, limits=(("q1", -0.1, 1.5),)))
    np.testing.assert_allclose(model.joint("hand/q1").range, [-0.1, 1.5])
    np.testing.assert_allclose(model.joint("hand/q2").range, [0.0, 2.0])


def test_limit_of_a_joint_that_the_file_lacks_is_refused(claw: Path) -> None:
    with pytest.raises(ValueError, match=r"limits: .*claw\.urdf has no joint 'q3'; it has: q1, q2, t1"):
        compiled(HandFile(claw, root="mount", inertia_from_shapes=True, limits=(("q3", 0.0, 1.0),)))


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"root": "wrist"}, "root"),
        ({"root": "mount", "left_out": ("wrist",)}, "left_out"),
        ({"root": "mount", "capsules": (Capsule("wrist", (0, 0, 0), (0, 0, 1), 0.1),)}, "capsules"),
    ],
)
def test_link_that_the_file_lacks_is_refused(claw: Path, changes: dict[str, object], what: str) -> None:
    with pytest.raises(ValueError, match=rf"{what}: .*claw\.urdf has no link 'wrist'; it has: mount, hand, near"):
        compiled(HandFile(claw, **changes))


def test_capsules_replace_the_shapes_of_their_links_and_links_can_be_left_out(claw: Path) -> None:
    capsule = Capsule("near", (0.0, 0.0, 0.0), (0.0, 0.03, 0.0), 0.007)
    model = compiled(HandFile(claw, root="mount", inertia_from_shapes=True, capsules=(capsule,), left_out=("far",)))
    near = model.geom_bodyid == model.body("hand/near").id
    assert list(model.geom_type[near]) == [mujoco.mjtGeom.mjGEOM_CAPSULE]
    np.testing.assert_allclose(model.geom_size[near][0, :2], [0.007, 0.015])
    assert not (model.geom_bodyid == model.body("hand/far").id).any()


def test_mesh_that_collides_becomes_its_hull_at_its_scale(claw: Path) -> None:
    model = compiled(HandFile(claw, root="mount", inertia_from_shapes=True))
    assert model.nmesh == 1
    assert model.mesh_vertnum[0] <= HULL_VERTICES
    # a ball of radius 2 cm, twice as large
    assert np.linalg.norm(model.mesh_vert, axis=1).max() == pytest.approx(0.04, abs=0.003)


def test_mass_is_the_file_s_and_inertia_that_of_the_shapes(claw: Path) -> None:
    """The file's inertia of `near`, 9 > 1 + 1 kg m^2, is none that a body can have."""
    model = compiled(HandFile(claw, root="mount", inertia_from_shapes=True))
    near = model.body("hand/near")
    assert near.mass[0] == pytest.approx(0.01)
    assert near.inertia.max() < 0.01 * 0.04**2


def test_whoever_attaches_the_hand_can_give_the_palm_an_inertia(claw: Path) -> None:
    scene = mujoco.MjSpec()
    palm = HandFile(claw, root="mount", inertia_from_shapes=True, left_out=("hand", "far")).attach(scene)
    palm.add_freejoint()
    palm.mass, palm.inertia, palm.ipos = 4.0, [0.02, 0.02, 0.02], [0.0, 0.0, 0.04]
    palm.iquat = [1.0, 0.0, 0.0, 0.0]
    model = scene.compile()
    np.testing.assert_allclose(model.body("hand/palm").inertia, 0.02)
    assert model.body("hand/palm").mass[0] == 4.0


def test_visual_meshes_are_kept_only_when_asked_for_and_do_not_collide(claw: Path) -> None:
    model = compiled(HandFile(claw, root="mount", inertia_from_shapes=True), visual=True)
    looks = (model.geom_contype == 0) & (model.geom_conaffinity == 0)
    assert looks.sum() == 1
    assert model.mesh_vertnum[model.geom_dataid[looks][0]] == 400
    # and the mesh that is drawn is as large as the file says, whatever the hull of the same file became
    assert compiled(HandFile(claw, root="mount", inertia_from_shapes=True)).ngeom == model.ngeom - 1


def test_joints_get_the_damping_and_armature_of_the_hand(claw: Path) -> None:
    model = compiled(HandFile(claw, root="mount", inertia_from_shapes=True, damping=0.3, armature=0.02))
    np.testing.assert_allclose(model.dof_damping, 0.3)
    np.testing.assert_allclose(model.dof_armature, 0.02)


@each_hand
def test_attached_hand_leaves_the_scene_its_own_options(hand: Hand) -> None:
    scene = mujoco.MjSpec()
    scene.option.timestep = 0.005
    scene.worldbody.add_geom(name="table", type=mujoco.mjtGeom.mjGEOM_PLANE, size=[1.0, 1.0, 0.1])
    palm = hand.attach(scene)
    palm.add_freejoint()
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # MuJoCo warns of options in which scene and hand differ
        model = scene.compile()
    assert model.opt.timestep == 0.005
    count = len(hand.all_joints)
    assert (model.nq, model.nv) == (7 + count, 6 + count)


@each_hand
def test_visual_model_keeps_the_meshes(hand: Hand) -> None:
    assert hand.model(visual=True).nmesh > hand.model().nmesh
    assert hand.model(visual=True).njnt == hand.model().njnt


def test_palm_of_a_file_with_inertias_can_get_another(claw: Path) -> None:
    """MuJoCo refuses a body with two kinds of inertia, and welded links are merged into the one kind."""
    claw.write_text(claw.read_text().replace('izz="9"', 'izz="1"'))
    scene = mujoco.MjSpec()
    palm = HandFile(claw, root="mount").attach(scene)
    palm.add_freejoint()
    palm.inertia = [0.02, 0.02, 0.02]
    np.testing.assert_allclose(scene.compile().body("hand/palm").inertia, 0.02)
