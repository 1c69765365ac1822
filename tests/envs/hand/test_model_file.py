"""Attaching a hand to a scene."""

import warnings

import mujoco

from envs.hand.hand import Hand
from tests.hands import each_hand


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
