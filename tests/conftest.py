"""A grasp set of a few seconds, made once a session, and objects that are built once a session."""

import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import pytest
import torch
from filelock import FileLock

from datamodules.grasps.grasp_file import save_grasp_set
from datamodules.grasps.grasp_set import GraspSet
from envs.objects.builder import make_object
from lightning_modules.export import export_graphs
from tests.learning import ROOT, command, few_callbacks, run, tiny_grasp_set

# tiny networks gain nothing from more threads, two processes on few cores lose much, and sums keep their order
torch.set_num_threads(1)

_built = lru_cache(maxsize=None)(make_object)


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Folder of the caches of these tests, child processes included; the user's are never touched."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRASPGF_CACHE", str(folder))
        yield folder


@pytest.fixture
def fast_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    """Object libraries share their objects, so that each is built once a session (40 ms) and not once a test."""
    monkeypatch.setattr("envs.objects.families.source.make_object", _built)


@pytest.fixture(scope="session")
def tiny_grasps() -> GraspSet:
    """Some twenty verified grasps of five objects in three splits."""
    return tiny_grasp_set()


@pytest.fixture(scope="session")
def tiny_path(tiny_grasps: GraspSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of `tiny_grasps`."""
    path = tmp_path_factory.mktemp("grasps") / "tiny.npz"
    save_grasp_set(tiny_grasps, path)
    return path


@pytest.fixture(scope="session")
def tiny_run(tiny_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Root folder of a finished run of the smoke configuration: two epochs of two steps, nothing evaluated."""
    root = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("envs.objects.families.source.make_object", _built)
        run(command("fit", tiny_path, root, few_callbacks(root / "few.yaml"), "--trainer.max_epochs=2"))
    return root


@pytest.fixture(scope="session")
def exported_policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the shipped policy's ONNX files, checked on a few inputs: made once for all of pytest's processes."""
    pytest.importorskip("onnxscript", reason="needs the extra onnx")
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "onnx"
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            made = tmp_path_factory.mktemp("made")
            export_graphs(ROOT / "pretrained" / "residual_ppo.ckpt", made, "onnx", num_random=32, num_real=0)
            made.rename(folder)
    return folder
