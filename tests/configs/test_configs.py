"""Every configuration runs through the real command line, on tiny data."""

import json
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from callbacks.assist.stress_axes import Setting, StressLevel
from datamodules.grasps.grasp_file import load_grasp_set, save_grasp_set
from envs.hand.shadow import shadow_hand
from envs.task.settings import TaskSettings
from envs.wrist.user_movement import UserMovement
from lightning_modules.settings_guard import class_of
from tests.assisting import RESIDUAL, RESIDUAL_SMOKE, checkpoints_alone, policy_command, save_primitive
from tests.hands import ABILITY_HAND, needs_ability_hand
from tests.learning import EVALUATION, GF, ROOT, SMOKE, command, few_callbacks, run, tiny_grasp_set

pytestmark = pytest.mark.usefixtures("fast_objects")

CONFIGS = ROOT / "configs"
OF_OTHER_COMMANDS = {
    "wrist/recorded.yaml", "two_processes.yaml",
    "live.yaml", "synthesis.yaml", "synthesis_all.yaml", "synthesis_tests.yaml",
    "smoke/synthesis.yaml", "hands/ability_synthesis.yaml", "reproduce/quick.yaml", "reproduce/medium.yaml",
    "reproduce/glance.yaml", "reproduce/long.yaml", "reproduce/full.yaml",
}  # fmt: skip
"""Run by tests/datamodules/test_synthesize.py, tests/lightning_modules/test_recorded_wrists.py, test_ddp_policy.py and
tests/live/test_server.py, and read by tests/reports/reproduce/test_shipped_plans.py."""

ALL_OVERLAYS = sorted(
    str(path.relative_to(CONFIGS))
    for path in CONFIGS.rglob("*.yaml")
    if path not in (GF, SMOKE, RESIDUAL, RESIDUAL_SMOKE) and str(path.relative_to(CONFIGS)) not in OF_OTHER_COMMANDS
    if not str(path.relative_to(CONFIGS)).startswith(("baselines/", "backends/"))
)
PROTOCOLS = [name for name in ALL_OVERLAYS if name.startswith("protocol/")]
"""For ``test`` alone: which episodes are run."""

OF_THE_POLICY = [
    name
    for name in ALL_OVERLAYS
    if ("policy" in name or "residual" in name or name.startswith("task/")) and name not in PROTOCOLS
]
"""Overlays of configs/residual_ppo.yaml; they say so in their path."""

OF_BASELINES = ["paper/baselines.yaml", "paper/pointnet2.yaml", "paper/ilad_original.yaml"]
"""Overlays of configs/baselines; run by test_baselines.py."""

OVERLAYS = [name for name in ALL_OVERLAYS if name not in (*OF_THE_POLICY, *OF_BASELINES, *PROTOCOLS)]
TRAINED = [name for name in OVERLAYS if not name.startswith(("followers/", "hands/"))]
FOLLOWERS = [name for name in OVERLAYS if name.startswith("followers/")]


