"""The simulated trial of a grasp: close without upsetting the object, then hold it through a shaken lift."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datamodules.grasps.poses import relative_pose
from envs.objects.grasp_object import GraspObject
from envs.physics.base import PhysicsBackend, to_host
from envs.trials.lift import SURE_VERDICT, LiftResult, lift_test

Array = NDArray[np.float64]

REJECTIONS: tuple[str, ...] = ("penetrates_at_start", "moved", "tilted", "few_contacts", "diverged", "lift", "easy")
"""Why a trial is rejected; "easy" only where such grasps are limited (`EasyLimit`)."""


@dataclass(frozen=True)
class TrialSettings:
    """Bounds of a trial.

    Attributes:
        close_steps: control steps of closing.
        max_penetration: overlap allowed at the start, m.
        max_shift: how far closing may move the object, m.
        min_upright: least cosine of the angle by which closing may turn the object.
        min_links: hand links that must touch the object.
        position_noise: standard deviation of the wrist's position before the lift, m.
        shake: sideways acceleration of the object during the lift, m/s^2.
        num_lifts: lifts that a grasp has to survive, each from anew; where few hands hold an object, many that survive
            one are lucky.
    """

    close_steps: int = 16
    max_penetration: float = 0.0005
    max_shift: float = 0.02
    min_upright: float = 0.985
    min_links: int = 2
    position_noise: float = 0.001
    shake: float = 0.5 * 9.81
    num_lifts: int = 1


@dataclass
class TrialResult:
    """Verified grasps of a batch (G rows) and how the others ended.

    Attributes:
        wrist_pose_o: wrist pose in the object frame (G, 7).
        joint_pos: joints as they hold the object (G, J), rad.
        links: touching links (G, L) bool.
        object_pose_w: where the object stood when the hand had closed (G, 7).
        row: which rows of the batch these are (G,).
        cause: why each row of the batch was rejected, one of REJECTIONS; empty for the verified ones; length K.
    """

    wrist_pose_o: Array
    joint_pos: Array
    links: NDArray[np.bool_]
    object_pose_w: Array
    row: NDArray[np.int64]
    cause: list[str]

    def without(self, rejected: NDArray[np.bool_], cause: str) -> "TrialResult":
        """The same with some of the G verified grasps rejected (G,) after all."""
        causes = list(self.cause)
        for row in self.row[rejected]:
            causes[row] = cause
        kept = ~rejected
        return TrialResult(
            self.wrist_pose_o[kept], self.joint_pos[kept], self.links[kept], self.object_pose_w[kept], self.row[kept],
            causes,
        )  # fmt: skip


def run_trials(
    physics: PhysicsBackend,
    thing: GraspObject,
    object_pose_w: Array,
    wrist_pose_w: Array,
    preshape: Array,
    target: Array,
    settings: TrialSettings,
    rng: np.random.Generator,
    *,
    too_easy: Callable[[Array, Array], NDArray[np.bool_]] | None = None,
) -> TrialResult:
    """Close and lift K <= E candidates that start without penetration.

    Args:
        physics: E worlds.
        thing: the object.
        object_pose_w: its poses before the trials (K, 7).
        wrist_pose_w: wrist poses (K, 7).
        preshape: starting joints (K, J), rad.
        target: joints closed towards (K, J), rad.
        settings: bounds.
        rng: noise of the lift.
        too_easy: told the object poses (G, 7) and wrist poses of their frames (G, 7) of the closed hands, says which
            are not worth a lift (G,); all are when None. May use the worlds.
    """
    count = len(wrist_pose_w)
    alive = _placed(physics, thing, object_pose_w, wrist_pose_w, preshape)
    _close(physics, preshape, target, settings.close_steps, alive)
    closed, links = physics.state().host(), to_host(physics.contact_links())
    causes = [""] * count

    def reject(cause: str, bad: NDArray[np.bool_]) -> None:
        for row in np.flatnonzero(alive[:count] & bad):
            causes[row] = cause
        alive[:count] &= ~bad

    wrist_w, object_w = closed.wrist_pose_w[:count], closed.object_pose_w[:count]
    reject("diverged", closed.is_diverged[:count])
    reject("moved", np.linalg.norm(object_w[:, :3] - object_pose_w[:, :3], axis=1) > settings.max_shift)
    reject("tilted", _turn_cosine(object_pose_w, object_w) < settings.min_upright)
    reject("few_contacts", links[:count].sum(axis=1) < settings.min_links)
    joint_pos = physics.hand.clamp(closed.joint_pos[:count])
    if too_easy is not None and (rows := np.flatnonzero(alive)).size:
        easy = np.zeros(count, dtype=bool)
        easy[rows] = too_easy(object_w[rows], relative_pose(object_w[rows], wrist_w[rows]))
        reject("easy", easy)
    for _ in range(settings.num_lifts if alive.any() else 0):
        result = _shaken_lift(physics, thing, object_w, wrist_w, joint_pos, alive, settings, rng)
        reject("diverged", result.is_diverged[:count])
        reject("lift", ~result.is_lifted[:count])
    kept = np.flatnonzero(alive[:count])
    return TrialResult(
        wrist_pose_o=relative_pose(object_w[kept], wrist_w[kept]),
        joint_pos=joint_pos[kept],
        links=links[kept],
        object_pose_w=object_w[kept],
        row=kept,
        cause=causes,
    )


def _placed(
    physics: PhysicsBackend, thing: GraspObject, object_pose_w: Array, wrist_pose_w: Array, joint_pos: Array
) -> NDArray[np.bool_]:
    """Put K candidates into the first worlds, and say which of the E worlds hold one (E,)."""
    count = len(wrist_pose_w)
    physics.reset([thing] * count, object_pose_w, wrist_pose_w, joint_pos, worlds=np.arange(count))
    return np.arange(physics.num_worlds) < count


def _shaken_lift(
    physics: PhysicsBackend,
    thing: GraspObject,
    object_w: Array,
    wrist_w: Array,
    joint_pos: Array,
    alive: NDArray[np.bool_],
    settings: TrialSettings,
    rng: np.random.Generator,
) -> LiftResult:
    """Place the living of K grasps anew, wrists a little off, and lift while the object is pulled sideways."""
    count = len(wrist_w)
    noisy = wrist_w.copy()
    noisy[:, :3] += settings.position_noise * rng.standard_normal((count, 3))
    angle = rng.random(count) * 2.0 * np.pi
    rows = np.flatnonzero(alive[:count])
    physics.reset([thing] * len(rows), object_w[rows], noisy[rows], joint_pos[rows], worlds=rows)
    side = np.zeros((physics.num_worlds, 3))
    side[:count, 0], side[:count, 1] = settings.shake * np.cos(angle), settings.shake * np.sin(angle)
    return lift_test(physics, active=alive, side_acceleration_w=side, rise_steps=SURE_VERDICT)


def _close(physics: PhysicsBackend, start: Array, target: Array, num_steps: int, active: NDArray[np.bool_]) -> None:
    """Move the first rows' joint targets linearly from start to target."""
    present = physics.state().host()
    physics.set_wrist_targets(present.wrist_pose_w)
    command = present.joint_pos
    for step in range(1, num_steps + 1):
        command[: len(start)] = start + step / num_steps * (target - start)
        physics.set_joint_targets(command)
        physics.step(active)


def _turn_cosine(first_w: Array, second_w: Array) -> Array:
    """Cosine of the rotation angle between two sets of poses (K,)."""
    dot = np.abs((first_w[:, 3:] * second_w[:, 3:]).sum(axis=1)).clip(0.0, 1.0)
    return 2.0 * dot**2 - 1.0
