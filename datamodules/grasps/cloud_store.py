"""Clouds and shapes of many objects, each in one file that is mapped into memory.

Grasp tables need 12 kB of an object, its file in the cache of objects holds some 120: reading those of 5,000 objects
is 0.6 GB at every start, and as much memory for each process if they stay.
"""

from functools import lru_cache
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save
from safetensors.torch import load_file

from envs.conventions import NUM_CLOUD_POINTS
from envs.files import cache_folder, keep, read_kept
from envs.objects.library import ObjectLibrary
from envs.objects.shapes import ShapeDigests, shape_digests
from envs.objects.store.content_key import code_key

Clouds = NDArray[np.float32]


@lru_cache(maxsize=8)
def object_clouds(library: ObjectLibrary, names: tuple[str, ...]) -> Clouds:
    """Clouds (O, 1024, 3) of these objects in their order, object frames, m, not to be written to.

    Read object by object and kept in the cache the first time, mapped from there ever after, by all processes together.
    The file is named after the content of the objects: changed ones get another. A damaged file is told and made anew;
    a folder that cannot be written is told and done without.

    Raises:
        KeyError, ValueError: as `ObjectLibrary.each`.
    """
    folder = cache_folder("clouds")
    if folder is None or not names:
        return _read(library, names)
    clouds = read_kept(folder / _file(library, names), _mapped)
    if clouds is None:
        clouds = _read(library, names)
        if _name_of(library, names) == _file(library, names):  # no mesh changed while they were read
            keep(folder, _file(library, names), save({"clouds": clouds}))
    return clouds


@lru_cache(maxsize=8)
def object_shapes(library: ObjectLibrary, names: tuple[str, ...]) -> ShapeDigests:
    """What stands for the shapes of these objects, (O, 15) (`envs.objects.shapes`); kept as `object_clouds` are.

    Raises:
        KeyError, ValueError: as `ObjectLibrary.each`.
    """
    folder = cache_folder("shapes")
    if folder is None or not names:
        return shape_digests(library.each(names))
    file = f"{code_key(('shapes.py',), ()).hex()[:8]}_{_file(library, names)}"
    shapes = read_kept(folder / file, _kept_shapes)
    if shapes is None:
        shapes = shape_digests(library.each(names))
        if _name_of(library, names) == _file(library, names):
            keep(folder, file, save({"shapes": shapes}))
    return shapes


@lru_cache(maxsize=8)
def _file(library: ObjectLibrary, names: tuple[str, ...]) -> str:
    """Name of a file that stands for the content of these objects, as it was when first asked for."""
    return _name_of(library, names)


def _name_of(library: ObjectLibrary, names: tuple[str, ...]) -> str:
    return f"{sha256(''.join(map(library.key, names)).encode()).hexdigest()[:40]}.safetensors"


def _read(library: ObjectLibrary, names: tuple[str, ...]) -> Clouds:
    clouds = np.empty((len(names), NUM_CLOUD_POINTS, 3), dtype=np.float32)
    for row, thing in enumerate(library.each(names)):
        clouds[row] = thing.cloud
    return clouds


def _kept_shapes(path: Path) -> ShapeDigests:
    shapes: ShapeDigests = load_file(path)["shapes"].numpy()
    return shapes


def _mapped(path: Path) -> Clouds:
    """The content of a file; pages are shared with other processes until somebody writes to them."""
    clouds: Clouds = load_file(path)["clouds"].numpy()  # numpy's reader would copy
    return clouds
