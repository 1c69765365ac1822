"""What every format is read into: grasps of other people's files, one by one, in units and names of this project."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ForeignGrasp:
    """A grasp as its file tells it; nothing is clamped, moved or verified.

    ``_m`` is the frame of the mesh file, its coordinates times ``scale``; metres.

    Attributes:
        joints: angle of every joint of the hand by its name in this project, coupled ones included, rad; of a hand that
            it does not have by the file's names, empty where there are none.
        wrist_pose_m: the palm body (7,), position and quaternion wxyz.
        mesh: mesh file of the object.
        scale: metres of one unit of the mesh file: the true one, whatever the format stores.
        code: what the source calls the object.
        family: the object's category.
        plane_m: the table (4,): a x + b y + c z + d is the height above it, unit normal; None where the object floats.
        pregrasp: joints before closing; None where the source has none.
        squeeze: joints that press; None where the source has none.
        origin: file and row, for messages.
        contacts_m: points where the hand touches (C, 3); None where the source has none.
        is_plane_sure: False where the plane is that of a world in which the object may float as well: it is the table
            then only where the object stands on it.
    """

    joints: Mapping[str, float]
    wrist_pose_m: Array
    mesh: Path
    scale: float
    code: str
    family: str
    plane_m: Array | None
    origin: str
    pregrasp: Mapping[str, float] | None = None
    squeeze: Mapping[str, float] | None = None
    contacts_m: Array | None = None
    is_plane_sure: bool = True


@dataclass(frozen=True)
class BadEntry:
    """An entry that is no grasp: file and row, and the cause with what is allowed and what to do."""

    origin: str
    cause: str


@dataclass(frozen=True)
class Unit:
    """What is read at once: the grasps of one object.

    Attributes:
        name: distinct among the source's units, fit for a file name.
        files: files that its grasps stand in.
        rows: rows of these files that are the unit's; all when None.
        code: what the source calls the object.
    """

    name: str
    files: tuple[Path, ...]
    code: str = ""
    rows: NDArray[np.int64] | None = field(default=None, compare=False)


class Format(Protocol):
    """Reads the files of one format.

    Args:
        source: folder or file.
        meshes: folder of the objects' meshes; looked for near the source when None.
    """

    name: ClassVar[str]
    layout: ClassVar[str]

    def __init__(self, source: Path, meshes: Path | None = None) -> None: ...

    @classmethod
    def fits(cls, source: Path) -> bool:
        """Whether the source's first file is of this format; never raises."""
        ...

    def units(self) -> Sequence[Unit]:
        """All objects of the source, in a fixed order.

        Raises:
            ValueError: a source without any; says what was looked for.
        """
        ...

    def read(self, unit: Unit) -> Iterator[ForeignGrasp | BadEntry]:
        """The grasps of one object; files and rows that are none come as what is wrong with them."""
        ...
