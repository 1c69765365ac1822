"""What the policy of IBS sees: joints, how the wrist moves, and the bisector surface."""

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch
from torch import Tensor

from datamodules.threads import thread_pool
from datamodules.types import each_tensor
from envs.bisector.distance_fields import DistanceFields, fields_of
from envs.bisector.distances import Scene
from envs.bisector.hand_shapes import HandShapes
from envs.bisector.points import MAX_POINTS, BisectorPoints, PartContacts, join_hands, part_contacts
from envs.bisector.surface import CHUNK, BisectorSurface
from envs.geometry.table import table_plane
from envs.hand.hand import Hand
from envs.task.observations import HISTORY_LENGTH, Observation
from lightning_modules.policy.inputs import wrist_attitude, wrist_motion
from lightning_modules.sac.replay import Situation


@dataclass(frozen=True)
class Seen:
    """What is known in B worlds: where things are, the surface as the networks see it, and who touches what."""

    situation: Situation
    points: BisectorPoints
    contacts: PartContacts


class SurfaceView:
    """Makes situations of observations, and surfaces of situations; on the CPU.

    Args:
        hand: the hand.
        num_points: points of a surface that the networks see at most.

    Attributes:
        fields: distances to the objects of the last observation; rows of situations count in them.

    Raises:
        ValueError: no points, or more than there ever are.
    """

    hidden_groups = ("object_pose",)
    """Where the object is; the surface is made of its shape, as in the original."""

    def __init__(self, hand: Hand, num_points: int) -> None:
        if not 1 <= num_points <= MAX_POINTS:
            raise ValueError(f"num_points is {num_points}; 1 to {MAX_POINTS} points of a surface can be seen")
        self.hand = hand
        self.num_points = num_points
        self.fields: DistanceFields | None = None
        self._shapes = HandShapes(hand)
        self._surface = BisectorSurface(hand.grasp_centre_h)
        self._pool: ThreadPoolExecutor | None = None

    @property
    def num_parts(self) -> int:
        """Parts of the hand: palm and fingers."""
        return self._shapes.num_parts

    @property
    def state_dim(self) -> int:
        """Numbers of `state`."""
        return self.hand.num_joints + self.hand.num_coupled + 6 * (HISTORY_LENGTH - 1) + 4

    def look(self, observation: Observation) -> Seen:
        """What an observation with the group object_pose says.

        Raises:
            ValueError: the shapes of the objects are not known.
        """
        if observation.objects is None:
            raise ValueError(
                "the observation does not say which objects are seen, whose shapes the bisector surface is made of; "
                "give episodes of one set of objects"
            )
        self.fields = fields_of(observation.objects.clouds)
        names = ("joint_pos", "coupled_pos", "wrist_history", "object_pose")
        groups = {name: observation[name].cpu() for name in names}
        situation = Situation(**groups, object_row=observation.objects.rows)
        points = self.points(situation)
        return Seen(situation, points.thinned(self.num_points), part_contacts(points, self.num_parts))

    def points(self, situation: Situation) -> BisectorPoints:
        """Surfaces in B situations of the objects of `fields`, not thinned; on as many threads as torch has here.

        Raises:
            RuntimeError: nothing was looked at yet.
        """
        if self.fields is None:
            raise RuntimeError("the objects are not known yet; look at an observation first")
        self.fields.prepare(situation.object_row)
        threads = torch.get_num_threads()
        # whole chunks: the numbers do not depend on the threads
        size = CHUNK * max(1, math.ceil(len(situation) / threads / CHUNK))
        parts = [
            each_tensor(lambda value, begin=begin: value[begin : begin + size], situation)
            for begin in range(0, len(situation), size)
        ]
        if len(parts) == 1:
            return self._find(situation, self.fields)
        if self._pool is None:
            self._pool = thread_pool(threads, "surface")
        return join_hands(list(self._pool.map(self._find, parts, [self.fields] * len(parts))))

    def _find(self, situation: Situation, fields: DistanceFields) -> BisectorPoints:
        limits, table_h = self.hand.coupled_limits, table_plane(situation.wrist_history[:, -1])
        low, high = (torch.tensor(edge).to(situation.coupled_pos) for edge in (limits.low, limits.high))
        coupled = low + 0.5 * (situation.coupled_pos + 1.0) * (high - low)
        shapes = self._shapes.place(self.hand.denormalise(situation.joint_pos), coupled)
        return self._surface.find(shapes, Scene(table_h, situation.object_pose, fields, situation.object_row))

    def state(self, situation: Situation) -> Tensor:
        """What is seen besides the surface (B, `state_dim`): joints, and how the wrist moved and stands."""
        history_w = situation.wrist_history
        parts = (situation.joint_pos, situation.coupled_pos, wrist_motion(history_w), wrist_attitude(history_w[:, -1]))
        return torch.cat(parts, 1)
