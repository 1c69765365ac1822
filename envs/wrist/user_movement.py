"""The user's task: wrists that come, dwell and rise by themselves, pass by or change their mind (docs/wrist.md)."""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from envs.hand.hand import Hand
from envs.wrist.clearance import open_hand_height
from envs.wrist.movement import KINDS, WristMovements
from envs.wrist.patterns import ARRIVAL_TOLERANCE, WristPatterns
from envs.wrist.starts import Range, displaced, lowest_height
from envs.wrist.stroke_sums import StrokeSums
from envs.wrist.strokes import human_reach, minimum_jerk
from envs.wrist.trajectory import TURN_TOLERANCE, check_grasps, check_reachable
from envs.wrist.user_reach import PASS_BY, Aims, plan_reaches
from envs.wrist.user_settings import UserSettings

Array = NDArray[np.float64]
Steps = NDArray[np.int64]

ROUNDING_STEPS = 3
"""Control steps by which a movement may become longer when reach, dwell and rise are made of whole ones."""


@dataclass(frozen=True)
class UserMovement(UserSettings):
    """Movements of a user who decides when to lift; the fields are those of `UserSettings`.

    Of the movement patterns only the turns are used, so ``mix`` plays no part.
    """

    def max_steps(self, period_s: float) -> int:
        """Control steps until the last second try may end."""
        return round((self.horizon_s + self.retry_horizon_s) / period_s)

    def sample(
        self,
        hand: Hand,
        final_pose_w: Array,
        fingertip_centre_w: Array,
        other_pose_w: Array,
        *,
        period_s: float,
        patterns: WristPatterns,
        mix: bool,
        rng: Generator,
    ) -> WristMovements:
        """K movements as the settings say; see `WristMovement`."""
        check_grasps(final_pose_w, fingertip_centre_w)
        if other_pose_w.shape != final_pose_w.shape:
            raise ValueError(f"other_pose_w has shape {other_pose_w.shape}, expected {final_pose_w.shape}")
        if self.tremor > 0.0 and self.tremor_hz[1] >= 0.5 / period_s:
            raise ValueError(
                f"tremor_hz reaches {self.tremor_hz[1]:g} Hz, allowed below {0.5 / period_s:g} for control steps of "
                f"{period_s:g} s; lower it or set tremor to 0"
            )
        final_pose_w, other_pose_w = _unit(final_pose_w), _unit(other_pose_w)
        kind = self._draw_kinds(len(final_pose_w), rng)
        aims = Aims(kind, final_pose_w, fingertip_centre_w, other_pose_w)
        sums, kind = plan_reaches(self, hand, aims, patterns, rng)
        sums, times = self._fitted(sums, self._draw_times(kind, rng), period_s)
        rest = _whole(sums.moving_s + sums.delay_s, period_s)
        step = np.arange(self.max_steps(period_s) + 1)
        row, reach = np.nonzero(step <= rest[:, None])
        offset = sums.offsets(row, period_s * reach.astype(np.float64))
        is_away = np.zeros((len(kind), len(step)), dtype=bool)
        is_away[row, reach] = _is_away(offset)
        steps = self._in_steps(times, len(step) - is_away[:, ::-1].argmax(axis=1), rest, period_s)
        resting_w = _displaced(final_pose_w, sums.end)
        pose_w = np.repeat(resting_w[:, None], len(step), axis=1)
        pose_w[row, reach] = _displaced(final_pose_w[row], offset)
        tremor = _tremor(self.tremor, self.tremor_hz, (len(kind), len(step), 3), period_s, rng)
        until_end = np.minimum(step, steps.retry_end[:, None])
        pose_w[..., :3] += _rises(times, steps, step) + tremor[np.arange(len(kind))[:, None], until_end]
        # a hand that rests is turned as it is at the end
        height = (open_hand_height(hand, resting_w) - resting_w[:, 2])[:, None] + pose_w[..., 2]
        height[row, reach] = open_hand_height(hand, pose_w[row, reach])
        # raised where tremor, overshoot or the want of another way would take a hand lower than it may be
        pose_w[..., 2] += np.maximum(lowest_height(hand, final_pose_w)[:, None] - height, 0.0)
        check_reachable(pose_w)
        return WristMovements(pose_w, steps.end, steps.arrival, steps.lift, steps.retry_lift, steps.retry_end, kind)

    def _draw_kinds(self, count: int, rng: Generator) -> Steps:
        shares = {"pass_by": self.pass_by_share, "change_of_mind": self.change_of_mind_share}
        edges = np.cumsum(list(shares.values()))
        order = [*(KINDS.index(name) for name in shares), KINDS.index("grasp")]
        return np.array(order)[np.searchsorted(edges, rng.random(count), side="right")]

    def _draw_times(self, kind: Steps, rng: Generator) -> "_Times":
        count = len(kind)
        is_grasp = kind != PASS_BY
        angle, drift = rng.uniform(0.0, 2.0 * np.pi, (count, 2)), rng.uniform(*self.rise_drift, (count, 2))
        rise_w = np.stack([drift * np.cos(angle), drift * np.sin(angle), np.ones_like(drift)], axis=2)
        rise_w *= rng.uniform(*self.rise, (count, 2, 1))
        shortest = self.quickest_rise_s(np.linalg.norm(rise_w, axis=2))
        return _Times(
            is_grasp=is_grasp,
            dwell_s=np.where(is_grasp, rng.uniform(*self.dwell_s, count), 0.0),
            rise_w=rise_w,
            rise_s=np.maximum(rng.uniform(*self.rise_s, (count, 2)), shortest) / self.speed,
            is_human=rng.random((count, 2)) < self.human_share,
            has_retry=is_grasp & (rng.random(count) < self.retry_share),
            retry_pause_s=rng.uniform(*self.retry_pause_s, count),
            retry_dwell_s=rng.uniform(*self.retry_dwell_s, count),
        )

    def _fitted(self, sums: StrokeSums, times: "_Times", period_s: float) -> tuple[StrokeSums, "_Times"]:
        """Dwells no longer, then reaches no slower than the horizon allows."""
        rise_s = np.where(times.is_grasp, times.rise_s[:, 0], 0.0)
        allowed_s = self.horizon_s - ROUNDING_STEPS * period_s - sums.delay_s - rise_s
        shortest = np.minimum(times.dwell_s, self.dwell_s[0])
        dwell_s = np.clip(allowed_s - sums.moving_s, shortest, times.dwell_s)
        factor = np.minimum((allowed_s - dwell_s) / sums.moving_s, 1.0)
        return sums.faster(factor), replace(times, dwell_s=dwell_s)

    def _in_steps(self, times: "_Times", arrival: Steps, rest: Steps, period_s: float) -> "_Steps":
        rise = _whole(times.rise_s, period_s)
        # the user dwells from when he is practically there, but does not rise before he rests
        lift = np.where(times.is_grasp, np.maximum(arrival + _whole(times.dwell_s, period_s), rest + 1), rest)
        end = np.where(times.is_grasp, lift + rise[:, 0], rest)
        down = end + _whole(times.retry_pause_s, period_s)
        retry_lift = down + rise[:, 0] + _whole(times.retry_dwell_s, period_s)
        retry_end = retry_lift + rise[:, 1]
        has_retry = times.has_retry & (retry_end <= self.max_steps(period_s))
        down, retry_lift, retry_end = (np.where(has_retry, column, end) for column in (down, retry_lift, retry_end))
        return _Steps(np.where(times.is_grasp, arrival, end), lift, end, down, retry_lift, retry_end, rise)


