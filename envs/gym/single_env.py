"""The assisting task in one world, as a `gymnasium.Env`."""

from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from envs.gym.spaces import action_space, as_arrays, observation_space
from envs.gym.worlds import GymWorlds, Sources, WorldSettings
from envs.physics.base import PhysicsBackend

Arrays = dict[str, NDArray[np.float32]]

RENDER_MODES = ("rgb_array",)


def check_render_mode(render_mode: str | None) -> None:
    """Refuse what cannot be rendered.

    Raises:
        ValueError: names what can.
    """
    if render_mode is not None and render_mode not in RENDER_MODES:
        raise ValueError(f"render_mode is {render_mode!r}, expected {', '.join(RENDER_MODES)} or None")


class AssistEnv(gymnasium.Env[Any, Any]):
    """One hand, one episode after another.

    An episode ends (``terminated``) with the lift; it is never truncated. ``info`` tells the terms of the reward
    (``terms``), at the end how it went (``is_success`` and other measures of `EpisodeOutcome`), and the privileged
    groups that were asked for.

    Args:
        physics: one world.
        sources: gives the source of episodes of a seed.
        settings: of the task, and of what is told.
        render_mode: "rgb_array" draws a picture in some half a second; None does not.

    Attributes:
        worlds: what is inside, for wrappers that need tensors.

    Raises:
        ValueError: more worlds than one, an unknown render mode, a group that is not privileged.
    """

    metadata = {"render_modes": list(RENDER_MODES), "render_fps": 40}  # noqa: RUF012

    def __init__(
        self, physics: PhysicsBackend, sources: Sources, settings: WorldSettings, render_mode: str | None = None
    ) -> None:
        check_render_mode(render_mode)
        if physics.num_worlds != 1:
            raise ValueError(f"the physics has {physics.num_worlds} worlds, expected 1; AssistVectorEnv takes more")
        self.render_mode = render_mode
        self.observation_space = observation_space(physics.hand)
        self.action_space = action_space(physics.hand)
        self.worlds = GymWorlds(physics, sources, settings, begins_anew=False)
        self._is_over = True

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Arrays, dict[str, Any]]:
        """First observation of a new episode; a seed decides it and those that follow."""
        super().reset(seed=seed)
        observation = self.worlds.reset(seed, lambda: self.np_random)
        self._is_over = False
        return self._seen(), _first(self.worlds.hidden(observation))

    def step(self, action: NDArray[np.float32]) -> tuple[Arrays, float, bool, bool, dict[str, Any]]:
        """One control step.

        Args:
            action: (J,) in [-1, 1].

        Raises:
            RuntimeError: the episode is over, none has begun, or the environment was closed.
            ValueError: an action of another shape, or not finite; a reward term lacks its input.
        """
        if self._is_over:
            raise RuntimeError("there is no episode, or it is over; call reset")
        done = self.worlds.step(np.array(action)[None], np.zeros(1, dtype=bool))
        self._is_over = bool(done.ended[0])
        info = _first(self.worlds.hidden(done.observation))
        info["terms"] = {name: float(value[0]) for name, value in done.terms.items()}
        if done.outcome is not None:
            info |= _first(dict(self.worlds.measures(done.outcome)))
        return self._seen(), float(done.reward[0]), self._is_over, False, info

    def render(self) -> NDArray[np.uint8] | None:
        """A picture (P, P, 3); None without a render mode."""
        return None if self.render_mode is None else self.worlds.render()[0]

    def close(self) -> None:
        """Give up the world; nothing can be done with it any more."""
        self.worlds.close()
        self._is_over = False  # the worlds themselves say what is wrong

    def _seen(self) -> Arrays:
        seen = as_arrays(self.worlds.observation, self.observation_space)  # type: ignore[arg-type]
        return {name: value[0] for name, value in seen.items()}


def _first(columns: dict[str, NDArray[Any]]) -> dict[str, Any]:
    """The first row of each column: arrays of their own, and plain Python values."""
    return {name: column[0].copy() if column.ndim > 1 else column.tolist()[0] for name, column in columns.items()}
