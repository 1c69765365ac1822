"""Arm, wrist tracker and motors of the rehearsal, each with what is wrong with it."""

import heapq
import math

import numpy as np

from envs.hand.hand import Hand
from live.poses import Array, between
from live.rehearsal.disturbances import Disturbances, displaced, quat_product


class Arm:
    """Carries the hand after a pose that is asked for: two first-order lags in a row, and a limited speed.

    Args:
        pose_w: where it stands (7,).
        wrong: its lag and speed.
        period_s: seconds of a step.

    Attributes:
        pose_w: where the hand base is told to be (7,).
    """

    def __init__(self, pose_w: Array, wrong: Disturbances, period_s: float) -> None:
        lag_s = 0.5 * wrong.arm_lag_s
        self._share = 1.0 if lag_s == 0.0 else 1.0 - math.exp(-period_s / lag_s)
        self._longest = wrong.arm_speed * period_s
        self._between = pose_w.copy()
        self.pose_w = pose_w.copy()

    def step(self, asked_w: Array) -> Array:
        """The pose (7,) at the end of the next control step, from the one that is asked for then."""
        self._between = between(self._between, asked_w, self._share)
        wanted = between(self.pose_w, self._between, self._share)
        way = float(np.linalg.norm(wanted[:3] - self.pose_w[:3]))
        share = 1.0 if way <= self._longest else self._longest / way
        self.pose_w = between(self.pose_w, wanted, share)
        return self.pose_w


class WristTracker:
    """Sees the hand base: with noise, an offset, late, with single losses and with gaps.

    Args:
        wrong: how much of each.
        rng: draws it.

    Attributes:
        num_lost: poses that never arrive.
    """

    def __init__(self, wrong: Disturbances, rng: np.random.Generator) -> None:
        self._wrong, self._rng = wrong, rng
        rest = np.array([0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0])
        self._offset = displaced(rest, wrong.tracker_offset_m, wrong.tracker_offset_rad, rng)
        self._on_the_way: list[tuple[float, float, tuple[float, ...]]] = []
        self._blind_until = -math.inf
        self.num_lost = 0

    def seen(self, pose_w: Array) -> Array:
        """A hand base at ``pose_w`` (7,) as the tracker sees it at that moment."""
        found = displaced(pose_w, self._wrong.tracker_m, self._wrong.tracker_rad, self._rng)
        found[:3] += self._offset[:3]
        found[3:] = quat_product(self._offset[3:], found[3:])
        return found

    def look(self, time_s: float, pose_w: Array, period_s: float) -> None:
        """The hand base is at ``pose_w`` (7,) now; its pose may be on the way from now on."""
        wrong, rng = self._wrong, self._rng
        if rng.random() < wrong.blackout_rate * period_s:
            self._blind_until = max(self._blind_until, time_s + rng.uniform(wrong.blackout_s / 3.0, wrong.blackout_s))
        seen = self.seen(pose_w)
        late = max(0.0, wrong.tracker_latency_s + wrong.tracker_jitter_s * rng.standard_normal())
        is_lost = rng.random() < wrong.tracker_lost
        if is_lost or time_s < self._blind_until:
            self.num_lost += 1
            return
        heapq.heappush(self._on_the_way, (time_s + late, time_s, tuple(seen.tolist())))

    def arrived(self, time_s: float) -> list[tuple[float, Array]]:
        """What has arrived by now: when each was seen, and the pose (7,)."""
        found = []
        while self._on_the_way and self._on_the_way[0][0] <= time_s + 1e-9:
            _, seen_s, pose = heapq.heappop(self._on_the_way)
            found.append((seen_s, np.array(pose)))
        return found


class Motors:
    """What joints are really told: commands come late, motors lag, tendons give way; and what encoders read.

    Args:
        hand: the hand.
        wrong: how much of each.
        period_s: seconds of a step.
        rng: draws the encoders' errors.
    """

    def __init__(self, hand: Hand, wrong: Disturbances, period_s: float, rng: np.random.Generator) -> None:
        self._hand, self._wrong, self._rng = hand, wrong, rng
        self._share = 1.0 if wrong.motor_lag_s == 0.0 else 1.0 - math.exp(-period_s / wrong.motor_lag_s)
        self._queue = [hand.open_pose.copy() for _ in range(round(wrong.motor_delay_s / period_s))]
        self._motor = hand.open_pose.copy()
        self._joint = hand.open_pose.copy()
        self._offset = wrong.encoder_offset_rad * rng.standard_normal(hand.num_joints)

    def step(self, command: Array) -> Array:
        """Targets (J,), rad, that the joints get in the next control step, from what is commanded now."""
        self._queue.append(command.copy())
        due = self._queue.pop(0)
        self._motor = self._motor + self._share * (due - self._motor)
        half = 0.5 * self._wrong.tendon_play
        self._joint = np.clip(self._joint, self._motor - half, self._motor + half)
        return self._joint

    def read(self, joint_pos: Array, coupled_pos: Array) -> Array:
        """What encoders say of joints (J,) and coupled ones (C,): (J + C,), rad."""
        joints = joint_pos + self._offset + self._wrong.encoder_rad * self._rng.standard_normal(len(joint_pos))
        coupled = coupled_pos + self._wrong.encoder_rad * self._rng.standard_normal(len(coupled_pos))
        return np.concatenate([self._hand.clamp(joints), coupled])
