"""A run of the residual policy that learns in seconds, in two parts, in worlds of another simulator; what must hold."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from reports.run_logs import policy_run, read_logs
from tests.assisting import checkpoints_alone, policy_command
from tests.learning import ROOT, run

PRIMITIVE = ROOT / "pretrained" / "gf.ckpt"

_WORLDS, _STEPS, _ROLLOUTS = 2, 50, 6

_LEARNING = (
    # begins as the primitive alone at 0.7 of its speed, which lifts some objects, not as a hand that waits
    "--model.init_args.composition=lightning_modules.composition.ScaleAndResidual",
    f"--data.init_args.num_worlds={_WORLDS}", "--data.init_args.rollouts_per_epoch=2",
    "--model.init_args.imitation_rollouts=4", "--model.init_args.imitation_epochs=8", "--model.init_args.epochs=8",
)  # fmt: skip


def learning_line(grasps: Path, root: Path, *more: str, overlays: Sequence[Path]) -> list[str]:
    """The command line of one epoch of two rollouts."""
    few = checkpoints_alone(root / "few.yaml")
    return policy_command("fit", grasps, PRIMITIVE, root, few, *_LEARNING, *more, overlays=overlays)


def learnt_in_two_parts(line: list[str], root: Path, *later: str) -> dict[str, Any]:
    """Run a `learning_line` and resume it, up to six rollouts; its last checkpoint, after what must hold.

    Args:
        line: of the first epoch.
        root: folder of the run.
        later: options of the second part alone.
    """
    run(line)
    first = _kept(root)["state_dict"]
    assert (int(first["updates"]), int(first["agent_steps"])) == (2, 2 * _WORLDS * _STEPS)
    run([*line, "--trainer.max_epochs=3", "--ckpt_path=last", *later])
    content = _kept(root)
    assert content["RolloutDataModule"]["num_rollouts"] == content["state_dict"]["updates"] == _ROLLOUTS
    assert all(bool(torch.isfinite(value).all()) for value in content["state_dict"].values())
    first_part, second_part = read_logs(root)
    assert [len(log["train/agent_steps"]) for log in (first_part, second_part)] == [2, 4]
    _assert_learnt({name: curve.value for name, curve in policy_run([first_part, second_part]).curves.items()})
    return content


def _kept(root: Path) -> dict[str, Any]:
    content: dict[str, Any] = torch.load(root / "checkpoints" / "last.ckpt", weights_only=True)
    return content


def _assert_learnt(curves: dict[str, Any]) -> None:
    """Counts and schedule go on over the break, losses fall and objects are lifted.

    In MuJoCo, seeds 0 to 3: imitation came to 0.37 to 0.60 of its begin and the critic's loss, which a single rollout
    may double, to 0.14 to 0.62; 75 to 100 % of the last four rollouts were lifted. Without a step size neither falls.
    """
    np.testing.assert_array_equal(curves["train/agent_steps"], _WORLDS * _STEPS * np.arange(1, _ROLLOUTS + 1))
    # 1e-3 (1 - 0.9 n / 4) in the first four rollouts; at the end of the fourth reinforcement learning's own
    np.testing.assert_allclose(curves["train/ppo/learning_rate"][:4], [1e-3, 7.75e-4, 5.5e-4, 2e-4], rtol=1e-5)
    imitation, critic = curves["train/ppo/imitation_loss"], curves["train/ppo/value_loss"]
    assert imitation[-3:].mean() < 0.8 * imitation[0]
    assert np.median(critic[-4:]) < 0.8 * critic[:2].mean()
    assert curves["train/episode/success"][-4:].mean() >= 0.5
