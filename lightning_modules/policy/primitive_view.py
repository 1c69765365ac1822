"""What the frozen primitive says in worlds with moving wrists."""

import torch
from torch import Tensor

from envs.geometry.table import table_plane
from envs.hand.hand import Hand
from envs.task.observations import Observation
from lightning_modules.followers import Heading
from lightning_modules.networks.score_network import MAX_TABLE_HEIGHT
from lightning_modules.policy.inputs import COARSE_POINTS
from lightning_modules.primitive import GraspPrimitive

FAR = 0.15
"""Metres from the grasp centre to the nearest point of the cloud at which the object is not close at all."""

NEAR = 0.02
"""Metres at which it cannot be closer."""


def grasp_centre_distance(hand: Hand, points_h: Tensor) -> Tensor:
    """Distance of the hand's grasp centre to the nearest point (E,), m, of clouds in the hand frame (E, N, 3), m."""
    return (points_h - points_h.new_tensor(hand.grasp_centre_h)).norm(dim=2).amin(dim=1)


def closeness(hand: Hand, points_h: Tensor) -> Tensor:
    """How near the object is, from 0 at FAR to 1 at NEAR (E,), from the cloud in the hand frame (E, N, 3), m.

    Distance of the hand's grasp centre to the nearest of the first points of the cloud, which lie farthest apart.
    """
    nearest = grasp_centre_distance(hand, points_h[:, :COARSE_POINTS])
    return ((FAR - nearest) / (FAR - NEAR)).clamp(0.0, 1.0)


class PrimitiveView:
    """What the frozen primitive says about an observation: the scene and its action.

    A cloud that has hardly moved since it was encoded is not encoded again: wrists rest, before and after arrival.
    Four points say so of a known object as long as its cloud is one and the same (`KnownObjects.num_changes`: one
    camera shows others of its points once it is seen from elsewhere), all points of a cloud that nobody knows.

    Args:
        primitive: the trained field.
        tolerance: metres by which every probed point of cloud and table has to stay within its place at the last
            encoding for the scene to be kept; 0 encodes always, without a share.
        tolerance_share: so much more for each metre from the hand's grasp centre to the nearest probed point of the
            cloud: how a far scene lies to a hair decides little.

    Raises:
        ValueError: one of them is below 0.
    """

    def __init__(self, primitive: GraspPrimitive, tolerance: float = 0.5e-3, tolerance_share: float = 0.0) -> None:
        for name, value in (("tolerance", tolerance), ("tolerance_share", tolerance_share)):
            if not value >= 0.0:
                raise ValueError(f"{name} of the primitive's view is {value}; expected 0 or more")
        self.primitive = primitive
        self.tolerance = tolerance
        self.tolerance_share = tolerance_share
        self.num_encoded = 0
        self._probes: Tensor | None = None
        self._num_changes = torch.zeros(0, dtype=torch.int64)

    def anew(self) -> "PrimitiveView":
        """A view of the same primitive that remembers nothing."""
        return PrimitiveView(self.primitive, self.tolerance, self.tolerance_share)

    def start(self) -> None:
        """New episodes: forget every scene."""
        self._probes = None

    def heading(self, observation: Observation, scene: Tensor) -> Heading:
        """Primitive action a_p (E, J), and where it heads, from the scene."""
        hand = self.primitive.hand
        near = closeness(hand, observation["points_h"])
        return self.primitive.heading(hand.denormalise(observation["joint_pos"]), scene, closeness=near)

    @torch.no_grad()
    def scene(self, observation: Observation, wanted: Tensor | None = None) -> Tensor:
        """Scenes (E, S), as `GraspPrimitive.encode` makes them.

        Args:
            observation: of all worlds.
            wanted: the worlds (K,) whose scenes are read, all when None; of the others they may be old ones. An episode
                that has ended is seen with errors in every step, and would be encoded again each time.
        """
        points_h, objects = observation["points_h"], observation.objects
        table_h = table_plane(observation["wrist_history"][:, -1])
        # four points of a rigid cloud, far apart, say how it lies; the point of the table below the hand, how this does
        below_h = -table_h[:, None, :3] * table_h[:, None, 3:].clamp(max=MAX_TABLE_HEIGHT)
        probes = torch.cat([points_h if objects is None else points_h[:, :4], below_h], dim=1)
        changes = torch.zeros(len(probes), dtype=torch.int64) if objects is None else objects.num_changes
        rows = torch.arange(len(probes), device=probes.device)
        last = self._probes
        if last is not None and last.shape == probes.shape:
            shift = (probes - last).norm(dim=2).amax(dim=1)
            has_moved = ~(shift < self._tolerances(probes[:, :-1])) | (changes != self._num_changes).to(rows.device)
            rows = rows[has_moved] if wanted is None else wanted[has_moved[wanted]]
        if last is None or len(rows) == len(probes):
            self._scene = self.primitive.encode(points_h, objects, table_h)
            self._probes, self._num_changes = probes.clone(), changes
        elif len(rows):
            self._scene = self._scene.clone()  # the last one may be part of a rollout
            of_rows = None if objects is None else objects[rows]
            self._scene[rows] = self.primitive.encode(points_h[rows], of_rows, table_h[rows])
            last[rows], self._num_changes[rows.cpu()] = probes[rows], changes[rows.cpu()]
        self.num_encoded += len(rows)
        return self._scene

    def _tolerances(self, of_cloud_h: Tensor) -> Tensor:
        """Metres that probed points of clouds (E, P, 3) may have moved (E,)."""
        if self.tolerance_share == 0.0:
            return of_cloud_h.new_full((len(of_cloud_h),), self.tolerance)
        return self.tolerance + self.tolerance_share * grasp_centre_distance(self.primitive.hand, of_cloud_h)
