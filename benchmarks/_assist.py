"""The assisting task for benchmarks/env_throughput.py: its steps, and the memory it needs."""

import logging
import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from _machine import memory_gb
from _raw import Array, RawWorlds, RecordingPhysics

from datamodules.baselines.scripts import oracle
from datamodules.grasps.grasp_file import load_grasp_set
from datamodules.rollouts.grasp_targets import grasp_targets
from datamodules.rollouts.policy import start_policy
from envs.conventions import UNSEEN_SPLITS
from envs.hand.shadow import shadow_hand
from envs.objects.library import ObjectLibrary
from envs.physics.base import PhysicsFactory
from envs.physics.mujoco_cpu import MujocoCpu
from envs.task.assist_env import HumanAssistEnv
from envs.task.episodes import Episodes, EpisodeSampler
from envs.wrist.patterns import generate_patterns

MEMORY_STEPS = 3
"""Control steps of each batch of episodes when memory is measured; every object is then in contact with the table."""


def training_sampler(path: str, split: str, seed: int) -> EpisodeSampler:
    """Episodes of one split of a grasp set, with mixed training patterns."""
    targets = grasp_targets(load_grasp_set(path).split(split), ObjectLibrary())
    return EpisodeSampler(targets, generate_patterns().split("train"), mix=True, seed=seed)


class AssistSteps:
    """HumanAssistEnv without hidden groups under given actions, from the same start each time."""

    def __init__(self, episodes: Episodes, actions: list[Array], factory: PhysicsFactory, num_threads: int) -> None:
        self.episodes = episodes
        self.actions = actions
        physics = factory.make(shadow_hand(), len(episodes), num_threads=0 if num_threads == 1 else num_threads)
        self.env = HumanAssistEnv(physics)

    def __call__(self, steps: int) -> float:
        """Seconds of a block of steps with their observations; resetting is left out."""
        self.env.reset(self.episodes)
        begin = time.perf_counter()
        for action in self.actions[:steps]:
            self.env.step(action)
        return time.perf_counter() - begin


def assist_variants(path: str, num_worlds: int, seed: int, num_threads: int) -> dict[str, AssistSteps | RawWorlds]:
    """The environment, and its raw twin on as many threads, with the actions of hands that close on arrival."""
    episodes = training_sampler(path, "train", seed).sample(num_worlds)
    episodes = replace(episodes, num_steps=episodes.num_steps + 1)  # no lift within the steps that are timed
    factory = MujocoCpu()
    recording = RecordingPhysics(num_worlds, factory)
    env = HumanAssistEnv(recording)
    observation = env.reset(episodes)
    start = recording.state()
    policy = oracle()
    start_policy(policy, episodes)
    actions = []
    for step in range(episodes.max_steps):
        actions.append(policy.act(observation, step))
        observation = env.step(actions[-1]).observation
    return {
        "raw": RawWorlds(recording, episodes.grasp_objects, start, num_threads),
        "env": AssistSteps(episodes, actions, factory, num_threads),
    }


def _all_objects(path: str, num_worlds: int, at_least: int) -> Iterator[Episodes]:
    """Batches in which every object of the grasp set appears, split by split, until there were ``at_least``."""
    shown = 0
    for split in ("train", *UNSEEN_SPLITS):
        sampler = training_sampler(path, split, seed=0)
        first = np.unique(sampler.targets.object_index, return_index=True)[1]
        for begin in range(0, len(first), num_worlds):
            rows = first[begin : begin + num_worlds]
            yield sampler.of_rows(np.resize(rows, num_worlds))
            shown += len(rows)
            if shown >= at_least:
                return


def measure_memory(path: str, num_worlds: int, num_objects: int, num_threads: int) -> dict[str, float | int]:
    """Memory of a process that does nothing else, with every compiled model kept; to be run in a fresh one."""
    logging.getLogger("envs.physics").setLevel(logging.ERROR)
    torch.set_num_threads(num_threads)
    env = HumanAssistEnv(MujocoCpu().make(shadow_hand(), num_worlds, num_threads=num_threads))
    before = memory_gb()["now"]
    names: set[str] = set()
    for episodes in _all_objects(path, num_worlds, num_objects):
        env.reset(episodes)
        for _ in range(MEMORY_STEPS):
            env.step(np.zeros((num_worlds, env.hand.num_joints)))
        names |= {thing.name for thing in episodes.grasp_objects}
    found = memory_gb()
    return {"worlds": num_worlds, "objects": len(names), "imports_gb": before, "highest_gb": found["highest"]}
