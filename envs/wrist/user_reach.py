"""How a user's wrist comes to a grasp, near it, or to it by way of another one: strokes between points on the way."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from envs.hand.hand import Hand
from envs.rows import join_rows, take_rows
from envs.wrist.approach import perpendicular
from envs.wrist.movement import KINDS
from envs.wrist.patterns import DEFAULT_RANGES, WristPatterns
from envs.wrist.starts import Range, Start, clear_of_table, displaced, draw_starts, rotation_between
from envs.wrist.stroke_sums import StrokeSums, peak_rates
from envs.wrist.strokes import HUMAN_TAIL, human_reach, lognormal_stroke, skewed_minimum_jerk
from envs.wrist.user_settings import BRAKE_S, UserSettings

Array = NDArray[np.float64]

GRASP, CHANGE_OF_MIND, PASS_BY = (KINDS.index(name) for name in ("grasp", "change_of_mind", "pass_by"))

BEND = 0.15
"""Largest bend of an axis: paths are off the straight line by up to 4 % of its length."""

TURN_LEVER = 0.1
"""Metres that a turn of 1 rad counts as where the duration of a stroke is found."""

OVERLAP: Range = (0.1, 0.4)
"""Share of the shorter one of two strokes by which they overlap where a mind changes."""

RETURN_DISTANCE: Range = (0.05, 0.12)
"""Metres before a grasp to which a wrist first goes that changes its mind; as far as it was from the other grasp."""

CORRECTION_S: Range = (0.25, 0.5)
"""Seconds in which a wrist that has passed its grasp comes back to it."""

CORRECTION_OVERLAP = 0.2
"""Share of them by which it begins to before it has come to rest."""

KEPT_DISTANCE = 0.9
"""No change of mind takes the wrist closer to the fingertips' place than this share of its distance at the grasp."""

_GRID = 513  # samples of a profile
_CHECKED = 40  # samples of a way at which the hand has to be above the table


@dataclass(frozen=True)
class Aims:
    """What K wrists are up to, and where."""

    kind: NDArray[np.int64]  # (K,) index into KINDS
    final_pose_w: Array  # (K, 7) at the grasp
    fingertip_centre_w: Array  # (K, 3) m, at the grasp
    other_pose_w: Array  # (K, 7) at another grasp, NaN where there is none


def plan_reaches(
    settings: UserSettings, hand: Hand, aims: Aims, patterns: WristPatterns, rng: np.random.Generator
) -> tuple[StrokeSums, NDArray[np.int64]]:
    """Movements (K) until the wrist rests, as offsets from the final poses, and what kinds (K,) they are.

    A change of mind becomes an ordinary grasp where the other grasp is too far or none, or where its way would lead
    through the table or closer to the place of the fingertips than the grasp itself is.
    """
    is_far = ~settings.is_near(aims.final_pose_w, aims.other_pose_w)
    aims = replace(aims, kind=np.where((aims.kind == CHANGE_OF_MIND) & is_far, GRASP, aims.kind))
    sums, is_kept = _plan(settings, hand, aims, patterns, rng)
    failed = np.flatnonzero((aims.kind == CHANGE_OF_MIND) & ~(is_kept & (sums.margin >= 0.0)))
    if len(failed) == 0:
        return sums, aims.kind
    aims.kind[failed] = GRASP
    again, _ = _plan(settings, hand, take_rows(aims, failed), patterns, rng)
    order = np.arange(len(is_kept))
    order[failed] = len(order) + np.arange(len(failed))
    return take_rows(join_rows([sums, again]), order), aims.kind


