"""The two optional packages behind the MJWarp backend, imported when worlds are made, and the device they run on."""

from types import ModuleType

import torch


def load_mujoco_warp() -> ModuleType:
    """The package `mujoco_warp`.

    Raises:
        RuntimeError: it is not installed, or does not fit what is; says what to install.
    """
    try:
        import mujoco_warp
    except ImportError as error:
        raise RuntimeError(
            f"physics by MJWarp needs the packages mujoco-warp and warp-lang ({error}); install the extra: "
            "pip install 'graspgf-lightning[mjwarp]', or choose envs.physics.mujoco_cpu.MujocoCpu"
        ) from error
    return mujoco_warp


def load_warp() -> ModuleType:
    """The package `warp`, quiet about what it compiles.

    Raises:
        RuntimeError: it is not installed; says what to install.
    """
    load_mujoco_warp()
    import warp

    warp.config.quiet = True
    return warp


def chosen_device(name: str | None) -> torch.device:
    """Where worlds live: the device named, or without a name the current CUDA device, or the CPU where there is none.

    Raises:
        ValueError: neither a CPU nor a CUDA device; or CUDA, which torch does not see here.
    """
    cuda = torch.cuda.is_available()
    if name is None:
        return torch.device("cuda", torch.cuda.current_device()) if cuda else torch.device("cpu")
    device = torch.device(name)
    if device.type not in ("cpu", "cuda"):
        raise ValueError(f"device is {name!r}, allowed: cpu, cuda, cuda:N, or none, which takes CUDA where it is")
    if device.type == "cuda" and not cuda:
        raise ValueError(
            f"device is {name!r}, but torch sees no CUDA device; give cpu, or install a CUDA build of torch"
        )
    return torch.device("cuda", torch.cuda.current_device()) if device == torch.device("cuda") else device