def load(name: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((CONFIGS / name).read_text())
    return content


def commands(name: str | None, grasp_set: Path, root: Path) -> tuple[list[str], list[str]]:
    """The command lines of fit, and of test on its last checkpoint: main config, overlay, smoke overlay.

    Baselines and pictures do not depend on an overlay: only the main config has them drawn and measured.
    """
    overlays = [] if name is None else [f"--config={CONFIGS / name}"]
    few = [] if name is None else [few_callbacks(root / "few.yaml", EVALUATION)]

    def line(subcommand: str) -> list[str]:
        whole = command(subcommand, grasp_set, root, *few)
        return [*whole[:2], *overlays, *whole[2:]]

    return line("fit"), [*line("test"), "--ckpt_path=last"]


@pytest.fixture(scope="module")
def main_run(tiny_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The main configuration, trained and tested."""
    root = tmp_path_factory.mktemp("gf")
    for line in commands(None, tiny_path, root):
        run(line)
    return root


def follower_of(root: Path) -> str:
    report = json.loads((root / "metrics.json").read_text())
    assert set(report["splits"]) == {"train", "unseen_instances", "unseen_families"}
    return str(report["about"]["follower"])


def test_there_are_configs_of_every_kind() -> None:
    assert {"gf_pointnet.yaml", "ablations/paper_size.yaml", "ablations/sin_cos.yaml"} <= set(TRAINED)
    assert {"followers/paper.yaml", "followers/denoiser.yaml", "followers/annealed.yaml", "followers/gap.yaml"} == set(
        FOLLOWERS
    )


def test_the_main_config_trains_and_tests(main_run: Path) -> None:
    assert follower_of(main_run).startswith("AnnealedDenoiser(")
    pictures = {path.name for path in (main_run / "pictures").iterdir()}
    assert {name for name in pictures if not name.startswith("failures_")} == {
        "before_after.png", "field.png", "denoising.png",
    }  # fmt: skip
    assert "failures_unseen_instances_collisions_on.png" in pictures  # an untrained field hardly lifts anything
    content = torch.load(main_run / "checkpoints" / "last.ckpt", weights_only=True)
    assert content["global_step"] == 2


@pytest.mark.parametrize("name", TRAINED)
def test_an_overlay_trains_and_tests(name: str, tiny_path: Path, tmp_path: Path) -> None:
    for line in commands(name, tiny_path, tmp_path):
        run(line)
    settings = load(name).get("model", {}).get("init_args", {})
    content = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)
    for part in set(settings) & {"encoder", "sde", "joint_state", "follower"}:
        assert content["hyper_parameters"][part]["class_path"] == settings[part]["class_path"]
    expected = settings.get("follower", {"class_path": "AnnealedDenoiser"})["class_path"].split(".")[-1]
    assert follower_of(tmp_path).startswith(f"{expected}(")


@needs_ability_hand
def test_the_overlay_of_another_hand_trains_and_tests(tmp_path: Path) -> None:
    save_grasp_set(tiny_grasp_set(ABILITY_HAND), tmp_path / "tiny.npz")
    for line in commands("hands/ability.yaml", tmp_path / "tiny.npz", tmp_path):
        run(line)
    assert follower_of(tmp_path).startswith("AnnealedDenoiser(")
    content = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)
    assert content["hyper_parameters"]["hand"] == "ability"


@needs_ability_hand
def test_grasps_of_another_hand_are_refused(tiny_path: Path, tmp_path: Path) -> None:
    fit, _ = commands("hands/ability.yaml", tiny_path, tmp_path)
    with pytest.raises(ValueError, match="the data is of the hand shadow, the model of the hand ability"):
        run(fit)


@pytest.mark.parametrize("name", FOLLOWERS)
def test_a_follower_is_tried_on_a_trained_checkpoint(
    name: str, main_run: Path, tiny_path: Path, tmp_path: Path
) -> None:
    _, line = commands(name, tiny_path, tmp_path)
    run([*line, f"--ckpt_path={main_run / 'checkpoints' / 'last.ckpt'}"])
    settings = load(name)["model"]["init_args"]["follower"]
    found = follower_of(tmp_path)
    assert found.startswith(settings["class_path"].split(".")[-1] + "(")
    for key, value in settings["init_args"].items():
        assert f"{key}={value}" in found.replace("t=0.05,", "t_end=0.05,")


@pytest.mark.parametrize("name", [name for name in TRAINED if "model" in load(name)])
def test_an_overlay_with_another_model_writes_into_a_folder_of_its_own(name: str) -> None:
    """A checkpoint of another network must not replace one of the main run."""
    folders = [load(other).get("trainer", {}).get("default_root_dir") for other in [*TRAINED, "gf.yaml"]]
    assert folders.count(load(name)["trainer"]["default_root_dir"]) == 1


def test_the_pointnet_config_is_the_main_one_with_another_encoder() -> None:
    main, other = load("gf.yaml"), load("gf_pointnet.yaml")
    assert other["model"]["init_args"].pop("encoder") != main["model"]["init_args"].pop("encoder")
    assert other["trainer"].pop("default_root_dir") != main["trainer"].pop("default_root_dir")
    for content in (main, other):
        content["trainer"]["callbacks"][-1]["init_args"].pop("filename")
    assert other == main


# --- the residual policy

COMPARED = {
    "ours", "primitive", "primitive_gated", "primitive_triggered", "scripted_close", "blind_close", "nearest_grasp",
    "oracle",
}  # fmt: skip


@pytest.fixture(scope="module")
def primitive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_primitive(tmp_path_factory.mktemp("primitive") / "gf.ckpt")


def test_the_policys_config_trains_and_tests(tiny_path: Path, primitive: Path, tmp_path: Path) -> None:
    run(policy_command("fit", tiny_path, primitive, tmp_path))
    run(policy_command("test", tiny_path, primitive, tmp_path, "--ckpt_path=last"))
    report = json.loads((tmp_path / "metrics.json").read_text())
    assert set(report["splits"]) == {"unseen_instances", "unseen_families"}
    for policies in report["splits"].values():
        assert set(policies) >= COMPARED
        assert {"success", "posture_rad", "translation_m", "rotation_cos"} <= set(policies["ours"])
    assert {path.name for path in (tmp_path / "pictures").iterdir()} == {
        "episodes_unseen_instances.png", "episodes_unseen_families.png",
    }  # fmt: skip


@pytest.mark.parametrize("name", OF_THE_POLICY)
def test_an_overlay_of_the_policy_trains(
    name: str, tiny_path: Path, primitive: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    settings = load(name).get("model", {}).get("init_args", {})
    options = [checkpoints_alone(tmp_path / "few.yaml")]
    if "encoder_checkpoint" in settings:
        pointnet = save_primitive(tmp_path / "pointnet.ckpt", point_widths=(64, 128, 512), feature_width=512)
        options.append(f"--model.init_args.encoder_checkpoint={pointnet}")
    if "imitation_rollouts" in settings:
        # the smoke configuration, which comes last, imitates in its first rollout
        options.append(f"--model.init_args.imitation_rollouts={settings['imitation_rollouts']}")
    run(policy_command("fit", tiny_path, primitive, tmp_path, *options, overlays=[CONFIGS / name]))
    content = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)
    for part in set(settings) & {"encoder", "composition", "exploration"}:
        assert content["hyper_parameters"][part]["class_path"] == settings[part]["class_path"]
    assert int(content["state_dict"]["updates"]) == 2


def test_the_policys_smoke_overlay_has_the_callbacks_of_its_main_config_in_their_order() -> None:
    names = ("residual_ppo.yaml", "smoke/residual_ppo.yaml")
    lists = [[item["class_path"] for item in load(name)["trainer"]["callbacks"]] for name in names]
    assert lists[0] == lists[1]


@pytest.mark.parametrize("name", [name for name in PROTOCOLS if "field" in name])
def test_a_protocol_of_the_field_changes_nothing_but_what_is_measured(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run(["test", f"--config={GF}", f"--config={CONFIGS / name}", "--print_config"])
    assert ended.value.code == 0
    merged, main = yaml.safe_load(capsys.readouterr().out), load("gf.yaml")
    classes = [[item["class_path"] for item in content["trainer"]["callbacks"]] for content in (merged, main)]
    assert set(classes[0]) <= set(classes[1])
    assert merged["model"]["init_args"]["encoder"]["class_path"] == main["model"]["init_args"]["encoder"]["class_path"]
    for key, value in main["data"]["init_args"].items():
        if not isinstance(value, dict):
            assert merged["data"]["init_args"][key] == value


@pytest.mark.parametrize("name", [name for name in PROTOCOLS if "policy" in name])
def test_a_protocol_changes_nothing_but_the_episodes(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run(["test", f"--config={RESIDUAL}", f"--config={CONFIGS / name}", "--print_config"])
    assert ended.value.code == 0
    merged, main = yaml.safe_load(capsys.readouterr().out), load("residual_ppo.yaml")
    classes = [[item["class_path"] for item in content["trainer"]["callbacks"]] for content in (merged, main)]
    assert [item for item in classes[1] if not item.endswith("RunCheckpoint")] == classes[0]
    for key, value in main["model"]["init_args"].items():
        if not isinstance(value, dict):
            assert merged["model"]["init_args"][key] == value


@pytest.mark.parametrize("name", [name for name in PROTOCOLS if "tables" in name and "collisions" not in name])
def test_the_evaluation_of_a_table_stands_last_where_its_seeds_are_given(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["test", f"--config={RESIDUAL}", f"--config={CONFIGS / name}", "--trainer.callbacks.init_args.seeds=[3]"]
    with pytest.raises(SystemExit) as ended:
        run([*command, "--print_config"])
    assert ended.value.code == 0
    last = yaml.safe_load(capsys.readouterr().out)["trainer"]["callbacks"][-1]
    assert last["class_path"] == "callbacks.assist.evaluation.AssistEvaluation"
    assert last["init_args"]["seeds"] == [3]
    assert last["init_args"]["plan"]["init_args"]["poses"] == 5


def test_the_stress_report_changes_nothing_but_the_episodes_and_all_of_its_levels_can_be_run(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        run(["test", f"--config={RESIDUAL}", f"--config={CONFIGS / 'protocol' / 'stress.yaml'}", "--print_config"])
    assert ended.value.code == 0
    merged, main = yaml.safe_load(capsys.readouterr().out), load("residual_ppo.yaml")
    callbacks = {item["class_path"]: item.get("init_args", {}) for item in merged["trainer"]["callbacks"]}
    axes = callbacks.pop("callbacks.assist.stress.StressReport")["axes"]
    assert list(callbacks) == [item["class_path"] for item in main["trainer"]["callbacks"]][: len(callbacks)]
    settings = merged["data"]["init_args"]["task"]["movement"]["init_args"]
    nominal = Setting(TaskSettings(movement=UserMovement(**settings)), None)
    levels = [StressLevel(**level) for axis in axes.values() for level in axis["levels"]]
    assert len(levels) >= 24
    for level in levels:
        assert level.setting(nominal) != nominal


def test_the_policy_by_the_papers_settings_reads_what_the_papers_does() -> None:
    inputs = class_of(load("paper/residual_ppo.yaml")["model"]["init_args"]["inputs"]["class_path"])()
    assert not {"joint_lag", "wrist_past", "way"} & set(inputs.columns(shadow_hand(), with_primitive=True))


def test_the_primitive_by_the_papers_settings_learns_from_a_fifth_of_the_grasps_in_a_step() -> None:
    content = load("paper/gf.yaml")
    data, batches = content["data"]["init_args"], content["trainer"]["accumulate_grad_batches"]
    num_grasps = len(load_grasp_set(str(ROOT / "data" / "grasps.npz")).split("train"))
    assert abs(batches * data["batch_size"] - num_grasps / 5) < data["batch_size"]
    assert data["batches_per_epoch"] % batches == 0  # no smaller step at the end of an epoch


def test_what_the_critic_is_given_is_observed() -> None:
    settings = load("residual_ppo.yaml")
    assert set(settings["model"]["init_args"]["critic_groups"]) <= set(settings["data"]["init_args"]["privileged"])


def test_a_policy_on_another_composition_writes_into_a_folder_of_its_own() -> None:
    folders = [load(name).get("trainer", {}).get("default_root_dir") for name in [*OF_THE_POLICY, "residual_ppo.yaml"]]
    assert len(set(folders)) == len(folders)


# --- all of them


@pytest.mark.parametrize("name", [name for name in ALL_OVERLAYS if "/" in name])
def test_an_overlay_says_only_what_differs(name: str) -> None:
    text = (CONFIGS / name).read_text()
    assert text.startswith("# "), "the first line says what it is and where it comes from"
    assert set(load(name)) <= {
        "model",
        "trainer",
        *(
            ["data"]
            if name in (*OF_THE_POLICY, *OF_BASELINES)
            or any(part in name for part in ("poses", "hands/", "field_comparison", "paper/"))
            else []
        ),
        *(["data"] if "stress" in name or "without_collisions" in name or "glance" in name else []),
    }
    assert "callbacks" not in load(name).get("trainer", {}) or name in PROTOCOLS


def test_the_smoke_overlay_has_the_callbacks_of_the_main_config_in_their_order() -> None:
    lists = [
        [item["class_path"] for item in load(name)["trainer"]["callbacks"]] for name in ("gf.yaml", "smoke/gf.yaml")
    ]
    assert lists[0] == lists[1]


def test_whoever_evaluates_comes_before_the_average() -> None:
    names = [item["class_path"].split(".")[-1] for item in load("gf.yaml")["trainer"]["callbacks"]]
    average = names.index("WarmupEMA")
    assert names.index("FieldEvaluation") < average
    assert names.index("FieldPictures") < average
    assert names.index("RunCheckpoint") > average


def test_step_sizes_are_numbers_and_not_words() -> None:
    def values(content: Any) -> list[Any]:
        if isinstance(content, dict):
            return list(chain.from_iterable(values(item) for item in content.values()))
        if isinstance(content, list):
            return list(chain.from_iterable(values(item) for item in content))
        return [content]

    for path in CONFIGS.rglob("*.yaml"):
        for value in values(yaml.safe_load(path.read_text())):
            # YAML reads 2e-4 as a word; it has to be written 2.0e-4
            assert not (isinstance(value, str) and value.replace("e-", "").replace("e", "").isdigit()), path
