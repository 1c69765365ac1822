"""Ways of following the learnt field: from a score network to the primitive action a_p."""

import abc
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from envs.conventions import MAX_JOINT_STEP
from envs.hand.hand import Hand
from envs.ranges import POSITIVE, check_numbers
from lightning_modules.diffusion.joint_state import JointState
from lightning_modules.diffusion.losses import ScoreFn
from lightning_modules.diffusion.sde import SDE


@dataclass(frozen=True)
class Approach:
    """How far the approach of E hands has come, as far as it is known.

    Attributes:
        elapsed: share of its time that is over, in [0, 1] (E,): where a clock runs, as in trials.
        closeness: how near the object is, in [0, 1] (E,): on moving wrists, which show no clock
            (`lightning_modules.policy.primitive_view.closeness`).
    """

    elapsed: Tensor | None = None
    closeness: Tensor | None = None


UNKNOWN = Approach()
"""Neither is known; enough for followers that ask for neither."""


@dataclass(frozen=True)
class Field:
    """A learnt field under E conditions.

    Attributes:
        score: conditioned score of the state, score(x (E, D), t (E,)).
        sde: noising process of the score.
        joint_state: representation of the joints.
        hand: whose joints they are.
        rough: a cheaper score, for how far it is rather than where; the same one when None.
    """

    score: ScoreFn
    sde: SDE
    joint_state: JointState
    hand: Hand
    rough: ScoreFn | None = None


@dataclass(frozen=True)
class Heading:
    """What a primitive wants of E hands.

    Attributes:
        action: the primitive action a_p (E, J) in [-1, 1].
        way: from the present joints to those that it heads for (E, J), rad; of a follower that predicts no grasp, the
            next step.
        back: from the present joints to the open hand (E, J), rad.
    """

    action: Tensor
    way: Tensor
    back: Tensor


class Follower(abc.ABC):
    """A rule that turns the field at the present joints into an action in [-1, 1]^J.

    An action of 1 moves a joint by 0.05 rad in one control step (envs.conventions.MAX_JOINT_STEP).
    """

    def heading(self, field: Field, joint_pos: Tensor, approach: Approach = UNKNOWN) -> Heading:
        """What the field wants.

        Args:
            field: the field.
            joint_pos: present joints normalised to [-1, 1] (E, J).
            approach: how far the approach has come.
        """
        way = self.way(field, joint_pos, approach)
        opened = torch.tensor(field.hand.open_pose).to(joint_pos)
        return Heading(self.along(way), way, opened - field.hand.denormalise(joint_pos))

    @abc.abstractmethod
    def way(self, field: Field, joint_pos: Tensor, approach: Approach = UNKNOWN) -> Tensor:
        """`Heading.way`; arguments as for `heading`."""

    def along(self, way: Tensor) -> Tensor:
        """The action (E, J) that goes a way (E, J), rad."""
        return (way / MAX_JOINT_STEP).clamp(-1.0, 1.0)


class FixedTimeScore(Follower):
    """The paper's primitive: the score at one small diffusion time (GraspGF eq. 10).

    Args:
        t: diffusion time; the paper uses 0.005.
        normalise: divide by the largest absolute value over the joints, so that the fastest joint always moves at full
            speed (released code); without it the score times the squared noise is taken as the step, clipped.
    """

    def __init__(self, t: float = 0.005, normalise: bool = True) -> None:
        _check_time("t", t)
        self.t = t
        self.normalise = normalise

    def way(self, field: Field, joint_pos: Tensor, approach: Approach = UNKNOWN) -> Tensor:
        """See `Follower.way`; asks for nothing of the approach."""
        t = joint_pos.new_full(joint_pos.shape[:1], self.t)
        in_state = field.score(field.joint_state.encode(joint_pos), t)
        gradient = field.joint_state.project_score(in_state, joint_pos)
        half = field.hand.half_ranges(joint_pos)
        if self.normalise:
            in_radians = gradient * half
            return MAX_JOINT_STEP * in_radians / in_radians.abs().amax(dim=-1, keepdim=True).clamp_min(1e-8)
        return gradient * field.sde.std(t)[:, None].square() * half