def _plan(
    settings: UserSettings, hand: Hand, aims: Aims, patterns: WristPatterns, rng: np.random.Generator
) -> tuple[StrokeSums, NDArray[np.bool_]]:
    """Movements of given kinds, and which of them keep away from the place of the fingertips."""
    final_w, count = aims.final_pose_w, len(aims.kind)
    back_w = final_w[:, :3] - aims.fingertip_centre_w
    reach = np.linalg.norm(back_w, axis=1)
    back_w = back_w / reach[:, None]
    aim_w = np.where((aims.kind == CHANGE_OF_MIND)[:, None], aims.other_pose_w, final_w)
    # the hand's own direction from fingertips to wrist, as it is at the pose that is aimed at
    at_aim, at_end = (Rotation.from_quat(pose_w[:, 3:], scalar_first=True) for pose_w in (aim_w, final_w))
    starts = draw_starts(aim_w, (at_aim * at_end.inv()).apply(back_w), settings.start_distance, patterns, rng)
    intent = _draw_intent(settings, aims, aim_w, back_w, rng)
    pauses = _draw_pauses(settings, count, rng)

    def way(rows: NDArray[np.int64], start: Start) -> Array:
        sums = _strokes(settings, take_rows(intent, rows), start)
        time_s = np.linspace(0.0, sums.moving_s, _CHECKED, axis=1)
        offset = sums.offsets_without_pause(np.repeat(np.arange(len(rows)), _CHECKED), time_s.ravel())
        offset = offset.reshape(len(rows), _CHECKED, 6)
        return displaced(final_w[rows], offset[..., :3], offset[..., 3:])

    clear = clear_of_table(hand, final_w, starts, way)
    chosen = Start(
        np.stack([start.offset_w for start in starts])[clear.choice, np.arange(count)],
        np.stack([start.turn_w for start in starts])[clear.choice, np.arange(count)],
    )
    from_tips = np.linalg.norm(clear.pose_w[..., :3] - aims.fingertip_centre_w[:, None], axis=2)
    sums = replace(_with_pauses(_strokes(settings, intent, chosen), pauses), margin=clear.margin)
    return sums, from_tips.min(axis=1) >= KEPT_DISTANCE * reach


@dataclass(frozen=True)
class _Intent:
    """What K movements are to be, but for their starts."""

    kind: NDArray[np.int64]  # (K,)
    final_pose_w: Array  # (K, 7)
    aim_pose_w: Array  # (K, 7) the pose that is headed for first
    back_w: Array  # (K, 3) from the fingertips to the wrist at the final pose
    duration_s: Array  # (K,) of a stroke as long as the way from start to aim
    profile: Array  # (K, G)
    bend: Array  # (K, 6)
    overlap: Array  # (K,) share of the shorter one of two strokes
    turn_at: Array  # (K,) share of the way to the aim
    gap: Array  # (K,) m
    pass_pause_s: Array  # (K,)
    tilt: Array  # (K,) rad, between the ways in and out
    sideways: Array  # (K, 3) gives the direction of the tilt
    exit: Array  # (K,) m
    overshoot: Array  # (K,) m
    correction_s: Array  # (K,)


def _draw_intent(
    settings: UserSettings, aims: Aims, aim_pose_w: Array, back_w: Array, rng: np.random.Generator
) -> _Intent:
    count = len(aims.kind)
    shortest, longest = np.log(settings.duration_s)
    is_human = rng.random(count) < settings.human_share
    duration_s = np.exp(rng.uniform(shortest, longest, count)) * np.where(is_human, 1.0 + HUMAN_TAIL, 1.0)
    bend = np.concatenate([rng.uniform(-BEND, BEND, (count, 3)), np.zeros((count, 3))], axis=1)
    is_past = (rng.random(count) < settings.overshoot_share) & (aims.kind != PASS_BY)
    return _Intent(
        kind=aims.kind,
        final_pose_w=aims.final_pose_w,
        aim_pose_w=aim_pose_w,
        back_w=back_w,
        duration_s=duration_s,
        profile=_profiles(is_human, rng),
        bend=bend,
        overlap=rng.uniform(*OVERLAP, count),
        turn_at=rng.uniform(*settings.turn_at, count),
        gap=rng.uniform(*settings.pass_gap, count),
        pass_pause_s=rng.uniform(*settings.pass_pause_s, count),
        tilt=np.deg2rad(rng.uniform(*settings.pass_tilt_deg, count)),
        sideways=rng.standard_normal((count, 3)),
        exit=rng.uniform(*settings.pass_exit, count),
        overshoot=np.where(is_past, rng.uniform(*settings.overshoot, count), 0.0),
        correction_s=rng.uniform(*CORRECTION_S, count),
    )


