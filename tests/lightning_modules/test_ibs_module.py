"""The baseline IBS: what it refuses, what it learns, and its way through the command line."""

import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from lightning_modules.checkpoint_files import read_checkpoint_file
from lightning_modules.export import export_checkpoint
from lightning_modules.policy.load import load_policy
from lightning_modules.sac.acting import IBSPolicy
from lightning_modules.sac.gradients import gradients, gradients_by_halves
from lightning_modules.sac.pool import Inputs, Pool, draw_pool
from lightning_modules.sac.replay import Transitions
from reports.run_logs import read_logs
from tests.envs.bisector.made_points import made_up_points
from tests.learning import ROOT, run
from tests.lightning_modules.sac.made_up_situations import far_away, tiny_module
from tests.lightning_modules.stops import StoppedError
from tests.lightning_modules.test_resume import assert_same

IBS = ROOT / "configs" / "baselines" / "ibs.yaml"

SMALL: dict[str, dict[str, Any]] = {
    "AssistEvaluation": {
        "plan": {"class_path": "datamodules.rollouts.plans.SpreadPlan", "init_args": {"num_episodes": 2}},
        "num_validation_episodes": 1,
        "policies": ["ours", "oracle"],
    },
    "AssistFilmstrips": {"every_n_epochs": 1, "num_failures": 1, "num_successes": 1, "size": 48},
}
"""What the configuration's callbacks are given instead, by class."""

pytestmark = pytest.mark.usefixtures("fast_objects")


def command(subcommand: str, grasp_set: Path, root: Path, *more: str, evaluates: bool = False) -> list[str]:
    """A command line of the configuration with tiny networks: one rollout of demonstrations, then the policy's."""
    callbacks = yaml.safe_load(IBS.read_text())["trainer"]["callbacks"]
    kept = callbacks if evaluates else callbacks[-1:]
    for callback in kept:
        callback.setdefault("init_args", {}).update(SMALL.get(callback["class_path"].split(".")[-1], {}))
    trainer = {"callbacks": kept, "max_epochs": 1, "check_val_every_n_epoch": 1}
    trainer |= {} if evaluates else {"limit_val_batches": 0}
    model = {
        "num_points": 32, "part_widths": [4], "whole_widths": [4], "hidden_widths": [8], "gradient_steps": 2,
        "batch_size": 4, "demonstration_capacity": 40, "experience_capacity": 60,
    }  # fmt: skip
    data = {"split_file": "small", "num_worlds": 2, "rollouts_per_epoch": 2, "reachable_only": False}
    content = {"model": {"init_args": model}, "data": {"init_args": data}, "trainer": trainer}
    root.mkdir(parents=True, exist_ok=True)
    (root / "tiny.yaml").write_text(yaml.safe_dump(content))
    return [
        subcommand, f"--config={IBS}", f"--config={root / 'tiny.yaml'}", f"--data.init_args.path={grasp_set}",
        f"--trainer.default_root_dir={root}", *more,
    ]  # fmt: skip


def checkpoint(root: Path) -> dict[str, Any]:
    content: dict[str, Any] = torch.load(root / "checkpoints" / "last.ckpt", weights_only=True)
    return content


def test_it_trains_and_tests_through_the_command_line(tiny_path: Path, tmp_path: Path) -> None:
    run(command("fit", tiny_path, tmp_path, evaluates=True))
    content = checkpoint(tmp_path)
    assert content["global_step"] == 2  # gradient steps, after the rollout of the policy alone
    assert {name: len(part["ends"]) for name, part in content["replay"].items()}["demonstrations"] == 40
    [log] = read_logs(tmp_path)
    assert [len(log[f"train/{name}"]) for name in ("agent_steps", "episode/success")] == [2, 1]  # not the script's
    # how much is kept to learn from does not matter to a test
    more = "--model.init_args.experience_capacity=90"
    run(command("test", tiny_path, tmp_path, more, "--ckpt_path=last", evaluates=True))
    report = json.loads((tmp_path / "metrics.json").read_text())
    assert set(report["splits"]["unseen_families"]) >= {"ours", "oracle"}
    assert (tmp_path / "pictures" / "episodes_unseen_families.png").is_file()
    policy = load_policy(tmp_path / "checkpoints" / "last.ckpt")
    assert isinstance(policy, IBSPolicy)
    assert policy.to("cpu") is policy
    assert torch.equal(policy._actor.head.lins[0].weight, content["state_dict"]["actor.head.lins.0.weight"])
    light = export_checkpoint(tmp_path / "checkpoints" / "last.ckpt", tmp_path / "light.ckpt")
    kept = read_checkpoint_file(light)["state_dict"]
    assert not [name for name in kept if name.startswith(("critic.", "target_critic."))]
    acting = load_policy(light)
    assert isinstance(acting, IBSPolicy)
    for name, value in policy._actor.state_dict().items():
        assert torch.equal(acting._actor.state_dict()[name], value), name


