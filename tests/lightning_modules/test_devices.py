"""Policies act and learn where their networks are, whatever device observations come on."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.accelerators import CPUAccelerator
from lightning.pytorch.strategies import SingleDeviceStrategy
from lightning_utilities.core.apply_func import apply_to_collection

from datamodules import ranks
from datamodules.rollouts.collector import RolloutCollector
from datamodules.rollouts.teacher import ArrivalTeacher
from datamodules.types import Decision, each_tensor
from envs.task.observations import POLICY_GROUPS
from envs.task.rewards import RewardSettings
from lightning_modules.followers import GapDenoiser
from lightning_modules.networks.point_encoders import PointNetEncoder
from lightning_modules.policy.inputs import PlannedGripInputs
from lightning_modules.policy.load import load_policy
from lightning_modules.policy.residual_policy import on_device
from lightning_modules.sac.acting import DemonstratingIBS
from tests.assisting import made_up_observation, make_env, sampler
from tests.learning import tiny_module
from tests.lightning_modules.made_up_rollouts import (
    STEPS,
    WORLDS,
    MadeUpRollouts,
    Make,
    decide,
    observations,
    wants_scale,
    weights,
)
from tests.lightning_modules.policy.test_load import saved
from tests.lightning_modules.sac.test_acting import Touching
from tests.second_device import check_in_own_process, each_device, not_in_own_process

device = each_device


@not_in_own_process
def test_all_of_these_hold_on_a_second_device() -> None:
    check_in_own_process(__file__)


def test_the_second_device_is_one(device: torch.device) -> None:
    there = torch.arange(3.0).to(device)
    assert (there + there).cpu().tolist() == [0.0, 2.0, 4.0]
    with pytest.raises(RuntimeError, match="Expected all tensors to be on the same device"):
        there + torch.arange(3.0)
    with pytest.raises(RuntimeError, match=r"(?i)expected a.* generator|device"):
        torch.randn(3, generator=torch.Generator(), device=device)
    with pytest.raises(TypeError, match=r"Tensor\.cpu\(\)"):
        there.numpy()


SETTINGS: list[dict[str, Any]] = [{}, {"encoder": PointNetEncoder((8, 16), (8,)), "critic_groups": ("contacts",)}]


@pytest.mark.parametrize("settings", SETTINGS, ids=["shared_feature", "own_encoder"])
def test_a_policy_explores_as_on_the_cpu(settings: dict[str, Any], make: Make, device: torch.device) -> None:
    here = decide(make(**settings))
    there = decide(make(**settings).to(device))
    assert there.hand_action.device.type == device.type
    # the same noise wherever the networks are
    torch.testing.assert_close(there.hand_action.cpu(), here.hand_action, atol=1e-4, rtol=0.0)
    torch.testing.assert_close(there.memory["noise_before"].cpu(), here.memory["noise_before"], atol=1e-5, rtol=0.0)


def test_a_policy_that_sees_all_of_the_primitive_decides_for_some_worlds_as_on_the_cpu(
    make: Make, device: torch.device
) -> None:
    def decided(where: torch.device) -> Decision:
        settings = {"inputs": PlannedGripInputs(), "follower": GapDenoiser(synchronised=True)}
        module = make(primitive=tiny_module(sees_table=True, refines=True), **settings).to(where)
        [acting] = module.begin([WORLDS], 50, torch.Generator().manual_seed(0))
        some = [torch.arange(WORLDS) < count for count in (WORLDS, 5)]
        steps = [acting.step(seen, moving) for seen, moving in zip(observations(), some, strict=False)]
        return each_tensor(lambda *values: torch.stack(values), *steps)

    here, there = decided(torch.device("cpu")), decided(device).to("cpu")
    assert not here.hand_action[1, 5:].any()
    assert here.hand_action[1, :5].any()
    torch.testing.assert_close(there.hand_action, here.hand_action, atol=1e-4, rtol=0.0)
    torch.testing.assert_close(there.memory["vectors"], here.memory["vectors"], atol=1e-3, rtol=0.0)


def test_policies_act_on_observations_of_the_cpu(make: Make, device: torch.device) -> None:
    seen, module = made_up_observation(WORLDS), make()
    expected = [policy.act(seen, 3) for policy in (module.policy(), module.primitive_policy(2))]
    there = module.to(device)
    for policy, action in zip((there.policy(), there.primitive_policy(2)), expected, strict=True):
        policy.start(WORLDS)
        np.testing.assert_allclose(policy.act(seen, 3), action, atol=1e-4)
    assert not there.primitive_policy(2).act(seen, 1).any()


class SecondAccelerator(CPUAccelerator):
    """Lets Lightning put module and batches on the second device."""

    def setup_device(self, device: torch.device) -> None:
        """Nothing has to be prepared."""


def trainer_on(device: torch.device, **settings: Any) -> Trainer:
    """A trainer that puts module and batches on the device."""
    where: dict[str, Any] = {"accelerator": "gpu", "devices": 1}
    if device.type != "cuda":
        where = {"strategy": SingleDeviceStrategy(device=device), "accelerator": SecondAccelerator()}
    return Trainer(
        max_epochs=1, logger=False, enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
        num_sanity_val_steps=0, **where, **settings,
    )  # fmt: skip


@pytest.mark.parametrize("settings", SETTINGS, ids=["shared_feature", "own_encoder"])
def test_fit_collects_and_learns_where_the_trainer_puts_the_module(
    settings: dict[str, Any], make: Make, device: torch.device, tmp_path: Path
) -> None:
    one_pass = {"epochs": 2, "imitation_epochs": 1, "minibatch_size": STEPS * WORLDS}
    module = make(imitation_rollouts=1, **one_pass, **settings)
    before = weights(module)
    gate = torch.ones(STEPS, WORLDS)
    trainer_on(device, default_root_dir=tmp_path).fit(module, MadeUpRollouts(2, wants_scale(), gate=gate))
    assert module.policy_version == 2
    after = {name: value.cpu() for name, value in module.state_dict().items()}
    for part in ("network.actor.", "network.critic.", "exploration.", "network.vector_norm."):
        assert any(not torch.equal(before[name], after[name]) for name in before if name.startswith(part)), part
    assert all(value.isfinite().all() for value in after.values())


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Makes this process the first of two that do the same; what it tells the other one."""
    values: list[Any] = []

    def all_gather_object(into: list[Any], value: Any) -> None:
        values.append(value)
        into[:] = [value] * len(into)

    two = {"is_available": lambda: True, "is_initialized": lambda: True}
    two |= {"get_world_size": lambda: 2, "get_rank": lambda: 0}
    monkeypatch.setattr(ranks, "dist", SimpleNamespace(**two, all_gather_object=all_gather_object))
    return values


