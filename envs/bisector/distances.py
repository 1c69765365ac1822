"""Distances of points to hands and to what is around them.

Nearly all of it is linear in (x, 1, |x|^2), so that one matrix product a hand serves all of its shapes at once.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from envs.bisector.distance_fields import DistanceFields, unit
from envs.bisector.hand_shapes import PlacedShapes
from envs.geometry.transforms import quat_to_matrix


@dataclass(frozen=True)
class Scene:
    """What is around B hands.

    Attributes:
        table_h: the table in the hand frame (B, 4), see `envs.geometry.table.table_plane`.
        object_h: poses of the objects in the hand frame (B, 7); None without objects.
        fields: distances to the objects, prepared for these.
        rows: row of each hand's object there (B,).
    """

    table_h: Tensor
    object_h: Tensor | None = None
    fields: DistanceFields | None = None
    rows: Tensor | None = None

    def part(self, begin: int, end: int) -> "Scene":
        """The hands from ``begin`` to ``end``."""
        parts = (None if each is None else each[begin:end] for each in (self.table_h, self.object_h, self.rows))
        table_h, object_h, rows = parts
        return Scene(table_h, object_h, self.fields, rows)  # type: ignore[arg-type]


def homogeneous(points: Tensor) -> Tensor:
    """x, 1 and |x|^2 of points x of the hand frame (..., 3), in one row (..., 5)."""
    return torch.cat([points, torch.ones_like(points[..., :1]), points.square().sum(-1, keepdim=True)], -1)


class Sides(NamedTuple):
    """Signed distances to the hand and to the scene (B, P), m."""

    hand: Tensor
    scene: Tensor


@dataclass(frozen=True)
class NearestHand:
    """Of points (B, P): signed distance to the hand, its gradient (B, P, 3), and the nearest shape (B, P)."""

    distance: Tensor
    gradient: Tensor
    shape: Tensor


@dataclass(frozen=True)
class NearestScene:
    """Of points (B, P): signed distance to the scene, its gradient (B, P, 3), and whether that is to the object."""

    distance: Tensor
    gradient: Tensor
    is_object: Tensor


class Distances:
    """Distances of points to B hands and to their scenes.

    Args:
        shapes: the hands.
        scene: what is around them.
    """

    def __init__(self, shapes: PlacedShapes, scene: Scene) -> None:
        self._shapes, self._scene = shapes, scene
        batch, self._capsules = shapes.start.shape[:2]
        self._boxes = shapes.centre.shape[1]
        start, axis, zero = shapes.start, shapes.axis, shapes.start.new_zeros
        along = [axis, -(axis * start).sum(2, keepdim=True), zero(batch, self._capsules, 1)]
        squared = [-2.0 * start, start.square().sum(2, keepdim=True), torch.ones(batch, self._capsules, 1)]
        to_box = shapes.turn.mT.reshape(batch, 3 * self._boxes, 3)
        at_box = -torch.einsum("bxji,bxj->bxi", shapes.turn, shapes.centre).reshape(batch, -1, 1)
        rows = [torch.cat(along, 2), torch.cat(squared, 2), torch.cat([to_box, at_box, zero(at_box.shape)], 2)]
        rows.append(torch.cat([scene.table_h, zero(batch, 1)], 1)[:, None])
        if scene.fields is not None and scene.object_h is not None and scene.rows is not None:
            low, cell = scene.fields.frames(scene.rows)
            self._turn = quat_to_matrix(scene.object_h[:, 3:]).float()
            to_nodes = self._turn.mT / cell[:, None, None]
            at_nodes = -(to_nodes @ scene.object_h[:, :3, None].float()) - (low / cell[:, None])[:, :, None]
            rows.append(torch.cat([to_nodes, at_nodes, zero(batch, 3, 1)], 2))
        self._linear = torch.cat(rows, 1)

    def _values(self, points: Tensor) -> list[Tensor]:
        """Along the axes, squares to their starts (B, K, P), in the boxes' frames (B, X, 3, P), table, nodes."""
        values = self._linear @ points.mT
        sizes = [self._capsules, self._capsules, 3 * self._boxes, 1]
        sizes.append(values.shape[1] - sum(sizes))
        along, squared, boxes, table, nodes = values.split(sizes, 1)
        return [along, squared, boxes.unflatten(1, (self._boxes, 3)), table[:, 0], nodes]

    def sides(self, points: Tensor) -> Sides:
        """Of `homogeneous` points (B, P, 5), or (P, 5), the same for all hands."""
        along, squared, boxes, table, nodes = self._values(points)
        distance = self._of_capsules(along, squared).amin(1)
        if self._boxes:
            distance = torch.minimum(distance, self._of_boxes(boxes).amin(1))
        scene = table
        if nodes.shape[1]:
            fields, rows = self._objects()
            scene = torch.minimum(scene, fields.at(rows, nodes).distance)
        return Sides(distance, scene)

    def _objects(self) -> tuple[DistanceFields, Tensor]:
        fields, rows = self._scene.fields, self._scene.rows
        if fields is None or rows is None:
            raise RuntimeError("there are no objects in this scene")
        return fields, rows

    def _of_capsules(self, along: Tensor, squared: Tensor) -> Tensor:
        """|x - a - t u| - r with t = clamp(u (x - a), 0, l), of which the square is |x - a|^2 + t (t - 2 u (x - a))."""
        shapes = self._shapes
        nearest = along.clamp(torch.zeros(1), shapes.length[:, None])
        rest = torch.addcmul(squared, nearest, torch.sub(nearest, along, alpha=2.0))
        return rest.clamp_min_(1e-12).sqrt_().sub_(shapes.radius[:, None])

    def _of_boxes(self, local: Tensor) -> Tensor:
        beyond = local.abs() - self._shapes.half[:, :, None]
        outside = beyond.clamp_min(0.0).square().sum(2).sqrt()
        return outside + beyond.amax(2).clamp_max_(0.0)

    def nearest_hand(self, points: Tensor) -> NearestHand:
        """Of `homogeneous` points (B, P, 5)."""
        shapes = self._shapes
        along, squared, boxes, _, _ = self._values(points)
        distances = torch.cat([self._of_capsules(along, squared), self._of_boxes(boxes)], 1)
        distance, shape = distances.min(1)
        batch = torch.arange(len(points))[:, None]
        capsule = shape.clamp_max(self._capsules - 1)
        way = along.gather(1, capsule[:, None])[:, 0].clamp_min(0.0).minimum(shapes.length[capsule])
        axis_point = shapes.start[batch, capsule] + way[..., None] * shapes.axis[batch, capsule]
        gradient = unit(points[..., :3] - axis_point, 2)
        if self._boxes:
            box = (shape - self._capsules).clamp_min(0)
            local = boxes.permute(0, 3, 1, 2)[batch, torch.arange(points.shape[1]), box]
            outwards = _box_gradient(local, shapes.half[box])
            of_box = (shapes.turn[batch, box] @ outwards[..., None])[..., 0]
            gradient = torch.where((shape >= self._capsules)[..., None], of_box, gradient)
        return NearestHand(distance, gradient, shape)

    def nearest_scene(self, points: Tensor) -> NearestScene:
        """Of `homogeneous` points (B, P, 5)."""
        *_, table, nodes = self._values(points)
        up = self._scene.table_h[:, None, :3].expand(-1, points.shape[1], -1)
        if not nodes.shape[1]:
            return NearestScene(table, up, torch.zeros_like(table, dtype=torch.bool))
        fields, rows = self._objects()
        found = fields.at(rows, nodes, with_gradient=True)
        if found.gradient is None:
            raise RuntimeError("the gradient of the field was not computed")
        is_object = found.distance < table
        of_object = (self._turn @ found.gradient).mT
        return NearestScene(
            torch.minimum(table, found.distance), torch.where(is_object[..., None], of_object, up), is_object
        )


def _box_gradient(local: Tensor, half: Tensor) -> Tensor:
    """Of the signed distance to boxes at points of their frames (..., 3): away from the nearest point or face."""
    beyond = local.abs() - half
    outside = beyond.clamp_min(0.0)
    through = torch.nn.functional.one_hot(beyond.argmax(-1), 3).to(local)
    return unit(torch.where((outside > 0.0).any(-1, keepdim=True), outside, through), -1) * local.sign()
