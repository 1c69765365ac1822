"""The Lightning data module of the residual policy: every batch is one rollout of the present policy."""

import logging
import math
from collections.abc import Sequence
from functools import cached_property, partial
from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningDataModule
from torch.utils.data import DataLoader

from datamodules.grasps.grasp_file import load_grasp_set
from datamodules.grasps.grasp_set import GraspSet
from datamodules.grasps.identity import HAND, check_trained_on, training_identity
from datamodules.ranks import gathered, num_ranks, rank
from datamodules.rollouts.actor import RolloutActor
from datamodules.rollouts.collector import RolloutCollector
from datamodules.rollouts.grasp_targets import grasp_targets
from datamodules.rollouts.memory import rollout_need
from datamodules.rollouts.stream import RolloutLoader, RolloutStream, stream_seed
from datamodules.rollouts.teacher import ArrivalTeacher
from datamodules.rollouts.upcoming import UpcomingEpisodes
from datamodules.types import Rollout
from envs.hand.hand import Hand
from envs.hand.identity import hand_identity
from envs.objects.library import ObjectLibrary
from envs.physics.base import PhysicsFactory
from envs.physics.memory import available_memory
from envs.physics.mujoco_cpu import MujocoCpu
from envs.task.assist_env import HumanAssistEnv
from envs.task.episodes import EpisodeSampler
from envs.task.observations import check_groups
from envs.task.perception import PerceptionNoise
from envs.task.rewards import RewardSettings
from envs.task.settings import TaskSettings
from envs.task.targets import GraspTargets
from envs.workers import default_workers
from envs.wrist.patterns import WristPatterns, generate_patterns
from envs.wrist.recorded import load_patterns

_LOG = logging.getLogger(__name__)


