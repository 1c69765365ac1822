"""Objects that are moved on the table while the wrist is on its way, and users who see it and correct."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from envs.physics.base import Array, PhysicsBackend, PhysicsState, to_host
from envs.task.episodes import Episodes
from envs.task.outcomes import EpisodeFacts
from envs.wrist.strokes import minimum_jerk

SHIFT_AT = (0.4, 0.7)
"""When the object is moved, as shares of the control steps until the wrist arrives (chosen)."""

FOLLOW_S = 0.3
"""Seconds in which the wrist makes up for it, by a minimum-jerk stroke on top of its way (Henis and Flash 1995), begun
slowly in place of the time that a person needs to react."""

TURNS = (0.0, 0.5 * np.pi, np.pi, 1.5 * np.pi)
"""Angles, rad, to the direction that was drawn, which are tried in this order until the object is clear of the hand."""

_STREAM = 6
"""Keeps what is drawn here apart from what else follows from an episode's key."""


class ObjectShifts:
    """Moves each object of E worlds once, by the same distance, while the wrist comes to grasp it.

    Moment and direction follow from the episode's key alone. The object is put elsewhere between two control steps, as
    it stands, and the world goes on from rest but for the wrist. It is never put deeper into the hand than it stands,
    and a finger that rests on the table blocks nothing: another direction is taken, or it stays, as an object in a
    closing hand does (docs/wrist.md). From then on the rest of the wrist's way lies as far aside:
    `Episodes.wrist_pose_w`, ``object_pose_w`` and the start that outcomes are judged from are those of an object that
    had stood there before.
    Wrists that do not come to grasp arrive nowhere, and their objects stay.

    Args:
        distance: m; at 0 nothing happens at all.
        num_worlds: E.
        period_s: seconds of a control step.
    """

    def __init__(self, distance: float, num_worlds: int, period_s: float) -> None:
        self._distance = distance
        self._period_s = period_s
        self._step = np.full(num_worlds, -1)
        self._angle = np.zeros(num_worlds)

    def begin(self, rows: NDArray[np.int64], episodes: Episodes) -> Episodes:
        """Episodes (K) begin in the worlds ``rows`` (K,); the same, with arrays of their own where they will change."""
        if self._distance == 0.0:
            return episodes
        draws = np.stack([np.random.default_rng([_STREAM, key]).random(2) for key in episodes.keys.tolist()])
        due = np.rint((SHIFT_AT[0] + (SHIFT_AT[1] - SHIFT_AT[0]) * draws[:, 0]) * episodes.arrival_step)
        self._step[rows] = np.where(episodes.is_grasp, due, -1)
        self._angle[rows] = 2.0 * np.pi * draws[:, 1]
        poses = {name: getattr(episodes, name).copy() for name in ("object_pose_w", "wrist_pose_w")}
        return replace(episodes, **poses)

    def move(
        self,
        physics: PhysicsBackend,
        episodes: Episodes,
        facts: EpisodeFacts,
        state: PhysicsState,
        step: NDArray[np.int64],
        moving: NDArray[np.bool_],
    ) -> PhysicsState:
        """The state after objects were moved whose time has come.

        Args:
            physics: the worlds.
            episodes: those that `begin` gave; written to.
            facts: of the running episodes; written to.
            state: of the worlds.
            step: control steps since the start of each (E,).
            moving: worlds that will be stepped (E,) bool.
        """
        rows = np.flatnonzero(moving & (step == self._step))
        if len(rows) == 0:  # nothing is looked at: a state on a device would have to come
            return state
        rows = rows[~to_host(state.is_diverged)[rows]]
        if len(rows) == 0:
            return state
        shift_w = self._place(physics, episodes, state.host(), rows)
        facts.start_pose_w[rows, :2] += shift_w
        episodes.object_pose_w[rows, :2] += shift_w
        since_s = self._period_s * (np.arange(episodes.max_steps + 1.0) - step[rows, None])
        done = minimum_jerk(since_s / FOLLOW_S)
        episodes.wrist_pose_w[rows, :, :2] += done[..., None] * shift_w[:, None]
        return physics.state()

    def _place(
        self, physics: PhysicsBackend, episodes: Episodes, state: PhysicsState, rows: NDArray[np.int64]
    ) -> Array:
        """Put the objects of the worlds ``rows`` (K,) elsewhere; by how much (K, 2), m, 0 where there is no room.

        There is room where the hand overlaps with object or table no deeper than where the object stands.
        """
        shift_w, left = np.zeros((len(rows), 2)), np.arange(len(rows))
        standing = self._put(physics, episodes, state, rows, shift_w)
        for turn in (*TURNS, None):
            angle = self._angle[rows[left]] + (turn or 0.0)
            distance = 0.0 if turn is None else self._distance
            shift_w[left] = distance * np.stack([np.cos(angle), np.sin(angle)], axis=1)
            depth = self._put(physics, episodes, state, rows[left], shift_w[left])
            left = left[depth > standing[left]]
            if len(left) == 0:
                break
        return shift_w

    @staticmethod
    def _put(
        physics: PhysicsBackend, episodes: Episodes, state: PhysicsState, worlds: NDArray[np.int64], shift_w: Array
    ) -> Array:
        """Put objects of K worlds aside (K, 2), m; how deep hands then overlap with object or table (K,), m."""
        object_pose_w = state.object_pose_w[worlds]
        object_pose_w[:, :2] += shift_w
        physics.reset(
            [episodes.grasp_objects[world] for world in worlds],
            object_pose_w,
            state.wrist_pose_w[worlds],
            physics.hand.clamp(state.joint_pos[worlds]),
            worlds=worlds,
        )
        return to_host(physics.initial_penetration(worlds))
