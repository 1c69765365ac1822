"""What a simulation in Isaac Gym has beside `PhysicsSettings`: its device, and what drives the six base joints."""

from dataclasses import dataclass, field

HOST = "cpu"


@dataclass(frozen=True)
class BaseDrive:
    """Position drives of the base joints: along the axes (N/m, N s/m, N), about them (N m/rad, N m s/rad, N m).

    Stiff, because the palm has to arrive at the end of every control step; limited, because a driven palm must not
    push through the table. Estimated from the palm's mass and speed, never run on Isaac Gym itself (docs/backends.md).

    Raises:
        ValueError: one is negative.
    """

    stiffness: float = 1.0e7
    damping: float = 1.0e3
    force_limit: float = 2.0e3
    turn_stiffness: float = 1.0e5
    turn_damping: float = 10.0
    torque_limit: float = 100.0

    def __post_init__(self) -> None:
        given = (self.stiffness, self.damping, self.turn_stiffness, self.turn_damping)
        if not (min(given) >= 0.0 and min(self.force_limit, self.torque_limit) > 0.0):
            raise ValueError(f"{self}: stiffness and damping are at least 0, limits positive")


@dataclass(frozen=True)
class IsaacGymOptions:
    """How Isaac Gym simulates.

    Attributes:
        device: where PhysX runs: ``cpu``, or ``cuda:0`` and so on. States pass through the host in either case.
        substeps: parts into which PhysX divides a physics step; the released code has 2.
        num_threads: threads of PhysX on the CPU.
        base: drives of the base joints.

    Raises:
        ValueError: another device, or no substep.
    """

    device: str = HOST
    substeps: int = 1
    num_threads: int = 4
    base: BaseDrive = field(default_factory=BaseDrive)

    def __post_init__(self) -> None:
        kind, _, number = self.device.partition(":")
        if self.device != HOST and not (kind == "cuda" and number.isdigit()):
            raise ValueError(f"device is {self.device!r}; available: cpu, or cuda:0, cuda:1 and so on")
        if self.substeps < 1 or self.num_threads < 0:
            raise ValueError(f"substeps is {self.substeps} and num_threads {self.num_threads}; at least 1 and 0")

    @property
    def device_number(self) -> int:
        """Number of the GPU, or -1."""
        return -1 if self.device == HOST else int(self.device.partition(":")[2])
