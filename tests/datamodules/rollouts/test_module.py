"""The data module of the residual policy: one rollout a batch, resumable, mistakes named before worlds are built."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor

from datamodules.grasps.grasp_file import save_grasp_set
from datamodules.grasps.grasp_set import GraspSet
from datamodules.rollouts import module as rollouts_module
from datamodules.rollouts.memory import CLOUD_BYTES, STEP_BYTES
from datamodules.rollouts.module import RolloutDataModule
from datamodules.rollouts.stream import RolloutStream
from datamodules.types import Decision, Rollout
from envs.hand.hand import Hand
from envs.hand.shadow import shadow_hand
from envs.objects.grasp_object import GraspObject
from envs.physics.base import PhysicsBackend
from envs.physics.mujoco_cpu import MujocoCpu
from envs.task.observations import POLICY_GROUPS, Observation
from envs.task.perception import PerceptionNoise
from envs.task.rewards import PRESETS, RewardSettings
from envs.task.settings import TaskSettings
from lightning_modules.cli import _grasp_cli
from tests.assisting import CountingActor
from tests.learning import ROOT

pytestmark = pytest.mark.usefixtures("fast_objects")


def make(path: Path, **settings: Any) -> RolloutDataModule:
    """Two worlds on the tiny grasp set."""
    given: dict[str, Any] = {"num_worlds": 2, "reachable_only": False, "num_threads": 0, **settings}
    return RolloutDataModule(path=str(path), **given)


def built(path: Path, **settings: Any) -> RolloutDataModule:
    data = make(path, **settings)
    data.setup("fit")
    return data


def actor() -> CountingActor:
    return CountingActor(0.3 * shadow_hand().closing)


def assert_same_rollouts(first: Rollout, second: Rollout) -> None:
    assert torch.equal(first.memory["joint_pos"], second.memory["joint_pos"])
    assert torch.equal(first.hand_action, second.hand_action)
    assert torch.equal(first.reward, second.reward)
    for name, value in first.measures.items():
        assert torch.equal(value, second.measures[name]), name


# --- rollouts


def test_the_same_seed_collects_the_same_and_another_does_not(tiny_path: Path) -> None:
    modules = [built(tiny_path, seed=seed) for seed in (1, 1, 2)]
    actors = [actor() for _ in modules]
    rollouts = [module.collect(each) for module, each in zip(modules, actors, strict=True)]
    assert_same_rollouts(rollouts[0], rollouts[1])
    assert torch.equal(actors[0].draws[0], actors[1].draws[0])
    assert not torch.equal(rollouts[0].memory["joint_pos"], rollouts[2].memory["joint_pos"])
    assert not torch.equal(actors[0].draws[0], actors[2].draws[0])


def test_a_restored_module_collects_what_the_first_would_have(tiny_path: Path, tmp_path: Path) -> None:
    first = built(tiny_path)
    first.collect(actor())
    torch.save(first.state_dict(), tmp_path / "state")
    expecting = actor()
    expected = first.collect(expecting)
    second, continuing = built(tiny_path), actor()
    second.load_state_dict(torch.load(tmp_path / "state", weights_only=True))
    assert_same_rollouts(second.collect(continuing), expected)
    assert torch.equal(continuing.draws[0], expecting.draws[0])


def test_exploration_draws_anew_in_every_rollout(tiny_path: Path) -> None:
    data, exploring = built(tiny_path), actor()
    draws = []
    for _ in range(2):
        data.collect(exploring)
        draws.append(exploring.draws[0])
    assert not torch.equal(draws[0], draws[1])


def test_training_has_training_objects_alone(tiny_path: Path, tiny_grasps: GraspSet) -> None:
    data, watching = built(tiny_path, num_worlds=4), actor()
    data.collect(watching)
    objects = watching.seen[0].objects
    assert objects is not None
    assert objects.clouds is data.targets("train").clouds
    assert {thing.name for thing in data.targets("train").grasp_objects} <= set(
        tiny_grasps.split("train").object_names()
    )


def test_a_stream_knows_its_length_and_collects_when_asked() -> None:
    collected: list[int] = []

    def collect() -> Any:
        collected.append(len(collected))
        return collected[-1]

    stream = RolloutStream(3, collect)
    assert len(stream) == 3
    drawn: Iterator[Any] = iter(stream)
    assert (next(drawn), collected) == (0, [0])
    assert list(drawn) == [1, 2]


class Learner(LightningModule):
    """Counts its updates and keeps the version of each rollout it gets."""

    def __init__(self) -> None:
        super().__init__()
        self.acting = actor()
        self.versions: list[tuple[int, int]] = []
        self.automatic_optimization = False
        self.parameter = torch.nn.Parameter(torch.zeros(1))

    @property
    def policy_version(self) -> int:
        return len(self.versions)

    def begin(self, sizes: Sequence[int], num_steps: int, generator: torch.Generator) -> list[CountingActor]:
        return self.acting.begin(sizes, num_steps, generator)

    def training_step(self, batch: Rollout, batch_idx: int) -> None:
        self.versions.append((batch.policy_version, self.policy_version))

    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        """Nothing."""

    def configure_optimizers(self) -> None:
        return None


def quiet_trainer(root: Path, **settings: Any) -> Trainer:
    return Trainer(
        default_root_dir=root, logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, accelerator="cpu", num_sanity_val_steps=0, use_distributed_sampler=False,
        **settings,
    )  # fmt: skip


def test_every_rollout_is_of_the_policy_that_it_trains(tiny_path: Path, tmp_path: Path) -> None:
    learner = Learner()
    quiet_trainer(tmp_path, max_epochs=2).fit(learner, make(tiny_path, num_worlds=1, rollouts_per_epoch=2))
    # version of the rollout, version of the policy that learns from it
    assert learner.versions == [(0, 0), (1, 1), (2, 2), (3, 3)]


def test_a_module_that_cannot_act_is_named(tiny_path: Path, tmp_path: Path) -> None:
    class Passive(LightningModule):
        def training_step(self, batch: Any, batch_idx: int) -> None:
            """Nothing."""

        def configure_optimizers(self) -> None:
            return None

    with pytest.raises(TypeError, match=r"needs a module that acts .*got Passive; use .*ResidualPPOModule"):
        quiet_trainer(tmp_path, max_epochs=1, limit_val_batches=0).fit(Passive(), make(tiny_path))


def test_worlds_are_divided_among_threads_that_have_enough_of_them(
    tiny_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollouts_module, "MIN_WORLDS", 2)

    def sizes(num_worlds: int, num_threads: int) -> list[int]:
        return [part.num_worlds for part in make(tiny_path, num_worlds=num_worlds, num_threads=num_threads)._parts()]

    assert sizes(5, 2) == [3, 2]
    assert sizes(5, 1) == sizes(5, 0) == [5]
    assert sizes(5, 16) == [3, 2]
    assert sizes(3, 2) == [3]


def test_objects_of_the_next_rollout_are_compiled_while_this_one_runs(tiny_path: Path) -> None:
    asked: list[list[str]] = []

    class Noted(MujocoCpu):
        def prepare(self, hand: Hand, objects: Iterable[GraspObject]) -> None:
            asked.append([thing.name for thing in objects])

    data = make(tiny_path, physics=Noted())
    data.setup("fit")
    watching = actor()
    taken = []
    for _ in range(3):
        data.collect(watching)
        assert data._collector is not None
        taken.append([thing.name for thing in data._collector.parts[0].episodes.grasp_objects])
    assert asked[:2] == taken[1:]


def test_worlds_are_built_once(tiny_path: Path) -> None:
    data = built(tiny_path)
    collector = data._collector
    data.setup("fit")
    data.setup("test")
    assert data._collector is collector


def test_evaluation_builds_no_training_worlds(tiny_path: Path) -> None:
    data = make(tiny_path)
    data.setup("test")
    assert data._collector is None
    assert len(data.test_dataloader()) == len(data.val_dataloader()) == 1


def test_errors_of_perception_reach_the_actor(tiny_path: Path) -> None:
    exact, noisy = actor(), actor()
    built(tiny_path).collect(exact)
    built(tiny_path, noise=PerceptionNoise(point_m=0.01)).collect(noisy)
    assert not torch.equal(exact.seen[0]["points_h"], noisy.seen[0]["points_h"])


def test_learning_may_meet_other_errors_than_evaluations(tiny_path: Path) -> None:
    noise, training = PerceptionNoise(point_m=0.01), PerceptionNoise(wrist_position_m=0.02)
    plain, noisy, trained = (
        built(tiny_path), built(tiny_path, noise=noise), built(tiny_path, noise=noise, training_noise=training),
    )  # fmt: skip
    assert (plain.training_noise, noisy.training_noise) == (None, noise)
    assert (trained.noise, trained.training_noise) == (noise, training)
    exact, seen = actor(), actor()
    plain.collect(exact)
    trained.collect(seen)
    assert not torch.equal(exact.seen[0]["wrist_history"], seen.seen[0]["wrist_history"])


# --- bad input


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_worlds": 0}, "num_worlds is 0 and rollouts_per_epoch 10; both have to be at least 1"),
        ({"num_worlds": -3}, "num_worlds is -3"),
        ({"rollouts_per_epoch": 0}, "num_worlds is 2 and rollouts_per_epoch 0"),
        ({"privileged": ["objct_pose"]}, "observation group 'objct_pose' is unknown; available: joint_pos"),
    ],
)
def test_impossible_settings_are_named_at_once(settings: dict[str, Any], message: str, tiny_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        make(tiny_path, **settings)


def test_a_reward_can_be_chosen_by_the_name_of_a_preset(tiny_path: Path) -> None:
    assert make(tiny_path, reward="released").reward == RewardSettings.preset("released")
    with pytest.raises(ValueError, match="reward preset 'relased' is unknown; available: default, paper, released"):
        make(tiny_path, reward="relased")


def test_an_unknown_reward_term_is_named() -> None:
    with pytest.raises(ValueError, match=r"reward term 'succes' is unknown; available: following, .*success"):
        RewardSettings({"succes": 1.0})


@pytest.mark.parametrize("preset", ["default", "ppo_goal"])
def test_what_a_reward_is_made_of_need_not_be_observed(preset: str, tiny_path: Path) -> None:
    acting = actor()
    data = built(tiny_path, reward=RewardSettings.preset(preset), privileged=["remaining"])
    assert set(data.collect(acting).terms) == set(PRESETS[preset])
    assert set(acting.seen[0].groups) == {*POLICY_GROUPS, "remaining"}


def test_the_task_decides_how_long_a_rollout_is(tiny_path: Path) -> None:
    rollout = built(tiny_path, task=TaskSettings(episode_steps=7)).collect(actor())
    assert rollout.reward.shape == (7, 2)
    assert rollout.is_terminal[6].all()


def test_more_worlds_than_memory_allows_are_refused_before_they_are_built(tiny_path: Path) -> None:
    class BuildsNothing(MujocoCpu):
        def make(self, hand: Hand, num_worlds: int, *, num_threads: int | None = None) -> PhysicsBackend:
            pytest.fail("worlds were built")

    data = make(tiny_path, num_worlds=10_000_000, physics=BuildsNothing())
    with pytest.raises(ValueError, match=r"num_worlds is 10000000, .*are available, enough for \d+ worlds\. Lower"):
        data.setup("fit")


def test_the_number_that_fits_is_the_one_that_is_accepted(tiny_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollouts_module, "available_memory", lambda: 30_000_000)
    with pytest.raises(ValueError, match=r"enough for (\d+) worlds") as refused:
        built(tiny_path, num_worlds=50)
    fit = int(str(refused.value).split("enough for ")[1].split()[0])
    assert 1 <= fit < 50
    built(tiny_path, num_worlds=fit)
    with pytest.raises(ValueError, match=f"num_worlds is {fit + 1}, .*enough for {fit} worlds"):
        built(tiny_path, num_worlds=fit + 1)


def test_a_rollout_that_keeps_clouds_takes_no_more_than_was_counted(tiny_path: Path) -> None:
    class KeepsClouds(CountingActor):
        def step(self, observation: Observation, moving: Tensor) -> Decision:
            return replace(super().step(observation, moving), memory={"points_h": observation["points_h"]})

    rollout = built(tiny_path, training_noise=PerceptionNoise(point_m=0.001)).collect(KeepsClouds())
    assert bytes_of_a_step(rollout) > 1e4
    # it is held three times: step by step, stacked, and as chosen for learning
    assert 3 * bytes_of_a_step(rollout) < STEP_BYTES + CLOUD_BYTES


def bytes_of_a_step(rollout: Rollout) -> float:
    kept = [*rollout.memory.values(), rollout.hand_action, rollout.reward, *rollout.terms.values()]
    return sum(value.nbytes for value in kept) / rollout.reward.numel()


@pytest.mark.parametrize("config", ["residual_ppo.yaml", "baselines/ppo_goal.yaml"])
def test_a_rollout_of_a_shipped_configuration_takes_no_more_than_was_counted(tiny_path: Path, config: str) -> None:
    data = [f"--data.init_args.path={tiny_path}", "--data.init_args.reachable_only=false"]
    data += ["--data.init_args.num_worlds=2", "--data.init_args.split_file=small"]
    data += ["--trainer.logger=false", "--trainer.callbacks=null"]
    opened = _grasp_cli(args=[f"--config={ROOT / 'configs' / config}", *data], save_config_callback=None, run=False)
    opened.datamodule.setup("fit")
    rollout = opened.datamodule.collect(opened.model)
    assert 1e3 < bytes_of_a_step(rollout) < STEP_BYTES / 3


@pytest.mark.parametrize(
    ("noise", "more"),
    [
        (None, 0),
        (PerceptionNoise(wrist_position_m=0.02), 0),
        (PerceptionNoise(point_m=0.001), CLOUD_BYTES),
        (PerceptionNoise(one_camera=True), CLOUD_BYTES),
    ],
)
def test_clouds_are_counted_where_they_have_errors_of_their_own(
    tiny_path: Path, monkeypatch: pytest.MonkeyPatch, noise: PerceptionNoise | None, more: int
) -> None:
    monkeypatch.setattr(rollouts_module, "available_memory", lambda: 0)

    def needed(**settings: Any) -> float:
        with pytest.raises(ValueError, match=r"\(([\d.]+) MB a world") as refused:
            built(tiny_path, **settings)
        return 1e6 * float(str(refused.value).split(" MB a world")[0].split("(")[-1])

    assert needed(training_noise=noise) - needed() == pytest.approx(50 * more, abs=0.11e6)


def test_a_split_that_the_grasp_set_lacks_is_named(tiny_grasps: GraspSet, tmp_path: Path) -> None:
    save_grasp_set(tiny_grasps.split("train"), tmp_path / "train.npz")
    data = make(tmp_path / "train.npz")
    message = "grasp set has no split 'unseen_families'; it has: train. Choose one of these, or make a set"
    with pytest.raises(ValueError, match=message):
        data.targets("unseen_families")


def test_a_grasp_set_without_training_objects_is_named(tiny_grasps: GraspSet, tmp_path: Path) -> None:
    save_grasp_set(tiny_grasps.split("unseen_families"), tmp_path / "other.npz")
    with pytest.raises(ValueError, match="grasp set has no split 'train'; it has: unseen_families"):
        built(tmp_path / "other.npz")


def test_an_object_from_elsewhere_is_named(tiny_grasps: GraspSet, tmp_path: Path) -> None:
    names = tuple(f"teapot_{index:05d}" for index in range(len(tiny_grasps.objects)))
    save_grasp_set(replace(tiny_grasps, objects=names), tmp_path / "set.npz")
    with pytest.raises(ValueError, match=r"object 'teapot_0000.' of the grasp set is not in the split file"):
        built(tmp_path / "set.npz")


def test_no_grasp_that_a_moving_wrist_takes_is_named(tiny_grasps: GraspSet, tmp_path: Path) -> None:
    none = replace(tiny_grasps, is_reachable=np.zeros(len(tiny_grasps), dtype=bool))
    save_grasp_set(none, tmp_path / "set.npz")
    with pytest.raises(ValueError, match=r"none of the \d+ grasps can be a target of an episode; .*reachable_only"):
        built(tmp_path / "set.npz", reachable_only=True)


def test_nothing_is_collected_before_the_worlds_are_built(tiny_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"the worlds are not built yet; call setup\('fit'\) first"):
        make(tiny_path).collect(actor())


def test_a_missing_pattern_file_is_named(tiny_path: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.npy"):
        built(tiny_path, patterns=str(tmp_path / "none.npy"))


@pytest.mark.parametrize("settings", [{"max_joint_step": 0.1}, {"history_length": 3}])
def test_a_task_that_policies_are_not_made_for_is_refused(settings: dict[str, Any], tiny_path: Path) -> None:
    [(name, value)] = settings.items()
    with pytest.raises(ValueError, match=f"{name} of the task is {value}; policies and scripts are made for "):
        make(tiny_path, task=TaskSettings(**settings))
