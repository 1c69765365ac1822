"""The pilot: finds, for a hand, the two lines of joints of each grasp type that verify the most grasps.

Wide random lines are sifted by forward kinematics (pads that face one another over a wide range of apertures), and the
best of them are tried in the simulator on a few objects. Another hand needs its model in `envs.hand` first.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from datamodules.synthesis.grasp_types import Prototype, check_grasp_type
from datamodules.synthesis.hand_bank import pad_geometry
from datamodules.synthesis.settings import SynthesisSettings
from datamodules.synthesis.synthesizer import GraspSynthesizer
from envs.conventions import ACTUATED_JOINTS
from envs.hand.kinematics import HandKinematics
from envs.hand.model import clamp_joints
from envs.hand.shadow import shadow_hand
from envs.objects.grasp_object import GraspObject

Range = tuple[float, float]

_STRAIGHT: tuple[Range, Range] = ((0.0, 0.15), (0.0, 0.15))
_CURLED: tuple[Range, Range] = ((1.2, 1.55), (1.2, 1.55))
_OPEN: tuple[Range, Range] = ((0.0, 0.5), (0.05, 0.6))
_CLOSED: tuple[Range, Range] = ((0.8, 1.45), (0.3, 1.1))
_LATERAL: tuple[Range, Range] = ((1.0, 1.4), (1.1, 1.3))

_THUMB_OPEN: dict[str, Range] = {
    "THJ4": (0.2, 1.04),
    "THJ3": (0.0, 0.7),
    "THJ2": (-0.2, 0.2),
    "THJ1": (0.0, 0.5),
    "THJ0": (-0.4, 0.0),
}
_THUMB_CLOSED: dict[str, Range] = {"THJ3": (0.3, 1.22), "THJ1": (-0.52, 0.3), "THJ0": (-0.9, -0.1)}

_ACTIVE: dict[str, tuple[str, ...]] = {
    "lateral": (),
    "wrap": ("FF", "MF", "RF", "LF"),
    "pinch_FF": ("FF",),
    "pinch_MF": ("MF",),
    "pinch_RF": ("RF",),
    "pinch_LF": ("LF",),
    "tripod": ("FF", "MF"),
    "precision": ("FF", "MF", "RF"),
    "spherical": ("FF", "MF", "RF", "LF"),
}
"""Fingers that close in each type."""

_REST = {"lateral": _LATERAL, "tripod": _CURLED}
"""How the other fingers of a type are held; straight where it is not named."""

_WIDTH_BINS = np.arange(0.006, 0.096, 0.006)
_FACING = 0.5


@dataclass(frozen=True)
class PilotSettings:
    """Size of the pilot: random lines, lines tried in the simulator, prototypes kept, for each type."""

    num_lines: int = 4000
    num_tried: int = 40
    num_kept: int = 2
    seed: int = 0


def draw_line(grasp_type: str, rng: np.random.Generator) -> Prototype:
    """A random line of joints from open to closed that has the looks of a type."""
    check_grasp_type(grasp_type)
    start = dict.fromkeys(ACTUATED_JOINTS, 0.0)
    end = dict(start)
    shared_open, shared_closed = _draw(_OPEN, rng), _draw(_CLOSED, rng)
    for finger in ("FF", "MF", "RF", "LF"):
        if finger in _ACTIVE[grasp_type]:
            opened = [value + 0.08 * rng.standard_normal() for value in shared_open]
            closed = [value + 0.08 * rng.standard_normal() for value in shared_closed]
        else:
            opened = _draw(_REST.get(grasp_type, _STRAIGHT), rng)
            closed = opened
        for joint, first, last in zip((f"{finger}J2", f"{finger}J1"), opened, closed, strict=True):
            start[joint], end[joint] = first, last
    if grasp_type == "spherical":
        spread = rng.uniform(0.1, 0.3)
        for joint, share in (("FFJ3", 1.0), ("MFJ3", 0.2), ("RFJ3", 0.4), ("LFJ3", 0.8), ("LFJ4", 1.2)):
            start[joint] = end[joint] = spread * share
    for joint, bounds in _THUMB_OPEN.items():
        start[joint] = end[joint] = rng.uniform(*bounds)
    for joint, bounds in _THUMB_CLOSED.items():
        end[joint] = rng.uniform(*bounds)
    return Prototype(open=_vector(start), closed=_vector(end))


def _draw(bounds: tuple[Range, Range], rng: np.random.Generator) -> list[float]:
    return [rng.uniform(*bound) for bound in bounds]


def _vector(joints: dict[str, float]) -> np.ndarray:
    return clamp_joints(np.array([joints[name] for name in ACTUATED_JOINTS]))


def facing_coverage(grasp_type: str, lines: Sequence[Prototype]) -> np.ndarray:
    """Score of each line: width bins (6 to 96 mm) over which the pads face one another, plus their mean alignment."""
    phases = np.linspace(0.0, 1.0, 20)[None, :, None]
    opened = np.stack([line.open for line in lines])[:, None]
    closed = np.stack([line.closed for line in lines])[:, None]
    joints = (opened + phases * (closed - opened)).reshape(-1, len(ACTUATED_JOINTS))
    geometry = pad_geometry(
        grasp_type, HandKinematics(shadow_hand()).forward(torch.as_tensor(joints, dtype=torch.float32))
    )
    facing = (geometry.alignment > _FACING).reshape(len(lines), -1)
    bins = np.digitize(geometry.aperture, _WIDTH_BINS).reshape(len(lines), -1)
    covered = np.zeros((len(lines), len(_WIDTH_BINS) + 1))
    rows = np.repeat(np.arange(len(lines)), bins.shape[1])
    np.maximum.at(covered, (rows, bins.ravel()), facing.ravel().astype(float))
    mean_alignment = np.where(facing, geometry.alignment.reshape(len(lines), -1), 0.0).mean(axis=1)
    return covered[:, 1:-1].sum(axis=1) + mean_alignment


def run_pilot(
    grasp_type: str,
    objects: Sequence[GraspObject],
    settings: PilotSettings,
    *,
    on_line: Callable[[int], None] = lambda _: None,
) -> tuple[Prototype, ...]:
    """The lines of a type that verified the most grasps on the objects, best first.

    Args:
        grasp_type: type to find prototypes for.
        objects: objects to try on.
        settings: size of the pilot.
        on_line: called with the number of grasps of each tried line (progress).
    """
    rng = np.random.default_rng([settings.seed, *grasp_type.encode()])
    lines = [draw_line(grasp_type, rng) for _ in range(settings.num_lines)]
    best = np.argsort(-facing_coverage(grasp_type, lines), kind="stable")[: settings.num_tried]
    trial = SynthesisSettings(
        seed=settings.seed, quota=4, max_hands=4, batch=4, start_checks=64, proposals=400, types=(grasp_type,)
    )
    tried: list[Prototype] = []
    for index in best:
        synthesizer = GraspSynthesizer(trial, {grasp_type: (lines[index],)})
        verified = sum(
            synthesizer.synthesize(thing, "train", with_reachability=False).counts[grasp_type].verified
            for thing in objects
        )
        tried.append(replace(lines[index], verified=verified))
        on_line(verified)
    return tuple(sorted(tried, key=lambda line: -line.verified)[: settings.num_kept])
