"""What the assisting task is, apart from its reward and its physics."""

from dataclasses import dataclass

from envs.conventions import MAX_JOINT_STEP
from envs.ranges import POSITIVE
from envs.task.observations import HISTORY_LENGTH
from envs.wrist.movement import PatternApproach, WristMovement

MAX_OBJECT_SHIFT = 0.2
"""Metres by which an object may be moved under way: the wrist would make up for it at 1.25 m/s, about its fastest."""


@dataclass(frozen=True)
class TaskSettings:
    """Constants of the task; a control step lasts as long as the physics says (`PhysicsSettings.control_dt`).

    Attributes:
        episode_steps: control steps of an episode whose wrist arrives by a pattern and is lifted (GraspGF Sec. 4.1);
            to be left out beside a movement.
        max_joint_step: radians that an action of 1 moves a joint in one control step (GraspGF App. A.1).
        history_length: wrist poses that a policy sees, the present one included (GraspGF Sec. 2).
        movement: how the wrist moves and who lifts; by a pattern, and the environment, when None.
        object_shift_m: the object is moved by so much on the table while the wrist is on its way to it, and the wrist
            follows (`envs.task.object_shift`), m; 0 leaves it where it is.

    Raises:
        ValueError: a number that is not positive, a shift that is negative or above MAX_OBJECT_SHIFT, or episode_steps
            beside a movement, which has a length of its own.
    """

    episode_steps: int = 50
    max_joint_step: float = MAX_JOINT_STEP
    history_length: int = HISTORY_LENGTH
    movement: WristMovement | None = None
    object_shift_m: float = 0.0

    def __post_init__(self) -> None:
        for name in ("episode_steps", "max_joint_step", "history_length"):
            value = getattr(self, name)
            if value not in POSITIVE:
                raise ValueError(f"{name} of the task is {value}, expected a number above 0, and finite")
        if self.movement is not None and self.episode_steps != TaskSettings.episode_steps:
            raise ValueError(
                f"episode_steps of the task is {self.episode_steps} and movement is set, which alone says how long an "
                "episode lasts; leave episode_steps out, and set that of the movement (horizon_s of UserMovement, "
                "num_steps of PatternApproach), or set movement to null"
            )
        if not 0.0 <= self.object_shift_m <= MAX_OBJECT_SHIFT:
            raise ValueError(
                f"object_shift_m of the task is {self.object_shift_m}, expected 0 (the object stays) to "
                f"{MAX_OBJECT_SHIFT} m; a user who is on his way could not follow farther"
            )

    @property
    def wrist(self) -> WristMovement:
        """How the wrist moves."""
        return PatternApproach(self.episode_steps) if self.movement is None else self.movement

    def check_fits_policies(self) -> None:
        """Refuse what followers, scripts and the table of observations do not follow: they are made for one value.

        Raises:
            ValueError: names the setting and that value.
        """
        for name, value in (("max_joint_step", MAX_JOINT_STEP), ("history_length", HISTORY_LENGTH)):
            if getattr(self, name) != value:
                raise ValueError(
                    f"{name} of the task is {getattr(self, name)}; policies and scripts are made for {value}; leave it "
                    "out, or drive envs.task.assist_env.HumanAssistEnv yourself"
                )
