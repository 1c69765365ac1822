"""Where fingertips and links of a hand are, without their orientations: few operations, for few hands."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from envs.geometry.transforms import quat_to_matrix
from envs.hand.chain import read_chain
from envs.hand.hand import Hand
from envs.hand.kinematics import HandKinematics, check_joints, full_precision

FEW = 32
"""Hands up to which a call's time is its number of operations: 0.09 ms in place of 0.22 for one, 0.40 in place of 0.41
for 32, but 0.80 in place of 0.52 for 48 (one thread, beside other work)."""


@dataclass(frozen=True)
class _Constants:
    """What places are made of, in one dtype on one device; the last transforms are those of the fingertips."""

    follow: Tensor  # (J, L + F) radians of a link's joint over radians of each actuated joint
    offset: Tensor  # (L + F,) rad, of coupled joints
    parts: tuple[Tensor, Tensor, Tensor]  # A, B and C of each transform (L + F, 16)
    rounds: tuple[Tensor, ...]  # the ancestor that each transform is multiplied by, round by round (L + F,)
    wanted: Tensor  # the transforms that are asked for (F + K,)
    ancestor: Tensor  # the ancestors of these in a last round (F + K,)


class HandPlaces:
    """Fingertips, and origins of links, as `HandKinematics` has them; it is asked where there are more than FEW hands.

    A link in its parent is T = A + sin(angle) B + cos(angle) C with constant 4 x 4 matrices (Rodrigues' formula), for
    all links at once. Those of a chain are multiplied by doubling: after round r, each T is relative to its ancestor
    2^r links nearer to the palm, so that three rounds do for a finger of eight links.

    Args:
        hand: the hand.
        links: further links (indices into `Hand.links`) whose origins are wanted.

    Raises:
        RuntimeError: see `read_chain`.
    """

    def __init__(self, hand: Hand, links: Sequence[int] = ()) -> None:
        self.hand = hand
        self._kinematics, self._links = HandKinematics(hand), list(links)
        chain, fingers = read_chain(hand), hand.fingers
        num_links = len(hand.links)
        tip_links = hand.link_indices([finger.tip_link for finger in fingers])
        tips = list(range(num_links, num_links + len(fingers)))  # each a link of its own, which does not turn
        columns = [0, *chain.joint_column, *[0] * len(fingers)]
        sources = [*range(hand.num_joints), *hand.parent_columns]
        ratios, offsets = np.array(
            [[1.0, 0.0]] * hand.num_joints + [*zip(hand.coupled.ratio, hand.coupled.offset, strict=True)]
        ).T
        follow = np.zeros((hand.num_joints, len(columns)))
        follow[[sources[column] for column in columns], range(len(columns))] = ratios[columns]
        constant, sine, cosine = np.zeros((3, num_links + len(fingers), 4, 4))
        constant[:] = np.eye(4)
        rest = quat_to_matrix(torch.as_tensor(chain.rest_quat)).numpy()
        turn = np.cross(chain.axis[:, None], np.eye(3)).swapaxes(1, 2)  # of v: axis x v
        constant[1:num_links, :3, :3] = rest @ (np.eye(3) + turn @ turn)
        sine[1:num_links, :3, :3], cosine[1:num_links, :3, :3] = rest @ turn, -rest @ turn @ turn
        constant[1:num_links, :3, 3] = chain.offset
        constant[num_links:, :3, 3] = [finger.tip_point for finger in fingers]
        self._arrays = (follow, offsets[columns], *(each.reshape(-1, 16) for each in (constant, sine, cosine)))
        self._indices = _rounds([0, *chain.parents, *tip_links], [*tips, *links])
        self._cache: dict[tuple[torch.dtype, torch.device], _Constants] = {}

    def __call__(self, joint_pos: Tensor) -> Tensor:
        """Fingertips in the order of `Hand.fingers`, then the links (B, F + K, 3), m, in the hand frame.

        Args:
            joint_pos: actuated joints (B, J), rad, float32 or float64; coupled ones follow.
        Raises:
            ValueError: wrong shape or number type, or a value that is not finite.
        """
        if not torch.compiler.is_exporting() and len(joint_pos) > FEW:  # a graph cannot ask
            pose = self._kinematics.forward(joint_pos)
            return torch.cat([pose.fingertips, pose.link_position[:, self._links]], dim=1)
        check_joints(self.hand, joint_pos, "joint_pos", self.hand.joints)
        made = self._constants(joint_pos)
        constant, sine, cosine = made.parts
        with full_precision(joint_pos):
            angle = torch.addmm(made.offset, joint_pos, made.follow)[:, :, None]
            flat = torch.addcmul(torch.addcmul(constant, angle.sin(), sine), angle.cos(), cosine)
            transform = flat.unflatten(2, (4, 4))
            for ancestors in made.rounds:
                transform = transform.index_select(1, ancestors) @ transform
            ends = transform[..., 3:].index_select(1, made.wanted)
            return (transform.index_select(1, made.ancestor) @ ends)[:, :, :3, 0]

    def _constants(self, like: Tensor) -> _Constants:
        key = (like.dtype, like.device)
        if key not in self._cache:
            with torch.inference_mode(False):  # they are kept, for gradients, too
                follow, offset, *parts = (torch.as_tensor(each, dtype=key[0], device=key[1]) for each in self._arrays)
                *rounds, wanted, ancestor = (torch.as_tensor(each, device=key[1]) for each in self._indices)
                constant, sine, cosine = parts
                self._cache[key] = _Constants(follow, offset, (constant, sine, cosine), tuple(rounds), wanted, ancestor)
        return self._cache[key]


def _rounds(parents: Sequence[int], wanted: Sequence[int]) -> list[NDArray[np.int64]]:
    """Which ancestor each transform is multiplied by, round by round; then those wanted, and the last round's for them.

    Args:
        parents: of each transform, that of the palm its own.
        wanted: transforms.
    """
    ancestors, rounds = np.array(parents), []
    while ancestors[ancestors].any():
        rounds.append(ancestors)
        ancestors = ancestors[ancestors]
    return [*rounds, np.array(wanted), ancestors[list(wanted)]]
