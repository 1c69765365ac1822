"""What a synthesis attempts for each object, and what it counts."""

from dataclasses import dataclass, field

from datamodules.synthesis.hand_bank import BankSettings
from datamodules.synthesis.trial import TrialSettings


@dataclass(frozen=True)
class SynthesisSettings:
    """What is attempted for each object.

    Attributes:
        seed: master seed; an object's generator also depends on its name.
        quota: grasps kept of an object, the most diverse reachable ones, made up from those that are only verified;
            every verified grasp when None.
        wanted: an object is done once it has so many reachable grasps. Of a round's verified grasps the most diverse
            are approached first, and no more than are likely to be needed.
        max_hands: an object is given up after so many hands have been tried.
        batch: worlds simulated together; hands tried in a round at most. Where few grasps are missing, fewer are tried.
        proposals: proposals drawn at a time for a type.
        start_checks: of these, at most so many are checked for penetration.
        types: grasp types to make; all of the hand when None.
        bank: layout of the hand-shape banks.
        trial: bounds of a trial.
    """

    seed: int = 0
    quota: int | None = 5
    wanted: int = 5
    max_hands: int = 384
    batch: int = 24
    proposals: int = 400
    start_checks: int = 64
    types: tuple[str, ...] | None = None
    bank: BankSettings = field(default_factory=BankSettings)
    trial: TrialSettings = field(default_factory=TrialSettings)

    def __post_init__(self) -> None:
        for name in ("wanted", "max_hands", "batch", "proposals", "start_checks"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, expected at least 1")
        if self.quota is not None and self.quota < 1:
            raise ValueError(f"quota is {self.quota}, expected at least 1, or null to keep every verified grasp")


@dataclass
class TypeCount:
    """Counts of one type.

    Attributes:
        checked: hands whose start was checked for penetration.
        tried: those that were closed.
        verified: those that held.
        kept: verified grasps that are in the set.
        reachable: verified grasps that a moving wrist took; only as many are approached as are wanted.
        seconds: the object's time, shared out by the hands tried.
        rejected: trials by the cause of their rejection.
    """

    checked: int = 0
    tried: int = 0
    verified: int = 0
    kept: int = 0
    reachable: int = 0
    seconds: float = 0.0
    rejected: dict[str, int] = field(default_factory=dict)

    def reject(self, cause: str, count: int) -> None:
        """Count ``count`` more rejections for a cause."""
        self.rejected[cause] = self.rejected.get(cause, 0) + count
