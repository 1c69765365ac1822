"""The file of a grasp set: a compressed npz of plain arrays with a JSON header; nothing is ever unpickled."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datamodules.grasps.grasp_set import OPTIONAL_FIELDS, ROW_FIELDS, GraspSet, check_grasp_set
from envs.files import write_atomically
from envs.hand.hand import Hand
from envs.hand.registry import load_hand
from envs.stand_ins import what_stands_there
from envs.workers import error_text

MAX_BYTES = 8_000_000_000
"""Of all arrays together: ten million grasps, and more than a stranger's archive may make of a machine's memory."""

SCHEMA = "graspgf.grasp_set"
VERSION = 2
"""Version 2 added ``rest_pose_w``; `load_any_version` still reads version 1. Files may lack the OPTIONAL_FIELDS, and
``shapes``."""


def save_grasp_set(grasps: GraspSet, path: Path) -> None:
    """Write a set atomically; link masks are packed to bits."""
    header = {
        "schema": SCHEMA,
        "version": VERSION,
        "hand": grasps.hand.name,
        "hand_file": grasps.hand.reference,
        "joint_order": list(grasps.hand.joints),
        "grasp_types": list(grasps.hand.type_names),
        "links": list(grasps.hand.links),
        "objects": list(grasps.objects),
        "object_splits": list(grasps.object_splits),
        "provenance": grasps.provenance,
    }
    columns = {name: getattr(grasps, name) for name in grasps.row_fields}
    columns["links"] = np.packbits(grasps.links, axis=1)
    if grasps.shapes is not None:
        columns["shapes"] = grasps.shapes
    buffer = io.BytesIO()
    header_bytes = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
    np.savez_compressed(buffer, header=header_bytes, **columns)
    write_atomically(path, buffer.getvalue())


def load_grasp_set(path: str | Path) -> GraspSet:
    """Read and check a grasp set.

    Raises:
        FileNotFoundError: no such file; says which command makes one.
        ValueError: not a grasp set, truncated, of another version, or with values that cannot be grasps; names file,
            field, given, allowed and remedy.
    """
    path = Path(path)
    content, header = _read(path)
    _check_version(path, header.get("version"))
    return _build(path, content, header)


def load_any_version(path: Path) -> GraspSet:
    """Like `load_grasp_set`, but version 1 is read as well: its rest poses are its object poses until they settle."""
    content, header = _read(path)
    if header.get("version") == 1:
        content["rest_pose_w"] = content["object_pose_w"]
    else:
        _check_version(path, header.get("version"))
    return _build(path, content, header)


def _read(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Arrays and header of a file that is a grasp set of some version."""
    if not path.is_file():
        raise FileNotFoundError(
            f"grasp set {path} does not exist; make one with: python -m datamodules.synthesize "
            "--config configs/synthesis.yaml"
        )
    stand_in = what_stands_there(path, "the grasp set")
    if stand_in:
        raise ValueError(f"grasp set {path}: {stand_in}")
    try:
        _check_size(path)
        with np.load(path, allow_pickle=False) as archive:
            content = {name: archive[name] for name in archive.files}
        header = json.loads(content.pop("header").tobytes().decode())
    except Exception as error:  # zip, npz and JSON raise many types for a damaged or foreign file
        raise ValueError(
            f"grasp set {path} cannot be read ({error}): truncated, or not a grasp set; restore it or make it anew"
        ) from error
    if not isinstance(header, dict) or header.get("schema") != SCHEMA:
        given = header.get("schema") if isinstance(header, dict) else type(header).__name__
        raise ValueError(f"grasp set {path}, field schema: given {given!r}, expected {SCHEMA!r}; not a grasp set")
    return content, header


def _check_size(path: Path) -> None:
    """ValueError for an archive that unfolds to more than MAX_BYTES."""
    with zipfile.ZipFile(path) as archive:
        size = sum(item.file_size for item in archive.infolist())
    if size > MAX_BYTES:
        raise ValueError(f"it unfolds to {size / 1e9:.1f} GB, allowed up to {MAX_BYTES / 1e9:g} GB")


def _check_version(path: Path, version: Any) -> None:
    if version == 1:
        raise ValueError(
            f"grasp set {path}, field version: given 1, this code reads {VERSION}; upgrade the file with: "
            f"python -m datamodules.settle {path}"
        )
    if version != VERSION:
        raise ValueError(
            f"grasp set {path}, field version: given {version!r}, this code reads {VERSION}; make it anew with: "
            "python -m datamodules.synthesize --config configs/synthesis.yaml"
        )


def _build(path: Path, content: dict[str, NDArray[Any]], header: dict[str, Any]) -> GraspSet:
    """The checked set, or an error that names the file; a file that names no hand is of the Shadow Hand."""
    try:
        return _checked(path, content, header)
    except FileNotFoundError:
        raise  # of the hand's package or file, which the message names
    except Exception as error:  # fields of wrong kinds lead the checks to whatever
        if isinstance(error, ValueError) and str(path) in str(error):
            raise
        raise ValueError(f"grasp set {path}: {error_text(error)}; restore the file or make it anew") from error


def _checked(path: Path, content: dict[str, NDArray[Any]], header: dict[str, Any]) -> GraspSet:
    hand = _hand_of(path, header)
    _check_header(path, header, hand)
    missing = [name for name in ROW_FIELDS if name not in content]
    if missing:
        raise ValueError(f"grasp set {path} lacks the field {missing[0]!r}; expected {', '.join(ROW_FIELDS)}")
    packed = content.pop("links")
    if packed.dtype != np.uint8 or packed.ndim != 2 or 8 * packed.shape[1] < len(hand.links):
        raise ValueError(
            f"grasp set {path}, field links: {packed.dtype} of shape {packed.shape}, expected uint8 "
            f"(G, {-(-len(hand.links) // 8)}): {len(hand.links)} link bits"
        )
    links = np.unpackbits(packed, axis=1, count=len(hand.links)).astype(bool)
    grasps = GraspSet(
        hand=hand,
        objects=tuple(header["objects"]),
        object_splits=tuple(header["object_splits"]),
        provenance=header.get("provenance", {}),
        source=str(path),
        shapes=content.get("shapes"),
        links=links,
        **{name: content[name] for name in (*ROW_FIELDS, *OPTIONAL_FIELDS) if name != "links" and name in content},
    )
    check_grasp_set(grasps, str(path))
    return grasps


def _hand_of(path: Path, header: dict[str, Any]) -> Hand:
    """The hand that a header names, or that of its file, where it was."""
    try:
        return load_hand(header.get("hand", "shadow"))
    except ValueError:
        if not header.get("hand_file"):
            raise
    hand = load_hand(header["hand_file"])
    if hand.name != header["hand"]:
        raise ValueError(
            f"grasp set {path}, field hand: given {header['hand']!r}, and {header['hand_file']} is of {hand.name!r} now"
        )
    return hand


def _check_header(path: Path, header: dict[str, Any], hand: Hand) -> None:
    for name, expected in (("joint_order", hand.joints), ("grasp_types", hand.type_names), ("links", hand.links)):
        if tuple(header.get(name, ())) != expected:
            raise ValueError(
                f"grasp set {path}, field {name}: given {header.get(name)}, expected {list(expected)} of the hand "
                f"{hand.name}"
            )
    for name in ("objects", "object_splits"):
        names = header.get(name)
        if not (isinstance(names, list) and all(isinstance(one, str) for one in names)):
            raise ValueError(f"grasp set {path}, field {name}: given {header.get(name)!r}, expected a list of names")
