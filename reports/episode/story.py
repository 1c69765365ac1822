"""Why an episode ended as it did, in a sentence or two: from the cause, and from what was touched when."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from envs.hand.hand import Hand
from envs.physics.base import Array
from envs.task.outcomes import (
    AWAY_DISTANCE,
    CAUSES,
    DISTURBED_DISTANCE,
    OVER_ANGLE,
    TABLE_STEPS,
    EpisodeOutcome,
    lean,
    translation,
)
from envs.trials.lift import MAX_SLIP
from reports.episode.record import EpisodeRecord

_FINGERS = {
    "ff": "index finger", "mf": "middle finger", "rf": "ring finger", "lf": "little finger", "th": "thumb",
    "pinky": "little finger", "thumb": "thumb",
}  # fmt: skip
"""What people call the fingers of the hands that come with the project; others are called by name."""

LEFT_BEHIND = 0.01
"""Metres that an object rises at most where it is said to have stayed behind."""

_SECOND_TRY = ("", " The second try failed as well.", " The second try succeeded.")


def parts_of(hand: Hand) -> dict[str, list[int]]:
    """Links by the part of the hand that people name: each finger, then the palm."""
    fingers = {
        _FINGERS.get(finger.name, f"{finger.name} finger"): [hand.links.index(link) for link in hand.links_of(finger)]
        for finger in hand.fingers
    }
    taken = {link for links in fingers.values() for link in links}
    return {**fingers, "palm": [link for link in range(len(hand.links)) if link not in taken]}


def story(record: EpisodeRecord, outcome: EpisodeOutcome) -> str:
    """Why the episode ended as it did; ``outcome`` has one row."""
    cause = CAUSES[int(outcome.cause[0])]
    told = _TELLERS[cause](_Facts(record))
    second = _SECOND_TRY[int(outcome.second_try[0])]
    return f"{told[0].upper()}{told[1:]}.{second}"


class _Facts:
    """What can be said of a record."""

    def __init__(self, record: EpisodeRecord) -> None:
        self.record = record
        self.until = slice(0, record.before + 1)
        self.moved_m = translation(record.start_pose_w, record.object_pose_w)

    def at(self, step: int) -> str:
        return f"{step * self.record.period_s:.2f} s"

    def names(self, links: NDArray[np.bool_]) -> list[str]:
        """Parts of the hand among links (L,) bool."""
        return [name for name, columns in parts_of(self.record.hand).items() if links[columns].any()]

    def when(self, step: int) -> str:
        """A moment, and how long before or after the wrist's arrival it was."""
        arrival = self.record.arrival
        if arrival is None:
            return f"at {self.at(step)}"
        apart = (step - arrival) * self.record.period_s
        side = "before the wrist arrived" if apart < 0.0 else "after the wrist had arrived"
        return f"at {self.at(step)}, {abs(apart):.2f} s {side}"

    def first_touch(self) -> str:
        touched = self.record.touches[self.until].any(axis=1)
        if not touched.any():
            return "nothing touched the object"
        step = int(touched.argmax())
        return f"{_listed(self.names(self.record.touches[step]))} touched the object first, {self.when(step)}"

    def lift(self) -> str:
        """What became of the object when the wrist rose."""
        record, lift = self.record, self.record.lift
        if lift is None or lift >= record.end:
            return "the episode ended before the lift"
        who = "the user rose" if record.is_by_user else "the hand was lifted"
        after = slice(lift, record.end + 1)
        rise = record.object_pose_w[after, 2] - record.object_pose_w[lift, 2]
        slip = np.abs(_apart(record)[after] - _apart(record)[lift])
        if rise.max() < LEFT_BEHIND:
            if record.touches[lift].any():
                return f"the hand slipped off the object when {who} at {self.at(lift)}"
            return f"the object stayed behind when {who} at {self.at(lift)}"
        if not (slip > MAX_SLIP).any():
            return f"the object rose by {100.0 * rise[-1]:.0f} cm after {who} at {self.at(lift)}"
        step = int((slip > MAX_SLIP).argmax())
        height = 100.0 * rise[: step + 1].max()
        return f"the object slipped out {step * record.period_s:.2f} s after {who}, {height:.0f} cm up"


def _success(facts: _Facts) -> str:
    moved = 100.0 * facts.moved_m[facts.record.before]
    if facts.record.lift is None:
        return f"the wrist came to grasp nothing, and the object moved by {moved:.1f} cm only"
    return f"{facts.first_touch()}; the object had moved by {moved:.1f} cm before the lift; {facts.lift()}"


def _diverged(facts: _Facts) -> str:
    return f"the physics broke down at {facts.at(facts.record.num_steps)}; {facts.first_touch()}"


