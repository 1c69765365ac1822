"""What is drawn for the user's task: shares, ranges and limits, with their reasons in docs/wrist.md."""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from envs.ranges import reversed_note
from envs.wrist.starts import Range, rotation_between

Array = NDArray[np.float64]
Values = TypeVar("Values", float, Array)

MIN_REACH_S = 1.0
"""Seconds of the horizon that have to be left for a reach when pause, dwell and rise are at their longest."""

RISE_PEAK = 2.27
"""Largest speed of a rise over its mean: of `human_reach` towards something small; minimum jerk has 1.875."""

BRAKE_S = 0.2
"""Seconds in which a wrist slows down for a pause, and in which it takes up its speed again."""


@dataclass(frozen=True)
class UserSettings:
    """Distributions of a user's movements; a pair is the lowest and the highest of a uniform distribution.

    Args:
        horizon_s: a movement ends by then, seconds; what would take longer dwells shorter, then reaches faster.
        retry_horizon_s: seconds after the horizon by which second tries end; those that would not are left out.
        pass_by_share: movements that come close and go away.
        change_of_mind_share: movements that first head for another grasp, where the object has one in reach.
        start_distance: from the start to the grasp, m.
        duration_s: of a reach until contact, seconds, log-uniform.
        max_speed: of the wrist before ``speed`` is applied, m/s; faster reaches and rises take longer instead.
        speed: all movement is so many times faster; pauses and dwells are not.
        human_share: reaches with the speed profile that people were measured with; of the others one half is skewed
            minimum jerk and one half lognormal.
        hesitation_share: reaches that slow down in between.
        hesitation_pace: what of the speed is left then.
        stop_share: reaches that stop in between.
        pause_s: how long a hesitation or stop lasts, seconds.
        pause_distance: how far from the grasp it is, m.
        overshoot_share: grasps that are passed a little, then corrected.
        overshoot: how far they are passed, m.
        dwell_s: from the arrival to the rise, seconds; slow wrists that take longer to come to rest rise then.
        tremor: root mean square of the displacement by tremor, m.
        tremor_hz: its frequencies.
        rise: how far the wrist rises, m.
        rise_s: in what time, seconds.
        rise_drift: how far it drifts sideways meanwhile, as a share of the rise.
        retry_share: grasps with a second try, which is made when the first fails.
        retry_pause_s: rest at the top before the wrist comes down again, seconds.
        retry_dwell_s: rest at the grasp before the second rise, seconds.
        pass_gap: how close wrists that pass by come to their grasp, m.
        pass_pause_s: rest there, seconds; negative: the wrist turns without coming to rest.
        pass_tilt_deg: between the ways in and out.
        pass_exit: how far the wrist goes away, m.
        turn_at: what share of the way to the other grasp is covered when the mind changes.
        max_turn_m: no change of mind between grasps farther apart, m.
        max_turn_deg: nor between orientations farther apart, degrees.

    Raises:
        ValueError: names the field that is out of its bounds.
    """

    horizon_s: float = 5.0
    retry_horizon_s: float = 2.5
    pass_by_share: float = 0.15
    change_of_mind_share: float = 0.15
    start_distance: Range = (0.15, 0.35)
    duration_s: Range = (0.4, 3.0)
    max_speed: float = 1.3
    speed: float = 1.0
    human_share: float = 0.5
    hesitation_share: float = 0.2
    hesitation_pace: Range = (0.05, 0.3)
    stop_share: float = 0.1
    pause_s: Range = (0.2, 0.8)
    pause_distance: Range = (0.02, 0.15)
    overshoot_share: float = 0.15
    overshoot: Range = (0.005, 0.02)
    dwell_s: Range = (0.3, 1.0)
    tremor: float = 0.0003
    tremor_hz: Range = (8.0, 12.0)
    rise: Range = (0.15, 0.35)
    rise_s: Range = (0.5, 1.2)
    rise_drift: Range = (0.0, 0.2)
    retry_share: float = 0.5
    retry_pause_s: Range = (0.2, 0.5)
    retry_dwell_s: Range = (0.3, 0.6)
    pass_gap: Range = (0.02, 0.06)
    pass_pause_s: Range = (-0.3, 0.8)
    pass_tilt_deg: Range = (0.0, 30.0)
    pass_exit: Range = (0.15, 0.35)
    turn_at: Range = (0.3, 0.8)
    max_turn_m: float = 0.3
    max_turn_deg: float = 90.0

    def __post_init__(self) -> None:
        for name, (lowest, highest) in _BOUNDS.items():
            value = getattr(self, name)
            low, high = value if isinstance(value, (tuple, list)) else (value, value)
            is_pair = isinstance(value, (tuple, list))
            if is_pair != (name in _PAIRS) or not lowest <= low <= high <= highest:
                kind = "lowest and highest" if name in _PAIRS else "one number"
                raise ValueError(
                    f"{name} is {value}{reversed_note(low, high)}, allowed {kind} within {lowest:g} to {highest:g}; "
                    "change the setting"
                )
        for first, second in (("pass_by_share", "change_of_mind_share"), ("hesitation_share", "stop_share")):
            total = getattr(self, first) + getattr(self, second)
            if total > 1.0:
                raise ValueError(f"{first} and {second} add up to {total:g}, allowed up to 1; lower one of them")
        if self.pass_gap[1] >= self.start_distance[0]:
            raise ValueError(
                f"pass_gap reaches {self.pass_gap[1]:g} m and start_distance begins at {self.start_distance[0]:g} m; a "
                "wrist that passes by has to start farther away than it comes"
            )
        rise_s = max(self.rise_s[1], self.quickest_rise_s(self.rise[1] * np.hypot(1.0, self.rise_drift[1])))
        needed = self.pause_s[1] + BRAKE_S + self.dwell_s[0] + rise_s / self.speed + MIN_REACH_S
        if self.horizon_s < needed:
            raise ValueError(
                f"horizon_s is {self.horizon_s:g}, allowed from {needed:.3g}: the longest pause, {BRAKE_S:g} s to "
                f"brake, the shortest dwell, the longest rise and {MIN_REACH_S:g} s to reach; raise it or shorten these"
            )

    def quickest_rise_s(self, length: Values) -> Values:
        """Seconds that a rise of a length, m, takes at least, before ``speed`` is applied."""
        return RISE_PEAK * length / self.max_speed

    def is_near(self, final_pose_w: Array, other_pose_w: Array) -> NDArray[np.bool_]:
        """Whether a mind may change between wrist poses (K, 7) and (K, 7): within max_turn_m and max_turn_deg."""
        turn = np.linalg.norm(rotation_between(other_pose_w[:, 3:], final_pose_w[:, 3:]), axis=1)
        distance = np.linalg.norm(other_pose_w[:, :3] - final_pose_w[:, :3], axis=1)
        return (distance <= self.max_turn_m) & (turn <= np.deg2rad(self.max_turn_deg))  # NaN is not near


