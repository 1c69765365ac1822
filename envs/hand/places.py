"""Where fingertips and links of a hand are, without their orientations: few operations, for few hands."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from envs.geometry.transforms import quat_to_matrix
from envs.hand.chain import read_chain
from envs.hand.hand import Hand
from envs.hand.kinematics import HandKinematics, check_joints, full_precision

FEW = 32
"""Hands up to which a call's time is its number of operations: 0.09 ms in place of 0.22 for one, 0.40 in place of 0.41
for 32, but 0.80 in place of 0.52 for 48 (one thread, beside other work)."""


class HandPlaces:
    """Fingertips, and origins of links, as `HandKinematics` has them; it is asked where there are more than FEW hands.

    A link in its parent is T = A + sin(angle) B - cos(angle) C with constant 4 x 4 matrices (Rodrigues' formula), for
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
        self._source = torch.tensor([sources[column] for column in columns])
        follow = np.array([[1.0, 0.0]] * hand.num_joints + [*zip(hand.coupled.ratio, hand.coupled.offset, strict=True)])
        constant, sine, cosine = np.zeros((3, num_links + len(fingers), 4, 4))
        constant[:] = np.eye(4)
        rest = quat_to_matrix(torch.as_tensor(chain.rest_quat)).numpy()
        turn = np.cross(chain.axis[:, None], np.eye(3)).swapaxes(1, 2)  # of v: axis x v
        constant[1:num_links, :3, :3] = rest @ (np.eye(3) + turn @ turn)
        sine[1:num_links, :3, :3], cosine[1:num_links, :3, :3] = rest @ turn, rest @ turn @ turn
        constant[1:num_links, :3, 3] = chain.offset
        constant[num_links:, :3, 3] = [finger.tip_point for finger in fingers]
        self._arrays = (follow[columns].T, constant.reshape(-1, 16), sine.reshape(-1, 16), cosine.reshape(-1, 16))
        self._rounds, self._wanted = _rounds([0, *chain.parents, *tip_links], [*tips, *links])
        self._cache: dict[tuple[torch.dtype, torch.device], tuple[Tensor, ...]] = {}

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
        (ratio, offset), constant, sine, cosine = self._constants(joint_pos)
        angle = (joint_pos[:, self._source] * ratio + offset)[:, :, None]
        flat = torch.addcmul(torch.addcmul(constant, angle.sin(), sine), angle.cos(), cosine, value=-1.0)
        transform, (index, ancestor) = flat.unflatten(2, (4, 4)), self._wanted
        with full_precision(joint_pos):
            for each in self._rounds:
                transform = transform[:, each] @ transform
            return (transform[:, ancestor] @ transform[:, index, :, 3:])[:, :, :3, 0]

    def _constants(self, like: Tensor) -> tuple[Tensor, ...]:
        key = (like.dtype, like.device)
        if key not in self._cache:
            with torch.inference_mode(False):  # they are kept, for gradients, too
                self._cache[key] = tuple(torch.as_tensor(each, dtype=key[0], device=key[1]) for each in self._arrays)
        return self._cache[key]


def _rounds(parents: Sequence[int], wanted: Sequence[int]) -> tuple[list[Tensor], tuple[Tensor, Tensor]]:
    """Which ancestor each transform is multiplied by, round by round; of the last round, for those wanted alone."""
    ancestors, rounds = np.array(parents), []
    while ancestors[ancestors].any():
        rounds.append(torch.tensor(ancestors))
        ancestors = ancestors[ancestors]
    return rounds, (torch.tensor(wanted), torch.tensor(ancestors[list(wanted)]))
