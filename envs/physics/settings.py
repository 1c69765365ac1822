"""Physical constants of the simulated task: one frozen dataclass, shared by synthesis, evaluation and assistance."""

from dataclasses import dataclass

from envs.conventions import PHYSICS_DT, STEPS_PER_CONTROL


@dataclass(frozen=True)
class PhysicsSettings:
    """Constants of contact and of the driven hand base (departures from the paper: docs/deviations.md).

    What drives the joints is the hand's (`Hand.gains`).

    Attributes:
        timestep: physics step, s.
        steps_per_control: physics steps of a control step.
        friction: sliding friction of hand, object and table; the paper's released code uses 3. A contact takes the
            larger friction of its two geoms, so all of them get this value.
        impratio: friction-to-normal impedance ratio of the elliptic cone.
        max_target_gap: largest distance of a joint's target from its position, rad; bounds the grip force.
        base_mass: mass of the palm, kg; heavy, so that contacts hardly slow the driven base.
        thrown_distance: an object farther than this from the hand, m, counts as a diverged world.
        max_speed: a faster object, m/s, counts as a diverged world.

    Raises:
        ValueError: a time step that is not positive, or no physics step in a control step.
    """

    timestep: float = PHYSICS_DT
    steps_per_control: int = STEPS_PER_CONTROL
    friction: float = 1.0
    impratio: float = 3.0
    max_target_gap: float = 0.3
    base_mass: float = 4.0
    thrown_distance: float = 3.0
    max_speed: float = 20.0

    def __post_init__(self) -> None:
        if not (self.timestep > 0.0 and self.steps_per_control >= 1):
            raise ValueError(
                f"timestep is {self.timestep} s and steps_per_control {self.steps_per_control}; a control step takes "
                f"at least one physics step of positive length, such as {STEPS_PER_CONTROL} of {PHYSICS_DT} s"
            )

    @classmethod
    def released(cls) -> "PhysicsSettings":
        """Those of the paper's released code: four steps of 1/120 s a control step, friction 3.

        Its objects weigh 0.1 kg and its hand has no weight, as here under any settings; its six base joints and what
        drives them: `envs.physics.isaacgym`, docs/backends.md.
        """
        return cls(timestep=1.0 / 120.0, steps_per_control=4, friction=3.0)

    @property
    def control_dt(self) -> float:
        """Control period: seconds that one `PhysicsBackend.step` simulates."""
        return self.steps_per_control * self.timestep
