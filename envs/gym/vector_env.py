"""The assisting task in many worlds at once, as a `gymnasium.vector.VectorEnv`."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from envs.gym.single_env import RENDER_MODES, Arrays, check_render_mode
from envs.gym.spaces import action_space, as_arrays, observation_space
from envs.gym.worlds import GymWorlds, Sources, WorldSettings
from envs.physics.base import PhysicsBackend
from envs.task.env_step import EnvStep
from envs.task.observations import Observation

AUTORESET_MODES = (AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP)


class AssistVectorEnv(VectorEnv[Arrays, NDArray[np.float32], NDArray[Any]]):
    """E hands, each with one episode after another; what `AssistEnv` tells, in the form of Gymnasium's vectors.

    Next-step autoreset: the step after the end of an episode takes no heed of the action, pays 0 and gives the first
    observation of the next one. Same-step autoreset: the step that ends an episode gives the first observation of the
    next one; the last one of the old is in ``infos["final_obs"]``, the rest in ``infos["final_info"]``.

    Args:
        physics: the worlds.
        sources: gives the source of episodes of a seed, for all worlds together.
        settings: of the task, and of what is told.
        autoreset_mode: of gymnasium.vector.AutoresetMode, or its value.
        render_mode: "rgb_array" draws a picture of each world in some half a second; None does not.

    Attributes:
        worlds: what is inside, for wrappers that need tensors.

    Raises:
        ValueError: an unknown render mode or one of autoreset, a group that is not privileged.
    """

    def __init__(
        self,
        physics: PhysicsBackend,
        sources: Sources,
        settings: WorldSettings,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        render_mode: str | None = None,
    ) -> None:
        check_render_mode(render_mode)
        modes = {mode.value: mode for mode in AUTORESET_MODES}
        if autoreset_mode not in (*modes, *modes.values()):
            raise ValueError(
                f"autoreset_mode is {getattr(autoreset_mode, 'value', autoreset_mode)!r}, expected one of "
                f"{', '.join(modes)}; worlds that end cannot wait for a reset of their own"
            )
        mode = AutoresetMode(autoreset_mode)
        self.num_envs = physics.num_worlds
        self.render_mode = render_mode
        self.metadata = {"render_modes": list(RENDER_MODES), "render_fps": 40, "autoreset_mode": mode}
        self.single_observation_space = self._space = observation_space(physics.hand)
        self.single_action_space = action_space(physics.hand)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self.worlds = GymWorlds(physics, sources, settings, begins_anew=True)
        self._is_same_step = mode is AutoresetMode.SAME_STEP
        self._has_ended = np.zeros(self.num_envs, dtype=bool)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Arrays, dict[str, Any]]:
        """First observations of new episodes in all worlds; a seed decides them and all that follow.

        Raises:
            ValueError: some worlds alone are asked for.
        """
        if options is not None and "reset_mask" in options:
            raise ValueError("options have a reset_mask; worlds begin anew by themselves, reset is for all of them")
        super().reset(seed=seed)
        observation = self.worlds.reset(seed, lambda: self.np_random)
        self._has_ended = np.zeros(self.num_envs, dtype=bool)
        return self._arrays(observation), self._hidden(observation, ~self._has_ended)

    def step(
        self, actions: NDArray[np.float32]
    ) -> tuple[Arrays, NDArray[Any], NDArray[Any], NDArray[Any], dict[str, Any]]:
        """One control step of all worlds.

        Args:
            actions: (E, J) in [-1, 1].

        Raises:
            RuntimeError: nothing was reset yet, or the environment was closed.
            ValueError: actions of another shape, or not finite; a reward term lacks its input.
        """
        anew = self._has_ended
        done = self.worlds.step(np.array(actions), anew)
        infos = self._infos(done, ~anew)
        observation, ended = done.observation, done.ended.copy()
        if self._is_same_step and ended.any():
            last = self._arrays(observation)
            observation = self.worlds.begin_anew(ended)
            infos = self._of_the_ended(infos, last, ended) | self._hidden(observation, ~anew)
        else:
            self._has_ended = ended & (not self._is_same_step)
        reward = done.reward.cpu().numpy().astype(np.float64)
        return self._arrays(observation), reward, ended, np.zeros_like(ended), infos

    def render(self) -> tuple[NDArray[np.uint8], ...] | None:
        """A picture (P, P, 3) of each world; None without a render mode."""
        return None if self.render_mode is None else tuple(self.worlds.render())

    def close_extras(self, **_: Any) -> None:
        """Give up the worlds, for `close`; nothing can be done with them any more."""
        self.worlds.close()

    def _arrays(self, observation: Observation) -> Arrays:
        return as_arrays(observation, self._space)

    def _hidden(self, observation: Observation, worlds: NDArray[np.bool_]) -> dict[str, Any]:
        return _with_masks(self.worlds.hidden(observation), worlds)

    def _infos(self, done: EnvStep, moved: NDArray[np.bool_]) -> dict[str, Any]:
        """What is told of a step in which worlds (E,) bool moved; the others have begun anew with it."""
        infos = self._hidden(done.observation, np.ones_like(moved))
        if moved.any():
            terms = {name: value.cpu().numpy().astype(np.float64) for name, value in done.terms.items()}
            infos |= {"terms": _with_masks(terms, moved), "_terms": moved.copy()}
        if done.outcome is None:
            return infos
        measures = {}
        for name, values in self.worlds.measures(done.outcome).items():
            measures[name] = np.zeros(self.num_envs, dtype=values.dtype)
            measures[name][done.ended] = values
        return infos | _with_masks(measures, done.ended)

    def _of_the_ended(self, infos: dict[str, Any], last: Arrays, ended: NDArray[np.bool_]) -> dict[str, Any]:
        """The same where worlds ``ended`` (E,) bool show their last observation and all else apart."""
        final = np.full(self.num_envs, None, dtype=object)
        for world in np.flatnonzero(ended):
            final[world] = {name: values[world].copy() for name, values in last.items()}
        told = {"final_obs": final, "final_info": _masked(infos, ended)}
        going_on = _masked({name: infos[name] for name in ("terms", "_terms")}, ~ended) if not ended.all() else {}
        return going_on | told | {f"_{name}": ended.copy() for name in told}


def _with_masks(columns: Mapping[str, NDArray[Any]], worlds: NDArray[np.bool_]) -> dict[str, Any]:
    """Columns (E, ...) and for each one the worlds (E,) bool that it tells of."""
    return {**columns, **{f"_{name}": worlds.copy() for name in columns}}


def _masked(infos: Mapping[str, Any], worlds: NDArray[np.bool_]) -> dict[str, Any]:
    """The same of some worlds (E,) bool alone."""
    found: dict[str, Any] = {}
    for name, value in infos.items():
        if isinstance(value, dict):
            found[name] = _masked(value, worlds)
        else:
            found[name] = value & worlds if name.startswith("_") else value.copy()
    return found