_SHARE, _SECONDS, _METRES = (0.0, 1.0), (0.0, 60.0), (0.0, 1.0)
_BOUNDS: dict[str, Range] = {
    "horizon_s": (0.0, 600.0),
    "retry_horizon_s": _SECONDS,
    "pass_by_share": _SHARE,
    "change_of_mind_share": _SHARE,
    "start_distance": (0.05, 0.5),
    "duration_s": (0.1, 60.0),
    "max_speed": (0.1, 10.0),
    "speed": (0.1, 10.0),
    "human_share": _SHARE,
    "hesitation_share": _SHARE,
    "hesitation_pace": _SHARE,
    "stop_share": _SHARE,
    "pause_s": _SECONDS,
    "pause_distance": _METRES,
    "overshoot_share": _SHARE,
    "overshoot": (0.0, 0.1),
    "dwell_s": _SECONDS,
    "tremor": (0.0, 0.05),
    "tremor_hz": (0.1, 100.0),
    "rise": (0.0, 0.5),
    "rise_s": (0.1, 60.0),
    "rise_drift": _SHARE,
    "retry_share": _SHARE,
    "retry_pause_s": _SECONDS,
    "retry_dwell_s": _SECONDS,
    "pass_gap": (0.0, 0.3),
    "pass_pause_s": (-60.0, 60.0),
    "pass_tilt_deg": (0.0, 75.0),
    "pass_exit": (0.15, 0.5),
    "turn_at": (0.05, 0.95),
    "max_turn_m": (0.0, 1.0),
    "max_turn_deg": (0.0, 180.0),
}
_PAIRS = tuple(name for name in _BOUNDS if isinstance(getattr(UserSettings, name), tuple))
