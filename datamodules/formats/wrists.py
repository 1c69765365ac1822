"""Grasps of hands that the project does not have: where their wrist was and what they touched, and no joints."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datamodules.formats.foreign import Array, ForeignGrasp
from envs.files import write_atomically
from envs.hand.hand import Hand


@dataclass(frozen=True)
class Wrists:
    """M grasps of other hands, in the frames of the mesh files, metres.

    Attributes:
        object_index: (M,) into the objects of their unit.
        wrist_pose_m: palm (M, 7) as the source defines it for its hand.
        plane_m: the table (M, 4); NaN where the object floats.
        contacts_m: points that are touched (M, C, 3), NaN beyond those that a grasp has.
    """

    object_index: NDArray[np.int64]
    wrist_pose_m: Array
    plane_m: Array
    contacts_m: Array

    def __len__(self) -> int:
        return len(self.object_index)


def is_of_hand(grasp: ForeignGrasp, hand: Hand) -> bool:
    """Whether the grasp tells the joints of this hand."""
    return all(name in grasp.joints for name in hand.joints)


def wrists_of(grasps: Sequence[ForeignGrasp], object_index: Sequence[int]) -> Wrists:
    """Wrists and contacts of grasps of the objects ``object_index`` (M,)."""
    most = max((len(grasp.contacts_m) for grasp in grasps if grasp.contacts_m is not None), default=0)
    contacts = np.full((len(grasps), most, 3), np.nan)
    for row, grasp in enumerate(grasps):
        if grasp.contacts_m is not None:
            contacts[row, : len(grasp.contacts_m)] = grasp.contacts_m
    planes = [np.full(4, np.nan) if grasp.plane_m is None else grasp.plane_m for grasp in grasps]
    return Wrists(
        np.array(object_index, dtype=np.int64),
        np.array([grasp.wrist_pose_m for grasp in grasps]).reshape(-1, 7),
        np.array(planes).reshape(-1, 4),
        contacts,
    )


def save_wrists(
    parts: Sequence[tuple[Wrists, Sequence[str | None]]], centres_m: Mapping[str, Array], path: Path
) -> int:
    """Write those whose object could be built, in the frames of our objects; returns how many.

    The file holds ``objects`` (U,) names in the split file, ``object_index`` (M,), ``wrist_pose_o`` (M, 7),
    ``plane_o`` (M, 4) and ``contacts_o`` (M, C, 3), NaN where there is none.

    Args:
        parts: wrists of each unit with the names of its objects, None where one could not be built.
        centres_m: centre of mass of each object in the frame of its mesh file (3,), the origin of our object.
        path: npz file.
    """
    names = sorted(centres_m)
    place = {name: index for index, name in enumerate(names)}
    most = max((part.contacts_m.shape[1] for part, _ in parts), default=0)
    columns: dict[str, list[Any]] = {"object_index": [], "wrist_pose_o": [], "plane_o": [], "contacts_o": []}
    for part, objects in parts:
        for row, index in enumerate(part.object_index):
            name = objects[index]
            if name is None:
                continue
            centre, plane = centres_m[name], part.plane_m[row]
            contacts = np.full((most, 3), np.nan)
            contacts[: part.contacts_m.shape[1]] = part.contacts_m[row] - centre
            columns["object_index"].append(place[name])
            columns["wrist_pose_o"].append(part.wrist_pose_m[row] - np.append(centre, np.zeros(4)))
            columns["plane_o"].append(np.append(plane[:3], plane[3] + plane[:3] @ centre))
            columns["contacts_o"].append(contacts)
    count = len(columns["object_index"])
    shapes = {
        "object_index": (count,),
        "wrist_pose_o": (count, 7),
        "plane_o": (count, 4),
        "contacts_o": (count, most, 3),
    }
    buffer = BytesIO()
    arrays: dict[str, Any] = {name: np.array(rows).reshape(shapes[name]) for name, rows in columns.items()}
    np.savez_compressed(buffer, objects=np.array(names, dtype=str), **arrays)
    write_atomically(path, buffer.getvalue())
    return count
