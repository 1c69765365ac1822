"""The third-party test set: the 1,000 random objects that come with PyBullet, never trained on.

``pip install -e '.[objects]'`` brings them. ``python -m envs.objects.meshes.third_party --output FILE`` builds
them and writes their split file; the package's own goes by the bare name ``third_party`` (docs/objects.md).
"""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from envs.objects.meshes.import_meshes import import_folder, log_result, write_results
from envs.objects.meshes.mesh_folder import MeshFolder
from envs.objects.meshes.mesh_settings import MeshSettings
from envs.objects.store.object_cache import ObjectCache
from envs.objects.store.preparation import BUILD_TIMEOUT_S

THIRD_PARTY = MeshSettings(
    folder="package:pybullet_data/random_urdfs",
    # metres in one unit: the scale that all 1,000 URDF files give their meshes
    scale=0.015,
    # at that scale most are 90 mm wide all round, as much as the hand opens: the wide ones are scaled down as a whole
    max_width=0.07,
    family="random_object",
    pattern="*/*.obj",
    # nearly all are made of convex parts, nine of ten of at most ten, thin branching ones of up to 127
    max_pieces=32,
)
"""How PyBullet's random objects become objects of this project: original metric size, at most 70 mm where narrowest."""


def main(args: Sequence[str] | None = None) -> None:
    """Command line: builds the objects and writes their split file."""
    parser = argparse.ArgumentParser(description="Build PyBullet's random objects and write their split file.")
    parser.add_argument("--output", type=Path, required=True, help="split file to write (JSON)")
    parser.add_argument("--num_workers", type=int, help="processes; one per core when not given")
    parser.add_argument("--timeout", type=float, default=BUILD_TIMEOUT_S, help="seconds one mesh may take")
    given = parser.parse_args(args)
    try:
        imported = import_folder(MeshFolder(THIRD_PARTY), ObjectCache.of_user(), given.num_workers, given.timeout)
        splits = {"train": [], "unseen_instances": [], "unseen_families": imported.names}
        log_result(imported, given.output, write_results(imported, splits, THIRD_PARTY, given.output))
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main()