@dataclass(frozen=True)
class _Times:
    """What follows the reach in K movements; columns of two are of the first and of the second try."""

    is_grasp: NDArray[np.bool_]  # (K,)
    dwell_s: Array  # (K,)
    rise_w: Array  # (K, 2, 3) m
    rise_s: Array  # (K, 2)
    is_human: NDArray[np.bool_]  # (K, 2) which profile the rises have
    has_retry: NDArray[np.bool_]  # (K,)
    retry_pause_s: Array  # (K,)
    retry_dwell_s: Array  # (K,)


@dataclass(frozen=True)
class _Steps:
    """Control steps (K,) at which a part begins or ends; those of a second try are ``end`` where there is none."""

    arrival: Steps
    lift: Steps
    end: Steps
    down: Steps
    retry_lift: Steps
    retry_end: Steps
    rise: Steps  # (K, 2) steps that a rise takes


def _rises(times: _Times, steps: _Steps, step: Steps) -> Array:
    """Displacement (K, T, 3), m, by the rise, the way down and the second rise."""
    fraction = [(step - begin[:, None]) / steps.rise[:, :1] for begin in (steps.lift, steps.down)]
    again = (step - steps.retry_lift[:, None]) / steps.rise[:, 1:]
    has_retry = (steps.retry_end > steps.end)[:, None]
    first = np.where(times.is_grasp[:, None], _risen(fraction[0], times.is_human[:, 0]), 0.0)
    first -= np.where(has_retry, _risen(fraction[1], np.zeros(len(fraction[1]), dtype=bool)), 0.0)
    second = np.where(has_retry, _risen(again, times.is_human[:, 1]), 0.0)
    return first[..., None] * times.rise_w[:, None, 0] + second[..., None] * times.rise_w[:, None, 1]


