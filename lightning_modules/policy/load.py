"""A learnt policy from its checkpoint alone."""

from pathlib import Path
from typing import Any

from lightning_modules.checkpoints import build, check_is_of, class_path, read_checkpoint, settings_of
from lightning_modules.ibs_module import IBSModule
from lightning_modules.ilad_module import ILADModule
from lightning_modules.policy.finger_policies import LearntPolicy
from lightning_modules.residual_ppo_module import ResidualPPOModule
from lightning_modules.sac.acting import IBSPolicy

_KINDS: tuple[type[ResidualPPOModule | IBSModule], ...] = (ResidualPPOModule, ILADModule, IBSModule)
"""Modules whose checkpoints hold a policy; those that do not say are of the first."""

_OF_TRAINING_ALONE = ("encoder_checkpoint", "demonstrations")
"""Files that a policy does without once it has learnt from them."""


def load_policy(path: str | Path) -> LearntPolicy | IBSPolicy:
    """The policy of a checkpoint that ``fit`` or the export made, ready to act; needs no other file.

        policy = load_policy("pretrained/residual_ppo.ckpt")
        policy.start(num_worlds)
        action = policy.act(observation, step)

    What it reads of what others are not shown is said by `datamodules.rollouts.policy.hidden_groups`.

    Raises:
        FileNotFoundError: no such file.
        ValueError: damaged or foreign file, the checkpoint of something else, one that does not describe its primitive,
            classes from outside this project, or weights that do not fit the description.
    """
    content = read_checkpoint(path)
    named = content.get("hyper_parameters", {}).get("_class_path")
    kind = next((kind for kind in _KINDS if class_path(kind) == named), _KINDS[0])
    check_is_of(kind, content, path)
    settings = settings_of(content, path)
    _check_primitive(settings, Path(path), is_resumable="optimizer_states" in content)
    settings |= {name: None for name in _OF_TRAINING_ALONE if name in settings}
    return build(kind, content, settings, path).eval().requires_grad_(False).policy()


def _check_primitive(settings: dict[str, Any], path: Path, *, is_resumable: bool) -> None:
    """Refuse a checkpoint that names the file of its primitive in place of describing it."""
    if not isinstance(settings.get("primitive"), str):
        return
    # what training resumes from is not written over
    output = path.with_name(f"{path.stem}_exported.ckpt") if is_resumable else path
    raise ValueError(
        f"checkpoint {path} names the file of its primitive ({settings['primitive']}) and does not describe it; "
        f"where that file is, convert it: python -m lightning_modules.export --checkpoint {path} --output {output}"
    )
