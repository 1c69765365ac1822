"""Learnt controllers of the fingers, behind the seam of scripts: the primitive alone, told when, with its residual."""

from typing import Self

import numpy as np
import torch

from datamodules.rollouts.teacher import ArrivalTeacher
from envs.conventions import CONTROL_DT
from envs.physics.base import Array
from envs.task.episodes import Episodes
from envs.task.observations import Observation
from lightning_modules.composition import ActionParts, Composition
from lightning_modules.policy.primitive_view import PrimitiveView
from lightning_modules.policy.residual_policy import ResidualPolicy, on_device
from lightning_modules.policy.trigger import Trigger, TriggerWatch


class PrimitivePolicy:
    """The primitive alone (GraspGF Table 2, "w/o RL"), held back until a fixed step.

    Args:
        view: the primitive.
        start_step: control step from which it acts; 0 is the plain primitive.
    """

    def __init__(self, view: PrimitiveView, start_step: int = 0) -> None:
        self._view = view
        self._start_step = start_step

    def start(self, num_worlds: int) -> None:
        """See `FingerPolicy.start`."""
        self._view.start()

    @torch.no_grad()
    def act(self, observation: Observation, step: int) -> Array:
        """See `FingerPolicy.act`."""
        if step < self._start_step:
            return torch.zeros_like(observation["joint_pos"], dtype=torch.float64).cpu().numpy()
        observation = on_device(observation, self._view.primitive.module.device)
        return self._view.heading(observation, self._view.scene(observation)).action.double().cpu().numpy()


class TriggeredPrimitive:
    """The primitive alone, started in each world when a rule on the wrist's speed and the object's distance says so.

    From then on it acts until the episode ends. It sees what every policy sees, and has no clock.

    Args:
        view: the primitive.
        trigger: the rule.
        period_s: seconds of a control step.
    """

    def __init__(self, view: PrimitiveView, trigger: Trigger, period_s: float = CONTROL_DT) -> None:
        self._primitive = PrimitivePolicy(view)
        self._watch = TriggerWatch(trigger, view.primitive.hand, period_s)

    def start(self, num_worlds: int) -> None:
        """See `FingerPolicy.start`."""
        self._primitive.start(num_worlds)
        self._watch.start(num_worlds)

    @torch.no_grad()
    def act(self, observation: Observation, step: int) -> Array:
        """See `FingerPolicy.act`."""
        has_begun = self._watch.look(observation).numpy()
        if not has_begun.any():
            return np.zeros(observation["joint_pos"].shape)
        return np.where(has_begun[:, None], self._primitive.act(observation, step), 0.0)


class ToldPrimitive:
    """What a policy does that imitates a teacher of timing without fault: the primitive, told when.

    A `ToldPolicy`: knows when the wrist will arrive, which is hidden from policies. With `ScaleAndResidual` the hand
    stays as it is until the teacher lets the primitive act; with `ExtentAndResidual` it waits pre-shaped, and closes.

    Args:
        view: the primitive.
        teacher: lets it act, and adds a grip.
        composition: how gate and grip become the action.
    """

    def __init__(self, view: PrimitiveView, teacher: ArrivalTeacher, composition: Composition) -> None:
        self._view = view
        self._teacher = teacher
        self._composition = composition

    def start(self, num_worlds: int) -> None:
        """See `FingerPolicy.start`."""
        self._view.start()

    def tell(self, episodes: Episodes) -> None:
        """See `ToldPolicy.tell`."""
        self._gate, self._grip = self._teacher.gate(episodes), self._teacher.grip(episodes)

    @torch.no_grad()
    def act(self, observation: Observation, step: int) -> Array:
        """See `FingerPolicy.act`."""
        observation = on_device(observation, self._view.primitive.module.device)
        heading = self._view.heading(observation, self._view.scene(observation))
        gate, grip = (told[step, :, None].to(heading.action) for told in (self._gate, self._grip))
        closing = torch.tensor(self._view.primitive.hand.closing).to(heading.action)
        output = self._composition.taught(heading.action, gate, grip * closing)
        return self._composition(heading, output).double().cpu().numpy()


class LearntPolicy:
    """A learnt policy without its exploration: `ours` in every table.

    Args:
        policy: decides.
        view: the primitive; None without one.

    Attributes:
        hidden_groups: hidden observation groups that worlds have to show it; none for most.
        residual: the policy, as given.
        view: as given.
    """

    def __init__(self, policy: ResidualPolicy, view: PrimitiveView | None) -> None:
        self.residual = policy
        self.view = view
        self.hidden_groups = policy.inputs.hidden_groups

    def to(self, device: torch.device | str) -> Self:
        """The same policy, its networks moved to a device; it takes observations from any."""
        parts = [self.residual.network, self.residual.exploration, self.residual.encoder]
        for part in (*parts, None if self.view is None else self.view.primitive.module):
            if part is not None:
                part.to(device)
        return self

    def start(self, num_worlds: int) -> None:
        """See `FingerPolicy.start`."""
        if self.view is not None:
            self.view.start()

    def act(self, observation: Observation, step: int) -> Array:
        """See `FingerPolicy.act`."""
        return self.parts(observation).action.double().cpu().numpy()

    @torch.no_grad()
    def parts(self, observation: Observation) -> ActionParts:
        """The actions of `act`, with what they are made of; in place of it."""
        return self.residual.mean_parts(self.view, observation)