class RolloutDataModule(LightningDataModule):
    """Episodes of the assisting task on training objects.

    Args:
        path: grasp set file.
        num_worlds: worlds simulated at once, of each process; one rollout has an episode in each.
        rollouts_per_epoch: rollouts between two validations or checkpoints.
        privileged: hidden observation groups for the critic, never seen by the policy; and what a policy is told.
        reward: terms and weights, or the name of a preset (envs.task.rewards.PRESETS).
        task: constants of the task; the defaults when None.
        noise: errors of perception; none when None.
        training_noise: those while learning; ``noise`` when None.
        patterns: recorded wrist movements, a file or folder, or ranges that were fitted to some (docs/wrist.md); the
            generated ones when None.
        split_file: objects; the default split file when None.
        reachable_only: leave out training grasps that a moving hand did not take.
        teacher: says when the primitive may act, for policies that imitate timing before they explore; none when None.
        num_threads: threads among which the worlds are divided, each with its own networks and physics; one per core
            (shared with the other processes of a run) when None. Exploration and episodes do not depend on it; how
            floating-point numbers are rounded does.
        seed: decides episodes and exploration.
        physics: makes the worlds, in training and in evaluations; MuJoCo on the CPU when None.
    """

    without_effect_on_training = (
        "num_threads",
        *(f"physics.init_args.{name}" for name in ("dump_dir", "max_models", "device")),
        *(f"physics.init_args.{name}" for name in ("python", "assets_dir", "options.num_threads")),  # of Isaac Gym
        *(f"physics.init_args.patience.{name}" for name in ("start", "build", "step")),
    )
    """Settings that may change when training is resumed."""

    resumes_within_epoch = True
    """A checkpoint of any batch goes on with the next rollout."""

    def __init__(
        self,
        path: str = "data/grasps.npz",
        num_worlds: int = 256,
        rollouts_per_epoch: int = 10,
        privileged: Sequence[str] = (),
        reward: RewardSettings | str | None = None,
        task: TaskSettings | None = None,
        noise: PerceptionNoise | None = None,
        training_noise: PerceptionNoise | None = None,
        patterns: str | None = None,
        split_file: str | None = None,
        reachable_only: bool = True,
        teacher: ArrivalTeacher | None = None,
        num_threads: int | None = None,
        seed: int = 0,
        physics: PhysicsFactory | None = None,
    ) -> None:
        super().__init__()
        # for the checkpoint; a logger would insist on one value for settings that the module has too, such as seed
        self.save_hyperparameters(logger=False)
        if num_worlds < 1 or rollouts_per_epoch < 1:
            raise ValueError(
                f"num_worlds is {num_worlds} and rollouts_per_epoch {rollouts_per_epoch}; both have to be at least 1"
            )
        check_groups(privileged, for_policy=False)
        self.reward = RewardSettings.preset(reward) if isinstance(reward, str) else reward or RewardSettings()
        self.path = path
        self.num_worlds = num_worlds
        self.rollouts_per_epoch = rollouts_per_epoch
        self.privileged = tuple(privileged)
        self.task = TaskSettings() if task is None else task
        self.task.check_fits_policies()
        self.noise = noise
        self.training_noise = noise if training_noise is None else training_noise
        self.reachable_only = reachable_only
        self.teacher = teacher
        self.num_threads = num_threads
        self.seed = seed
        self.library = ObjectLibrary(split_file)
        self.physics: PhysicsFactory = physics or MujocoCpu()
        self._patterns_file = patterns
        self._targets: dict[str, GraspTargets] = {}
        self._collector: RolloutCollector | None = None
        self._upcoming: UpcomingEpisodes | None = None
        self._num_rollouts = 0

    @cached_property
    def grasps(self) -> GraspSet:
        """The whole grasp set, read at first use."""
        return load_grasp_set(self.path)

    @property
    def hand(self) -> Hand:
        """The hand that the grasps are of."""
        return self.grasps.hand

    @cached_property
    def patterns(self) -> WristPatterns:
        """All wrist movements, training and test."""
        recorded = self._patterns_file
        return generate_patterns() if recorded is None else load_patterns(recorded)

    def targets(self, split: str) -> GraspTargets:
        """Grasps that episodes of a split are made of.

        Raises:
            ValueError: the grasp set has no such split.
        """
        if split not in self._targets:
            self._targets[split] = grasp_targets(
                self.grasps.split(split), self.library, reachable_only=self.reachable_only
            )
        return self._targets[split]

    def prepare_data(self) -> None:
        """Under several processes: build the objects that no cache holds yet, once for all of them."""
        if num_ranks() > 1:
            for _ in self.library.each([name for name in self.grasps.objects if name in self.library]):
                pass

    def setup(self, stage: str) -> None:
        """Build the training worlds, once, when there will be training.

        Raises:
            ValueError: more worlds than fit into memory; says how many do.
        """
        if stage != "fit" or self._collector is not None:
            return
        self._check_memory()
        targets = self._own_targets()
        sampler = EpisodeSampler(
            targets,
            self.patterns.split("train"),
            mix=True,
            seed=(self.seed, rank()),
            task=self.task,
            period_s=self.physics.settings.control_dt,
            second_tries=False,
        )
        self._upcoming = UpcomingEpisodes(sampler, self.num_worlds, partial(self.physics.prepare, self.hand))
        self._collector = RolloutCollector(self._parts(), teacher=self.teacher)
        _LOG.info(
            "%d worlds, %d training grasps of %d objects", self.num_worlds, len(targets), len(targets.grasp_objects)
        )

    def _own_targets(self) -> GraspTargets:
        """Training grasps; under several processes those of this one's share of the objects, which it alone keeps."""
        if num_ranks() == 1:
            return self.targets("train")
        of_training, share = self.grasps.split("train"), (rank(), num_ranks())
        return grasp_targets(of_training, self.library, reachable_only=self.reachable_only, share=share)

    def _parts(self) -> list[HumanAssistEnv]:
        """The worlds, divided among threads; the threads that are left over step the physics of each part."""
        cores = max(1, default_workers() // self._processes())
        threads = max(1, cores if self.num_threads is None else self.num_threads)
        count = max(1, min(threads, self.num_worlds // MIN_WORLDS))
        sizes = [len(rows) for rows in np.array_split(np.arange(self.num_worlds), count)]
        worlds = [self.physics.make(self.hand, size, num_threads=threads // count) for size in sizes]
        return [
            HumanAssistEnv(
                each,
                task=self.task,
                reward=self.reward,
                privileged=self.privileged,
                noise=self.training_noise,
                watch_contacts=False,
            )
            for each in worlds
        ]

    def _check_memory(self) -> None:
        """Refuse more worlds than fit, before hundreds of objects are built."""
        grasps = self.grasps.split("train")
        names = sorted(name for name in set(grasps.object_names()) if name in self.library)
        if not names:
            return  # grasp_targets names what is wrong
        num_own, example = math.ceil(len(names) / num_ranks()), self.library.get(names[0])
        need = rollout_need(self.physics, self.hand, self.task, example, num_own, self.training_noise)
        need.check(self.num_worlds, available_memory() // self._processes())

    def _processes(self) -> int:
        """Processes of the run that share this machine."""
        return 1 if self.trainer is None else self.trainer.num_devices

    def collect(self, actor: RolloutActor) -> Rollout:
        """The next rollout of ``actor``; needs `setup`.

        Raises:
            RuntimeError: setup("fit") was not called.
        """
        if self._collector is None or self._upcoming is None:
            raise RuntimeError("the worlds are not built yet; call setup('fit') first")
        generator = torch.Generator().manual_seed(stream_seed(self.seed, self._num_rollouts, rank()))
        self._num_rollouts += 1
        return self._collector.collect(actor, self._upcoming.take(), generator)

    def train_dataloader(self) -> DataLoader[Rollout]:
        """Rollouts of the module that trains, each collected when it is asked for."""
        return RolloutLoader(RolloutStream(self.rollouts_per_epoch, lambda: self.collect(self._actor())))

    def val_dataloader(self) -> DataLoader[int]:
        """One empty batch: callbacks run the episodes."""
        return DataLoader(range(1), batch_size=None, num_workers=0)  # type: ignore[arg-type]

    def test_dataloader(self) -> DataLoader[int]:
        """As for validation."""
        return self.val_dataloader()

    def _actor(self) -> RolloutActor:
        module: Any = None if self.trainer is None else self.trainer.lightning_module
        if not hasattr(module, "begin"):
            raise TypeError(
                f"RolloutDataModule needs a module that acts (datamodules/rollouts/actor.py), got "
                f"{type(module).__name__}; use lightning_modules.residual_ppo_module.ResidualPPOModule"
            )
        actor: RolloutActor = module
        return actor

    def state_dict(self) -> dict[str, Any]:
        """Where episodes and exploration stand, so that a resumed run collects what an uninterrupted one would.

        Only the first of several processes writes checkpoints: it holds the samplers of all, in the order of ranks.
        """
        sampler = {} if self._upcoming is None else self._upcoming.state_dict()
        return {"num_rollouts": self._num_rollouts, "samplers": gathered(sampler), "trained_on": self._trained_on}

    @cached_property
    def _trained_on(self) -> dict[str, str]:
        """What stands for the hand, the grasps and the wrist movements that are trained on."""
        found = {HAND: hand_identity(self.hand), "training grasps": training_identity(self.grasps)}
        return {**found, "wrist movements": self.patterns.identity()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from a checkpoint, each process where it stood itself.

        Raises:
            ValueError: another number of processes than the checkpoint was made by, another hand of the same name, or
                other training grasps or wrist movements.
        """
        now, patterns = self._trained_on, self._patterns_file or "this version"
        if self.trainer is None or self.trainer.state.fn != "fit":
            now = {HAND: now[HAND]}
        names = {HAND: self.hand.name, "training grasps": self.path, "wrist movements": patterns}
        check_trained_on(state_dict.get("trained_on", {}), now, names)
        self._num_rollouts = int(state_dict["num_rollouts"])
        samplers = state_dict["samplers"]
        if self._upcoming is None or not samplers[0]:
            return
        if len(samplers) != num_ranks():
            raise ValueError(
                f"the checkpoint holds the episodes of {len(samplers)} processes, this run has {num_ranks()}; resume "
                f"with trainer.devices = {len(samplers)}"
            )
        self._upcoming.load_state_dict(samplers[rank()])


MIN_WORLDS = 64
"""Worlds of a thread, at least: with fewer, Python between the physics and the networks takes over."""