def test_what_ranks_tell_one_another_is_on_the_host(
    make: Make, device: torch.device, tmp_path: Path, told: list[Any]
) -> None:
    # a tensor of one card, pickled, would be made on that card by every rank
    module = make(epochs=2, minibatch_size=STEPS * WORLDS)
    trainer_on(device, default_root_dir=tmp_path).fit(module, MadeUpRollouts(2, wants_scale()))
    assert int(module.agent_steps) == 2 * 2 * STEPS * WORLDS
    tensors: list[torch.Tensor] = []
    apply_to_collection(told, torch.Tensor, tensors.append, allow_frozen=True)
    assert len(tensors) > 4
    assert {each.device.type for each in tensors} == {"cpu"}


def test_a_collector_with_physics_serves_a_policy_elsewhere(make: Make, device: torch.device) -> None:
    env = make_env(privileged=("remaining",), reward=RewardSettings({"following": 1.0, "success": 1.0}))
    collector = RolloutCollector([env], teacher=ArrivalTeacher())
    collected = collector.collect(make().to(device), sampler().sample(2), torch.Generator().manual_seed(0)).to(device)
    assert {value.device.type for value in (*collected.memory.values(), collected.reward, collected.gate)} == {
        device.type
    }


def test_the_demonstrator_of_ibs_serves_worlds_elsewhere(device: torch.device) -> None:
    groups = (*POLICY_GROUPS, "object_pose", "goal_joints", "remaining")
    seen = made_up_observation(3, groups=groups)
    found = []
    for observation in (on_device(seen, device), seen):
        acting = DemonstratingIBS(Touching(), torch.zeros(2, 3))
        found.append([acting.step(observation, torch.tensor([True, False, True])) for _ in range(2)][-1])
    there, here = found
    assert there.hand_action.device.type == "cpu"
    assert here.memory["action"].abs().sum() > 0.0
    torch.testing.assert_close(there.memory["action"], here.memory["action"])


def test_a_loaded_policy_can_be_moved(make: Make, device: torch.device, tmp_path: Path) -> None:
    policy, seen = load_policy(saved(make(), tmp_path / "policy.ckpt")), made_up_observation(2)
    expected = policy.act(seen, 0)
    policy.to(device).start(2)
    np.testing.assert_allclose(policy.act(seen, 0), expected, atol=1e-4)
