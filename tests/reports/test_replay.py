"""From the folder of a test to single episodes, run again and drawn."""

import json
import logging
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from datamodules.rollouts.runner import EpisodeRunner
from envs.task.outcomes import CAUSES
from lightning_modules.cli import open_run
from reports.episode.picture import strip_steps
from reports.episode.runs import Address, OpenedRun
from reports.replay import main
from tests.assisting import policy_command, save_primitive
from tests.learning import ROOT, run
from tests.reports.episode.records import ARRIVAL, END, LIFT, made_up_record

USER = ROOT / "configs" / "task" / "user.yaml"


def run_test(root: Path, grasp_set: Path, *more: str, policies: str = "[ours, primitive_gated, nearest_grasp]") -> Path:
    """A tiny untrained policy, tested on four episodes of a split; only what replays need is among the callbacks."""
    config = root / "few.yaml"
    root.mkdir(parents=True, exist_ok=True)
    config.write_text(
        "trainer:\n  callbacks:\n    - class_path: callbacks.assist.evaluation.AssistEvaluation\n      init_args:\n"
        "        splits: [unseen_families]\n        seeds: [0, 3]\n        fixed_steps: {primitive_gated: 15}\n"
        "        plan: {class_path: datamodules.rollouts.plans.SpreadPlan, init_args: {num_episodes: 4}}\n"
        f"        limits: {{primitive_gated: {{poses: 1}}}}\n        policies: {policies}\n"
    )
    primitive = save_primitive(root / "gf.ckpt")
    run(policy_command("test", grasp_set, primitive, root, f"--config={config}", *more))
    return root


