"""A few easy grasps as targets of episodes."""

import numpy as np
import pytest

from datamodules.grasps.grasp_set import GraspSet
from datamodules.rollouts.grasp_targets import grasp_targets
from envs.objects.library import ObjectLibrary
from envs.task.episodes import Episodes, EpisodeSampler
from envs.task.targets import GraspTargets
from envs.wrist.patterns import generate_patterns


@pytest.fixture
def train(tiny_grasps: GraspSet, fast_objects: None) -> GraspTargets:
    """Grasps of two training objects."""
    return grasp_targets(tiny_grasps.split("train"), ObjectLibrary(), reachable_only=False)


@pytest.fixture
def targets(tiny_grasps: GraspSet, fast_objects: None) -> GraspTargets:
    """Grasps of objects of unseen families."""
    return grasp_targets(tiny_grasps.split("unseen_families"), ObjectLibrary(), reachable_only=False)


@pytest.fixture
def episodes(targets: GraspTargets) -> Episodes:
    """Four episodes of different grasps."""
    rows = np.linspace(0, len(targets) - 1, 4).astype(np.int64)
    return EpisodeSampler(targets, generate_patterns().split("test"), mix=False, seed=0).of_rows(rows)