def _profiles(is_human: NDArray[np.bool_], rng: np.random.Generator) -> Array:
    """Progress over time (K, G): measured, skewed minimum jerk or lognormal."""
    fraction, count = np.linspace(0.0, 1.0, _GRID)[None], len(is_human)
    is_skewed = ~is_human & (rng.random(count) < 0.5)
    is_lognormal = ~is_human & ~is_skewed
    profile = np.empty((count, _GRID))
    grip, skew, sigma = (
        rng.uniform(*span, (count, 1)) for span in ((0.0, 1.0), DEFAULT_RANGES.skew, DEFAULT_RANGES.sigma)
    )
    profile[is_human] = human_reach(fraction, grip[is_human])
    profile[is_skewed] = skewed_minimum_jerk(fraction, skew[is_skewed])
    profile[is_lognormal] = lognormal_stroke(fraction, sigma[is_lognormal])
    return profile


def _strokes(settings: UserSettings, intent: _Intent, start: Start) -> StrokeSums:
    """Three strokes between the points of each way, and two that pass the grasp and come back; no pause yet."""
    points = _points(intent, start)
    ahead = points[:, :-1] - points[:, 1:]
    length = np.sqrt((ahead[..., :3] ** 2).sum(axis=2) + (TURN_LEVER * ahead[..., 3:]) ** 2 @ np.ones(3))
    row, last = np.arange(len(ahead)), np.where(intent.kind == CHANGE_OF_MIND, 2, 0)
    past = np.zeros((len(ahead), 6))
    past[:, :3] = ahead[row, last, :3] * (intent.overshoot / length[row, last])[:, None]
    begin, duration = _timed(settings, intent, length + 1e-9, np.linalg.norm(start.offset_w, axis=1))
    correction = intent.correction_s / settings.speed
    back = (begin + duration)[:, -1] - CORRECTION_OVERLAP * correction
    is_past = intent.overshoot > 0.0
    nothing = np.zeros(len(ahead))
    return StrokeSums(
        end=points[:, -1],
        ahead=np.concatenate([ahead, past[:, None], -past[:, None]], axis=1),
        start_s=np.column_stack([begin, begin[row, last], np.where(is_past, back, 0.0)]),
        duration_s=np.column_stack([duration, duration[row, last], np.where(is_past, correction, 1e-9)]),
        profile=intent.profile,
        bend=intent.bend,
        pause_at_s=nothing,
        pause_s=nothing,
        pace=np.ones_like(nothing),
        brake_s=nothing,
        margin=nothing,
    )


def _timed(settings: UserSettings, intent: _Intent, length: Array, direct: Array) -> tuple[Array, Array]:
    """When the strokes (K, 3) of a length, m, begin, and how long they take, seconds.

    The duration grows with the root of the length, and is the drawn one for a stroke as long as the direct way (K,).
    """
    usual = intent.duration_s[:, None] * np.sqrt(length / direct[:, None])
    longest = length + intent.overshoot[:, None]
    shortest = peak_rates(intent.profile, intent.bend)[:, None] * longest / settings.max_speed
    duration = np.where(length > 1e-6, np.maximum(usual, shortest), 1e-9) / settings.speed
    shorter = np.minimum(duration[:, :-1], duration[:, 1:])
    # what a stroke waits for after the one before it; negative: they overlap
    wait = -intent.overlap[:, None] * shorter
    is_pass = intent.kind == PASS_BY
    wait[is_pass] = np.maximum(intent.pass_pause_s[is_pass, None], -OVERLAP[1] * shorter[is_pass]) * [1.0, 0.0]
    begin = np.cumsum(np.concatenate([np.zeros((len(wait), 1)), duration[:, :-1] + wait], axis=1), axis=1)
    return begin, duration


