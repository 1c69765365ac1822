"""A configuration held against a checkpoint: equal settings pass, the first that differs is named with both values."""

import inspect
from pathlib import Path
from typing import Any

import pytest
import torch

from datamodules.grasps.module import GraspDataModule
from datamodules.rollouts.module import RolloutDataModule
from lightning_modules.checkpoints import class_path
from lightning_modules.ppo.exploration import StructuredNoise
from lightning_modules.residual_ppo_module import ResidualPPOModule
from lightning_modules.score_module import ScoreMatchingModule
from lightning_modules.settings_guard import check_checkpoint, check_same_primitive, check_same_settings, class_of

CLASS = class_path(ScoreMatchingModule)


def test_equal_settings_pass_whatever_their_form() -> None:
    stored = {"_class_path": CLASS, "_instantiator": "x", "draws": 2, "encoder": {"init_args": {"widths": [1, 2]}}}
    given = {
        "class_path": CLASS,
        "init_args": {"draws": 2, "follower": None, "encoder": {"init_args": {"widths": (1, 2)}}},
    }
    check_same_settings("f", "model", given, stored)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"draws": 3, "encoder": {"widths": [1, 2]}}, r"checkpoint f was made with model\.draws = 2, the .* says 3"),
        ({"draws": 2, "encoder": {"widths": [1, 3]}}, r"model\.encoder\.widths\[1\] = 2, the configuration says 3"),
        ({"draws": 2, "encoder": {"widths": [1]}}, r"model\.encoder\.widths\[1\] = 2, the configuration says None"),
        ({"draws": 2, "encoder": {"widths": [1, 2]}, "seed": 4}, r"model\.seed = 0, the configuration says 4"),
    ],
)
def test_the_first_setting_that_differs_is_named(changed: dict[str, Any], message: str) -> None:
    stored = {"_class_path": CLASS, "draws": 2, "encoder": {"widths": [1, 2]}}
    with pytest.raises(ValueError, match=message):
        check_same_settings("f", "model", {"class_path": CLASS, "init_args": changed}, stored)


def test_settings_that_do_not_matter_may_differ() -> None:
    given = {"class_path": CLASS, "init_args": {"draws": 3, "follower": {"class_path": "a"}}}
    stored = {"_class_path": CLASS, "draws": 2}
    check_same_settings("f", "model", given, stored, ignore=("draws", "follower"))


def test_a_class_is_named_before_what_it_is_given() -> None:
    stored = {"_class_path": CLASS, "block_depth": 1, "a": {"class_path": "x", "init_args": {"a": 1}}}
    given = {"class_path": "other", "init_args": {"a": {"class_path": "y", "init_args": {"b": 1}}}}
    with pytest.raises(ValueError, match=r"made with model\.a\.class_path = 'x', the configuration says 'y'"):
        check_same_settings("f", "model", {**given, "class_path": CLASS}, stored)
    with pytest.raises(ValueError, match=r"made with model\.class_path = '.*ScoreMatchingModule', .* says 'other'"):
        check_same_settings("f", "model", {**given, "init_args": {}}, stored)


@pytest.mark.parametrize("kind", [ScoreMatchingModule, ResidualPPOModule])
def test_modules_say_which_settings_only_matter_to_training(kind: type) -> None:
    stored = {"_class_path": class_path(kind), "seed": 0, "learning_rate": 0.1}
    content = {"state_dict": {}, "hyper_parameters": stored}
    given = {"model": {"class_path": class_path(kind), "init_args": {"seed": 1, "learning_rate": 0.2}}}
    check_checkpoint("f", content, given, resumes=False, trainer={}, kept_of_trainer={})
    content["optimizer_states"] = {}
    with pytest.raises(ValueError, match=r"made with model\.learning_rate = 0\.1, the configuration says 0\.2"):
        check_checkpoint("f", content, given, resumes=True, trainer={}, kept_of_trainer={})


@pytest.mark.parametrize("kind", [ScoreMatchingModule, ResidualPPOModule])
def test_settings_that_only_matter_to_training_exist(kind: Any) -> None:
    assert set(kind.training_only) <= _arguments(kind)


