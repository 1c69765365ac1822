"""Episodes under the controller are kept with what they are of."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from datamodules.grasps.grasp_file import load_grasp_set
from envs.hand.shadow import shadow_hand
from live import closed_loop, provenance
from live.hand_guard import check_policy_hand
from live.policies import policy_digest
from live.provenance import made_with
from tests.learning import ROOT
from tests.live.fakes import ToldControl


def test_other_weights_at_the_same_path_are_not_mixed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    policy, told = tmp_path / "policy.ckpt", []

    def stop(_: object, __: object, path: Path, made_of: dict[str, Any]) -> None:
        told.append(made_of)
        closed_loop._kept(path, made_of)
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(made_of) + "\n0\n")
        raise KeyboardInterrupt

    monkeypatch.setattr(closed_loop, "_episodes", lambda *_: [])
    monkeypatch.setattr(
        closed_loop, "load_control_policy", lambda _: ToldControl(shadow_hand(), shadow_hand().open_pose)
    )
    monkeypatch.setattr(closed_loop, "run_controller", stop)
    small = ["--grasps", str(ROOT / "data" / "grasps_small.npz")]
    given = ["--policy", str(policy), "--episodes", "1", *small, "--output", str(tmp_path / "out")]
    for _ in range(2):  # goes on where it stood
        policy.write_bytes(b"weights")
        with pytest.raises(KeyboardInterrupt):
            closed_loop.main(given)
    policy.write_bytes(b"other weights")
    with pytest.raises(SystemExit):
        closed_loop.main(given)
    assert told[0] == told[1] != told[2]
    assert told[2]["weights"] == policy_digest(policy)


@pytest.mark.parametrize("content", ["", "{", '{"a": 1}\nx\n', '{"a": 2}\n', '{"a": 1}\n{}\n'])
def test_a_damaged_file_of_episodes_is_named(content: str, tmp_path: Path) -> None:
    path = tmp_path / "episodes.txt"
    path.write_text('{"a": 1}\n0\n3\n')
    assert closed_loop._kept(path, {"a": 1}) == [0, 3]
    path.write_text(content)
    with pytest.raises(ValueError, match=r"episodes\.txt .*; delete it"):
        closed_loop._kept(path, {"a": 1})


def test_other_grasps_and_other_code_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    grasps = load_grasp_set(ROOT / "data" / "grasps_small.npz")
    policy = tmp_path / "policy.ckpt"
    told = made_with(grasps, policy)
    copy = shutil.copy(ROOT / "data" / "grasps_small.npz", tmp_path / "copy.npz")
    assert told == made_with(load_grasp_set(copy), policy)
    assert made_with(grasps.rows(np.arange(len(grasps) - 1)), policy)["grasps"] != told["grasps"]
    provenance.code_digest.cache_clear()
    monkeypatch.setattr(provenance, "made_of_code", lambda: {"code": "another"})
    assert made_with(grasps, policy)["code"] != told["code"]
    provenance.code_digest.cache_clear()


def test_another_version_of_what_runs_the_policy_is_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra onnx")
    grasps = load_grasp_set(ROOT / "data" / "grasps_small.npz")
    assert made_with(grasps, tmp_path / "policy.ckpt")["runtime"] == f"torch {torch.__version__}"
    told = made_with(grasps, tmp_path)  # a folder of exported files
    monkeypatch.setattr(onnxruntime, "__version__", "1.0")
    assert made_with(grasps, tmp_path) == told | {"runtime": "onnxruntime 1.0"} != told


def test_a_policy_of_another_hand_is_refused() -> None:
    policy = ToldControl(shadow_hand(), shadow_hand().open_pose)
    grasps = load_grasp_set(ROOT / "data" / "grasps_small.npz")
    check_policy_hand(policy, grasps, Path("policy.ckpt"))
    policy.facts = replace(policy.facts, name="ability")
    with pytest.raises(
        ValueError, match=r"policy\.ckpt is of the hand ability, the grasp set of shadow; give --grasps"
    ):
        check_policy_hand(policy, grasps, Path("policy.ckpt"))
