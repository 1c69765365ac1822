"""The pilot: finds, for a hand, the two lines of joints of each grasp type that verify the most grasps.

Wide random lines are sifted by forward kinematics (pads that face one another over a wide range of apertures), and the
best of them are tried in the simulator on a few objects.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from datamodules.synthesis.hand_bank import pad_geometry
from datamodules.synthesis.prototypes import Prototype
from datamodules.synthesis.settings import SynthesisSettings
from datamodules.synthesis.synthesizer import GraspSynthesizer
from envs.hand.grasp_types import Range
from envs.hand.hand import Hand
from envs.hand.kinematics import HandKinematics
from envs.objects.grasp_object import GraspObject
from envs.physics.base import PhysicsFactory

_WIDTH_BINS = np.arange(0.006, 0.096, 0.006)
_FACING = 0.5


@dataclass(frozen=True)
class PilotSettings:
    """Size of the pilot: random lines, lines tried in the simulator, prototypes kept, for each type."""

    num_lines: int = 4000
    num_tried: int = 40
    num_kept: int = 2
    seed: int = 0


def draw_line(hand: Hand, grasp_type: str, rng: np.random.Generator) -> Prototype:
    """A random line of joints from open to closed that has the looks of a type; fingers close alike."""
    kind, ranges = hand.grasp_type(grasp_type), hand.line_ranges
    start = dict(zip(hand.joints, hand.open_pose.tolist(), strict=True))
    sign = dict(zip(hand.joints, hand.closing.tolist(), strict=True))
    end = dict(start)
    shared_open, shared_closed = _draw(ranges.opened, rng), _draw(ranges.closed, rng)
    for finger in hand.fingers[:-1]:
        if finger.name in kind.closing:
            opened = [value + 0.08 * rng.standard_normal() for value in shared_open]
            closed = [value + 0.08 * rng.standard_normal() for value in shared_closed]
        else:
            opened = _draw(ranges.held[kind.held], rng)
            closed = opened
        flexing = [joint for joint in finger.joints if sign[joint]]
        for joint, first, last in zip(flexing, opened, closed, strict=False):  # a short finger has fewer
            start[joint], end[joint] = start[joint] + sign[joint] * first, end[joint] + sign[joint] * last
    if kind.is_spread:
        spread = rng.uniform(0.1, 0.3)
        for joint, share in ranges.spread.items():
            start[joint] = end[joint] = spread * share
    for joint, bounds in ranges.thumb_opened.items():
        start[joint] = end[joint] = rng.uniform(*bounds)
    for joint, bounds in ranges.thumb_closed.items():
        end[joint] = rng.uniform(*bounds)
    return Prototype(open=_vector(hand, start), closed=_vector(hand, end))


def _draw(bounds: tuple[Range, ...], rng: np.random.Generator) -> list[float]:
    return [rng.uniform(*bound) for bound in bounds]


def _vector(hand: Hand, joints: dict[str, float]) -> np.ndarray:
    return hand.clamp(np.array([joints[name] for name in hand.joints]))


def facing_coverage(hand: Hand, grasp_type: str, lines: Sequence[Prototype]) -> np.ndarray:
    """Score of each line: width bins (6 to 96 mm) over which the pads face one another, plus their mean alignment."""
    phases = np.linspace(0.0, 1.0, 20)[None, :, None]
    opened = np.stack([line.open for line in lines])[:, None]
    closed = np.stack([line.closed for line in lines])[:, None]
    joints = (opened + phases * (closed - opened)).reshape(-1, hand.num_joints)
    geometry = pad_geometry(
        hand, grasp_type, HandKinematics(hand).forward(torch.as_tensor(joints, dtype=torch.float32))
    )
    facing = (geometry.alignment > _FACING).reshape(len(lines), -1)
    bins = np.digitize(geometry.aperture, _WIDTH_BINS).reshape(len(lines), -1)
    covered = np.zeros((len(lines), len(_WIDTH_BINS) + 1))
    rows = np.repeat(np.arange(len(lines)), bins.shape[1])
    np.maximum.at(covered, (rows, bins.ravel()), facing.ravel().astype(float))
    mean_alignment = np.where(facing, geometry.alignment.reshape(len(lines), -1), 0.0).mean(axis=1)
    return covered[:, 1:-1].sum(axis=1) + mean_alignment


def run_pilot(
    hand: Hand,
    grasp_type: str,
    objects: Sequence[GraspObject],
    settings: PilotSettings,
    *,
    physics: PhysicsFactory | None = None,
    on_line: Callable[[int], None] = lambda _: None,
) -> tuple[Prototype, ...]:
    """The lines of a type that verified the most grasps on the objects, best first.

    Args:
        hand: the hand.
        grasp_type: type to find prototypes for.
        objects: objects to try on.
        settings: size of the pilot.
        physics: makes the worlds; as for `GraspSynthesizer` when None.
        on_line: called with the number of grasps of each tried line (progress).
    """
    rng = np.random.default_rng([settings.seed, *grasp_type.encode()])
    lines = [draw_line(hand, grasp_type, rng) for _ in range(settings.num_lines)]
    best = np.argsort(-facing_coverage(hand, grasp_type, lines), kind="stable")[: settings.num_tried]
    trial = SynthesisSettings(
        seed=settings.seed, quota=4, max_hands=4, batch=4, start_checks=64, proposals=400, types=(grasp_type,)
    )
    tried: list[Prototype] = []
    for index in best:
        synthesizer = GraspSynthesizer(hand, trial, {grasp_type: (lines[index],)}, physics)
        verified = sum(
            synthesizer.synthesize(thing, "train", with_reachability=False).counts[grasp_type].verified
            for thing in objects
        )
        tried.append(replace(lines[index], verified=verified))
        on_line(verified)
    return tuple(sorted(tried, key=lambda line: -line.verified)[: settings.num_kept])
