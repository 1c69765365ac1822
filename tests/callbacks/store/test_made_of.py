"""What results are made of, told apart."""

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pytest
import torch

from callbacks.store.made_of import (
    code_files,
    digest,
    digest_of,
    digest_of_table,
    identity_of,
    made_of_code,
    settings_of,
    settings_of_module,
)
from datamodules.baselines.scripts import oracle
from datamodules.grasps.dataset import GraspTable
from datamodules.grasps.grasp_set import GraspSet
from datamodules.rollouts.runner import EpisodeRunner
from envs.hand.own_hand import read_hand
from envs.objects.grasp_object import GraspObject
from envs.objects.library import ObjectLibrary
from envs.task.perception import PerceptionNoise
from lightning_modules.followers import Denoiser, FixedTimeScore
from tests.assisting import made_up_targets, sampler
from tests.envs.hand.claw import write_claw
from tests.learning import tiny_module


def test_digests_see_numbers_shapes_and_text() -> None:
    assert digest(np.arange(4)) == digest(torch.arange(4))
    different = [np.arange(4), np.arange(4).reshape(2, 2), np.arange(4.0), "a", ["a"], ("a", "b"), None]
    assert len({digest(each) for each in different}) == len(different)
    assert digest("a", "b") != digest("ab")


def test_settings_are_plain_and_see_numbers_within_objects() -> None:
    class Settings:
        def __init__(self, value: float) -> None:
            self.weights = torch.tensor([value])
            self.path = Path("a")
            self.items = (value, {"x": None})
            self._cache = object()

    assert settings_of(Settings(1.0)) == settings_of(Settings(1.0))
    assert settings_of(Settings(1.0)) != settings_of(Settings(2.0))
    plain = settings_of({"follower": FixedTimeScore(0.01), "module": Settings(1.0), "noise": PerceptionNoise()})
    assert json.loads(json.dumps(plain)) == plain
    assert plain["follower"] == {"class": "FixedTimeScore", "t": 0.01, "normalise": True}
    assert plain["module"]["items"] == [1.0, {"x": None}]


def test_modules_are_told_apart_by_weights_settings_and_objects() -> None:
    assert settings_of_module(tiny_module()) == settings_of_module(tiny_module())
    assert settings_of_module(tiny_module()) != settings_of_module(tiny_module(learning_rate=2.0e-3))
    one, two = (settings_of_module(tiny_module(follower=Denoiser(t))) for t in (0.3, 0.4))
    assert one["weights"] == two["weights"]
    assert one["settings"] != two["settings"]
    other = tiny_module()
    other.state_dict()["network.output.bias"].add_(1e-6)
    assert settings_of_module(other)["weights"] != settings_of_module(tiny_module())["weights"]


@pytest.mark.usefixtures("fast_objects")
def test_episodes_and_grasps_are_told_apart() -> None:
    assert digest_of(made_up_targets()) == digest_of(made_up_targets())
    assert digest_of(made_up_targets()) != digest_of(made_up_targets((2, 2)))
    rows = np.array([0, 3])
    assert digest_of(sampler().of_rows(rows)) == digest_of(sampler().of_rows(rows))
    assert digest_of(sampler().of_rows(rows)) != digest_of(sampler().of_rows(np.array([1, 3])))
    assert digest_of(sampler().of_rows(rows)) != digest_of(sampler(seed=1).of_rows(rows))


@pytest.mark.usefixtures("fast_objects")
def test_episodes_are_the_same_on_another_processor() -> None:
    episodes = sampler().of_rows(np.array([0, 3]))
    nearly = replace(episodes, wrist_pose_w=episodes.wrist_pose_w * (1.0 + 2e-16))
    assert digest_of(nearly) != digest_of(episodes)
    assert identity_of(nearly) == identity_of(episodes)
    for other in (
        sampler(seed=1).of_rows(np.array([0, 3])),
        replace(episodes, wrist_pose_w=episodes.wrist_pose_w + 1e-5),
        replace(episodes, kind=episodes.kind + 1),
    ):
        assert identity_of(other) != identity_of(episodes)


def test_what_an_object_has_worked_out_is_no_setting() -> None:
    class Worked:
        def __init__(self) -> None:
            self.given = 1

        @cached_property
        def model(self) -> list[float]:
            return [0.5]

    worked = Worked()
    assert worked.model == [0.5]
    assert settings_of(worked) == settings_of(Worked())
    assert settings_of(worked)["given"] == 1


@pytest.mark.usefixtures("fast_objects")
def test_episodes_are_the_same_after_they_were_run() -> None:
    episodes = sampler().of_rows(np.array([0, 3]))
    before = digest_of(episodes)
    EpisodeRunner(num_threads=0).run(oracle(), episodes)
    assert digest_of(episodes) == before


@pytest.mark.usefixtures("fast_objects")
def test_tables_are_told_apart_by_their_grasps(tiny_grasps: GraspSet) -> None:
    library = ObjectLibrary()
    one, two = (GraspTable(tiny_grasps.rows(np.array([row])), library, 64) for row in (0, 1))
    assert digest_of_table(one, library) == digest_of_table(one, library)
    assert digest_of_table(one, library) != digest_of_table(two, library)


def test_split_files_and_hands_count_as_code() -> None:
    """Which objects a split has decides results as much as the code that makes them."""
    names = {path.name for path in code_files()}
    assert {"full.json", "ability.yaml", "prototypes_shadow.json", "made_of.py"} <= names


def test_code_has_a_digest_and_the_libraries_their_versions() -> None:
    found = made_of_code()
    assert len(found["code"]) == 32
    assert found["torch"].startswith("2.")


@pytest.mark.usefixtures("fast_objects")
def test_objects_are_told_apart_by_what_collides(tiny_grasps: GraspSet) -> None:
    targets = made_up_targets()
    can, box = targets.grasp_objects
    heavy = replace(can, mass=2.0 * can.mass)
    coarse = replace(can, pieces=(np.concatenate(can.pieces)[:8],))
    assert len({digest_of(replace(targets, grasp_objects=(each, box))) for each in (can, heavy, coarse)}) == 3

    class Heavier(ObjectLibrary):
        def get_many(self, names: Sequence[str], num_workers: int | None = None) -> list[GraspObject]:
            return [replace(each, mass=2.0 * each.mass) for each in super().get_many(names)]

    table = GraspTable(tiny_grasps.rows(np.array([0])), ObjectLibrary(), 64)
    assert digest_of_table(table, ObjectLibrary()) != digest_of_table(table, Heavier())


def test_hands_are_told_apart_by_their_models_and_not_by_where_their_files_lie(tmp_path: Path) -> None:
    first, moved, changed = (tmp_path / name for name in ("first", "moved", "changed"))
    for folder in (first, moved, changed):
        folder.mkdir()
        write_claw(folder)
    model = changed / "claw.urdf"
    model.write_text(model.read_text().replace('mass value="0.01"', 'mass value="0.02"'))
    found = [settings_of(read_hand(each / "claw.yaml", str(each / "claw.yaml"))) for each in (first, moved, changed)]
    assert found[0] == found[1] != found[2]