@pytest.fixture(scope="module")
def tiny_test(tiny_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_test(tmp_path_factory.mktemp("replay") / "run", tiny_path)


def refusal(args: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit):
        main(args)
    return " ".join(capsys.readouterr().err.split())


def kept_causes(root: Path, policy: str) -> list[str]:
    with np.load(root / "episodes" / "unseen_families" / f"{policy}.npz") as content:
        return [CAUSES[index] for index in content["cause"]]


def test_it_lists_what_there_is(tiny_test: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        main([str(tiny_test)])
    causes = kept_causes(tiny_test, "ours_0")
    assert "4 episodes of ours on unseen_families" in caplog.text
    for cause in set(causes):
        assert re.search(rf"{cause} +{causes.count(cause)} +{causes.index(cause)}", caplog.text)


def test_an_episode_is_drawn_with_its_sentence(
    tiny_test: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        main([f"{tiny_test}:unseen_families:ours:2", "--folder", str(tmp_path)])
    path = tmp_path / "replay_unseen_families_ours_0_2.png"
    picture = np.asarray(Image.open(path).convert("RGB"))
    assert picture.shape == (1150, 1150, 3)
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 100
    assert path.stat().st_size < 150_000
    said = caplog.text
    assert f"episode 2 of ours on unseen_families: {kept_causes(tiny_test, 'ours_0')[2].replace('_', ' ')}" in said
    assert "ended otherwise" not in said
    assert f"wrote {path}" in said


@pytest.mark.parametrize("policy", ["ours", "ours_1", "primitive_gated", "nearest_grasp"])
def test_episodes_of_any_policy_and_seed_end_as_they_did(policy: str, tiny_test: Path) -> None:
    opened = OpenedRun(Address(tiny_test, policy=policy).files())
    for number in range(len(opened.files.outcome)):
        replay = opened.replay(number)
        assert replay.is_same
        assert abs(replay.outcome.rise[0] - replay.kept.rise[0]) < 1e-3
        np.testing.assert_allclose(replay.outcome.joint_pos, replay.kept.joint_pos, atol=1e-3)


def test_an_episode_that_ends_otherwise_alone_is_run_with_its_batch(
    tiny_test: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = OpenedRun(Address(tiny_test).files())
    sizes, run_episodes = [], EpisodeRunner.run

    def alone_otherwise(self: EpisodeRunner, policy: object, episodes: object) -> object:
        outcome = run_episodes(self, policy, episodes)  # type: ignore[arg-type]
        sizes.append(len(outcome))
        outcome.translation_m[:] += 0.1 if len(outcome) == 1 else 0.0
        return outcome

    monkeypatch.setattr(EpisodeRunner, "run", alone_otherwise)
    assert opened.replay(1).is_same
    assert sizes == [1, 4]


def test_the_worst_are_failures_of_the_cause_that_was_asked_for(tiny_test: Path) -> None:
    opened = OpenedRun(Address(tiny_test).files())
    causes = kept_causes(tiny_test, "ours_0")
    for cause in set(causes):
        picked = opened.pick(3, cause)
        assert 1 <= len(picked) <= 3
        assert {causes[row] for row in picked} == {cause}
    assert {causes[row] for row in opened.pick(4, None)} == set(causes) - {"success"}


def test_a_user_lifts_within_the_record(tiny_path: Path, tmp_path: Path) -> None:
    root = run_test(tmp_path / "user", tiny_path, f"--config={USER}", f"--trainer.default_root_dir={tmp_path / 'user'}",
                  policies="[ours]")  # fmt: skip
    opened = OpenedRun(Address.parse(f"{root}:unseen_families:ours_0").files())
    replay = opened.replay(0)
    assert replay.is_same
    assert replay.record.is_by_user
    main([f"{root}::ours:0"])
    assert (root / "pictures" / "replay_unseen_families_ours_0_0.png").is_file()


def test_the_strip_shows_arrival_and_lift() -> None:
    assert strip_steps(made_up_record()) == [0, ARRIVAL // 2, ARRIVAL, LIFT, END]
    assert strip_steps(made_up_record(arrival=None, lift=None)) == [0, 20, 40, 60, 80]
    assert strip_steps(made_up_record(arrival=LIFT)) == [0, 20, 40, 60, 80]


# --- what a user can get wrong


@pytest.mark.parametrize(
    ("tail", "options", "message"),
    [
        (":unseen_families:ours:4", [], r"ours_0\.npz has no episode 4; it has 4, 0 to 3"),
        (":unseen_families:ours:-1", [], r"is not RUN\[:SPLIT\[:POLICY\[:NUMBER\]\]\], such as"),
        (":unseen_families:ours:1:2", [], r"is not RUN\[:SPLIT"),
        (":development", [], r"has no episodes of a split 'development'; it has unseen_families"),
        ("::oracle:1", [], r"has no episodes of oracle on the split unseen_families; it has those of nearest_grasp, "),
        ("::ours_7:1", [], r"has no episodes of ours_7 on"),
        ("::ours:1", ["--worst", "2"], r"give the number of an episode, or --worst with at least 1, or --cause"),
        ("", ["--worst", "0"], r"or --worst with at least 1"),
        ("", ["--cause", "diverged"], r"has no episode that ended so \(diverged\)"),
        ("/nowhere", [], r"nowhere/episodes holds no episodes of any split; they are kept by: python -m"),
    ],
)
def test_an_episode_that_is_not_there_is_named(
    tail: str, options: list[str], message: str, tiny_test: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert re.search(message, refusal([f"{tiny_test}{tail}", *options], capsys))


def copied(source: Path, target: Path) -> Path:
    """A run's kept episodes and configuration in another folder."""
    for path in [*source.glob("episodes/*/ours_0.*"), source / "test.yaml"]:
        place = target / path.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(path.read_bytes())
    return target


def test_a_folder_that_is_a_file_is_named_before_the_episode_is_run(
    tiny_test: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit):
        main([f"{tiny_test}:unseen_families:ours:2", "--folder", str(tmp_path / "file")])
    assert f"nothing can be written into the folder {tmp_path / 'file'}" in capsys.readouterr().err


def test_several_splits_have_to_be_named(tiny_test: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = copied(tiny_test, tmp_path)
    (root / "episodes" / "development").mkdir()
    assert "has episodes of development, unseen_families; name one:" in refusal([str(root)], capsys)


def test_a_run_that_does_not_say_what_it_was_made_with_is_named(
    tiny_test: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = copied(tiny_test, tmp_path)
    (root / "test.yaml").unlink()
    assert "test.yaml does not exist, so nothing says what" in refusal([f"{root}::ours:0"], capsys)
    (root / "test.yaml").write_text("model: {}\n")
    assert "test.yaml has no fields model, data and trainer" in refusal([f"{root}::ours:0"], capsys)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"source": {"weights": "0"}}, r"was run with other weights than those that .*test\.yaml names"),
        ({"episodes": "0"}, r"is of other episodes than .*test\.yaml describes"),
    ],
)
def test_other_weights_or_episodes_are_refused(
    change: dict[str, object], message: str, tiny_test: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = copied(tiny_test, tmp_path)
    path = root / "episodes" / "unseen_families" / "ours_0.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    assert re.search(message, refusal([f"{root}::ours:0"], capsys))


def test_episodes_of_a_version_that_kept_less_are_named(
    tiny_test: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = copied(tiny_test, tmp_path)
    path = root / "episodes" / "unseen_families" / "ours_0.npz"
    with np.load(path) as content:
        columns = {name: content[name] for name in content.files if name != "held_steps"}
    np.savez(path, **columns)
    assert "was kept by a version without held_steps; run the test again" in refusal([str(root)], capsys)


def test_a_missing_checkpoint_is_named(tiny_test: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = copied(tiny_test, tmp_path)
    text = (root / "test.yaml").read_text()
    assert "ckpt_path: null" in text
    (root / "test.yaml").write_text(text.replace("ckpt_path: null", "ckpt_path: gone.ckpt"))
    assert "checkpoint gone.ckpt does not exist" in refusal([f"{root}::ours:0"], capsys)


def test_the_configuration_of_the_last_test_is_in_the_folder(tiny_test: Path) -> None:
    opened = open_run(tiny_test)
    assert opened.datamodule.reachable_only is False
    assert not (tiny_test / "fit.yaml").exists()
