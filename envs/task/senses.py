"""What policies are shown of E worlds: the simulator's state through errors of perception, with the wrists' past."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from envs.hand.hand import Hand
from envs.task.episodes import Episodes
from envs.task.observation_builder import ObservationBuilder, Signals
from envs.task.observations import Observation
from envs.task.perception import PerceptionErrors, PerceptionNoise
from envs.task.privileged import Truth, hidden_group
from envs.task.rise_reflex import RiseReflex


class Senses:
    """Observations of E worlds, one in each control step.

    Args:
        hand: the hand of every world.
        num_worlds: E.
        period_s: seconds of a control step.
        history_length: wrist poses of the history.
        noise: errors of the observed wrist and cloud; none when None.
        privileged: hidden groups that are shown as well.

    Attributes:
        reflex: which wrists rise, told from what was seen; there from the first look on.
    """

    def __init__(
        self,
        hand: Hand,
        num_worlds: int,
        period_s: float,
        history_length: int,
        noise: PerceptionNoise | None,
        privileged: Sequence[str],
    ) -> None:
        self._hand = hand
        self._period_s = period_s
        self._history_length = history_length
        self._privileged = tuple(privileged)
        self._errors = None if noise is None else PerceptionErrors(noise, num_worlds, period_s)

    def start(self, episodes: Episodes) -> None:
        """Forget everything: episodes (E) begin with the next look."""
        self._builder = ObservationBuilder(self._hand, self._period_s, self._history_length)
        self._time_s = -self._period_s
        self._is_new = True
        self.begin(np.arange(len(episodes)), episodes)

    def begin(self, rows: NDArray[np.int64], episodes: Episodes) -> None:
        """New episodes (K) begin in the worlds ``rows`` (K,)."""
        if self._errors is not None:
            self._errors.begin(rows, episodes.keys, episodes)

    def observe(
        self, truth: Truth, command: Tensor, first: Tensor | None = None, *, is_again: bool = False
    ) -> Observation:
        """What is known now.

        Args:
            truth: of the worlds.
            command: commanded joints (E, J), rad.
            first: worlds (E,) bool whose episodes begin with this look; those of the last `start` when None.
            is_again: no time has passed since the last look: the worlds ``first`` have begun anew since, and of all
                others the same is known as before.
        """
        state, again = truth.state, first if is_again else None
        wrist_w, object_w = torch.as_tensor(state.wrist_pose_w), torch.as_tensor(state.object_pose_w)
        cloud, objects = truth.clouds, truth.episodes.objects
        if self._errors is not None:
            wrist_w = self._errors.wrists(wrist_w, again)
            cloud, objects = self._errors.clouds(cloud, object_w, objects, again)
        if again is None:
            self._time_s += self._period_s
            if self._is_new:  # from where wrists were seen, and not from where they are: an error is no rise
                self.reflex, self._is_new = RiseReflex(wrist_w, self._period_s), False
            self.reflex.look(wrist_w, first)
        else:
            self.reflex.begin(wrist_w, again)
        signals = Signals(
            joint_pos=torch.as_tensor(state.joint_pos),
            coupled_pos=torch.as_tensor(state.coupled_pos),
            command=command,
            time_s=self._time_s,
            wrist_pose_w=wrist_w,
            cloud=cloud,
            cloud_pose_w=object_w,
            objects=objects,
            is_exact=objects is not None and cloud is truth.clouds,
        )
        seen = self._builder.observe(signals, first)
        hidden = {name: hidden_group(name, truth) for name in self._privileged}
        return replace(seen, groups={**seen.groups, **hidden})
