"""The controller in closed loop on the user's task, beside the batched evaluation of its policy on the same episodes.

    python -m live.closed_loop --policy pretrained/residual_ppo.ckpt --split unseen_instances --episodes 500

Each episode is one of `HumanAssistEnv`: the user comes, dwells and rises, and what comes of it is judged as there. The
controller has a world for itself; it is told wrist, joints and the object's pose, once a control period, and never when
the user rises. Episodes are kept one by one: the same command goes on where it was interrupted.
"""

import argparse
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from callbacks.metrics.estimates import count_causes, estimate
from datamodules.grasps.grasp_file import load_grasp_set
from datamodules.grasps.grasp_set import GraspSet
from datamodules.rollouts.grasp_targets import grasp_targets
from datamodules.rollouts.plans import SpreadPlan, planned_episodes
from datamodules.rollouts.runner import EpisodeRunner
from envs.conventions import SPLITS, UNSEEN_SPLITS
from envs.files import write_atomically
from envs.objects.library import ObjectLibrary
from envs.physics.base import PhysicsFactory, to_host
from envs.physics.mujoco_cpu import MujocoCpu
from envs.rows import take_rows
from envs.task.episodes import Episodes
from envs.task.outcomes import CAUSES, EpisodeFacts, EpisodeOutcome, judge
from envs.task.settings import TaskSettings
from envs.task.user_lift import UserLifts
from envs.wrist.movement import AUTOMATIC
from envs.wrist.patterns import generate_patterns
from envs.wrist.user_movement import UserMovement
from lightning_modules.policy.load import load_policy
from live.controller import AssistController
from live.hand_guard import check_policy_hand
from live.inputs import ObjectPose
from live.policies import ControlPolicy, load_control_policy, policy_digest
from live.ports import readings_at_rest
from live.provenance import made_with

_LOG = logging.getLogger(__name__)


def run_episode(policy: ControlPolicy, episode: Episodes, physics: PhysicsFactory) -> EpisodeOutcome:
    """How one episode of the user's task ends under a controller; what goes on in it is `HumanAssistEnv`'s.

    Args:
        policy: moves the fingers.
        episode: one, in which the user lifts.
        physics: makes its world.

    Raises:
        ValueError: several episodes, or one that the environment lifts.
    """
    if len(episode) != 1 or episode.lift_step[0] == AUTOMATIC:
        raise ValueError(f"{len(episode)} episodes, lifts at {episode.lift_step}; expected one in which the user lifts")
    world = physics.make(episode.hand, 1, num_threads=0)
    start_w = episode.wrist_pose_w[:, 0]
    world.reset(episode.grasp_objects, episode.object_pose_w, start_w, episode.hand.open_pose[None])
    controller = AssistController(policy)
    controller.know_object(episode.grasp_objects[0].cloud, is_ordered=True)
    state, facts, step = world.state().host(), EpisodeFacts.at_start(episode.object_pose_w), 0
    lifts, moving = UserLifts(state), np.array([True])
    for reading in readings_at_rest(0.0, episode.hand.open_pose):
        controller.update(reading.time_s, joint_pos=reading.joint_pos)
    while True:
        now, joints = step * world.settings.control_dt, np.concatenate([state.joint_pos[0], state.coupled_pos[0]])
        told = controller.update(now, state.wrist_pose_w[0], joints, ObjectPose(state.object_pose_w[0]))
        step += 1
        world.set_joint_targets(told.joint_pos[None])
        world.set_wrist_targets(episode.wrist_pose_w[:, min(step, episode.max_steps)])
        world.step()
        state, steps = world.state().host(), np.array([step])
        touched, on_table = to_host(world.contact_links()), to_host(world.table_links())
        facts.note(episode.hand, touched, on_table, lifts.counts(episode, steps))
        if lifts.ended(episode, steps, state, moving).any():
            break
    controller.close()
    world_0 = np.array([0])
    before, second = lifts.before(episode, state, world_0), lifts.second_try(state, world_0)
    return judge(facts, before, lifts.first(world_0), episode.goal_joint_pos, episode.is_grasp, second)


