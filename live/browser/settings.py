"""What the page offers, and its limits."""

from dataclasses import dataclass, fields

OBJECTS = (
    "can_00106", "mug_00106", "bottle_00106", "banana_00105", "ball_00106", "pear_00107", "wine_glass_00107",
    "spray_bottle_00105", "toy_animal_00106", "camera_00106", "flashlight_00105", "stapler_00106",
)  # fmt: skip
"""Objects that neither field nor policy was trained on, easy ones first."""


@dataclass(frozen=True)
class DemoSettings:
    """Settings of the page (`configs/live.yaml`).

    Attributes:
        policy: checkpoint, or folder of exported files, of the policy.
        grasps: grasp set with grasps of the objects, from which the ways to follow are made.
        objects: names of objects of the library; the first one is shown at first.
        port: of 127.0.0.1 at which the page is served; any free one when 0.
        max_visitors: tabs that have a world at the same time; each needs a good half of a core (docs/live.md).
        max_upload_mb: size of a mesh file that is taken, MB.
        build_timeout_s: seconds that its processing may take.
        seed: of the ways to follow.
        patterns: recorded wrist movements (docs/wrist.md), after which the ways go; generated ones when empty.

    Raises:
        ValueError: names the field, what was given and what is allowed.
    """

    policy: str = "pretrained/residual_ppo.ckpt"
    grasps: str = "data/grasps.npz"
    objects: tuple[str, ...] = OBJECTS
    port: int = 8080
    max_visitors: int = 4
    max_upload_mb: float = 8.0
    build_timeout_s: float = 60.0
    seed: int = 0
    patterns: str = ""

    def __post_init__(self) -> None:
        if not self.objects:
            raise ValueError("objects is empty; name at least one object of the library")
        if not 0 <= self.port <= 65535:
            raise ValueError(f"port is {self.port}; allowed: 1 to 65535, or 0 for any free one")
        for item in fields(self):
            if item.name in {"max_visitors", "max_upload_mb", "build_timeout_s"} and not getattr(self, item.name) > 0:
                raise ValueError(f"{item.name} is {getattr(self, item.name)}; expected a number above 0")
