"""The primitive in the loop of Gymnasium's environments: an action says what becomes of it, and what to correct."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium import spaces
from gymnasium.vector import VectorEnv, VectorWrapper
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from envs.gym.worlds import GymWorlds
from envs.gym.wrappers import worlds_of
from envs.task.observations import Observation
from lightning_modules.composition import Composition, ExtentAndResidual
from lightning_modules.followers import Follower, GapDenoiser, Heading
from lightning_modules.policy.inputs import PlannedGripInputs, PolicyInputs
from lightning_modules.policy.primitive_view import PrimitiveView
from lightning_modules.policy.residual_policy import on_device
from lightning_modules.primitive import GraspPrimitive

Arrays = dict[str, NDArray[np.float32]]

MAX_NUMBER = 100.0
"""To which features and inputs are cut; those of clouds in reach are of the order of 1."""

DEFAULT_PRIMITIVE = "pretrained/gf.ckpt"
"""The primitive that ships with the project."""

SCENE_TOLERANCE = 1.5e-3
"""Metres, `model.scene_tolerance` of configs/residual_ppo.yaml."""


class PrimitiveLoop:
    """What both wrappers do; its defaults are those of configs/residual_ppo.yaml.

    Observations gain three groups: ``primitive_action``, a_p (J,); ``primitive_feature``, the cloud as the primitive
    sees it (F,); ``policy_inputs``, the row that this project's policies read (D,). Rewards of the primitive, such as
    the preset "default", are told a_p.

    Args:
        worlds: of the environment.
        space: observations of one world.
        primitive: checkpoint, or what was read from one; `DEFAULT_PRIMITIVE` when None.
        follower: how the field of a checkpoint is followed; `GapDenoiser` of that configuration when None.
        composition: how primitive and action become the action of the hand; `ExtentAndResidual` when None.
        inputs: make ``policy_inputs``; `PlannedGripInputs` when None.
        scene_tolerance: metres within which a cloud may move before the primitive looks again.
        centre: what is added to an action (A,), because untrained policies of most trainers put out 0; the output that
            untrained policies of this project have (`Composition.centre`) when None.

    Raises:
        FileNotFoundError, ValueError: see `GraspPrimitive.from_checkpoint`; a primitive of another hand.
        TypeError: the observation is no dictionary.
    """

    def __init__(
        self,
        worlds: GymWorlds,
        space: spaces.Space[Any],
        primitive: str | Path | GraspPrimitive | None = None,
        *,
        follower: Follower | None = None,
        composition: Composition | None = None,
        inputs: PolicyInputs | None = None,
        scene_tolerance: float = SCENE_TOLERANCE,
        centre: Sequence[float] | None = None,
    ) -> None:
        if not isinstance(space, spaces.Dict):
            raise TypeError(f"the observation space is {type(space).__name__}, expected Dict; flatten it afterwards")
        if not isinstance(primitive, GraspPrimitive):
            follower = follower or GapDenoiser(far=2.5, synchronised=True)
            primitive = GraspPrimitive.from_checkpoint(primitive or DEFAULT_PRIMITIVE, follower)
        hand = worlds.env.hand
        if primitive.hand is not hand:
            raise ValueError(f"the primitive is of the hand {primitive.hand.name}, the worlds of the hand {hand.name}")
        self._worlds = worlds
        self._inputs = PlannedGripInputs() if inputs is None else inputs
        self._composition = ExtentAndResidual() if composition is None else composition
        self._view = PrimitiveView(primitive, scene_tolerance)
        columns = self._inputs.columns(hand, with_primitive=True)
        sizes = {
            "primitive_action": (hand.num_joints, 1.0),
            "primitive_feature": (primitive.module.network.feature_dim, MAX_NUMBER),
            "policy_inputs": (max(part.stop for part in columns.values()), MAX_NUMBER),
        }
        self._high = {name: high for name, (_, high) in sizes.items()}
        boxes = {name: spaces.Box(-high, high, (size,), np.float32) for name, (size, high) in sizes.items()}
        self.observation_space = spaces.Dict({**space.spaces, **boxes})
        size = self._composition.action_dim(hand.num_joints)
        self._centre = self._composition.centre(hand.num_joints) if centre is None else torch.tensor(centre)
        if self._centre.shape != (size,):
            raise ValueError(f"centre has shape {tuple(self._centre.shape)}, expected ({size},): one number an action")
        self.action_space = spaces.Box(-1.0, 1.0, (size,), np.float32)

    def start(self) -> Arrays:
        """The groups after a reset (E, ...)."""
        self._view.start()
        return self.look()

    @torch.no_grad()
    def look(self) -> Arrays:
        """The groups now (E, ...)."""
        self._heading, groups = self._seen(self._view, self._worlds.observation)
        return groups

    @torch.no_grad()
    def look_back(self, worlds: NDArray[np.int64]) -> Arrays:
        """The groups of worlds (K,) as they were when their episodes ended (K, ...), before they began anew."""
        return self._seen(self._view.anew(), self._worlds.last_observation.rows(torch.as_tensor(worlds)))[1]

    def _seen(self, view: PrimitiveView, observation: Observation) -> tuple[Heading, Arrays]:
        module = view.primitive.module
        observation = on_device(observation, module.device)
        scene = view.scene(observation)
        heading = view.heading(observation, scene)
        values = {
            "primitive_action": heading.action,
            "primitive_feature": module.feature(scene),
            "policy_inputs": self._inputs(view.primitive.hand, observation, heading),
        }
        return heading, {
            name: np.clip(value.cpu().numpy(), -self._high[name], self._high[name]) for name, value in values.items()
        }

    @torch.no_grad()
    def hand_action(self, action: NDArray[Any]) -> NDArray[np.float32]:
        """The action of the hands (E, J) that comes of actions (E, A); rewards are told what the primitive wants.

        Raises:
            ValueError: another shape.
        """
        a_p = self._heading.action
        if action.shape != (len(a_p), len(self._centre)):
            raise ValueError(f"actions have shape {action.shape}, expected {(len(a_p), len(self._centre))}")
        self._worlds.tell(a_p)
        output = self._centre.to(a_p) + torch.as_tensor(action).to(a_p)
        composed: NDArray[np.float32] = self._composition(self._heading, output).cpu().numpy()
        return composed


class PrimitiveInTheLoop(gymnasium.Wrapper[Any, Any, Any, Any]):
    """One world with the primitive in the loop; arguments as of `PrimitiveLoop`.

    The action has 36 numbers with the Shadow Hand: for each joint a gate, or a scale, of what the primitive wants, then
    for each joint a residual; 0 is what an untrained policy of this project does.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], *arguments: Any, **named: Any) -> None:
        super().__init__(env)
        self._loop = PrimitiveLoop(worlds_of(env), env.observation_space, *arguments, **named)
        self.observation_space, self.action_space = self._loop.observation_space, self._loop.action_space

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Arrays, dict[str, Any]]:
        """See `AssistEnv.reset`."""
        observation, info = self.env.reset(seed=seed, options=options)
        return _with(observation, self._loop.start()), info

    def step(self, action: NDArray[np.float32]) -> tuple[Arrays, float, bool, bool, dict[str, Any]]:
        """See `AssistEnv.step`; the action has A numbers."""
        observation, *rest = self.env.step(self._loop.hand_action(np.array(action)[None])[0])
        return _with(observation, self._loop.look()), *rest  # type: ignore[return-value]