def _points(intent: _Intent, start: Start) -> Array:
    """Offsets of the start, two points on the way and the end from the final pose (K, 4, 6).

    Grasp: both points are the end. Passing by: both ends of the way out. Change of mind: where the mind changes, and
    before the grasp.
    """
    points = np.zeros((len(start.offset_w), 4, 6))
    points[:, 0] = np.concatenate([start.offset_w, start.turn_w], axis=1)
    distance = np.linalg.norm(start.offset_w, axis=1, keepdims=True)
    rows = intent.kind == PASS_BY
    nearest = points[rows, 0] * (intent.gap[rows, None] / distance[rows])
    straight = start.offset_w[rows] / distance[rows]
    sideways = perpendicular(straight, intent.sideways[rows])
    sideways *= np.where(sideways[:, 2:] < 0.0, -1.0, 1.0)  # away from the table
    tilt = intent.tilt[rows, None]
    out = intent.exit[rows, None] * (np.cos(tilt) * straight + np.sin(tilt) * sideways)
    points[rows, 1] = nearest
    points[rows, 2:, :3] = (nearest[:, :3] + out)[:, None]
    points[rows, 2:, 3:] = start.turn_w[rows, None]
    rows = intent.kind == CHANGE_OF_MIND
    left = np.stack([np.ones_like(intent.turn_at[rows]), 1.0 - intent.turn_at[rows]], axis=1)[..., None]
    offset, turn = left * start.offset_w[rows, None], left * start.turn_w[rows, None]
    pose_w = displaced(intent.aim_pose_w[rows], offset, turn)
    final_w = intent.final_pose_w[rows]
    points[rows, :2, :3] = pose_w[..., :3] - final_w[:, None, :3]
    for number in range(2):
        points[rows, number, 3:] = rotation_between(pose_w[:, number, 3:], final_w[:, 3:])
    before = np.clip(left[:, 1] * distance[rows], *RETURN_DISTANCE)
    points[rows, 2, :3] = before * intent.back_w[rows]
    return points


@dataclass(frozen=True)
class _Pauses:
    """Of K movements; a pace of 1 is none."""

    distance: Array  # (K,) m, still to go in the first stroke
    pause_s: Array  # (K,)
    pace: Array  # (K,)


def _draw_pauses(settings: UserSettings, count: int, rng: np.random.Generator) -> _Pauses:
    which = rng.random(count)
    is_slow = which < settings.hesitation_share
    is_stop = ~is_slow & (which < settings.hesitation_share + settings.stop_share)
    pace = np.where(is_slow, rng.uniform(*settings.hesitation_pace, count), np.where(is_stop, 0.0, 1.0))
    return _Pauses(rng.uniform(*settings.pause_distance, count), rng.uniform(*settings.pause_s, count), pace)


def _with_pauses(sums: StrokeSums, pauses: _Pauses) -> StrokeSums:
    """The movements with their pauses, each at its distance from the end of the first stroke."""
    left = (1.0 - sums.profile[..., None]) * (1.0 - sums.bend[:, None, :3] * sums.profile[..., None])
    distance = np.linalg.norm(left * sums.ahead[:, None, 0, :3], axis=2)
    fraction = (distance > pauses.distance[:, None]).sum(axis=1) / (_GRID - 1)
    return replace(
        sums,
        pause_at_s=sums.start_s[:, 0] + fraction * sums.duration_s[:, 0],
        pause_s=pauses.pause_s,
        pace=pauses.pace,
        brake_s=np.full(len(fraction), BRAKE_S),
    )
