"""A hand as a value: its model, joints, limits, coupling, fingers and pads. It is passed on, never imported."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import mujoco
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from envs.hand.grasp_types import GraspType, LineRanges, Pad
from envs.hand.model_file import HandFile, bare_model
from envs.hand.parts import Array, Coupling, Finger, Gains, JointLimits


@dataclass(frozen=True, eq=False)
class Hand:
    """A hand; every joint vector of it has its joints in this order.

    Two hands are the same when they are one object: `envs.hand.registry.load_hand` gives one object a name, and a hand
    that is sent to another process is loaded there by its name.

    Attributes:
        name: what grasp sets and checkpoints call it.
        file: its model.
        joints: the J actuated joints.
        coupled: the C joints that follow from these.
        fingers: order of the fingertips everywhere; the thumb is the last.
        open_pose: joints of the open hand from which every approach starts (J,), rad, read-only.
        closing: sign with which each joint moves when the hand closes (J,): +1, -1, or 0 for joints that spread or
            oppose, read-only.
        opposition: joints that bring the thumb before the fingers, and where they do, rad.
        grasp_centre_h: point of the hand frame between palm and half-closed fingers, m: where held objects tend to be.
        thumb_pad: the pad of the thumb.
        grasp_types: the ways in which it grasps.
        line_ranges: where the pilot looks for their hand shapes.
        gains: what drives the joints.
        reference: what `load_hand` finds it by; its name when empty.
    """

    name: str
    file: HandFile
    joints: tuple[str, ...]
    coupled: Coupling
    fingers: tuple[Finger, ...]
    open_pose: Array
    closing: Array
    opposition: Mapping[str, float]
    grasp_centre_h: tuple[float, float, float]
    thumb_pad: Pad
    grasp_types: tuple[GraspType, ...]
    line_ranges: LineRanges
    gains: Gains = field(default_factory=Gains)
    reference: str = ""

    def __post_init__(self) -> None:
        self._check_names()
        for name in ("open_pose", "closing"):
            values = np.array(getattr(self, name), dtype=np.float64)
            if values.shape != (self.num_joints,):
                raise ValueError(f"hand {self.name}, {name}: shape {values.shape}, expected ({self.num_joints},)")
            object.__setattr__(self, name, _read_only(values))
        outside = (self.open_pose < self.limits.low) | (self.open_pose > self.limits.high)
        if outside.any():
            column = int(outside.argmax())
            raise ValueError(
                f"hand {self.name}, open_pose: joint {self.joints[column]} is {self.open_pose[column]:.4f} rad, "
                f"allowed [{self.limits.low[column]:.4f}, {self.limits.high[column]:.4f}]"
            )

    def __reduce__(self) -> tuple[object, tuple[str]]:
        from envs.hand.registry import load_hand  # the registry knows the hands, and they know this class

        return load_hand, (self.reference or self.name,)

    def _check_names(self) -> None:
        model = self.model()
        there = [self._plain(model.joint(index).name) for index in range(model.njnt)]
        missing = [name for name in self.all_joints if name not in there]
        if missing:
            raise ValueError(
                f"hand {self.name}: {self.file.path} has no joint {missing[0]!r}; it has: {', '.join(there)}"
            )
        left = [name for name in there if name not in self.all_joints]
        if left:
            raise ValueError(f"hand {self.name}: joint {left[0]!r} of {self.file.path} is neither actuated nor coupled")
        odd = [self.links[body - 1] for body in range(1, model.nbody) if model.body_jntnum[body] != (body > 1)]
        if odd:
            raise ValueError(f"hand {self.name}: link {odd[0]!r} does not turn about exactly one joint")
        fingers = tuple(finger.name for finger in self.fingers)
        for what, names, allowed in (
            ("coupling, parents", self.coupled.parents, self.joints),
            ("fingers, joints", tuple(joint for finger in self.fingers for joint in finger.joints), self.joints),
            ("fingers, tip_link", tuple(finger.tip_link for finger in self.fingers), self.links),
            ("opposition", tuple(self.opposition), self.joints),
            ("grasp_types, closing", tuple(name for kind in self.grasp_types for name in kind.closing), fingers),
            ("grasp_types, held", tuple(kind.held for kind in self.grasp_types), tuple(self.line_ranges.held)),
            ("line_ranges, thumb_opened", tuple(self.line_ranges.thumb_opened), self.joints),
            ("line_ranges, thumb_closed", tuple(self.line_ranges.thumb_closed), self.joints),
            ("line_ranges, spread", tuple(self.line_ranges.spread), self.joints),
            ("pads, link", tuple(pad.link for pad in self.pads), self.links),
        ):
            unknown = [name for name in names if name not in allowed]
            if unknown:
                raise ValueError(f"hand {self.name}, {what}: {unknown[0]!r} is unknown; known: {', '.join(allowed)}")

    def _plain(self, element: str) -> str:
        return element.removeprefix(self.element(""))

    @cached_property
    def links(self) -> tuple[str, ...]:
        """Its L bodies in the order of the model, the palm first; contact masks and kinematics use this order."""
        model = self.model()
        return tuple(self._plain(model.body(body).name) for body in range(1, model.nbody))

    def links_of(self, finger: Finger) -> tuple[str, ...]:
        """The links of a finger, from its tip to the palm, without the palm."""
        model, found = self.model(), []
        body = model.body(self.element(finger.tip_link)).id
        while body > 1:
            found.append(self.links[body - 1])
            body = int(model.body_parentid[body])
        return tuple(found)

    @property
    def num_joints(self) -> int:
        """Actuated joints J."""
        return len(self.joints)

    @property
    def num_coupled(self) -> int:
        """Coupled joints C."""
        return len(self.coupled)

    @property
    def palm(self) -> str:
        """The link whose frame is the hand base frame."""
        return self.links[0]

    @property
    def all_joints(self) -> tuple[str, ...]:
        """Actuated joints, then coupled ones."""
        return (*self.joints, *self.coupled.names)

    @property
    def type_names(self) -> tuple[str, ...]:
        """Names of the grasp types."""
        return tuple(kind.name for kind in self.grasp_types)

    @property
    def pads(self) -> tuple[Pad, ...]:
        """The thumb's pad and every pad that it opposes in some grasp type."""
        return tuple(dict.fromkeys((self.thumb_pad, *(pad for kind in self.grasp_types for pad in kind.opposing))))

    def grasp_type(self, name: str) -> GraspType:
        """The grasp type of a name.

        Raises:
            ValueError: unknown type; lists the known ones.
        """
        if name not in self.type_names:
            raise ValueError(
                f"grasp type {name!r} of the hand {self.name} is unknown; available: {', '.join(self.type_names)}"
            )
        return self.grasp_types[self.type_names.index(name)]

    def element(self, name: str) -> str:
        """Name of a joint, body or geom of the hand in an assembled scene."""
        return self.file.element(name)

    def attach(self, scene: mujoco.MjSpec, *, visual: bool = False) -> mujoco.MjsBody:
        """See `HandFile.attach`."""
        return self.file.attach(scene, visual=visual)

    def model(self, *, visual: bool = False) -> mujoco.MjModel:
        """The hand alone, palm welded to the world's origin; compiled once."""
        return bare_model(self.file, visual=visual)

    @cached_property
    def limits(self) -> JointLimits:
        """Limits of the actuated joints, read from the model."""
        return self._limits(self.joints)

    @cached_property
    def coupled_limits(self) -> JointLimits:
        """Limits of the coupled joints, read from the model."""
        return self._limits(self.coupled.names)

    def _limits(self, names: Sequence[str]) -> JointLimits:
        model = self.model()
        ranges = np.array([model.joint(self.element(name)).range for name in names]).reshape(-1, 2)
        return JointLimits(low=_read_only(ranges[:, 0].copy()), high=_read_only(ranges[:, 1].copy()))

    @cached_property
    def closed_pose(self) -> Array:
        """Joints of the hand that closes on nothing (J,), rad: each as far as it goes, the thumb before the fingers."""
        ends = np.where(self.closing > 0, self.limits.high, self.limits.low)
        joints = np.where(self.closing == 0, self.open_pose, ends)
        for name, angle in self.opposition.items():
            joints[self.joints.index(name)] = angle
        return _read_only(self.clamp(joints))

    @cached_property
    def parent_columns(self) -> tuple[int, ...]:
        """Column of each coupled joint's parent among the actuated joints (C)."""
        return tuple(self.joints.index(name) for name in self.coupled.parents)

    def clamp(self, joint_pos: Array) -> Array:
        """Joints in radians (..., J), clamped to the limits."""
        return np.clip(joint_pos, self.limits.low, self.limits.high)

    def coupled_from_actuated(self, joint_pos: Array) -> Array:
        """The coupled joints (..., C) that follow from the actuated ones (..., J), radians."""
        ratio, offset = self._ratio_and_offset
        return ratio * joint_pos[..., self.parent_columns] + offset

    @cached_property
    def _ratio_and_offset(self) -> tuple[Array, Array]:
        return np.array(self.coupled.ratio), np.array(self.coupled.offset)

    def normalise(self, joint_pos: Tensor) -> Tensor:
        """Joints in radians (..., J) to [-1, 1] by their limits."""
        low, high = self._limits_like(joint_pos)
        return 2.0 * (joint_pos - low) / (high - low) - 1.0

    def denormalise(self, joint_pos: Tensor) -> Tensor:
        """Joints in [-1, 1] (..., J) to radians; the inverse of `normalise`."""
        low, high = self._limits_like(joint_pos)
        return low + 0.5 * (joint_pos + 1.0) * (high - low)

    def half_ranges(self, like: Tensor) -> Tensor:
        """Radians per unit of normalised joint, (J,), in the dtype and device of ``like`` (..., J)."""
        low, high = self._limits_like(like)
        return 0.5 * (high - low)

    def _limits_like(self, joint_pos: Tensor) -> tuple[Tensor, Tensor]:
        if joint_pos.shape[-1] != self.num_joints:
            raise ValueError(
                f"joint_pos has {joint_pos.shape[-1]} columns, expected {self.num_joints}: the actuated joints of the "
                f"hand {self.name}, {', '.join(self.joints)}"
            )
        return self.limits.tensors(joint_pos)

    def check_limits(self, joint_pos: Tensor | NDArray[np.floating], what: str, *, tolerance: float = 1e-5) -> None:
        """Accept actuated joints (..., J) in radians that are finite and within their limits.

        Args:
            joint_pos: joints in the order of `joints`.
            what: name of the quantity in the message, for instance file and field.
            tolerance: radians beyond a limit that still count as inside (float32 rounding).
        Raises:
            ValueError: names the joint, its row, its value and its range.
        """
        values = np.asarray(joint_pos.detach().cpu() if isinstance(joint_pos, Tensor) else joint_pos, dtype=np.float64)
        if values.shape[-1:] != (self.num_joints,):
            raise ValueError(
                f"{what} has shape {values.shape}, expected (B, {self.num_joints}): the actuated joints of the hand "
                f"{self.name}, {', '.join(self.joints)}"
            )
        limits = self.limits
        # written so that NaN, which fails every comparison, is caught too
        inside = (values >= limits.low - tolerance) & (values <= limits.high + tolerance)
        if not inside.all():
            *row, joint = (int(i) for i in np.argwhere(~inside)[0])
            raise ValueError(
                f"{what}: joint {self.joints[joint]} is {values[(*row, joint)]:.4f} rad at index {tuple(row)}, "
                f"allowed: {limits.low[joint]:.4f} to {limits.high[joint]:.4f} rad; clamp it with Hand.clamp "
                "or correct the data"
            )

    def link_indices(self, links: Sequence[str]) -> list[int]:
        """Positions of link names in `links`.

        Raises:
            ValueError: unknown link; lists the known ones.
        """
        return link_indices(links, self.links)


def link_indices(links: Sequence[str], known: Sequence[str]) -> list[int]:
    """Positions of link names among the known ones.

    Raises:
        ValueError: unknown link; lists the known ones.
    """
    unknown = [name for name in links if name not in known]
    if unknown:
        raise ValueError(f"unknown hand link {unknown[0]!r}; known links: {', '.join(known)}")
    return [known.index(name) for name in links]


def _read_only(values: Array) -> Array:
    values.setflags(write=False)
    return values