def test_a_resumed_run_ends_as_one_that_was_not_interrupted(tiny_path: Path, tmp_path: Path) -> None:
    run(command("fit", tiny_path, tmp_path / "whole", "--trainer.max_epochs=2"))
    run(command("fit", tiny_path, tmp_path / "halves"))
    run(command("fit", tiny_path, tmp_path / "halves", "--ckpt_path=last", "--trainer.max_epochs=2"))
    whole, halves = (checkpoint(tmp_path / name) for name in ("whole", "halves"))
    for name, value in whole["state_dict"].items():
        assert torch.equal(value, halves["state_dict"][name]), name
    for name in ("demonstrations", "experience"):
        parts = [content["replay"][name] for content in (whole, halves)]
        assert parts[0]["num_added"] == parts[1]["num_added"] > 0
        assert torch.equal(parts[0]["action"], parts[1]["action"])


def test_a_run_that_ends_within_an_epoch_goes_on_in_its_middle(
    tiny_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callbacks.training.checkpoints.WITHIN_EPOCH_S", 0.0)
    one_epoch = "--data.init_args.rollouts_per_epoch=4"
    run(command("fit", tiny_path, tmp_path / "whole", one_epoch))
    stopping = ["--trainer.callbacks+=tests.lightning_modules.stops.StopAfter", "--trainer.callbacks.batches=3"]
    with pytest.raises(StoppedError, match="after batch 3"):
        run(command("fit", tiny_path, tmp_path / "parts", one_epoch, *stopping))
    assert checkpoint(tmp_path / "parts")["RolloutDataModule"]["num_rollouts"] == 2
    run(command("fit", tiny_path, tmp_path / "parts", one_epoch, "--ckpt_path=last"))
    whole, parts = (checkpoint(tmp_path / name) for name in ("whole", "parts"))
    for field in ("state_dict", "optimizer_states", "replay", "RolloutDataModule", "epoch", "global_step"):
        assert_same(whole[field], parts[field], field)


def test_worlds_that_hide_what_it_needs_are_refused(tiny_path: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"do not show goal_joints, remaining.*set data.privileged to \[object_pose"):
        run(command("fit", tiny_path, tmp_path, "--data.init_args.privileged=[object_pose]"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch_size": 0}, "batch_size is 0; at least 1 is needed"),
        ({"gamma": 1.0}, r"gamma is 1\.0; a number in \[0, 1\) is needed"),
        ({"tau": 0.0}, r"tau is 0\.0; a number in \(0, 1\] is needed"),
        ({"experience_capacity": 0}, "experience_capacity is 0; at least 1 is needed"),
        ({"learning_rate": 0.0}, r"learning_rate is 0\.0; a finite number above 0 is needed"),
        ({"temperature_learning_rate": -1.0}, "temperature_learning_rate is .*; a finite number of at least 0"),
        ({"friction": float("nan")}, "friction is nan; a finite number of at least 0 is needed"),
        ({"seed": -1}, "seed is -1; at least 0 is needed"),
        ({"num_points": 5000}, "num_points is 5000; 1 to 4096 points of a surface can be seen"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tiny_module(**settings)


def noise(count: int, generator: torch.Generator) -> torch.Tensor:
    return torch.randn(2, count, 19, generator=generator)


def test_it_solves_a_task_of_one_step() -> None:
    module = tiny_module(hidden_widths=(64, 64))
    optimizer = torch.optim.Adam([*module.actor.parameters(), *module.critic.parameters()], lr=3.0e-3)
    generator = torch.Generator().manual_seed(0)
    action = 2.0 * torch.rand(4000, 19, generator=generator) - 1.0
    # paid for a first joint near 0.5, as much as a success is
    rewards = torch.cat([-150.0 * (action[:, :1] - 0.5).square(), torch.zeros(4000, 6)], 1)
    # no surface is anywhere; looking for it would take most of the time
    seen = Inputs(made_up_points([0] * 4000), module._view.state(far_away(4000)))
    steps = Pool(action, rewards, torch.ones(4000, dtype=torch.bool), seen, seen)
    situation = steps.before.rows(torch.arange(128), "cpu")

    def miss() -> float:
        with torch.no_grad():
            mean = module.actor(situation.points, situation.state).mean.tanh()
        return float((mean[:, 0] - 0.5).abs().mean())

    before = miss()
    for _ in range(800):
        batch = steps.rows(torch.randint(4000, (128,), generator=generator))
        found = gradients(module._learner(), batch, noise(128, generator), gamma=0.99)
        for parameter, gradient in zip(module._learner().parameters(), found.of, strict=True):
            parameter.grad = gradient
        optimizer.step()
    assert miss() < 0.15 < before


def test_the_policys_loss_does_not_reach_the_critics() -> None:
    module, generator = tiny_module(), torch.Generator().manual_seed(0)
    steps = Transitions(far_away(8), torch.rand(8, 19) - 0.5, torch.randn(8, 7), torch.ones(8, dtype=torch.bool))
    module.demonstrations.add(steps)
    pool = draw_pool(module._view, [module.demonstrations, module.experience], 8, generator)

    def both() -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        found = gradients(module._learner(), pool, noise(8, torch.Generator().manual_seed(1)), gamma=0.99).of
        of_critic = len(list(module.critic.parameters()))
        return found[:of_critic], found[of_critic:]

    first, of_policy = both()
    assert all(each.abs().sum() > 0.0 for each in of_policy[-3:])  # its last layer's, and the temperature's
    with torch.no_grad():  # another policy
        for parameter in module.actor.parameters():
            parameter.add_(0.3)
    second, of_another = both()
    for one, other in zip(first, second, strict=True):
        assert torch.allclose(one, other, atol=1e-5)
    assert not torch.allclose(of_policy[-1], of_another[-1])
    assert all(parameter.grad is None for parameter in module.target_critic.parameters())


def test_gradients_of_halves_side_by_side_are_those_of_the_whole() -> None:
    module, generator = tiny_module(), torch.Generator().manual_seed(0)
    ends = torch.ones(9, dtype=torch.bool)
    module.demonstrations.add(Transitions(far_away(9), torch.rand(9, 19) - 0.5, torch.randn(9, 7), ends))
    pool = draw_pool(module._view, [module.demonstrations, module.experience], 9, generator)
    rows, drawn = torch.tensor([8, 0, 3, 3, 1, 5, 2]), noise(7, generator)  # halves of four and three
    whole = gradients(module._learner(), pool.rows(rows), drawn, gamma=0.99)
    threads, found = torch.get_num_threads(), []
    for count in (1, 2):
        torch.set_num_threads(count)
        found.append(gradients_by_halves(module._learner(), pool, rows, drawn, 0.99, nullcontext))
    torch.set_num_threads(threads)
    for expected, alone, beside in zip(whole.of, *(each.of for each in found), strict=True):
        torch.testing.assert_close(alone, expected, rtol=1e-4, atol=1e-5)
        assert torch.equal(alone, beside)
    assert found[0].numbers == found[1].numbers == pytest.approx(whole.numbers, rel=1e-4)


def test_steps_are_drawn_from_both_buffers_with_what_was_seen_next() -> None:
    module, generator = tiny_module(), torch.Generator().manual_seed(0)
    for buffer, count in ((module.demonstrations, 30), (module.experience, 10)):
        ends = torch.arange(count) % 10 == 9
        action = torch.full((count, 19), float(count))
        buffer.add(Transitions(far_away(count, seed=count), action, torch.zeros(count, 7), ends))
    pool = draw_pool(module._view, [module.demonstrations, module.experience], 400, generator)
    own = pool.action[:, 0] == 10.0
    assert 60 < int(own.sum()) < 140  # a quarter of 400, within four standard deviations
    states = module._view.state(far_away(10, seed=10))
    for state, following, ends in zip(pool.before.state[own], pool.after.state[own], pool.ends[own], strict=True):
        row = int((states - state).abs().sum(1).argmin())
        assert torch.equal(states[row], state)
        assert bool(ends) == (row == 9)
        assert torch.equal(following, states[(row + 1) % 10])
