"""What stands for the joints of a hand: those of a checkpoint or a run, wherever the hand's file has changed since."""

import hashlib
import json

import numpy as np

from envs.hand.hand import Hand


def hand_identity(hand: Hand) -> str:
    """32 hexadecimal digits that stand for names, limits, couplings and directions of a hand's joints, to 1e-6 rad."""
    coupled = hand.coupled
    numbers = [hand.limits.low, hand.limits.high, hand.open_pose, hand.closing, coupled.ratio, coupled.offset]
    rounded = [np.rint(1e6 * np.asarray(values, dtype=np.float64)).astype(np.int64).tolist() for values in numbers]
    names = [hand.name, hand.joints, coupled.names, coupled.parents, hand.links]
    return hashlib.sha256(json.dumps([names, rounded]).encode()).hexdigest()[:32]
