"""Learnt controllers: the primitive alone, held back, and the policy behind the same seam."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from datamodules.rollouts.policy import start_policy
from datamodules.rollouts.runner import EpisodeRunner
from datamodules.rollouts.teacher import ArrivalTeacher
from envs.conventions import CONTROL_DT
from envs.hand.shadow import shadow_hand
from envs.task.observations import Observation
from envs.task.perception import PerceptionNoise
from lightning_modules.composition import Composition, ExtentAndResidual, ScaleAndResidual
from lightning_modules.followers import Heading
from lightning_modules.policy.finger_policies import PrimitivePolicy, ToldPrimitive, TriggeredPrimitive
from lightning_modules.policy.inputs import ApproachInputs
from lightning_modules.policy.primitive_view import PrimitiveView
from lightning_modules.policy.trigger import ANY_DISTANCE, Trigger
from lightning_modules.primitive import GraspPrimitive
from tests.assisting import made_up_observation, sampler, save_primitive
from tests.learning import ROOT
from tests.lightning_modules.made_up_rollouts import Make

HAND = shadow_hand()


def test_the_primitive_alone_is_held_back_until_its_step(tmp_path: Path) -> None:
    primitive = GraspPrimitive.from_checkpoint(save_primitive(tmp_path / "gf.ckpt"))
    observation = made_up_observation()
    policy = PrimitivePolicy(PrimitiveView(primitive), start_step=7)
    policy.start(3)
    np.testing.assert_array_equal(policy.act(observation, 6), np.zeros((3, 18)))
    at_once = PrimitivePolicy(PrimitiveView(primitive)).act(observation, 0)
    assert at_once.any()
    np.testing.assert_array_equal(policy.act(observation, 7), at_once)


def seen(
    speeds: list[float], distances: list[float], *, earlier: Observation | None = None, period_s: float = CONTROL_DT
) -> Observation:
    """Wrists that move along x at so many m/s, and clouds whose nearest point is so far from the grasp centre, m."""
    groups = dict((earlier or made_up_observation(len(speeds))).groups)
    history_w = groups["wrist_history"].clone()
    history_w[:, -1, :3] = (
        history_w[:, -2, :3] + torch.tensor([1.0, 0.0, 0.0]) * period_s * torch.tensor(speeds)[:, None]
    )
    cloud_h = torch.tensor(HAND.grasp_centre_h) + torch.tensor(distances)[:, None, None] * torch.tensor(
        [0.0, -1.0, 0.0]
    )
    far = torch.arange(1024)[None, :, None] * torch.tensor([0.0, -1e-4, 0.0])
    return Observation({**groups, "wrist_history": history_w, "points_h": (cloud_h + far.flip(1)).float()})


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> PrimitiveView:
    return PrimitiveView(GraspPrimitive.from_checkpoint(save_primitive(tmp_path_factory.mktemp("p") / "gf.ckpt")))


def moves(policy: TriggeredPrimitive, observation: Observation) -> list[bool]:
    """Worlds in which fingers move."""
    return [bool(action.any()) for action in policy.act(observation, 0)]


def test_a_triggered_primitive_acts_as_the_primitive_where_it_has_begun(view: PrimitiveView) -> None:
    observation = seen([0.5, 0.5], [0.04, 0.06])
    policy = TriggeredPrimitive(view, Trigger(0.05))
    policy.start(2)
    action = policy.act(observation, 0)
    alone = PrimitivePolicy(view)
    alone.start(2)
    np.testing.assert_array_equal(action[0], alone.act(observation, 0)[0])
    np.testing.assert_array_equal(action[1], np.zeros(18))


def test_what_has_begun_goes_on_until_new_episodes_start(view: PrimitiveView) -> None:
    policy = TriggeredPrimitive(view, Trigger(0.05))
    policy.start(2)
    assert moves(policy, seen([0.5, 0.5], [0.1, 0.1])) == [False, False]
    assert moves(policy, seen([0.5, 0.5], [0.04, 0.1])) == [True, False]
    assert moves(policy, seen([0.5, 0.5], [0.2, 0.2])) == [True, False]
    policy.start(3)
    assert moves(policy, seen([0.5] * 3, [0.1, 0.1, 0.04])) == [False, False, True]


def test_slowing_down_counts_after_having_been_faster(view: PrimitiveView) -> None:
    policy = TriggeredPrimitive(view, Trigger(ANY_DISTANCE, slow_share=0.5))
    policy.start(3)
    # at rest; quick; slow throughout, but as a reach is
    assert moves(policy, seen([0.0, 0.2, 0.06], [0.2] * 3)) == [False] * 3
    assert moves(policy, seen([0.04, 0.8, 0.1], [0.2] * 3)) == [False] * 3
    assert moves(policy, seen([0.0, 0.41, 0.06], [0.2] * 3)) == [False] * 3  # the first only trembled
    assert moves(policy, seen([0.0, 0.39, 0.04], [0.2] * 3)) == [False, True, True]


def test_a_fast_hand_begins_farther_away(view: PrimitiveView) -> None:
    policy = TriggeredPrimitive(view, Trigger(0.05, per_speed_s=0.1))
    policy.start(3)
    # 0.05 + 0.1 * speed: 0.05, 0.1 and 0.1
    assert moves(policy, seen([0.0, 0.5, 0.5], [0.06, 0.09, 0.11])) == [False, True, False]


def test_both_thresholds_have_to_be_passed(view: PrimitiveView) -> None:
    policy = TriggeredPrimitive(view, Trigger(0.05, slow_share=0.5))
    policy.start(2)
    assert moves(policy, seen([0.6, 0.6], [0.04, 0.2])) == [False, False]
    assert moves(policy, seen([0.2, 0.2], [0.04, 0.2])) == [True, False]


def test_speed_is_per_second(view: PrimitiveView) -> None:
    for period_s, begins in ((0.025, True), (0.1, False)):  # 12.5 mm a step: 0.5 and 0.125 m/s
        policy = TriggeredPrimitive(view, Trigger(0.05, per_speed_s=0.1), period_s)
        policy.start(1)
        assert moves(policy, seen([0.5], [0.09], period_s=0.025)) == [begins]


def test_a_module_gives_its_primitive_with_a_trigger(make: Make) -> None:
    module = make()
    policy = module.triggered_policy(Trigger(0.05), 0.025)
    policy.start(2)
    assert moves(policy, seen([0.5, 0.5], [0.04, 0.06])) == [True, False]


def test_a_triggered_primitive_starts_in_real_episodes(view: PrimitiveView) -> None:
    episodes = sampler().sample(3)
    for distance, step in ((1e-6, 1000), (ANY_DISTANCE, 0)):  # never, and at once
        triggered, held_back = (
            EpisodeRunner(num_worlds=2).run(policy, episodes)
            for policy in (TriggeredPrimitive(view, Trigger(distance)), PrimitivePolicy(view, step))
        )
        np.testing.assert_array_equal(triggered.joint_pos, held_back.joint_pos)


@pytest.mark.parametrize("options", [{"distance_m": 0.0}, {"slow_share": 0.0}, {"slow_share": 1.5}])
def test_a_senseless_trigger_is_refused(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"allowed are distances above 0 \(1: any\) and shares above 0 up to 1"):
        Trigger(**{"distance_m": 0.05, **options})


@pytest.mark.parametrize("per_speed_s", [float("nan"), float("-inf")])
def test_a_trigger_that_no_distance_pulls_is_refused(per_speed_s: float) -> None:
    with pytest.raises(ValueError, match=f"per_speed_s is {per_speed_s}; a finite number is needed"):
        Trigger(0.05, per_speed_s=per_speed_s)


def told_actions(view: PrimitiveView, teacher: ArrivalTeacher, composition: Composition) -> tuple[Heading, np.ndarray]:
    """What the primitive wants of a made-up observation, and the actions in every step of two grasps (T, E, J)."""
    episodes, observation = sampler().sample(2), made_up_observation(2)
    policy = ToldPrimitive(view, teacher, composition)
    start_policy(policy, episodes)
    actions = np.stack([policy.act(observation, step) for step in range(episodes.max_steps)])
    arrival = episodes.arrival_step[0]
    moments = [arrival - teacher.lead - 1, arrival - teacher.lead, arrival + teacher.delay]
    return view.heading(observation, view.scene(observation)), actions[moments, 0]


TOLD = ArrivalTeacher(lead=6, latest=99, squeeze=0.2, delay=3)


def test_the_primitive_told_when_waits_acts_and_squeezes(view: PrimitiveView) -> None:
    heading, (waits, acts, squeezes) = told_actions(view, TOLD, ScaleAndResidual())
    a_p = heading.action[0].double().numpy()
    assert not waits.any()
    np.testing.assert_allclose(acts, a_p, atol=1e-6)
    np.testing.assert_allclose(squeezes, (a_p + 0.2 * HAND.closing).clip(-1.0, 1.0), atol=1e-6)


def test_told_an_extent_the_hand_waits_pre_shaped_and_closes(view: PrimitiveView) -> None:
    heading, (waits, acts, squeezes) = told_actions(view, TOLD, ExtentAndResidual(waiting=0.3))
    way, back = heading.way[0].double().numpy(), heading.back[0].double().numpy()
    # towards 0.3 of the way from the open hand, then all of it; joints arrive together, at 0.05 rad a step
    pre_shape, whole = (goal / max(np.abs(goal).max(), 0.05) for goal in (0.3 * way + 0.7 * back, way))
    np.testing.assert_allclose(waits, pre_shape, atol=1e-5)
    np.testing.assert_allclose(acts, whole, atol=1e-5)
    np.testing.assert_allclose(squeezes, (whole + 0.2 * HAND.closing).clip(-1.0, 1.0), atol=1e-5)


def test_a_learnt_policy_starts_anew_and_gives_plain_numbers(make: Make) -> None:
    module, observation = make(), made_up_observation()
    policy = module.policy()
    found = policy.act(observation, 0)
    assert found.dtype == np.float64
    assert module.view is not None
    assert module.view.num_encoded == 3
    policy.act(observation, 1)
    assert module.view.num_encoded == 3  # the clouds rest
    policy.start(3)
    np.testing.assert_array_equal(policy.act(observation, 0), found)
    assert module.view.num_encoded == 6


def test_a_policy_says_which_hidden_groups_it_reads(make: Make) -> None:
    assert make().policy().hidden_groups == ()
    assert make(inputs=ApproachInputs(["goal_joints"])).policy().hidden_groups == ("goal_joints",)
    with pytest.raises(KeyError, match="the observation has no group 'goal_joints', only joint_pos"):
        make(inputs=ApproachInputs(["goal_joints"])).policy().act(made_up_observation(), 0)


def shipped_primitive(tolerance: float = 0.5e-3) -> PrimitivePolicy:
    return PrimitivePolicy(PrimitiveView(GraspPrimitive.from_checkpoint(ROOT / "pretrained" / "gf.ckpt"), tolerance))


def test_the_shipped_primitive_sees_clouds_with_noise() -> None:
    runner = EpisodeRunner(num_worlds=3, noise=PerceptionNoise(point_m=0.5e-3))
    outcome = runner.run(shipped_primitive(), sampler().sample(3))
    assert (np.abs(outcome.joint_pos - HAND.open_pose.copy()).max(axis=1) > 0.2).all()


def test_the_shipped_primitive_takes_objects_that_nobody_knows() -> None:
    # without a tolerance, since other points say of a cloud that nobody knows whether it has moved
    policy, known = shipped_primitive(tolerance=0.0), sampler().sample(3)
    outcomes = [EpisodeRunner(num_worlds=3).run(policy, each) for each in (known, replace(known, clouds=None))]
    # groups do not change when a cloud moves as a whole: found in each cloud anew they are those of its object
    np.testing.assert_allclose(outcomes[1].joint_pos, outcomes[0].joint_pos, atol=1e-6)
    np.testing.assert_array_equal(outcomes[1].is_success, outcomes[0].is_success)