def _disturbed(facts: _Facts) -> str:
    step, moved = _first(facts.moved_m > DISTURBED_DISTANCE), 100.0 * facts.moved_m[facts.record.end]
    return (
        f"nobody came to grasp, but {facts.first_touch()}; the object had moved by "
        f"{100.0 * DISTURBED_DISTANCE:.0f} cm at {facts.at(step)} and by {moved:.1f} cm in the end"
    )


def _never_touched(facts: _Facts) -> str:
    near = palm_distance(facts.record)[facts.until]
    step = int(near.argmin())
    return (
        f"nothing touched the object before the lift; the palm was nearest {facts.when(step)}, "
        f"{100.0 * near[step]:.1f} cm from it; {facts.lift()}"
    )


def _pushed_over(facts: _Facts) -> str:
    record = facts.record
    step = _first(lean(record.start_pose_w, record.object_pose_w) > OVER_ANGLE)
    lay = f"it leaned by more than {np.rad2deg(OVER_ANGLE):.0f} degrees from {facts.at(step)} on"
    return f"{facts.first_touch()}, and pushed it over: {lay}"


def _pushed_away(facts: _Facts) -> str:
    step = _first(facts.moved_m > AWAY_DISTANCE)
    return (
        f"{facts.first_touch()}, and pushed it away: it was {100.0 * AWAY_DISTANCE:.0f} cm off at {facts.at(step)}, "
        f"{100.0 * facts.moved_m[facts.record.before]:.0f} cm before the lift"
    )


def _hit_table(facts: _Facts) -> str:
    on_table = facts.record.on_table[facts.until]
    steps = {
        name: np.atleast_1d(on_table[:, columns].any(axis=1)) for name, columns in parts_of(facts.record.hand).items()
    }
    lying = [name for name, each in steps.items() if each.sum() >= TABLE_STEPS]
    lying = lying or [max(steps, key=lambda name: int(steps[name].sum()))]
    begin = min(_longest_run(steps[name]) for name in lying)
    return f"{_listed(lying)} lay on the table from {facts.at(begin)} on; {facts.lift()}"


def _let_go(facts: _Facts) -> str:
    touched = np.flatnonzero(facts.record.touches[facts.until].any(axis=1))
    last = int(touched[-1])
    return (
        f"{facts.first_touch()}; nothing touched it any longer after {facts.at(last)}, "
        f"{(facts.record.before - last) * facts.record.period_s:.2f} s before the lift; {facts.lift()}"
    )


def _slipped(facts: _Facts) -> str:
    held = _listed(facts.names(facts.record.touches[facts.record.before]))
    return f"held by {held} when the lift began; {facts.lift()}"


_TELLERS = dict(
    zip(
        CAUSES,
        (
            _success, _diverged, _disturbed, _never_touched, _pushed_over, _pushed_away, _hit_table, _let_go, _slipped,
        ),
        strict=True,
    )
)  # fmt: skip


def palm_distance(record: EpisodeRecord) -> Array:
    """Distance of the hand's grasp centre to the nearest point of the object's cloud (T + 1,), m."""
    centre_w = _moved(record.wrist_pose_w, np.asarray(record.hand.grasp_centre_h)[None])  # (T + 1, 1, 3)
    cloud_w = _moved(record.object_pose_w, record.grasp_object.cloud)
    distance: Array = np.linalg.norm(cloud_w - centre_w, axis=2).min(axis=1)
    return distance


def _moved(pose_w: Array, points: NDArray[np.floating]) -> Array:
    """Points (N, 3) of a body in the world at each of its poses (T, 7): (T, N, 3)."""

    turn = Rotation.from_quat(pose_w[:, 3:], scalar_first=True).as_matrix()
    return np.einsum("tij,nj->tni", turn, points) + pose_w[:, None, :3]


def _apart(record: EpisodeRecord) -> Array:
    """Distance between hand base and object (T + 1,), m."""
    distance: Array = np.linalg.norm(record.object_pose_w[:, :3] - record.wrist_pose_w[:, :3], axis=1)
    return distance


def _first(applies: NDArray[np.bool_]) -> int:
    """The first step (T + 1,) bool, the last one where there is none."""
    return int(applies.argmax()) if applies.any() else len(applies) - 1


def _longest_run(applies: NDArray[np.bool_]) -> int:
    """Where the longest run of true values begins; gaps of up to three steps are bridged."""
    steps = np.flatnonzero(applies)
    if not len(steps):
        return len(applies) - 1
    runs = np.split(steps, np.flatnonzero(np.diff(steps) > 4) + 1)
    return int(max(runs, key=len)[0])


def _listed(names: Sequence[str]) -> str:
    """The thumb and the index finger."""
    if not names:
        return "nothing"
    told = [f"the {name}" for name in names]
    return told[0] if len(told) == 1 else f"{', '.join(told[:-1])} and {told[-1]}"
