"""Physical constants of the simulated task: one frozen dataclass, shared by synthesis, evaluation and assistance."""

from dataclasses import dataclass

from envs.conventions import PHYSICS_DT


@dataclass(frozen=True)
class PhysicsSettings:
    """Constants of contact, actuation and the driven hand base (departures from the paper: docs/deviations.md).

    Attributes:
        timestep: physics step, s.
        friction: sliding friction of hand, object and table; the paper's released code uses 3. A contact takes the
            larger friction of its two geoms, so all of them get this value.
        impratio: friction-to-normal impedance ratio of the elliptic cone.
        position_gain: joint position gain, N m / rad.
        velocity_gain: joint damping of the position actuator, N m s / rad.
        force_limit: actuator torque limit, N m.
        max_target_gap: largest distance of a joint's target from its position, rad; bounds the grip force.
        base_mass: mass of the palm, kg; heavy, so that contacts hardly slow the driven base.
        thrown_distance: an object farther than this from the hand, m, counts as a diverged world.
        max_speed: a faster object, m/s, counts as a diverged world.
    """

    timestep: float = PHYSICS_DT
    friction: float = 1.0
    impratio: float = 3.0
    position_gain: float = 10.0
    velocity_gain: float = 0.2
    force_limit: float = 10.0
    max_target_gap: float = 0.3
    base_mass: float = 4.0
    thrown_distance: float = 3.0
    max_speed: float = 20.0
