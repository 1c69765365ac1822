"""Exported policies and checkpoints behind the controller's seam, and what is told of them."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from envs.geometry.point_grouping import GroupingLevelSpec, GroupingSpec
from envs.hand.shadow import shadow_hand
from envs.objects.builder import make_object
from envs.task.observation_builder import ObservationBuilder, Signals
from envs.task.rise_reflex import RiseReflex
from lightning_modules.graphs.fields import random_inputs
from lightning_modules.policy.load import load_policy
from live.clouds import Workspace, crop, prepare
from live.controller import AssistController
from live.hand_facts import HandFacts
from live.inputs import ObjectPose
from live.mujoco_hand import MujocoHand
from live.policies import KEY, LiveObservation, OnnxPolicy, load_control_policy
from live.ports import pump
from live.poses import IDENTITY
from live.rise import RiseWatch
from live.states import State
from live.torch_policy import TorchPolicy
from tests.learning import ROOT

POLICY = ROOT / "pretrained" / "residual_ppo.ckpt"
DOWN = np.array([-0.085, 0.0, 0.12, 0.5, 0.5, 0.5, 0.5])
"""Palm down over the origin, fingers along x."""


def test_importing_the_controller_loads_neither_torch_nor_a_simulator() -> None:
    script = (
        "import sys, live.controller, live.policies, live.udp, live.ports, live.run; "
        "print([name for name in ('torch', 'mujoco', 'lightning', 'lightning_modules') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_groups_are_those_of_the_networks() -> None:
    cloud = make_object("box", 0).cloud
    levels = ((128, 0.04, 16), (32, 0.1, 16))
    built = GroupingSpec(tuple(GroupingLevelSpec(*level) for level in levels)).build(torch.tensor(cloud)[None])
    found = prepare(cloud, levels, is_ordered=True).groups
    for number, level in enumerate(built.levels):
        np.testing.assert_array_equal(found[f"centres_{number}"], level.centre_index[0])
        same = found[f"neighbours_{number}"] == level.neighbour_index[0].numpy()
        assert same.mean() > 0.999  # equally far ones may stand in another order


def test_the_table_and_what_lies_outside_are_cropped() -> None:
    points = np.array([[0.0, 0.0, 0.05], [0.0, 0.0, 0.0], [5.0, 0.0, 0.1], [np.nan, 0.0, 0.1]])
    np.testing.assert_array_equal(crop(points, IDENTITY, Workspace()), points[:1])


def test_a_rise_is_noticed_when_the_environment_notices_it() -> None:
    rng = np.random.default_rng(0)
    for noise in (0.0, 0.002, 0.02):
        places = np.concatenate(
            [np.zeros((20, 3)), np.cumsum(np.tile([0, 0, 0.006], (30, 1)), axis=0), np.zeros((9, 3))]
        )
        places += noise * rng.normal(size=places.shape)
        poses = np.concatenate([places, np.tile([1.0, 0, 0, 0], (len(places), 1))], axis=1)
        reflex, watch = RiseReflex(torch.tensor(poses[:1]), 0.025), RiseWatch(places[0], 0.025)
        seen = []
        for pose in poses:
            reflex.look(torch.tensor(pose)[None])
            watch.look(pose[:3])
            seen.append((bool(reflex.is_rising), bool(reflex.has_begun)))
            assert seen[-1] == (watch.is_rising, watch.has_begun)
    assert any(rising for rising, _ in seen) or noise > 0.01


def approach(controller: AssistController, steps: int) -> tuple[list[np.ndarray], list[np.ndarray], np.ndarray]:
    """Wrists, joints and targets of a hand that comes down on a box and does at once what it is told."""
    thing = make_object("box", 0)
    controller.know_object(thing.cloud, is_ordered=True)
    object_w, joints = thing.rest_poses[0], controller.inputs.joints
    wrists, told = [], [shadow_hand().open_pose.copy()]
    for step in range(steps):
        wrists.append(DOWN + np.array([0, 0, 0.1 * max(0.0, 1.0 - step / 20), 0, 0, 0, 0]))
        told.append(controller.update(step * 0.025, wrists[-1], told[-1], ObjectPose(object_w)).joint_pos)
    assert joints.num_refused == 0
    return wrists, told, object_w


def test_the_controller_moves_the_fingers_as_the_policy_in_its_environment() -> None:
    controller = AssistController(TorchPolicy(POLICY))
    wrists, told, object_w = approach(controller, 30)
    hand, thing, policy = shadow_hand(), make_object("box", 0), load_policy(POLICY)
    builder = ObservationBuilder(hand, 0.025)
    policy.start(1)
    cloud = torch.tensor(thing.cloud.T.copy())[None]
    begun = False
    for step, wrist in enumerate(wrists):
        joints = torch.tensor(told[step])[None]
        coupled = torch.tensor(hand.coupled_from_actuated(told[step]))[None]
        seen = builder.observe(
            Signals(
                joints, coupled, joints, step * 0.025, torch.tensor(wrist)[None], cloud, torch.tensor(object_w)[None]
            )
        )
        action = policy.act(seen, step)[0]
        moved = told[step + 1] - told[step]
        begun = begun or bool(np.abs(moved).max() > 0.0)
        if begun and step > 12:  # after the start is smooth no longer
            expected = hand.clamp(told[step] + 0.05 * action) - told[step]
            np.testing.assert_allclose(moved, expected, atol=2e-4)  # single precision, and 1.5 mm of an old scene
    assert begun


def test_onnx_and_torch_say_the_same(exported_policy: Path) -> None:
    targets = [approach(AssistController(load_control_policy(path)), 25)[1] for path in (exported_policy, POLICY)]
    np.testing.assert_allclose(targets[0], targets[1], atol=2e-3)  # scenes are kept by rules that differ a little
    assert np.abs(targets[0][-1] - targets[0][0]).max() > 0.1


def test_what_an_exported_policy_said_before_stays_as_it_was(exported_policy: Path) -> None:
    policy = OnnxPolicy(exported_policy)
    given = {name: value.numpy() for name, value in random_inputs(shadow_hand(), None, 2).items()}
    names = ("joint_pos", "coupled_pos", "command", "wrist_history", "wrist_past")
    seen = [
        LiveObservation(
            given["points_h"][hand],
            prepare(given["points_h"][hand], policy.facts.grouping, is_ordered=True).groups,
            **{name: given[name][hand] for name in names},
        )
        for hand in range(2)
    ]
    first = policy.act(seen[0])
    kept = first.action.copy()
    assert np.abs(policy.act(seen[1]).action - kept).max() > 1e-3
    np.testing.assert_array_equal(first.action, kept)
    np.testing.assert_array_equal(policy.act(seen[0]).action, kept)  # nothing of the other cloud is left
    assert policy.num_encoded == 3
    policy.act(seen[0])
    assert policy.num_encoded == 3
    policy.start()
    policy.act(seen[0])
    assert policy.num_encoded == 4


def test_mujoco_in_the_place_of_a_hand_closes_on_an_object() -> None:
    hand, thing = shadow_hand(), make_object("box", 0)
    controller = AssistController(TorchPolicy(POLICY))
    controller.know_object(thing.cloud, is_ordered=True)
    world = MujocoHand(hand, thing, thing.rest_poses[0], DOWN + np.array([0, 0, 0.1, 0, 0, 0, 0]))
    for step in range(50):
        world.move_wrist(DOWN + np.array([0, 0, 0.1 * max(0.0, 1.0 - step / 30), 0, 0, 0, 0]))
        targets = pump(controller, [world], [world], world.time_s)
    assert targets.state is State.ASSIST
    hand.check_limits(targets.joint_pos, "targets")
    assert np.abs(targets.joint_pos - hand.open_pose).max() > 0.2


def test_files_of_another_version_or_program_are_refused(exported_policy: Path, tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    for name in ("encoder", "control"):
        model = onnx.load(exported_policy / f"{name}.onnx")
        for entry in model.metadata_props:
            if entry.key == KEY:
                entry.value = json.dumps({**json.loads(entry.value), "format": 99})
        onnx.save(model, tmp_path / f"{name}.onnx")
    with pytest.raises(ValueError, match="format 99"):
        OnnxPolicy(tmp_path)
    (tmp_path / "encoder.onnx").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="no ONNX file"):
        OnnxPolicy(tmp_path)
    with pytest.raises(FileNotFoundError, match="--format onnx"):
        OnnxPolicy(tmp_path / "nowhere")


def test_a_file_of_another_part_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Renamed:
        """`primitive.onnx` at the place of `control.onnx`."""

        def __init__(self, path: Path) -> None:
            self.path = path
            self.description = {"part": {"control": "primitive"}.get(path.stem, path.stem), "checkpoint_sha256": "0"}

    monkeypatch.setattr("live.policies._Session", Renamed)
    with pytest.raises(ValueError, match=r"control\.onnx is the part 'primitive' of an export, expected 'control'"):
        OnnxPolicy(tmp_path)


def test_a_description_without_a_field_is_refused() -> None:
    with pytest.raises(ValueError, match="no field 'hand'"):
        HandFacts.of_description({"format": 1}, "x.onnx")
