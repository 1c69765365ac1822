"""The two optional packages behind the MJWarp backend, imported when worlds are made, and the device they run on."""

from types import ModuleType

import torch

from envs.physics.unavailable import PhysicsUnavailableError


def load_warp() -> ModuleType:
    """The package `warp`, told not to print what it finds and compiles.

    Raises:
        PhysicsUnavailableError: it is not installed; says what to install.
    """
    try:
        import warp
    except ImportError as error:
        raise _missing(error) from error
    warp.config.log_level = max(warp.config.log_level, warp.LOG_WARNING)
    return warp


def load_mujoco_warp() -> ModuleType:
    """The package `mujoco_warp`.

    Raises:
        PhysicsUnavailableError: it is not installed; says what to install.
    """
    load_warp()  # quiet before the other import starts it
    try:
        import mujoco_warp
    except ImportError as error:
        raise _missing(error) from error
    return mujoco_warp


def _missing(error: ImportError) -> PhysicsUnavailableError:
    return PhysicsUnavailableError(
        f"physics by MJWarp needs the packages mujoco-warp and warp-lang ({error}); install the extra: "
        "pip install -c constraints.txt -e '.[mjwarp]', or choose envs.physics.mujoco_cpu.MujocoCpu"
    )


def chosen_device(name: str | None) -> torch.device:
    """Where worlds live: the device named, or without a name the current CUDA device, or the CPU where there is none.

    Raises:
        ValueError: neither a CPU nor a CUDA device; or CUDA, or a card, which torch does not see here.
    """
    cuda = torch.cuda.is_available()
    if name is None:
        return torch.device("cuda", torch.cuda.current_device()) if cuda else torch.device("cpu")
    allowed = f"device is {name!r}, allowed: cpu, cuda, cuda:N, or none, which takes CUDA where it is"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ValueError(allowed) from error
    if device.type not in ("cpu", "cuda"):
        raise ValueError(allowed)
    if device.type == "cuda" and not cuda:
        raise ValueError(
            f"device is {name!r}, but torch sees no CUDA device; give cpu, or install a CUDA build of torch"
        )
    if device == torch.device("cuda"):
        return torch.device("cuda", torch.cuda.current_device())
    if device.type == "cuda" and device.index >= torch.cuda.device_count():
        raise ValueError(
            f"device is {name!r}, but of the {torch.cuda.device_count()} CUDA devices that torch sees the last is "
            f"cuda:{torch.cuda.device_count() - 1}; give one of them, or cuda, the current one"
        )
    return device