class VectorPrimitiveInTheLoop(VectorWrapper[Any, Any, Any, Any, Any]):
    """`PrimitiveInTheLoop` of many worlds, ``infos["final_obs"]`` included."""

    def __init__(self, env: VectorEnv[Any, Any, Any], *arguments: Any, **named: Any) -> None:
        super().__init__(env)
        self._loop = PrimitiveLoop(worlds_of(env), env.single_observation_space, *arguments, **named)
        self.single_observation_space, self.single_action_space = self._loop.observation_space, self._loop.action_space
        self.observation_space = batch_space(self.single_observation_space, env.num_envs)
        self.action_space = batch_space(self.single_action_space, env.num_envs)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Arrays, dict[str, Any]]:
        """See `AssistVectorEnv.reset`."""
        observation, infos = self.env.reset(seed=seed, options=options)
        return observation | self._loop.start(), infos

    def step(self, actions: NDArray[np.float32]) -> tuple[Arrays, Any, Any, Any, dict[str, Any]]:
        """See `AssistVectorEnv.step`; actions have A numbers each."""
        observation, *rest, infos = self.env.step(self._loop.hand_action(np.array(actions)))
        ended = np.flatnonzero(infos.get("_final_obs", ()))
        if len(ended):
            last = self._loop.look_back(ended)
            for row, world in enumerate(ended):
                infos["final_obs"][world] |= {name: values[row].copy() for name, values in last.items()}
        return observation | self._loop.look(), *rest, infos


def _with(observation: Mapping[str, Any], groups: Arrays) -> Arrays:
    """An observation of one world with the first row of each group."""
    return {**observation, **{name: values[0].copy() for name, values in groups.items()}}
