"""Who moves the fingers: the policy, its primitive alone, the primitive after a rule, or the visitor himself."""

from dataclasses import replace

import numpy as np
import torch

from envs.hand.hand import Hand
from envs.task.observations import Observation
from lightning_modules.policy.trigger import Trigger, TriggerWatch
from live.policies import ControlPolicy, LiveObservation, PolicyParts

NAMES: tuple[str, ...] = ("ours", "primitive", "triggered", "off")
"""The learnt policy; the field at once; the field once the hand is near and slow; a slider."""

TRIGGER = Trigger(distance_m=0.06, per_speed_s=-0.05)
"""The best one on development objects of the user's task (pretrained/residual_ppo_development_user.json)."""


class Assistants:
    """A `ControlPolicy` that can be exchanged while the hand moves.

    Args:
        policy: the learnt one, with its primitive inside.
        hand: its hand.

    Attributes:
        name: who acts, one of NAMES.
        closing: how far the visitor closes the hand himself, in [0, 1]; only "off" heeds it.
        last: what was done last; whoever reads it may set it back to None.
    """

    def __init__(self, policy: ControlPolicy, hand: Hand) -> None:
        self.facts = policy.facts
        self.name = NAMES[0]
        self.closing = 0.0
        self.last: PolicyParts | None = None
        self._policy, self._hand = policy, hand
        self._watch = TriggerWatch(TRIGGER, hand, policy.facts.period_s)
        self._watch.start(1)

    def choose(self, name: str) -> None:
        """Let another one act.

        Raises:
            ValueError: an unknown name; lists the known ones.
        """
        if name not in NAMES:
            raise ValueError(f"policy {name!r} is unknown; available: {', '.join(NAMES)}")
        self.name = name
        self.start()

    def start(self) -> None:
        """See `ControlPolicy.start`."""
        self.last = None
        self._policy.start()
        self._watch.start(1)

    def act(self, observation: LiveObservation) -> PolicyParts:
        """See `ControlPolicy.act`. The primitive is asked whoever acts, so that its field can be shown."""
        done = self._policy.act(observation)
        still, whole = np.zeros_like(done.a_p), np.ones_like(done.a_p)
        if self.name == "primitive":
            done = replace(done, action=done.a_p, a_s=whole, a_r=still)
        elif self.name == "triggered":
            share = whole if self._is_time(observation) else still
            done = replace(done, action=share * done.a_p, a_s=share, a_r=still)
        elif self.name == "off":
            wanted = self._hand.open_pose + self.closing * (self._hand.closed_pose - self._hand.open_pose)
            action = np.clip((wanted - observation.command) / self.facts.max_step, -1.0, 1.0)
            done = replace(done, action=action, a_s=still, a_r=action)
        self.last = done
        return done

    def _is_time(self, observation: LiveObservation) -> bool:
        groups = {
            name: torch.as_tensor(getattr(observation, name), dtype=torch.float32)[None]
            for name in ("wrist_history", "points_h")
        }
        return bool(self._watch.look(Observation(groups))[0])
