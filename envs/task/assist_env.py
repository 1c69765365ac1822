"""The assisting task: a human moves the wrist, joint targets come in, hundreds of worlds at once (GraspGF Sec. 2, 4.1).

One episode runs in all worlds together: T control steps, then the hand closes a little and rises. Worlds are filled
anew by `reset`; the simulator stays.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from envs.conventions import EPISODE_STEPS
from envs.geometry.transforms import pose_compose, pose_invert, quat_to_matrix
from envs.hand.model import LINKS, coupled_limits, normalise_joints, open_hand
from envs.physics.base import Array, PhysicsBackend, PhysicsState
from envs.task.episodes import Episodes
from envs.task.observations import HISTORY_LENGTH, POLICY_GROUPS, PRIVILEGED_GROUPS, Observation, check_groups
from envs.task.outcomes import EpisodeFacts, EpisodeOutcome, judge
from envs.task.perception import PerceptionNoise, episode_key
from envs.task.privileged import fingertip_distance, goal_wrist
from envs.trials.lift import lift_test


class HumanAssistEnv:
    """E worlds of the assisting task.

    Args:
        physics: the worlds; any backend.
        privileged: hidden groups to observe, for critics and scripted baselines.
        noise: errors of the observed wrist and cloud; none when None (GraspGF App. D.4).
        watch_contacts: note in every step what the hand touches, for the causes of failures; costs a sixth of a step.

    Raises:
        ValueError: a group that does not exist or is not privileged.
    """

    def __init__(
        self,
        physics: PhysicsBackend,
        *,
        privileged: Sequence[str] = (),
        noise: PerceptionNoise | None = None,
        watch_contacts: bool = True,
    ) -> None:
        check_groups(privileged, for_policy=False)
        for name in privileged:
            if name in POLICY_GROUPS:
                raise ValueError(
                    f"observation group {name!r} is not privileged and always observed; privileged groups: "
                    f"{', '.join(PRIVILEGED_GROUPS)}"
                )
        self.physics = physics
        self.privileged = tuple(name for name in PRIVILEGED_GROUPS if name in privileged)
        self.noise = noise
        self.watch_contacts = watch_contacts
        self.step_index = 0
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

    def reset(self, episodes: Episodes) -> Observation:
        """Fill every world with its episode and give the first observation.

        Raises:
            ValueError: another number of episodes than worlds.
        """
        if len(episodes) != self.num_worlds:
            raise ValueError(f"{len(episodes)} episodes for {self.num_worlds} worlds; expected one for each world")
        self._episodes = episodes
        self.step_index = 0
        start_w = episodes.wrist_pose_w[:, 0]
        joint_pos = np.tile(open_hand(), (self.num_worlds, 1))
        self.physics.reset(episodes.things, episodes.object_pose_w, start_w, joint_pos)
        self._history = np.repeat(start_w[:, None], HISTORY_LENGTH, axis=1)
        self._clouds_o = torch.as_tensor(np.stack([thing.cloud.T for thing in episodes.things]))
        self._noise_key = 0 if self.noise is None else episode_key(start_w)
        self._links = np.zeros((self.num_worlds, len(LINKS)), dtype=bool)
        self._facts = EpisodeFacts.at_start(episodes.object_pose_w)
        return self._observe(self.physics.state())

    def step(self, joint_target: Array) -> Observation:
        """Joint targets (E, 18), rad, for one control step, while the wrist moves on.

        Raises:
            RuntimeError: the episode is over.
        """
        if self.step_index >= EPISODE_STEPS:
            raise RuntimeError(f"the episode ended after {EPISODE_STEPS} steps; call finish, then reset")
        wrist_pose_w = self.episodes.wrist_pose_w
        self.step_index += 1
        self.physics.set_joint_targets(joint_target)
        self.physics.set_wrist_targets(wrist_pose_w[:, self.step_index])
        self.physics.step()
        state = self.physics.state()
        self._history = np.concatenate([self._history[:, 1:], state.wrist_pose_w[:, None]], axis=1)
        if self.watch_contacts or "contacts" in self.privileged:
            self._links = self.physics.contact_links()
        if self.watch_contacts:
            self._facts.note(self._links, self.physics.table_links())
        return self._observe(state)

    def finish(self) -> EpisodeOutcome:
        """Close by 0.1 rad, lift by 1 m and judge every world.

        Raises:
            RuntimeError: the episode is not over yet.
        """
        if self.step_index != EPISODE_STEPS:
            raise RuntimeError(f"the episode is at step {self.step_index} of {EPISODE_STEPS}; finish comes at its end")
        before = self.physics.state()
        lifted = lift_test(self.physics, active=~before.is_diverged)
        return judge(self._facts, before, lifted, self.episodes.goal_joint_pos)

    def _observe(self, state: PhysicsState) -> Observation:
        wrist_w, object_w = torch.as_tensor(state.wrist_pose_w), torch.as_tensor(state.object_pose_w)
        object_h = pose_compose(pose_invert(wrist_w), object_w)
        points_h = move_clouds(object_h, self._clouds_o)
        history = torch.as_tensor(self._history)
        groups = {
            "joint_pos": normalise_joints(torch.as_tensor(state.joint_pos)).float(),
            "coupled_pos": _normalise_coupled(state.coupled_pos),
            "wrist_history": history.float(),
            "points_h": points_h,
        }
        if self.noise is not None:
            seen = self.noise.apply(groups["wrist_history"], points_h, self.step_index, key=self._noise_key)
            groups |= {"wrist_history": seen.wrist_history, "points_h": seen.points_h}
        for name in self.privileged:
            groups[name] = self._hidden(name, state, object_h, points_h).float()
        return Observation(groups, self.episodes.objects)

    def _hidden(self, name: str, state: PhysicsState, object_h: Tensor, points_h: Tensor) -> Tensor:
        episodes = self.episodes
        if name == "object_pose":
            return object_h
        if name == "object_motion":
            moved = state.object_pose_w[:, :3] - episodes.object_pose_w[:, :3]
            return torch.as_tensor(np.concatenate([moved, state.object_velocity[:, :3]], axis=1))
        if name == "goal_joints":
            return normalise_joints(torch.as_tensor(episodes.goal_joint_pos))
        if name == "goal_wrist":
            return goal_wrist(torch.as_tensor(state.wrist_pose_w), torch.as_tensor(episodes.wrist_pose_w[:, -1]))
        if name == "remaining":
            left = np.full(self.num_worlds, 1.0 - self.step_index / EPISODE_STEPS)
            way = (episodes.arrival_step - self.step_index).clip(0) / EPISODE_STEPS
            return torch.as_tensor(np.stack([left, way], axis=1))
        if name == "contacts":
            return torch.as_tensor(self._links)
        return fingertip_distance(torch.as_tensor(state.joint_pos), torch.as_tensor(state.coupled_pos), points_h)


def move_clouds(object_h: Tensor, clouds_o: Tensor) -> Tensor:
    """Clouds (E, N, 3) in the hand frame, float32, from object poses in it (E, 7) and clouds in the object frame.

    The clouds come as (E, 3, N): on a CPU the product of long rows is several times faster.
    """
    rotation = quat_to_matrix(object_h[:, 3:]).float()
    return torch.baddbmm(object_h[:, :3, None].float(), rotation, clouds_o).mT.contiguous()


def _normalise_coupled(coupled_pos: NDArray[np.float64]) -> Tensor:
    limits = coupled_limits()
    return torch.as_tensor(2.0 * (coupled_pos - limits.low) / (limits.high - limits.low) - 1.0).float()
