"""A learnt policy from its checkpoint alone."""

from pathlib import Path

from lightning_modules.checkpoints import build, check_is_of, class_path, read_checkpoint, settings_of
from lightning_modules.ibs_module import IBSModule
from lightning_modules.ilad_module import ILADModule
from lightning_modules.policy.finger_policies import LearntPolicy
from lightning_modules.residual_ppo_module import ResidualPPOModule
from lightning_modules.sac.acting import IBSPolicy


def load_policy(path: str | Path) -> LearntPolicy:
    """The policy of a checkpoint that ``fit`` or the export made, ready to act; needs no other file.

        policy = load_policy("pretrained/residual_ppo.ckpt")
        policy.start(num_worlds)
        action = policy.act(observation, step)

    Raises:
        FileNotFoundError: no such file.
        ValueError: damaged or foreign file, the checkpoint of something else, one that does not describe its primitive,
            classes from outside this project, or weights that do not fit the description.
    """
    return load_policy_module(path).policy()


def load_policy_module(path: str | Path) -> ResidualPPOModule:
    """The module of such a checkpoint, frozen; errors as of `load_policy`."""
    content = read_checkpoint(path)
    is_ilad = content.get("hyper_parameters", {}).get("_class_path") == class_path(ILADModule)
    kind = ILADModule if is_ilad else ResidualPPOModule
    check_is_of(kind, content, path)
    settings = settings_of(content, path)
    if isinstance(settings.get("primitive"), str):
        path = Path(path)
        # what training resumes from is not written over
        output = path.with_name(f"{path.stem}_exported.ckpt") if "optimizer_states" in content else path
        raise ValueError(
            f"checkpoint {path} names the file of its primitive ({settings['primitive']}) and does not describe it; "
            f"where that file is, convert it: python -m lightning_modules.export --checkpoint {path} --output {output}"
        )
    settings["encoder_checkpoint"] = None  # its weights are in the checkpoint
    if is_ilad:
        settings["demonstrations"] = None  # of training alone
    return build(kind, content, settings, path).eval().requires_grad_(False)


def load_ibs_policy(path: str | Path) -> IBSPolicy:
    """The policy of a checkpoint of the baseline IBS, ready to act in worlds that show it object_pose.

    Raises:
        FileNotFoundError: no such file.
        ValueError: damaged or foreign file, the checkpoint of something else, or weights that do not fit the
            description.
    """
    content = read_checkpoint(path)
    check_is_of(IBSModule, content, path)
    return build(IBSModule, content, settings_of(content, path), path).eval().requires_grad_(False).policy()
