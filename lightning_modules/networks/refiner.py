"""A second look: where the fingers of a predicted grasp would be against object and table, and what that corrects."""

import math

import torch
from torch import Tensor, nn

from envs.hand.hand import Hand
from envs.hand.kinematics import full_precision
from envs.hand.places import HandPlaces
from lightning_modules.networks.score_network import ConditionedBlock

NEAR_POINTS = 256
"""Points of a cloud, the first in farthest-point order, among which the nearest one to a finger is looked for."""

MAX_DISTANCE = 0.1
"""Metres from which on a distance to the object, or a height, tells no more."""

DISTANCE_SCALE = 0.03
"""Metres by which these are divided."""

_PLACES = 3
"""Joints of a finger, from its tip on, whose places are read: those of its phalanges."""


class GraspRefiner(nn.Module):
    """Corrects a denoised grasp by what its fingers would meet.

    A network that reads the cloud as one feature does not know how far a fingertip is from the surface. Here the clean
    estimate of a first network is put through forward kinematics; of fingertips and phalanges it is read where the
    nearest point of the cloud is and how high they are above the table, and a correction of the noise comes out.

    Args:
        hand: whose fingers they are.
        state_dim: D of the joint state.
        joint_width: width of the two layers that read states and fingers.
        feature_dim: F of the scene's feature.
        time_width: size of the time embedding.
        hidden_width: width of the conditioned block.
    """

    def __init__(
        self, hand: Hand, state_dim: int, joint_width: int, feature_dim: int, time_width: int, hidden_width: int
    ) -> None:
        super().__init__()
        self.hand = hand
        phalanges = _phalanges(hand)
        self._places = HandPlaces(hand, phalanges)
        num_keys = len(hand.fingers) + len(phalanges)
        self.read = nn.Sequential(
            nn.Linear(2 * state_dim + 5 * num_keys, joint_width),
            nn.SiLU(),
            nn.Linear(joint_width, joint_width),
            nn.SiLU(),
        )
        self.block = ConditionedBlock(joint_width, feature_dim, time_width, hidden_width, 1)
        self.more = nn.Sequential(nn.Linear(hidden_width, hidden_width), nn.SiLU())
        self.out = nn.Linear(hidden_width, state_dim)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    @torch.no_grad()
    def fingers(self, joint_pos: Tensor, points_h: Tensor, table_h: Tensor) -> Tensor:
        """Of fingertips, then phalanges: vector and distance to the nearest point, height above the table; scaled.

        Args:
            joint_pos: joints normalised to [-1, 1] (B, ..., J).
            points_h: clouds in the hand frame (B, N, 3), m.
            table_h: the table in the hand frame (B, 4), see `envs.geometry.table.table_plane`.
        Returns:
            (B, ..., 5 K) for K fingertips and phalanges.
        """
        keys = self._places(self.hand.denormalise(joint_pos.reshape(-1, joint_pos.shape[-1])))
        num_keys, draws = keys.shape[1], math.prod(joint_pos.shape[1:-1])
        keys = keys.reshape(points_h.shape[0], draws * num_keys, 3)  # those of all draws of a cloud in one row
        with full_precision(keys):
            # less |key|^2, the same for all points
            squared = points_h.square().sum(dim=2)[:, None] - 2.0 * keys @ points_h.mT
        nearest = squared.argmin(dim=2, keepdim=True).expand(-1, -1, 3)
        way = points_h.gather(1, nearest) - keys
        height = (keys * table_h[:, None, :3]).sum(dim=2, keepdim=True) + table_h[:, None, 3:]
        read = torch.cat([way, way.norm(dim=2, keepdim=True), height], dim=2).clamp(-MAX_DISTANCE, MAX_DISTANCE)
        return (read / DISTANCE_SCALE).reshape(*joint_pos.shape[:-1], 5 * num_keys)

    def forward(self, state: Tensor, clean: Tensor, fingers: Tensor, of_cloud: Tensor, time: Tensor) -> Tensor:
        """What is added to the estimated noise, of the shape of ``state``.

        Args:
            state: noised states (B, D) or (B, K, D).
            clean: what they were estimated to be without noise, alike.
            fingers: see `fingers`.
            of_cloud: the scene's part of the block (B, width), of ``block.of_cloud``.
            time: embedded diffusion times (B, T) or (B, K, T).
        """
        read = self.read(torch.cat([state, clean, fingers], dim=-1))
        hidden = self.block(read, of_cloud if state.ndim == 2 else of_cloud[:, None], time)
        correction: Tensor = self.out(self.more(hidden))
        return correction


def _phalanges(hand: Hand) -> list[int]:
    """Links (indices) at the last joints of each finger, one for each place: several joints may share their place."""
    places = HandPlaces(hand, range(len(hand.links)))
    place = places(torch.tensor(hand.open_pose)[None])[0, len(hand.fingers) :]
    chosen: list[int] = []
    for finger in hand.fingers:
        own: list[int] = []
        for link in sorted(hand.link_indices(hand.links_of(finger)), reverse=True):
            if len(own) < _PLACES and all((place[link] - place[other]).norm() > 1e-6 for other in own):
                own.insert(0, link)
        chosen += own
    return chosen
