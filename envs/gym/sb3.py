"""Worlds for Stable-Baselines3, which has no adapter for Gymnasium's vectors; needs the package stable-baselines3."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv


class SB3Worlds(VecEnv):
    """A vector of this project as Stable-Baselines3 wants it: lists of infos, the last observation of an episode apart.

    Infos of an episode's end tell its return and length (``episode``) and, of grasps, ``is_success``: Stable-Baselines3
    logs them.

    Args:
        env: with same-step autoreset, however it is wrapped.

    Raises:
        ValueError: another autoreset: episodes would gain steps that are none.
    """

    def __init__(self, env: VectorEnv[Any, Any, Any]) -> None:
        mode = env.metadata.get("autoreset_mode")
        if mode is not AutoresetMode.SAME_STEP:
            raise ValueError(f"the environment has autoreset {mode}, expected SAME_STEP: autoreset_mode='SameStep'")
        self.env = env
        super().__init__(env.num_envs, env.single_observation_space, env.single_action_space)
        self._return = np.zeros(env.num_envs)
        self._length = np.zeros(env.num_envs, dtype=np.int64)

    def reset(self) -> Any:
        """First observations; the seed of the first world decides those of all."""
        observation, _ = self.env.reset(seed=self._seeds[0])
        self._reset_seeds()
        self._return[:], self._length[:] = 0.0, 0
        return observation

    def step_async(self, actions: NDArray[Any]) -> None:
        """Keep the actions (E, A) for `step_wait`."""
        self._actions = actions

    def step_wait(self) -> tuple[Any, NDArray[Any], NDArray[Any], list[dict[str, Any]]]:
        """Observations, rewards (E,), ends (E,) and infos of one control step."""
        observation, reward, terminated, truncated, told = self.env.step(self._actions)
        self._return += reward
        self._length += 1
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        for world in np.flatnonzero(terminated | truncated):
            infos[world] = {
                "terminal_observation": told["final_obs"][world],
                "TimeLimit.truncated": bool(truncated[world] & ~terminated[world]),
                "episode": {"r": float(self._return[world]), "l": int(self._length[world])},
            }
            if told["final_info"]["is_grasp"][world]:
                infos[world]["is_success"] = bool(told["final_info"]["is_success"][world])
            self._return[world], self._length[world] = 0.0, 0
        return observation, reward.astype(np.float32), terminated | truncated, infos

    def close(self) -> None:
        """Close the worlds."""
        self.env.close()

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """The vector's attribute, once for each world."""
        return [getattr(self.env, attr_name)] * len(self._worlds(indices))

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Set it for all worlds: they have no attributes of their own."""
        setattr(self.env, attr_name, value)

    def env_method(self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any) -> list[Any]:
        """Call the vector's method once; what it gives, once for each world."""
        return [getattr(self.env, method_name)(*method_args, **method_kwargs)] * len(self._worlds(indices))

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        """Worlds of a vector are not wrapped one by one."""
        return [False] * len(self._worlds(indices))

    def get_images(self) -> Sequence[NDArray[np.uint8] | None]:
        """A picture of each world."""
        pictures: Any = self.env.render()
        none: list[NDArray[np.uint8] | None] = [None] * self.num_envs
        return pictures or none

    def _worlds(self, indices: Any) -> Sequence[int]:
        worlds: Iterable[int] = self._get_indices(indices)
        return list(worlds)
