"""Everything that is worse at a real hand than in the simulation that a policy was trained in, in numbers."""

import math
from dataclasses import dataclass, fields, replace

import numpy as np

from live.poses import Array


@dataclass(frozen=True)
class Disturbances:
    """Sizes of what is wrong; chosen, of the order of the devices of the paper's Sec. 5.4. Errors are Gaussian.

    Attributes:
        share_friction, share_mass: friction and mass are off by up to this share, drawn evenly for each trial.
        arm_lag_s: by which the arm follows the user's wrist.
        arm_speed: of the arm, m/s at most.
        tracker_m, tracker_rad: noise of the wrist tracker, each coordinate.
        tracker_offset_m, tracker_offset_rad: its calibration's error, one for each trial.
        tracker_latency_s, tracker_jitter_s: by which its poses come late, and the spread of that.
        tracker_lost: share of its poses that are lost one by one.
        blackout_rate: gaps of the tracker, per second.
        blackout_s: length of a gap at most; drawn evenly from a third of it.
        camera_m: noise of the depth at 0.9 m; it grows with the square of the depth.
        camera_lost: share of pixels without depth.
        camera_offset_m, camera_offset_rad: error of each camera's calibration, one for each trial.
        camera_latency_s: by which a cloud comes late.
        motor_lag_s: first-order lag of the motors.
        motor_delay_s: by which a command comes late to them; whole control periods.
        tendon_play: rad that a tendon gives way between motor and joint.
        encoder_rad, encoder_offset_rad: noise of the joints' readings, and an error of each joint for each trial.

    Raises:
        ValueError: a number that is negative or none, or a share above 0.9.
    """

    share_friction: float = 0.3
    share_mass: float = 0.3
    arm_lag_s: float = 0.06
    arm_speed: float = 1.5
    tracker_m: float = 0.002
    tracker_rad: float = math.radians(0.7)
    tracker_offset_m: float = 0.002
    tracker_offset_rad: float = math.radians(0.7)
    tracker_latency_s: float = 0.05
    tracker_jitter_s: float = 0.01
    tracker_lost: float = 0.03
    blackout_rate: float = 0.2
    blackout_s: float = 0.3
    camera_m: float = 0.0015
    camera_lost: float = 0.05
    camera_offset_m: float = 0.001
    camera_offset_rad: float = math.radians(0.15)
    camera_latency_s: float = 0.1
    motor_lag_s: float = 0.03
    motor_delay_s: float = 0.025
    tendon_play: float = 0.02
    encoder_rad: float = 0.003
    encoder_offset_rad: float = 0.01

    def __post_init__(self) -> None:
        for item in fields(self):
            value, most = getattr(self, item.name), 0.9 if item.name in _SHARES else math.inf
            if not 0.0 <= value <= most:
                raise ValueError(f"{item.name} is {value}; allowed 0 to {most:g}")
        if self.arm_speed == 0.0:
            raise ValueError("arm_speed is 0; the arm has to move")

    @classmethod
    def none(cls) -> "Disturbances":
        """Nothing is wrong; clouds still come of two cameras."""
        nothing = {item.name: 0.0 for item in fields(cls) if item.name != "arm_speed"}
        return replace(cls(), **nothing)


_SHARES = {"share_friction", "share_mass", "tracker_lost", "camera_lost"}


def off_by(share: float, rng: np.random.Generator) -> float:
    """A factor that is off from 1 by up to a share."""
    return float(rng.uniform(1.0 - share, 1.0 + share))


def displaced(pose: Array, metres: float, radians: float, rng: np.random.Generator) -> Array:
    """A pose (7,) off by Gaussian errors of each coordinate of its position and of a rotation vector."""
    turn = 0.5 * radians * rng.standard_normal(3)
    found = pose.copy()
    found[:3] += metres * rng.standard_normal(3)
    found[3:] = quat_product(pose[3:], np.concatenate([[1.0], turn]))
    found[3:] /= np.linalg.norm(found[3:])
    return found


def quat_product(first: Array, second: Array) -> Array:
    """Product of two quaternions wxyz (4,): the second turn, then the first."""
    w, v = first[0], first[1:]
    product: Array = np.concatenate(
        [[w * second[0] - v @ second[1:]], w * second[1:] + second[0] * v + np.cross(v, second[1:])]
    )
    return product