class Denoiser(Follower):
    """Move towards the clean joints that the network predicts from the present ones (Tweedie's formula).

    At large t the estimate is the mean over what fits the cloud, at small t the nearest mode. The present joints are
    scaled by alpha(t), as the forward process does; without that the network sees inputs it was not trained on.

    Args:
        t: diffusion time.
        synchronised: all joints arrive together, the action scaled by its largest part; each by itself at full speed
            otherwise. Fingers that arrive one after another push the object away (docs/results_primitive.md).
        speed: largest action of a joint, in (0, 1].
    """

    def __init__(self, t: float = 0.35, synchronised: bool = False, speed: float = 1.0) -> None:
        _check_time("t", t)
        if not 0.0 < speed <= 1.0:
            raise ValueError(f"speed is {speed}; the largest action of a joint lies in (0, 1]")
        self.t = t
        self.synchronised = synchronised
        self.speed = speed

    def time(self, joint_pos: Tensor, approach: Approach) -> Tensor:
        """Diffusion time (E,) for E hands."""
        return joint_pos.new_full(joint_pos.shape[:1], self.t)

    def way(self, field: Field, joint_pos: Tensor, approach: Approach = UNKNOWN) -> Tensor:
        """See `Follower.way`."""
        return self.to_clean(field, joint_pos, self.time(joint_pos, approach))

    def along(self, way: Tensor) -> Tensor:
        """See `Follower.along`; no faster than ``speed``."""
        action = way / MAX_JOINT_STEP
        if self.synchronised:
            return self.speed * action / action.abs().amax(dim=1, keepdim=True).clamp_min(self.speed)
        return action.clamp(-self.speed, self.speed)

    @staticmethod
    def to_clean(field: Field, joint_pos: Tensor, t: Tensor) -> Tensor:
        """From the present joints to the clean ones that are predicted at times t (E,): (E, J), rad."""
        state = field.sde.mean_coefficient(t)[:, None] * field.joint_state.encode(joint_pos)
        clean = field.sde.clean_estimate(state, field.score(state, t), t)
        goal = field.joint_state.decode(clean).clamp(-1.0, 1.0)
        return (goal - joint_pos) * field.hand.half_ranges(joint_pos)


class AnnealedDenoiser(Denoiser):
    """A denoiser whose time falls from ``t_start`` to ``t_end`` over the approach: first the type, then the details.

    It falls with the time that has elapsed where there is a clock, with the object's closeness where there is none.

    Args:
        t_start: diffusion time at the start of the approach.
        t_end: diffusion time at its end.
        power: shape of the fall, above 0; 1 is linear, larger values stay longer at small times.
        synchronised, speed: see `Denoiser`.
    """

    def __init__(
        self,
        t_start: float = 0.8,
        t_end: float = 0.05,
        power: float = 1.0,
        synchronised: bool = False,
        speed: float = 1.0,
    ) -> None:
        _check_time("t_start", t_start)
        _check_time("t_end", t_end)
        check_numbers({"power": power}, {"power": POSITIVE})
        super().__init__(t_end, synchronised, speed)
        self.t_start = t_start
        self.power = power

    def time(self, joint_pos: Tensor, approach: Approach) -> Tensor:
        """Diffusion time (E,) for E hands.

        Raises:
            ValueError: neither is known how much time has elapsed nor how near the object is.
        """
        share = approach.closeness if approach.elapsed is None else approach.elapsed
        if share is None:
            raise ValueError("AnnealedDenoiser needs to know how far the approach has come; give elapsed or closeness")
        return self.t + (self.t_start - self.t) * (1.0 - share.clamp(0.0, 1.0)) ** self.power


class GapDenoiser(Denoiser):
    """A denoiser whose time falls with the gap that is left to the predicted grasp: no clock, no distance.

    Two estimates a step: the first one, at ``t_probe``, says how far the joints are from the grasp; the second one, at
    a time that falls with this gap, is moved towards. An open hand goes for the mean of what fits the cloud, a nearly
    closed one for the nearest mode, whenever the closing began.

    Args:
        t_far: diffusion time from a gap of ``far`` on.
        t_near: diffusion time where no gap is left.
        far: norm of the gap over the joints, rad.
        t_probe: diffusion time of the first estimate.
        synchronised, speed: see `Denoiser`.
    """

    def __init__(
        self,
        t_far: float = 0.8,
        t_near: float = 0.05,
        far: float = 1.5,
        t_probe: float = 0.5,
        synchronised: bool = False,
        speed: float = 1.0,
    ) -> None:
        _check_time("t_far", t_far)
        _check_time("t_near", t_near)
        _check_time("t_probe", t_probe)
        if far not in POSITIVE:
            raise ValueError(f"far is {far}; the gap of the largest time has to be more than 0 rad, and finite")
        super().__init__(t_probe, synchronised, speed)
        self.t_far = t_far
        self.t_near = t_near
        self.far = far

    def way(self, field: Field, joint_pos: Tensor, approach: Approach = UNKNOWN) -> Tensor:
        """See `Follower.way`; asks for nothing of the approach."""
        rough = replace(field, score=field.score if field.rough is None else field.rough)
        gap = self.to_clean(rough, joint_pos, self.time(joint_pos, approach)).norm(dim=1)
        t = self.t_near + (self.t_far - self.t_near) * (gap / self.far).clamp(max=1.0)
        return self.to_clean(field, joint_pos, t)


def _check_time(name: str, t: float) -> None:
    if not 0.0 < t <= 1.0:
        raise ValueError(f"{name} is {t}; diffusion times lie in (0, 1]")
