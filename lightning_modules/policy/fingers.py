"""Learnt controllers of the fingers, behind the same seam as scripts: the primitive alone, and with its residual."""

from collections.abc import Callable

import torch
from torch import Tensor

from envs.conventions import NUM_JOINTS
from envs.geometry.object_clouds import KnownObjects
from envs.hand.model import denormalise_joints
from envs.physics.base import Array
from envs.task.observations import Observation
from lightning_modules.policy.features import COARSE_POINTS
from lightning_modules.primitive import GraspPrimitive

GRASP_CENTRE_H = (0.0, -0.03, 0.085)
"""Point of the hand frame between palm and half-closed fingers, m: where a held object tends to be."""

FAR = 0.15
"""Metres from the grasp centre to the nearest point of the cloud at which an approach has just begun."""

NEAR = 0.02
"""Metres at which it is over."""


def approach_progress(points_h: Tensor) -> Tensor:
    """How much of an approach is over, in [0, 1] (E,), from the cloud in the hand frame (E, N, 3), m.

    Distance of the grasp centre to the nearest of the first points of the cloud, which lie farthest apart, from FAR to
    NEAR. A moving wrist shows no clock: what counts is how near the object is.
    """
    nearest = (points_h[:, :COARSE_POINTS] - points_h.new_tensor(GRASP_CENTRE_H)).norm(dim=2).amin(dim=1)
    return ((FAR - nearest) / (FAR - NEAR)).clamp(0.0, 1.0)


class PrimitiveView:
    """What the frozen primitive says about an observation: its cloud feature and its action.

    A cloud that has hardly moved since it was encoded is not encoded again: wrists rest, before and after arrival.

    Args:
        primitive: the trained field.
        tolerance: metres by which every probed point has to stay within its place at the last encoding for the feature
            to be kept; 0 encodes always.
    """

    def __init__(self, primitive: GraspPrimitive, tolerance: float = 0.5e-3) -> None:
        self.primitive = primitive
        self.tolerance = tolerance
        self.num_encoded = 0
        self._probes: Tensor | None = None

    def start(self) -> None:
        """New episodes: forget every feature."""
        self._probes = None

    @torch.no_grad()
    def __call__(self, observation: Observation) -> tuple[Tensor, Tensor]:
        """Cloud feature (E, F) and primitive action a_p (E, 18)."""
        points_h = observation["points_h"]
        feature = self._encode(points_h, observation.objects)
        joints = denormalise_joints(observation["joint_pos"])
        return feature, self.primitive.act(joints, feature, approach_progress(points_h))

    def _encode(self, points_h: Tensor, objects: KnownObjects | None) -> Tensor:
        # four points of a rigid cloud, far apart, say how it lies
        probes = points_h[:, :4]
        rows = torch.arange(len(probes), device=probes.device)
        if self._probes is not None and len(self._probes) == len(probes):
            shift = (probes - self._probes).norm(dim=2).amax(dim=1)
            rows = rows[~(shift < self.tolerance)]
        if self._probes is None or len(rows) == len(probes):
            self._feature = self.primitive.encode(points_h, objects)
            self._probes = probes.clone()
        elif len(rows):
            self._feature = self._feature.clone()  # the last one may be part of a rollout
            of_rows = None if objects is None else objects[rows]
            self._feature[rows] = self.primitive.encode(points_h[rows], of_rows)
            self._probes[rows] = probes[rows]
        self.num_encoded += len(rows)
        return self._feature


class PrimitiveFingers:
    """The primitive alone (GraspGF Table 2, "w/o RL"), held back until a fixed step.

    Args:
        view: the primitive.
        start_step: control step from which it acts; 0 is the plain primitive.
    """

    def __init__(self, view: PrimitiveView, start_step: int = 0) -> None:
        self._view = view
        self._start_step = start_step

    def start(self, num_worlds: int) -> None:
        """See `FingerPolicy.start`."""
        self._view.start()

    def act(self, observation: Observation, step: int) -> Array:
        """See `FingerPolicy.act`."""
        if step < self._start_step:
            return torch.zeros((len(observation), NUM_JOINTS), dtype=torch.float64).numpy()
        return self._view(observation)[1].double().cpu().numpy()


class LearntFingers:
    """A learnt policy without its exploration.

    Args:
        action: hand action (E, 18) of an observation.
        start: called when episodes begin.
    """

    def __init__(self, action: Callable[[Observation], Tensor], start: Callable[[], None]) -> None:
        self._action = action
        self._start = start

    def start(self, num_worlds: int) -> None:
        """See `FingerPolicy.start`."""
        self._start()

    @torch.no_grad()
    def act(self, observation: Observation, step: int) -> Array:
        """See `FingerPolicy.act`."""
        return self._action(observation).double().cpu().numpy()
