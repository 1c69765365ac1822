"""Recorded episodes of a policy, from the command line."""

import json
from pathlib import Path

import pytest

from lightning_modules.record import main
from tests.learning import ROOT


@pytest.mark.usefixtures("fast_objects")
def test_the_shipped_policy_is_recorded(tiny_path: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="needs the extra lerobot; the extra dev has it")
    main(
        [
            f"--output={tmp_path / 'set'}",
            f"--checkpoint={ROOT / 'pretrained' / 'residual_ppo.ckpt'}",
            f"--path={tiny_path}",
            "--reachable_only=false",
            "--episodes=2",
        ]
    )
    info = json.loads((tmp_path / "set" / "meta" / "info.json").read_text(encoding="utf-8"))
    assert (info["total_episodes"], info["total_frames"], info["fps"]) == (2, 100, 40)


def test_an_unknown_task_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="--task is 'papr'; available: paper, user"):
        main([f"--output={tmp_path / 'set'}", "--task=papr"])