@pytest.mark.parametrize("kind", [GraspDataModule, RolloutDataModule])
def test_settings_without_effect_on_training_exist(kind: Any) -> None:
    assert {name.partition(".")[0] for name in kind.without_effect_on_training} <= _arguments(kind)


def _arguments(kind: Any) -> set[str]:
    return set(inspect.signature(kind).parameters)


def test_a_setting_that_is_newer_than_the_checkpoint_counts_as_its_default() -> None:
    noise = {"class_path": class_path(StructuredNoise), "init_args": {"scale_std": 0.25}}
    stored = {"_class_path": class_path(ResidualPPOModule), "exploration": noise, "gamma": 0.99}
    newer = {**noise, "init_args": {"scale_std": 0.25, "correlation": 0.7}}
    arguments = {"exploration": newer, "gamma": 0.99, "lam": 0.98}
    given = {"class_path": class_path(ResidualPPOModule), "init_args": arguments}
    check_same_settings("f", "model", given, stored)
    newer["init_args"]["correlation"] = 0.5  # type: ignore[index]
    with pytest.raises(ValueError, match=r"exploration\.init_args\.correlation = 0\.7, the configuration says 0\.5"):
        check_same_settings("f", "model", given, stored)


def test_a_field_of_plain_settings_that_is_newer_than_the_checkpoint_counts_as_its_default() -> None:
    """Settings without a class path: the argument's annotation says which they are."""
    kind = class_path(RolloutDataModule)
    stored = {"_class_path": kind, "task": {"episode_steps": 40}, "noise": {"point_m": 0.001}}
    task = {"episode_steps": 40, "object_shift_m": 0.0, "movement": None}
    noise = {"point_m": 0.001, "one_camera": False}
    check_same_settings("f", "data", {"class_path": kind, "init_args": {"task": task, "noise": noise}}, stored)
    for changed, message in (
        ({"task": {**task, "object_shift_m": 0.02}, "noise": noise}, r"task\.object_shift_m = 0\.0, .* says 0\.02"),
        ({"task": task, "noise": {**noise, "one_camera": True}}, r"noise\.one_camera = False, .* says True"),
        ({"task": task}, r"noise\.point_m = 0\.001, .* says None"),
    ):
        with pytest.raises(ValueError, match=message):
            check_same_settings("f", "data", {"class_path": kind, "init_args": changed}, stored)


def test_classes_that_only_the_checkpoint_names_are_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "foreign_module.py").write_text(f"open({str(tmp_path / 'was_run')!r}, 'w')")
    monkeypatch.syspath_prepend(tmp_path)
    stored = {"_class_path": CLASS, "encoder": {"class_path": "foreign_module.Encoder", "init_args": {}}}
    given = {"class_path": CLASS, "init_args": {"encoder": {"class_path": "other.Encoder", "init_args": {}}}}
    with pytest.raises(ValueError, match=r"made with model\.encoder\.class_path = 'foreign_module\.Encoder'"):
        check_same_settings("f", "model", given, stored)
    assert not (tmp_path / "was_run").exists()


def test_the_primitive_is_held_against_the_file_by_content(primitive: Path, tmp_path: Path) -> None:
    inside = torch.load(primitive, weights_only=True)["state_dict"]
    weights = {f"score_module.{name}": value.clone() for name, value in inside.items()}
    check_same_primitive("f", weights, str(primitive))
    name = next(iter(weights))
    with pytest.raises(ValueError, match=r"checkpoint f holds a policy on another primitive than .*has other values"):
        check_same_primitive("f", {**weights, name: weights[name] + 1.0}, str(primitive))
    with pytest.raises(ValueError, match=r"of another architecture than .* absent there and .*give the primitive that"):
        check_same_primitive("f", {key: value for key, value in weights.items() if key != name}, str(primitive))


def test_a_class_is_found_by_its_path() -> None:
    assert class_of(CLASS) is ScoreMatchingModule
