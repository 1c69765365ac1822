"""A residual policy that explores in worlds, from the start of their episodes on, and says how."""

import time
from collections.abc import Sequence

import torch
from torch import Tensor

from datamodules.types import Decision, each_tensor
from envs.task.observations import Observation
from lightning_modules.policy.primitive_view import PrimitiveView
from lightning_modules.policy.residual_policy import ResidualPolicy
from lightning_modules.ppo.memory import PolicyMemory


class ExploringResidual:
    """A residual policy that explores in some worlds; see `datamodules.rollouts.actor.ExploringWorlds`.

    Args:
        policy: decides.
        view: the primitive, remembering nothing of other worlds; None without one.
        noise: exploration noise before the first step (E, A).
        draws: eps of every step (T, E, A).
    """

    def __init__(self, policy: ResidualPolicy, view: PrimitiveView | None, noise: Tensor, draws: Tensor) -> None:
        self._policy = policy
        self._view = view
        self._noise = noise
        self._draws = iter(draws)
        self.seconds: dict[str, float] = {}
        if view is not None:
            view.start()

    @torch.no_grad()
    def step(self, observation: Observation, moving: Tensor) -> Decision:
        """See `ExploringWorlds.step`; 0 where nothing moves, but for the first world once all have ended."""
        if bool(moving.all()):
            return self._decide(observation, None)
        some = moving if bool(moving.any()) else torch.arange(len(moving)) == 0  # networks want at least one row
        rows = some.nonzero()[:, 0].to(self._noise.device)
        decided, count = self._decide(observation, rows), len(moving)
        return each_tensor(lambda value: value.new_zeros(count, *value.shape[1:]).index_copy(0, rows, value), decided)

    def _decide(self, observation: Observation, rows: Tensor | None) -> Decision:
        """Of the worlds ``rows`` (K,), all when None."""
        policy = self._policy
        began = time.perf_counter()
        observation = policy.here(observation)
        seen = policy.see(self._view, observation, rows)
        self._note("primitive", began)
        began = time.perf_counter()
        noise_before, draw = self._noise, next(self._draws)
        if rows is not None:
            observation, noise_before, draw = observation.rows(rows), noise_before[rows], draw[rows]
        situation = policy.situation(observation, seen, noise_before)
        output = policy.network(policy.encoded(situation))
        sampled = policy.exploration.apply_draw(output.mean, noise_before, draw)
        pose_h = None if policy.encoder is None else observation.cloud_pose_h
        memory = PolicyMemory(
            primitive_action=seen.primitive_action,
            vectors=situation.vectors,
            privileged=situation.privileged,
            action=sampled.action,
            mean=output.mean,
            noise_before=noise_before,
            log_prob=sampled.log_prob,
            value=output.value,
            feature=situation.feature if pose_h is None else None,
            cloud_pose_h=pose_h,
        )
        self._noise = sampled.noise if rows is None else self._noise.index_copy(0, rows, sampled.noise)
        hand_action = policy.composition(seen.heading, sampled.action)
        self._note("policy", began)
        return Decision(hand_action, seen.primitive_action, memory.by_name())

    def _note(self, part: str, began: float) -> None:
        self.seconds[part] = self.seconds.get(part, 0.0) + time.perf_counter() - began


@torch.no_grad()
def explore(
    policy: ResidualPolicy, view: PrimitiveView | None, sizes: Sequence[int], steps: int, generator: torch.Generator
) -> list[ExploringResidual]:
    """A policy that explores in parts of the worlds; one draw for all of them, whatever the parts.

    Args:
        policy: decides.
        view: the primitive; each part gets a view of its own like it.
        sizes: worlds of each part.
        steps: control steps of an episode, T.
        generator: where the noise comes from.
    """
    worlds = list(sizes)
    noise = policy.exploration.start(sum(worlds), generator)
    draws = torch.stack([policy.exploration.draw(sum(worlds), generator) for _ in range(steps)])
    parts = zip(noise.split(worlds), draws.split(worlds, dim=1), strict=True)
    return [ExploringResidual(policy, None if view is None else view.anew(), *part) for part in parts]
