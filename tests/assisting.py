"""What the tests of the assisting task share: a few made-up targets, tiny environments, actors and primitives."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from datamodules.types import Decision
from envs.hand.shadow import shadow_hand
from envs.physics.base import Array, Given, PhysicsBackend
from envs.physics.mujoco_worlds import MujocoCpuPhysics
from envs.task.assist_env import HumanAssistEnv
from envs.task.episodes import Episodes, EpisodeSampler, EpisodeSource
from envs.task.observations import POLICY_GROUPS, Observation, group_shape
from envs.task.perception import PerceptionNoise
from envs.task.rewards import RewardSettings
from envs.task.settings import TaskSettings
from envs.task.targets import GraspTargets
from envs.wrist.patterns import generate_patterns
from lightning_modules.networks.point_encoders import PointNetEncoder
from lightning_modules.score_module import ScoreMatchingModule
from tests.datamodules.grasps.examples import thing
from tests.learning import ROOT

HAND = shadow_hand()

EPISODE_STEPS = TaskSettings().episode_steps


def made_up_targets(counts: tuple[int, int] = (3, 2)) -> GraspTargets:
    """Made-up grasps of a can and of a box, as many of each as ``counts`` says: the hand above, fingers down."""
    grasp_objects = (thing("can"), thing("box"))
    index = np.repeat([0, 1], counts)
    rng = np.random.default_rng(0)
    wrist_w = np.tile([0.0, 0.0, 0.2, 0.0, 1.0, 0.0, 0.0], (len(index), 1))
    wrist_w[:, :3] += rng.uniform(-0.02, 0.02, (len(index), 3))
    joints = np.tile(HAND.open_pose.copy(), (len(index), 1))
    joints[:, [1, 4, 7]] += rng.uniform(0.2, 0.9, (len(index), 3))
    return GraspTargets(
        hand=HAND,
        grasp_objects=grasp_objects,
        object_index=index,
        object_pose_w=np.stack([grasp_objects[row].rest_poses[0] for row in index]),
        wrist_pose_w=wrist_w,
        joint_pos=joints,
        type_index=np.zeros(len(index), dtype=np.int64),
    )


def sampler(
    targets: GraspTargets | None = None, *, mix: bool = True, seed: int = 0, num_steps: int | None = None
) -> EpisodeSampler:
    """Draws episodes of made-up targets, by the training patterns."""
    targets = made_up_targets() if targets is None else targets
    task = TaskSettings() if num_steps is None else TaskSettings(episode_steps=num_steps)
    return EpisodeSampler(targets, generate_patterns().split("train"), mix=mix, seed=seed, task=task)


def make_env(
    num_worlds: int = 2,
    *,
    privileged: Sequence[str] = (),
    noise: PerceptionNoise | None = None,
    num_threads: int = 0,
    physics: PhysicsBackend | None = None,
    task: TaskSettings | None = None,
    reward: RewardSettings | None = None,
    source: EpisodeSource | None = None,
) -> HumanAssistEnv:
    """A small environment that steps in the calling thread."""
    physics = MujocoCpuPhysics(HAND, num_worlds, num_threads=num_threads) if physics is None else physics
    return HumanAssistEnv(physics, task=task, reward=reward, privileged=privileged, noise=noise, source=source)


class Throwing(MujocoCpuPhysics):
    """Two worlds; throws the object of one of them in a control step, counted from 0."""

    def __init__(self, *, step: int, world: int, num_worlds: int = 2) -> None:
        super().__init__(HAND, num_worlds, num_threads=0)
        self._left = step
        self._world = world

    def step(self, active: Given | None = None) -> None:
        force = np.zeros((self.num_worlds, 3))
        force[self._world, 0] = 1e5 if self._left == 0 else 0.0
        self._left -= 1
        self.set_side_acceleration(force)
        super().step(active)


def same_wrist_other_goal(episodes: Episodes, until: int) -> Episodes:
    """The same episodes up to control step ``until``; after it another way to another grasp."""
    wrist_w = episodes.wrist_pose_w.copy()
    later = np.arange(1, EPISODE_STEPS + 1 - until)[:, None]
    wrist_w[:, until + 1 :, :3] = wrist_w[:, until, None, :3] + later * [0.002, -0.001, 0.001]
    wrist_w[:, until + 1 :, 3:] = wrist_w[:, until, None, 3:]
    return replace(
        episodes,
        grasp_row=episodes.grasp_row + 1,
        wrist_pose_w=wrist_w,
        goal_joint_pos=episodes.goal_joint_pos * 0.5,
        arrival_step=np.full_like(episodes.arrival_step, 13),
    )


class CountingActor:
    """Acts with the number of the step, so that whatever is learnt from can be told apart.

    In step t of rollout 5 its memory holds the observed joints and t.
    """

    policy_version = 5

    def __init__(self, hand_action: Array | None = None) -> None:
        self.hand_action = np.zeros(HAND.num_joints) if hand_action is None else hand_action
        self.primitive_action = torch.linspace(-1.0, 1.0, HAND.num_joints)
        self.seen: list[Observation] = []
        self.draws: list[Tensor] = []
        self.parts = [self]
        self.seconds = {"policy": 0.0}

    def begin(self, sizes: Sequence[int], num_steps: int, generator: torch.Generator) -> "list[CountingActor]":
        self.seen = []
        self.draws = [torch.rand(sum(sizes), generator=generator)]
        self.parts = [self, *(CountingActor(self.hand_action) for _ in sizes[1:])]
        return self.parts

    def step(self, observation: Observation, moving: Tensor) -> Decision:
        step, count = len(self.seen), len(observation)
        self.seen.append(observation)
        number = torch.full((count,), float(step))
        return Decision(
            hand_action=torch.as_tensor(self.hand_action).expand(count, -1),
            primitive_action=self.primitive_action.expand(count, -1),
            memory={"joint_pos": observation["joint_pos"], "step": number},
        )


def save_primitive(
    path: Path, *, width: int = 16, point_widths: Sequence[int] = (8, 16), feature_width: int = 16, seed: int = 3
) -> Path:
    """A tiny untrained primitive with a PointNet, as the command line would have saved it; always the same weights."""
    torch.manual_seed(seed)
    sizes = {"joint_width": width, "time_width": 8, "hidden_width": width}
    encoder = {"widths": list(point_widths), "feature_widths": [feature_width]}
    module = ScoreMatchingModule(encoder=PointNetEncoder(**encoder), **sizes)  # type: ignore[arg-type]
    hparams = {
        "encoder": {"class_path": "lightning_modules.networks.point_encoders.PointNetEncoder", "init_args": encoder},
        **sizes,
        "_class_path": "lightning_modules.score_module.ScoreMatchingModule",
    }
    torch.save({"state_dict": module.state_dict(), "hyper_parameters": hparams}, path)
    return path


RESIDUAL = ROOT / "configs" / "residual_ppo.yaml"
RESIDUAL_SMOKE = ROOT / "configs" / "smoke" / "residual_ppo.yaml"


def policy_command(
    subcommand: str, grasp_set: Path, primitive: Path, root: Path, *more: str | Path, overlays: Sequence[Path] = ()
) -> list[str]:
    """A command line of the residual policy's smoke configuration, which comes after ``overlays``; ``more`` is last."""
    return [
        subcommand,
        *(f"--config={path}" for path in (RESIDUAL, *overlays, RESIDUAL_SMOKE)),
        f"--model.init_args.primitive={primitive}",
        f"--data.init_args.path={grasp_set}",
        "--data.init_args.reachable_only=false",
        f"--trainer.default_root_dir={root}",
        *map(str, more),
    ]


def checkpoints_alone(path: Path, *more: str) -> str:
    """Writes a configuration with ``more`` callbacks (YAML) and the one that saves, and returns its option."""
    path.write_text(
        "trainer:\n  callbacks:\n" + "".join(more) + "    - class_path: callbacks.training.checkpoints.RunCheckpoint\n"
        "      init_args: {save_last: true, enable_version_counter: false}\n"
    )
    return f"--config={path}"


def made_up_observation(num_worlds: int = 3, seed: int = 0, groups: Sequence[str] = POLICY_GROUPS) -> Observation:
    """Random numbers in every group; clouds of 1024 points some centimetres in front of the palm."""
    generator = torch.Generator().manual_seed(seed)
    drawn = {name: torch.rand((num_worlds, *group_shape(name, HAND)), generator=generator) - 0.5 for name in groups}
    if "points_h" in drawn:
        drawn["points_h"] = 0.1 * drawn["points_h"] + torch.tensor([0.0, -0.05, 0.1])
    for name in {"wrist_history", "wrist_past"} & set(drawn):
        drawn[name][..., 3:] = torch.nn.functional.normalize(drawn[name][..., 3:], dim=-1)
    return Observation(drawn)