@dataclass(frozen=True)
class Comparison:
    """Causes (N,), index into CAUSES, under the controller and batched, and the object of each (N,)."""

    controller: NDArray[np.int64]
    batched: NDArray[np.int64]
    object_index: NDArray[np.int64]

    def report(self) -> dict[str, Any]:
        """Success of both, their difference episode by episode in points, with intervals over objects; plain."""
        found: dict[str, Any] = {"episodes": len(self.controller)}
        success = {name: (getattr(self, name) == 0).astype(float) for name in ("controller", "batched")}
        for name, values in success.items():
            found[name] = estimate(values, self.object_index, is_rate=True).as_dict()
            found[name]["causes"] = count_causes(getattr(self, name), CAUSES)
        difference = 100.0 * (success["controller"] - success["batched"])
        found["difference_points"] = estimate(difference, self.object_index).as_dict()
        found["same_cause"] = float((self.controller == self.batched).mean())
        return found


def _kept(path: Path, made_of: dict[str, Any]) -> list[int]:
    """Causes of the episodes that were run before.

    Raises:
        ValueError: the file is of other episodes or another policy.
    """
    if not path.is_file():
        return []
    try:
        about, *causes = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    except ValueError as error:
        raise ValueError(f"{path} holds no episodes of a controller ({error}); delete it") from error
    if about != made_of or not all(type(cause) is int for cause in causes):
        raise ValueError(f"{path} is of {str(about)[:200]}, asked for is {made_of}; delete it")
    return causes


def run_controller(policy: ControlPolicy, episodes: Episodes, path: Path, made_of: dict[str, Any]) -> NDArray[np.int64]:
    """Causes (N,) under the controller, one after another, each kept in the file at once.

    Raises:
        ValueError: see `run_episode`; the file is of something else.
    """
    causes, factory = _kept(path, made_of), MujocoCpu()
    lines = [json.dumps(made_of), *map(str, causes)]
    for row in tqdm(range(len(causes), len(episodes)), initial=len(causes), total=len(episodes), unit="episode"):
        outcome = run_episode(policy, take_rows(episodes, np.array([row])), factory)
        causes.append(int(outcome.cause[0]))
        lines.append(str(causes[-1]))
        write_atomically(path, "\n".join([*lines, ""]).encode())
    return np.array(causes[: len(episodes)])


def _episodes(split: str, grasps: GraspSet, num_episodes: int, seed: int) -> Episodes:
    targets = grasp_targets(grasps.split(split), ObjectLibrary())
    task = TaskSettings(movement=UserMovement())
    plan, is_training = SpreadPlan(num_episodes), split not in UNSEEN_SPLITS
    return planned_episodes(plan, targets, generate_patterns(), is_training=is_training, seed=seed, task=task)


def main(args: Sequence[str] | None = None) -> None:
    """Command line; prints JSON."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser("python -m live.closed_loop", description="The controller on the user's task.")
    parser.add_argument("--policy", type=Path, default=Path("pretrained/residual_ppo.ckpt"), help="a checkpoint")
    parser.add_argument("--exported", type=Path, help="folder of its ONNX files, for the controller")
    parser.add_argument("--split", choices=SPLITS, default="development")
    parser.add_argument("--episodes", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--grasps", type=Path, default=Path("data/grasps.npz"))
    parser.add_argument("--worlds", type=int, default=64, help="of the batched evaluation")
    parser.add_argument("--output", type=Path, help="folder (default: runs/closed_loop)")
    given = parser.parse_args(args)
    folder = given.output or Path("runs/closed_loop")
    try:
        grasps = load_grasp_set(given.grasps)
        moves = given.exported or given.policy
        policy = load_control_policy(moves)
        check_policy_hand(policy, grasps, moves)
        episodes = _episodes(given.split, grasps, given.episodes, given.seed)
        made_of = {
            "policy": str(moves), "weights": policy_digest(moves), "split": given.split, "seed": given.seed,
            "episodes": given.episodes, **made_with(grasps, moves),
        }  # fmt: skip
        path = folder / f"{given.split}_{given.episodes}_{given.seed}.txt"
        controller = run_controller(policy, episodes, path, made_of)
        bar = tqdm(total=len(episodes), unit="episode", desc="batched")
        runner = EpisodeRunner(task=TaskSettings(movement=UserMovement()), num_worlds=given.worlds, on_batch=bar.update)
        batched = runner.run(load_policy(given.policy), episodes)
        bar.close()
    except (OSError, ValueError, ModuleNotFoundError) as error:
        parser.error(str(error))
    report = Comparison(controller, batched.cause, episodes.object_index).report()
    write_atomically(path.with_suffix(".json"), json.dumps({**made_of, **report}, indent=1).encode())
    _LOG.info("%s\nwrote %s", json.dumps({**made_of, **report}, indent=1), path.with_suffix(".json"))


if __name__ == "__main__":
    main()
