"""Wrappers of the environments: flat observations, presets of the reward, and a note of successes."""

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.vector import VectorEnv, VectorWrapper
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from envs.gym.worlds import GymWorlds
from envs.task.rewards import RewardSettings

Array = NDArray[np.float32]


def worlds_of(env: Any) -> GymWorlds:
    """What is inside an environment, however it is wrapped.

    Raises:
        TypeError: it is none of this project's.
    """
    worlds = getattr(env.unwrapped, "worlds", None)
    if not isinstance(worlds, GymWorlds):
        raise TypeError(
            f"{type(env.unwrapped).__name__} is no environment of this project; wrap one that "
            "gymnasium.make or make_vec gives for GraspGF/HumanAssist-v0 (vectorization_mode left out)"
        )
    return worlds


class _Flat:
    """Groups of a dictionary side by side."""

    def __init__(self, space: spaces.Space[Any], groups: Sequence[str] | None) -> None:
        if not isinstance(space, spaces.Dict):
            raise TypeError(f"the observation space is {type(space).__name__}, expected Dict; it is flat already")
        self.groups = tuple(space.spaces) if groups is None else tuple(groups)
        unknown = [name for name in self.groups if name not in space.spaces]
        if unknown or not self.groups:
            asked = f"observation group {unknown[0]!r} is not observed" if unknown else "no observation group is named"
            raise ValueError(f"{asked}; available: {', '.join(space.spaces)}")
        boxes: list[Any] = [space.spaces[name] for name in self.groups]
        low, high = (np.concatenate([getattr(box, edge).ravel() for box in boxes]) for edge in ("low", "high"))
        self.space = spaces.Box(low, high, dtype=np.float32)

    def __call__(self, observation: Mapping[str, Array], num_leading: int) -> Array:
        """One row; one of each world where there is a leading dimension."""
        rows = [observation[name] for name in self.groups]
        flat = [row.reshape(*row.shape[:num_leading], -1) for row in rows]
        return np.concatenate(flat, axis=-1, dtype=np.float32)


class FlatObservation(gymnasium.ObservationWrapper[Any, Any, Any]):
    """Groups of the observation as one row (D,), for trainers that know no dictionaries.

    Args:
        env: with a dictionary of groups.
        groups: their names, in the order of the row; all when None, the cloud's 3,072 numbers among them.

    Raises:
        ValueError: a group that is not observed, or none.
        TypeError: the observation is no dictionary.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], groups: Sequence[str] | None = None) -> None:
        super().__init__(env)
        self._flat = _Flat(env.observation_space, groups)
        self.observation_space = self._flat.space

    def observation(self, observation: Mapping[str, Array]) -> Array:
        """The row."""
        return self._flat(observation, 0)


class VectorFlatObservation(VectorWrapper[Any, Any, Any, Any, Any]):
    """`FlatObservation` of many worlds: rows (E, D), those of ``infos["final_obs"]`` included."""

    def __init__(self, env: VectorEnv[Any, Any, Any], groups: Sequence[str] | None = None) -> None:
        super().__init__(env)
        self._flat = _Flat(env.single_observation_space, groups)
        self.single_observation_space = self._flat.space
        self.observation_space = batch_space(self._flat.space, env.num_envs)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Array, dict[str, Any]]:
        """See `AssistVectorEnv.reset`."""
        observation, infos = self.env.reset(seed=seed, options=options)
        return self._flat(observation, 1), infos

    def step(self, actions: Array) -> tuple[Array, Any, Any, Any, dict[str, Any]]:
        """See `AssistVectorEnv.step`."""
        observation, reward, terminated, truncated, infos = self.env.step(actions)
        for world in np.flatnonzero(infos.get("_final_obs", ())):
            infos["final_obs"][world] = self._flat(infos["final_obs"][world], 0)
        return self._flat(observation, 1), reward, terminated, truncated, infos


class RewardPreset(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Another reward, by the name of a preset (`envs.task.rewards.PRESETS`) or by its terms and weights.

    Args:
        env: of this project, however it is wrapped.
        reward: name of a preset, or settings.

    Raises:
        ValueError: unknown preset; lists those there are.
        TypeError: an environment of someone else's.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], reward: RewardSettings | str) -> None:
        super().__init__(env)
        _set_reward(env, reward)


class VectorRewardPreset(VectorWrapper[Any, Any, Any, Any, Any]):
    """`RewardPreset` of many worlds."""

    def __init__(self, env: VectorEnv[Any, Any, Any], reward: RewardSettings | str) -> None:
        super().__init__(env)
        _set_reward(env, reward)


def _set_reward(env: Any, reward: RewardSettings | str) -> None:
    worlds_of(env).set_reward(RewardSettings.preset(reward) if isinstance(reward, str) else reward)


class NotedSuccesses(VectorWrapper[Any, Any, Any, Any, Any]):
    """Many worlds as they are; notes whether each grasp succeeded.

    Attributes:
        successes: of all episodes with a grasp that have ended, in the order of their ends.
        objects: numbers of the objects that these were with.
    """

    def __init__(self, env: VectorEnv[Any, Any, Any]) -> None:
        super().__init__(env)
        self.successes: list[bool] = []
        self.objects: list[int] = []
        self._worlds = worlds_of(env)

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """See `AssistVectorEnv.step`."""
        objects = self._worlds.env.episodes.object_index.copy()  # worlds may begin anew within the step
        observation, reward, terminated, truncated, infos = self.env.step(actions)
        told = infos.get("final_info", infos)
        if terminated.any():
            grasped = terminated & told["is_grasp"].astype(bool)
            self.successes += told["is_success"][grasped].tolist()
            self.objects += objects[grasped].tolist()
        return observation, reward, terminated, truncated, infos

    def first_and_last(self) -> dict[str, tuple[NDArray[np.float64], NDArray[np.int64]]]:
        """Successes (N,), 0 or 1, and their objects (N,), of the first fifth of the episodes and of the last.

        Nothing before any episode has ended.
        """
        if not self.successes:
            return {}
        fifth = max(1, len(self.successes) // 5)
        successes, objects = np.array(self.successes, dtype=np.float64), np.array(self.objects, dtype=np.int64)
        return {"first": (successes[:fifth], objects[:fifth]), "last": (successes[-fifth:], objects[-fifth:])}
