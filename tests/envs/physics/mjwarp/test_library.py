"""What is said where MJWarp or its device is missing."""

import sys

import pytest
import torch

from envs.hand.shadow import shadow_hand
from envs.physics.mjwarp.library import chosen_device, load_mujoco_warp
from envs.physics.mujoco_warp import MujocoWarp
from envs.physics.unavailable import PhysicsUnavailableError


@pytest.mark.parametrize("package", ["warp", "mujoco_warp"])
def test_a_missing_package_is_named_with_the_extra_that_brings_it(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if package == "mujoco_warp":
        pytest.importorskip("warp", reason="needs the extra mjwarp")
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(
        PhysicsUnavailableError, match=r"needs the packages mujoco-warp and warp-lang .*install -c .*\[mjwarp\]"
    ):
        load_mujoco_warp()
    with pytest.raises(PhysicsUnavailableError, match=r"or choose envs.physics.mujoco_cpu.MujocoCpu"):
        MujocoWarp(device="cpu").make(shadow_hand(), 1)


def test_the_device_is_cuda_where_torch_sees_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert chosen_device(None) == torch.device("cpu")
    with pytest.raises(ValueError, match="device is 'cuda:1', but torch sees no CUDA device"):
        chosen_device("cuda:1")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 3)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    # of several processes each has its own
    assert chosen_device(None) == chosen_device("cuda") == torch.device("cuda", 3)
    assert chosen_device("cuda:1") == torch.device("cuda", 1)
    assert chosen_device("cpu") == torch.device("cpu")


def test_a_card_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert chosen_device("cuda:0") == torch.device("cuda", 0)
    message = "device is 'cuda:7', but of the 1 CUDA devices that torch sees the last is cuda:0"
    with pytest.raises(ValueError, match=message):
        chosen_device("cuda:7")


@pytest.mark.parametrize("name", ["mps", "gpu", "cuda:first"])
def test_other_devices_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"device is '{name}', allowed: cpu, cuda, cuda:N"):
        chosen_device(name)
