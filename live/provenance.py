"""What trials and episodes of a controller are made of: kept ones of anything else are not mixed with new ones."""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import torch

from callbacks.store.made_of import digest, made_of_code
from datamodules.grasps.grasp_set import GraspSet


@lru_cache
def code_digest() -> str:
    """Stands for the project's code, this layer's too, and the libraries that `made_of_code` names."""
    root = Path(__file__).resolve().parent
    files = sorted(root.rglob("*.py"))
    texts = (text for path in files for text in (path.relative_to(root), path.read_text(encoding="utf-8")))
    return digest(made_of_code(), *texts)[:16]


def runtime_of(policy: Path) -> str:
    """What runs a policy, with its version: torch a checkpoint, onnxruntime a folder of exported files."""
    if policy.is_dir():
        import onnxruntime

        return f"onnxruntime {onnxruntime.__version__}"
    return f"torch {torch.__version__}"


def made_with(grasps: GraspSet, policy: Path) -> dict[str, str]:
    """Digests of a grasp set, wherever it was read from, and of the code, and what runs the policy of a path."""
    of_grasps = digest(replace(grasps, source=""))[:16]
    return {"grasps": of_grasps, "code": code_digest(), "runtime": runtime_of(policy)}