def _risen(fraction: Array, is_human: NDArray[np.bool_]) -> Array:
    progress = np.where(fraction < 1.0, 0.0, 1.0)
    is_inside = (fraction > 0.0) & (fraction < 1.0)
    for profile, rows in ((partial(human_reach, grip=0.0), is_human), (minimum_jerk, ~is_human)):
        chosen = is_inside & rows[:, None]
        progress[chosen] = profile(fraction[chosen])
    return progress


def _tremor(size: float, frequencies: Range, shape: tuple[int, int, int], period_s: float, rng: Generator) -> Array:
    """Displacement (K, T, 3), m, of root mean square ``size``: noise of the frequencies, Hz."""
    rate = np.fft.rfftfreq(shape[1], period_s)
    # at least the nearest frequency that the length has
    is_heard = (rate >= frequencies[0]) & (rate <= frequencies[1]) | (
        np.abs(rate - np.mean(frequencies)) < 0.5 * rate[1]
    )
    spectrum = np.zeros((shape[0], len(rate), shape[2]), dtype=np.complex128)
    part = (shape[0], is_heard.sum(), shape[2])
    spectrum[:, is_heard] = rng.standard_normal(part) + 1j * rng.standard_normal(part)
    wave = np.fft.irfft(spectrum, shape[1], axis=1)
    return size * wave / np.sqrt((wave**2).sum(axis=2).mean(axis=1))[:, None, None]


def _is_away(offset: Array) -> NDArray[np.bool_]:
    """Whether offsets (M, 6) are beyond ARRIVAL_TOLERANCE or TURN_TOLERANCE."""
    is_far = np.linalg.norm(offset[:, :3], axis=1) > ARRIVAL_TOLERANCE
    return is_far | (np.linalg.norm(offset[:, 3:], axis=1) > TURN_TOLERANCE)


def _displaced(final_pose_w: Array, offset: Array) -> Array:
    """Poses (M, 7) at offsets (M, 6) from others (M, 7)."""
    return displaced(final_pose_w, offset[:, None, :3], offset[:, None, 3:])[:, 0]


def _whole(seconds: Array, period_s: float) -> Steps:
    """Control steps that take at least so long, and at least one."""
    return np.maximum(np.ceil(seconds / period_s - 1e-9), 1.0).astype(np.int64)


def _unit(pose_w: Array) -> Array:
    """Poses with quaternions of unit length."""
    pose_w = pose_w.astype(np.float64, copy=True)
    pose_w[:, 3:] /= np.linalg.norm(pose_w[:, 3:], axis=1, keepdims=True)
    return pose_w
