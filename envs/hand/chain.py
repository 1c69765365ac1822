"""How the links of a hand hang together, read from its compiled model: what forward kinematics is made of."""

from dataclasses import dataclass

import numpy as np

from envs.hand.hand import Hand
from envs.hand.parts import Array


@dataclass(frozen=True)
class Chain:
    """The L links of a hand as its model has them, in the order of `Hand.links`; arrays are of all but the palm.

    Attributes:
        parents: number of the link that each hangs on.
        joint_column: column of its joint in `Hand.all_joints`.
        offset: of its origin in its parent (L - 1, 3), metres.
        rest_quat: its orientation in its parent, joint at zero (L - 1, 4), wxyz.
        axis: of its joint, in its own frame (L - 1, 3).
    """

    parents: list[int]
    joint_column: list[int]
    offset: Array
    rest_quat: Array
    axis: Array


def read_chain(hand: Hand) -> Chain:
    """The links of a hand, of its compiled model.

    Raises:
        RuntimeError: it has joints that this does not describe.
    """
    model = hand.model()
    bodies = [int(model.body(hand.element(name)).id) for name in hand.links]
    joints = [int(model.body_jntadr[body]) for body in bodies[1:]]
    if np.any(model.jnt_pos[joints]) or np.any(model.qpos0):
        raise RuntimeError("the hand model has joint anchors or reference angles that forward kinematics ignores")
    columns = {hand.element(name): column for column, name in enumerate(hand.all_joints)}
    return Chain(
        parents=[bodies.index(int(model.body_parentid[body])) for body in bodies[1:]],
        joint_column=[columns[model.joint(joint).name] for joint in joints],
        offset=model.body_pos[bodies[1:]].copy(),
        rest_quat=model.body_quat[bodies[1:]].copy(),
        axis=model.jnt_axis[joints].copy(),
    )
