"""The assisting task: a human moves the wrist, actions of the hand come in, many worlds at once (GraspGF Sec. 2).

The environment owns the commanded joints, what is observed, the reward and the end of each world's episode. There the
hand closes a little and rises, by itself or because the user lifts (`envs.wrist.movement`), and the outcome is judged.
"""

import time
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from envs.hand.commands import check_action, next_command
from envs.physics.base import Array, PhysicsBackend, PhysicsState, to_host
from envs.rows import choose_rows, take_rows
from envs.task.env_step import EnvStep
from envs.task.episodes import Episodes, EpisodeSource, join_episodes
from envs.task.object_shift import ObjectShifts
from envs.task.observations import ASKED_GROUPS, POLICY_GROUPS, Observation, check_groups
from envs.task.outcomes import EpisodeFacts, EpisodeOutcome, judge
from envs.task.perception import PerceptionNoise
from envs.task.privileged import HIDDEN, Truth
from envs.task.rewards import RewardSettings, StepFacts, final_terms, reward_terms
from envs.task.senses import Senses
from envs.task.settings import TaskSettings
from envs.task.user_lift import UserLifts
from envs.trials.lift import lift_test
from envs.wrist.movement import AUTOMATIC


class HumanAssistEnv:
    """E worlds of the assisting task.

    A world whose episode has ended stands still until `reset`. With a ``source`` it begins a new episode by itself in
    the step after the end, as Gymnasium's next-step autoreset: that step's action is not used there, its reward is 0,
    and its observation is the first of the new episode. `begin_anew` right after the step that ended it begins it at
    once, as same-step autoreset.

    Args:
        physics: the worlds; any backend.
        task: constants of the task; the defaults when None.
        reward: terms and weights; no reward when None.
        privileged: further groups to observe (`ASKED_GROUPS`), for critics, scripts, and policies that are told goals.
        noise: errors of the observed wrist and cloud; none when None (GraspGF App. D.4).
        source: gives the next episode of a world whose own has ended.
        watch_contacts: note in every step what the hand touches, for the causes of failures; costs a sixth of a step.

    Attributes:
        hand: the hand of every world.
        seconds: wall-clock seconds spent since the last reset, by part: steps with all that belongs to them, and lifts.

    Raises:
        ValueError: a group that does not exist or is not privileged.
    """

    def __init__(
        self,
        physics: PhysicsBackend,
        *,
        task: TaskSettings | None = None,
        reward: RewardSettings | None = None,
        privileged: Sequence[str] = (),
        noise: PerceptionNoise | None = None,
        source: EpisodeSource | None = None,
        watch_contacts: bool = True,
    ) -> None:
        check_groups(privileged, for_policy=False)
        for name in privileged:
            if name in POLICY_GROUPS:
                raise ValueError(
                    f"observation group {name!r} is not privileged and always observed; to be asked for are: "
                    f"{', '.join(ASKED_GROUPS)}"
                )
        self.physics = physics
        self.hand = physics.hand
        self.task = TaskSettings() if task is None else task
        self.reward = reward
        self.privileged = tuple(name for name in ASKED_GROUPS if name in privileged)
        self.watch_contacts = watch_contacts
        self.seconds = {"physics": 0.0, "lift": 0.0}
        period_s = physics.settings.control_dt
        self._senses = Senses(
            self.hand, self.num_worlds, period_s, self.task.history_length, noise, privileged=self.privileged
        )
        self._shifts = ObjectShifts(self.task.object_shift_m, physics.num_worlds, period_s)
        self._source = source
        self._episodes: Episodes | None = None

    @property
    def num_worlds(self) -> int:
        """Number of worlds E."""
        return self.physics.num_worlds

    @property
    def episodes(self) -> Episodes:
        """The episodes that run now.

        Raises:
            RuntimeError: nothing was reset yet.
        """
        if self._episodes is None:
            raise RuntimeError("the environment has no episodes yet; call reset before anything else")
        return self._episodes

    # ---- beginning --------------------------------------------------------------------------------------------------

    def reset(self, episodes: Episodes) -> Observation:
        """Fill every world with its episode and give the first observation.

        Raises:
            ValueError: another number of episodes than worlds.
        """
        if len(episodes) != self.num_worlds:
            raise ValueError(f"{len(episodes)} episodes for {self.num_worlds} worlds; expected one for each world")
        began = time.perf_counter()
        self._put(np.arange(self.num_worlds), episodes)
        self._state = self.physics.state()
        self._episodes = self._shifts.begin(np.arange(self.num_worlds), episodes)
        self._command = torch.as_tensor(self._state.joint_pos).clone()
        self._clouds_o = self._on_device(_clouds_of(episodes))
        self._step = np.zeros(self.num_worlds, dtype=np.int64)
        self._has_ended = np.zeros(self.num_worlds, dtype=bool)
        self._links = self._on_device(np.zeros((self.num_worlds, len(self.hand.links)), dtype=bool))
        self._facts = EpisodeFacts.at_start(episodes.object_pose_w)
        self._lifts = UserLifts(self._state)
        self._num_stepped = 0
        self._senses.start(episodes)
        observation = self._senses.observe(self._truth(self._state), self._command)
        self.seconds = {"physics": time.perf_counter() - began, "lift": 0.0}
        return observation

    def begin_anew(self) -> Observation:
        """Begin new episodes now where the last ones have ended; what is known then, elsewhere what was known before.

        Raises:
            RuntimeError: nothing was reset yet, or there is no source of episodes.
        """
        began = time.perf_counter()
        if self._source is None:
            raise RuntimeError("there is no source of episodes to begin anew with; give one, or call reset")
        anew = self._begin_anew()
        self._links[anew] = False
        self._state = self.physics.state()
        observation = self._senses.observe(
            self._truth(self._state), self._command, self._on_device(anew), is_again=True
        )
        self._note("physics", began)
        return observation

    def _truth(self, state: PhysicsState) -> Truth:
        return Truth(state, self.episodes, self._step, self._clouds_o, self._links)

    def _put(self, rows: NDArray[np.int64], episodes: Episodes) -> None:
        """Open hands and objects at the start of episodes (K) in the worlds ``rows`` (K,)."""
        hands = np.tile(self.hand.open_pose, (len(rows), 1))
        start_w = episodes.wrist_pose_w[:, 0]
        self.physics.reset(episodes.grasp_objects, episodes.object_pose_w, start_w, hands, worlds=rows)

    def _on_device(self, values: Array | NDArray[np.bool_] | NDArray[np.int64] | Tensor) -> Tensor:
        """Values where the physics has its state."""
        return torch.as_tensor(values).to(self._command.device)

    def _begin_anew(self) -> NDArray[np.bool_]:
        """New episodes where the last ones have ended, if there is a source of them; these worlds (E,) bool."""
        anew = self._has_ended.copy()
        if self._source is None or not anew.any():
            return np.zeros_like(anew)
        rows, episodes = np.flatnonzero(anew), self._source.sample(int(anew.sum()))
        order = np.arange(self.num_worlds)
        order[rows] = self.num_worlds + np.arange(len(rows))
        self._episodes = take_rows(join_episodes([self.episodes, episodes]), order)
        self._put(rows, episodes)
        self._shifts.begin(rows, episodes)
        self._command[rows] = self._on_device(np.tile(self.hand.open_pose, (len(rows), 1)))
        self._clouds_o[rows] = self._on_device(_clouds_of(episodes))
        self._step[rows] = 0
        self._has_ended[rows] = False
        self._facts.begin(rows, episodes.object_pose_w)
        self._lifts.begin(rows)
        self._senses.begin(rows, episodes)
        return anew

    # ---- a control step ---------------------------------------------------------------------------------------------

    def step(self, action: Array | Tensor, primitive_action: Tensor | None = None) -> EnvStep:
        """One control step, while the wrists move on; where an episode ends with it, the lift as well.

        Args:
            action: (E, J) in [-1, 1]; 1 closes a joint by ``task.max_joint_step``.
            primitive_action: a_p of the step (E, J), for rewards that are made of it.

        Raises:
            RuntimeError: nothing was reset yet, or every episode is over and there is no source of others.
            ValueError: actions of another shape, or not finite; a reward term lacks its input.
        """
        began = time.perf_counter()
        if self.episodes.max_steps <= self._num_stepped and self._source is None and self._has_ended.all():
            raise RuntimeError(f"every episode is over, after {self._num_stepped} steps; call reset")
        like, now = self._command, int(self._step.max())
        action = check_action(torch.as_tensor(action).to(like), tuple(like.shape), now)
        self._num_stepped += 1
        anew = self._begin_anew()
        moving = ~self._has_ended & ~anew
        before = self._shifts.move(self.physics, self.episodes, self._facts, self._state, self._step, moving)
        state = self._advance(before, action, moving)
        truth = self._truth(state)
        observation = self._senses.observe(truth, self._command, self._on_device(anew) if anew.any() else None)
        terms = self._terms(truth, before, primitive_action, moving)
        ended = self._lifts.ended(self.episodes, self._step, state, moving)
        self._has_ended |= ended
        self._state = state
        self._note("physics", began)
        outcome = self._end(state, ended, terms) if ended.any() else None
        terms = {name: value.float() for name, value in terms.items()}
        reward = torch.stack([*terms.values(), torch.zeros_like(self._command[:, 0]).float()]).sum(dim=0)
        return EnvStep(observation, terms, reward, ended, outcome, state)

    def _advance(self, before: PhysicsState, action: Tensor, moving: NDArray[np.bool_]) -> PhysicsState:
        """The state after one control step of the moving worlds (E,) bool, from the state before it."""
        command = next_command(
            self._command,
            action,
            torch.as_tensor(before.joint_pos),
            self.hand.limits,
            max_step=self.task.max_joint_step,
            max_gap=self.physics.settings.max_target_gap,
        )
        grip = self._senses.reflex.grip(self._command, torch.as_tensor(before.joint_pos), self.hand)
        lifts = self._on_device(self.episodes.lift_step != AUTOMATIC) & self._senses.reflex.is_rising
        command = torch.where(lifts[:, None], grip, command)
        self._command = torch.where(self._on_device(moving)[:, None], command, self._command)
        self._step = self._step + moving
        self.physics.set_joint_targets(self._command)
        self.physics.set_wrist_targets(self.episodes.wrist_pose_w[np.arange(self.num_worlds), self._step])
        self.physics.step(None if moving.all() else moving)
        if self.watch_contacts or "contacts" in self.privileged:
            self._links = torch.as_tensor(self.physics.contact_links()) & self._on_device(moving)[:, None]
        if self.watch_contacts:
            counts = moving & self._lifts.counts(self.episodes, self._step)
            self._facts.note(self.hand, to_host(self._links), to_host(self.physics.table_links()), counts)
        return self.physics.state()

    # ---- reward and end ---------------------------------------------------------------------------------------------

    def _terms(
        self, truth: Truth, before: PhysicsState, primitive_action: Tensor | None, moving: NDArray[np.bool_]
    ) -> dict[str, Tensor]:
        """Weighted terms of the step, (E,) each, those of the end still 0; 0 where nothing moves or all is lost."""
        if self.reward is None:
            return {}
        zero, shift = torch.zeros_like(self._command[:, 0]), None
        if self.reward.needs("displacement"):
            shift = self._lifts.pushed(self.episodes, self._step, before, truth.state)
        facts = StepFacts(
            joint_pos_before=torch.as_tensor(before.joint_pos),
            joint_pos=torch.as_tensor(truth.state.joint_pos),
            a_p=None if primitive_action is None else self._on_device(primitive_action),
            fingertip_distance=HIDDEN["fingertip_distance"](truth) if self.reward.needs("fingertip") else None,
            goal_joint_pos=self._on_device(truth.episodes.other_joint_pos),
            object_shift=shift,
        )
        found = reward_terms(self.reward, facts, self._on_device(self._step - 1))
        counts = self._on_device(moving) & ~torch.as_tensor(truth.state.is_diverged)
        return {name: torch.where(counts, found.get(name, zero), zero) for name in self.reward.weights}

    def _end(self, state: PhysicsState, ended: NDArray[np.bool_], terms: dict[str, Tensor]) -> EpisodeOutcome:
        """How the ended worlds come out, after a lift where no user lifted; their terms are completed."""
        began, episodes, rows = time.perf_counter(), self.episodes, np.flatnonzero(ended)
        before, lifted = self._lifts.before(episodes, state, rows), self._lifts.first(rows)
        waiting = episodes.lift_step[rows] == AUTOMATIC
        if waiting.any():
            active = np.zeros_like(ended)
            active[rows] = waiting & ~before.is_diverged
            lifted = choose_rows(waiting, take_rows(lift_test(self.physics, active=active), rows), lifted)
            self._state = self.physics.state()
        is_grasp, second = episodes.is_grasp[rows], self._lifts.second_try(state, rows)
        outcome = judge(take_rows(self._facts, rows), before, lifted, episodes.goal_joint_pos[rows], is_grasp, second)
        if self.reward is not None:
            last = {name: value[rows].cpu() for name, value in terms.items()}
            for name, value in final_terms(self.reward, outcome, last).items():
                counted = torch.where(torch.as_tensor(outcome.is_diverged), 0.0, value.double())
                terms[name][rows] = counted.to(terms[name])  # in the precision of the backend
        self._note("lift", began)
        return outcome

    def _note(self, part: str, began: float) -> None:
        self.seconds[part] += time.perf_counter() - began


def _clouds_of(episodes: Episodes) -> Tensor:
    """Clouds in the frames of their objects (E, 3, N)."""
    return torch.as_tensor(np.stack([thing.cloud.T for thing in episodes.grasp_objects]))
