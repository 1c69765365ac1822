"""What the environments of one world and of many have in common: episodes by seed, what is told of a step, pictures."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from envs.gym.pictures import WorldPictures
from envs.physics.base import PhysicsBackend
from envs.task.assist_env import HumanAssistEnv
from envs.task.env_step import EnvStep
from envs.task.episodes import Episodes, EpisodeSource
from envs.task.observations import Observation
from envs.task.outcomes import CAUSES, EpisodeOutcome
from envs.task.perception import PerceptionNoise
from envs.task.rewards import RewardSettings
from envs.task.settings import TaskSettings

Sources = Callable[[int], EpisodeSource]
"""Gives the source of episodes of a seed."""

_MEASURES = ("is_success", "is_grasp", "is_diverged", "rise", "slip", "posture_rad", "translation_m", "rotation_cos")

_OF_CONTACTS = ("held_steps", "cause")
"""Told where contacts are watched; nothing is known of them elsewhere."""


@dataclass(frozen=True)
class WorldSettings:
    """What the environments of one world and of many are made with.

    Attributes:
        reward: terms and weights. Following terms need what a primitive wants (`GymWorlds.tell`).
        task: constants of the task; the defaults when None.
        noise: errors of the observed wrist and cloud; none when None.
        privileged: groups that policies do not see (`envs.task.observations.ASKED_GROUPS`), told in ``infos``.
        watch_contacts: tell causes of failures at the end, too; costs a sixth of a step.
        picture_size: edge of a rendered picture, pixels.
    """

    reward: RewardSettings
    task: TaskSettings | None = None
    noise: PerceptionNoise | None = None
    privileged: Sequence[str] = ()
    watch_contacts: bool = False
    picture_size: int = 256


class GymWorlds:
    """E worlds whose episodes follow from a seed.

    Args:
        physics: the worlds.
        sources: gives the source of episodes of a seed.
        settings: of the task, and of what is told.
        begins_anew: worlds whose episode has ended begin the next one by themselves.

    Attributes:
        observation: what is known now, as tensors: what networks of this project read.
        last_observation: what was known before some worlds began anew within a step.

    Raises:
        ValueError: a group that does not exist or is not privileged.
    """

    observation: Observation
    last_observation: Observation

    def __init__(
        self, physics: PhysicsBackend, sources: Sources, settings: WorldSettings, *, begins_anew: bool
    ) -> None:
        self._sources = sources
        self._settings = settings
        self._source: EpisodeSource | None = None
        self._told: Tensor | None = None
        self._pictures = WorldPictures(physics.hand, physics.num_worlds, settings.picture_size)
        self._env: HumanAssistEnv | None = HumanAssistEnv(
            physics,
            task=settings.task,
            reward=settings.reward,
            privileged=settings.privileged,
            noise=settings.noise,
            source=self if begins_anew else None,
            watch_contacts=settings.watch_contacts,
        )

    @property
    def env(self) -> HumanAssistEnv:
        """The worlds of the assisting task.

        Raises:
            RuntimeError: they were closed.
        """
        if self._env is None:
            raise RuntimeError("the environment was closed; make another one")
        return self._env

    def close(self) -> None:
        """Give up worlds and episodes: a worker, a device's memory or threads of theirs end with them."""
        self._env = self._source = self._told = None
        for name in ("observation", "last_observation"):  # tensors, perhaps on a device
            self.__dict__.pop(name, None)

    def sample(self, count: int) -> Episodes:
        """See `EpisodeSource.sample`.

        Raises:
            RuntimeError: nothing was reset yet.
        """
        if self._source is None:
            raise RuntimeError("the environment has no episodes yet; call reset before anything else")
        return self._source.sample(count)

    def reset(self, seed: int | None, generator: Callable[[], np.random.Generator]) -> Observation:
        """First observation of new episodes in all worlds; another ``seed`` than None begins their order anew.

        Args:
            seed: as Gymnasium gives it, already made into a generator.
            generator: gives that one.

        Raises:
            RuntimeError: the worlds were closed.
        """
        env = self.env
        if seed is not None or self._source is None:
            self._source = self._sources(int(generator().integers(2**63)))
        self._told = None
        self._pictures.begin(np.ones(env.num_worlds, dtype=bool))
        self.observation = env.reset(self.sample(env.num_worlds))
        return self.observation

    def tell(self, primitive_action: Tensor) -> None:
        """What a primitive wants in the next step, a_p (E, J): for rewards that are made of it."""
        self._told = primitive_action

    def set_reward(self, reward: RewardSettings) -> None:
        """Another reward from now on."""
        self.env.reward = reward

    def step(self, action: NDArray[Any], anew: NDArray[np.bool_]) -> EnvStep:
        """One control step (see `HumanAssistEnv.step`); worlds ``anew`` (E,) bool begin an episode with it."""
        done = self.env.step(torch.as_tensor(action), self._told)
        self._told = None
        self._pictures.begin(anew)
        self.observation = done.observation
        return done

    def begin_anew(self, ended: NDArray[np.bool_]) -> Observation:
        """See `HumanAssistEnv.begin_anew`."""
        self._pictures.begin(ended)
        self.last_observation, self.observation = self.observation, self.env.begin_anew()
        return self.observation

    def hidden(self, observation: Observation) -> dict[str, NDArray[Any]]:
        """The privileged groups that were asked for (E, ...)."""
        return {name: observation[name].cpu().numpy() for name in self.env.privileged}

    def measures(self, outcome: EpisodeOutcome) -> Mapping[str, NDArray[Any]]:
        """What is told of K episodes that have ended (K,)."""
        found: dict[str, NDArray[Any]] = {name: getattr(outcome, name) for name in _MEASURES}
        if self._settings.watch_contacts:
            causes = np.array(CAUSES, dtype=object)[outcome.cause]
            found |= dict(zip(_OF_CONTACTS, (outcome.held_steps, causes), strict=True))
        return found

    def render(self) -> list[NDArray[np.uint8]]:
        """A picture (P, P, 3) of each world, about half a second each."""
        return self._pictures.draw(self.env.physics.state().host(), self.env.episodes)
