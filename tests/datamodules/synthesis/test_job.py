"""The synthesis job: parts, resuming, merging. Grasps are made up; the real path: tests/datamodules/test_synthesize."""

import json
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from datamodules.grasps.diversity import most_diverse
from datamodules.grasps.grasp_file import load_grasp_set
from datamodules.grasps.grasp_set import GraspSet
from datamodules.synthesis import job
from datamodules.synthesis.easy_grasps import EasyLimit
from datamodules.synthesis.hand_bank import BankSettings
from datamodules.synthesis.job import JobSpec, easy_limit, merge, pick_gallery, run_job
from datamodules.synthesis.settings import SynthesisSettings, TypeCount
from datamodules.synthesis.synthesizer import ObjectResult
from envs.hand.hand import Hand
from envs.hand.shadow import shadow_hand
from envs.objects.grasp_object import GraspObject
from envs.objects.library import ObjectLibrary
from envs.physics.mujoco_cpu import MujocoCpu
from envs.physics.settings import PhysicsSettings
from tests.datamodules.grasps.examples import assert_same_grasps, made_up_set

OBJECTS = {
    "train": ["box_00000", "can_00003", "ball_00001"],
    "unseen_instances": ["box_00015"],
    "unseen_families": ["ring_00000", "ring_00001"],
}


class MadeUpSynthesizer:
    """Stands in for GraspSynthesizer: grasps that depend on seed and object only; notes what it is asked for."""

    asked: list[str] = []  # noqa: RUF012 - the list of a whole test, emptied by the fixture
    fails_at: str | None = None

    def __init__(self, hand: Hand, settings: SynthesisSettings, prototypes: dict[str, Any], physics: Any) -> None:
        self.settings = settings

    def synthesize(self, thing: GraspObject, split: str, *, limit: EasyLimit | None) -> ObjectResult:
        """One grasp less where easy ones are limited."""
        self.asked.append(thing.name if limit is None else f"limited {thing.name}")
        if thing.name == self.fails_at:
            raise KeyboardInterrupt
        seed = self.settings.seed + zlib.crc32(thing.name.encode())
        grasps = made_up_set(thing.name, split, count=1 + seed % 4, seed=seed)
        grasps = grasps if limit is None else grasps.rows(np.arange(1, len(grasps)))
        count = TypeCount(checked=10, tried=5, verified=len(grasps), kept=len(grasps), seconds=1.0)
        return ObjectResult(grasps, {"wrap": count})


@pytest.fixture(autouse=True)
def _made_up(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Made-up grasps, and one worker that is a thread of this process."""
    monkeypatch.setattr(job, "GraspSynthesizer", MadeUpSynthesizer)
    monkeypatch.setattr(job, "worker_pool", lambda _: ThreadPoolExecutor(1))
    monkeypatch.setattr(MadeUpSynthesizer, "asked", [])
    monkeypatch.setattr(MadeUpSynthesizer, "fails_at", None)
    job._WORKER.clear()
    yield
    job._WORKER.clear()


@pytest.fixture
def spec(tmp_path: Path) -> JobSpec:
    split_file = tmp_path / "split.json"
    split_file.write_text(json.dumps({"schema": "object_split", "version": 1, "splits": OBJECTS}))
    return JobSpec(shadow_hand(), SynthesisSettings(), tmp_path / "parts", split_file=str(split_file))


def _all_objects() -> list[str]:
    return [name for names in OBJECTS.values() for name in names]


def _run(spec: JobSpec) -> GraspSet:
    parts, _ = run_job(spec)
    return merge(parts, 5, {})


def test_every_object_has_its_part_in_the_order_of_the_split_file(spec: JobSpec) -> None:
    parts, counts = run_job(spec)
    assert [part.objects for part in parts] == [(name,) for name in _all_objects()]
    assert [part.object_splits[0] for part in parts] == [split for split, names in OBJECTS.items() for _ in names]
    assert counts["wrap"].checked == 10 * len(parts)
    assert counts["wrap"].kept == sum(len(part) for part in parts)


def test_an_interrupted_job_goes_on_and_ends_like_one_left_alone(spec: JobSpec, tmp_path: Path) -> None:
    alone = _run(replace(spec, parts_dir=tmp_path / "alone"))
    MadeUpSynthesizer.asked.clear()
    MadeUpSynthesizer.fails_at = "box_00015"
    with pytest.raises(KeyboardInterrupt):
        run_job(spec)
    kept = {path.stem for path in spec.parts_dir.rglob("*.npz")}
    assert kept >= set(OBJECTS["train"])
    assert "box_00015" not in kept
    MadeUpSynthesizer.asked.clear()
    MadeUpSynthesizer.fails_at = None
    resumed = _run(spec)
    assert MadeUpSynthesizer.asked == [name for name in _all_objects() if name not in kept]
    assert_same_grasps(alone, resumed)


def test_counts_of_objects_made_before_are_kept(spec: JobSpec) -> None:
    _, first = run_job(spec)
    _, second = run_job(spec)
    assert first == second


def test_a_finished_job_makes_nothing_again(spec: JobSpec) -> None:
    first = _run(spec)
    MadeUpSynthesizer.asked.clear()
    assert_same_grasps(first, _run(spec))
    assert MadeUpSynthesizer.asked == []


def test_a_folder_of_parts_that_cannot_be_written_to_is_told_before_the_work(spec: JobSpec, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(
        ValueError, match=r"nothing can be written into the folder .*file/parts/\w+ \(.*; give one that"
    ):
        run_job(replace(spec, parts_dir=tmp_path / "file" / "parts"))
    assert MadeUpSynthesizer.asked == []


def test_a_finished_job_needs_no_folder_to_write_to(spec: JobSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    run_job(spec)

    def refuse(folder: Path) -> None:
        raise ValueError(f"{folder} is read-only")

    monkeypatch.setattr(job, "check_folder", refuse)
    assert len(run_job(spec)[0]) == len(spec.objects())
    some_part = next(iter(spec.part_paths().values()))
    some_part.unlink()
    with pytest.raises(ValueError, match="is read-only"):
        run_job(spec)


def test_shards_share_the_objects_and_together_they_are_the_whole_job(spec: JobSpec, tmp_path: Path) -> None:
    whole = _run(replace(spec, parts_dir=tmp_path / "whole"))
    MadeUpSynthesizer.asked.clear()
    asked = []
    for shard in ((1, 2), (2, 2)):
        run_job(replace(spec, shard=shard))
        asked.append(list(MadeUpSynthesizer.asked))
        MadeUpSynthesizer.asked.clear()
    assert asked == [_all_objects()[::2], _all_objects()[1::2]]
    assert_same_grasps(whole, _run(spec))
    assert MadeUpSynthesizer.asked == []


@pytest.mark.parametrize("shard", [(0, 2), (3, 2)])
def test_a_shard_that_is_none_is_refused(spec: JobSpec, shard: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=f"shard is {shard[0]} of 2; allowed is K of N with 1 <= K <= N"):
        replace(spec, shard=shard)


def test_an_object_that_changed_its_shape_is_made_again(spec: JobSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    run_job(spec)
    MadeUpSynthesizer.asked.clear()
    same = ObjectLibrary.each

    def other_can(library: ObjectLibrary, names: Sequence[str]) -> Iterator[GraspObject]:
        for thing in same(library, names):
            wider = replace(thing, points=thing.points * np.float32(1.01))
            yield wider if thing.name == "can_00003" else thing

    monkeypatch.setattr(ObjectLibrary, "each", other_can)
    run_job(spec)
    assert MadeUpSynthesizer.asked == ["can_00003"]
    MadeUpSynthesizer.asked.clear()
    run_job(spec)
    assert MadeUpSynthesizer.asked == []


def test_a_job_over_more_objects_only_makes_the_new_ones(spec: JobSpec) -> None:
    first = _run(replace(spec, max_objects=1))
    assert first.objects == ("box_00000", "box_00015", "ring_00000")
    MadeUpSynthesizer.asked.clear()
    assert _run(spec).objects == tuple(_all_objects())
    assert MadeUpSynthesizer.asked == ["can_00003", "ball_00001", "ring_00001"]


@pytest.mark.parametrize(
    "changed",
    [
        {"seed": 1},
        {"quota": 7},
        {"types": ("wrap",)},
        {"bank": BankSettings(jitter=0.05)},
    ],
)
def test_other_settings_use_another_folder(spec: JobSpec, changed: dict[str, Any]) -> None:
    other = replace(spec, settings=replace(spec.settings, **changed))
    run_job(spec)
    run_job(other)
    assert other.fingerprint() != spec.fingerprint()
    assert sorted(path.name for path in spec.parts_dir.iterdir()) == sorted([spec.fingerprint(), other.fingerprint()])
    assert MadeUpSynthesizer.asked == _all_objects() * 2


def test_other_prototypes_use_another_folder_but_workers_and_objects_do_not(spec: JobSpec, tmp_path: Path) -> None:
    content = json.loads((Path(job.__file__).parent / "prototypes_shadow.json").read_text())
    content["types"]["wrap"][0]["closed"][1] -= 0.01
    (tmp_path / "own.json").write_text(json.dumps(content))
    assert replace(spec, prototypes=tmp_path / "own.json").fingerprint() != spec.fingerprint()
    assert replace(spec, num_workers=7, max_objects=1, parts_dir=tmp_path).fingerprint() == spec.fingerprint()


def test_other_physics_use_another_folder_but_where_it_writes_dumps_does_not(spec: JobSpec) -> None:
    slippery = replace(spec, physics=MujocoCpu(PhysicsSettings(friction=0.5)))
    assert slippery.fingerprint() != spec.fingerprint()
    assert replace(spec, physics=MujocoCpu(dump_dir="dumps")).fingerprint() == spec.fingerprint()


def test_a_part_takes_the_split_of_the_present_split_file(spec: JobSpec, tmp_path: Path) -> None:
    run_job(spec)
    moved = {**OBJECTS, "train": ["box_00000", "can_00003"], "unseen_instances": ["box_00015", "ball_00001"]}
    other = tmp_path / "moved.json"
    other.write_text(json.dumps({"schema": "object_split", "version": 1, "splits": moved}))
    parts, _ = run_job(replace(spec, split_file=str(other)))
    splits = {part.objects[0]: part.object_splits[0] for part in parts}
    assert splits["ball_00001"] == "unseen_instances"
    assert splits["can_00003"] == "train"


def test_a_damaged_part_is_named_and_made_again(spec: JobSpec, caplog: pytest.LogCaptureFixture) -> None:
    parts, _ = run_job(spec)
    path = spec.part_paths()["can_00003"]
    path.write_bytes(path.read_bytes()[:500])
    MadeUpSynthesizer.asked.clear()
    again, _ = run_job(spec)
    assert MadeUpSynthesizer.asked == ["can_00003"]
    assert "can_00003.npz cannot be used and is made again" in caplog.text
    for before, after in zip(parts, again, strict=True):
        assert_same_grasps(before, after)


def test_a_worker_does_not_carry_one_jobs_settings_into_the_next(spec: JobSpec, tmp_path: Path) -> None:
    other = replace(spec, settings=replace(spec.settings, seed=9))
    mixed, fresh = tmp_path / "mixed.npz", tmp_path / "fresh.npz"
    job._make_part(spec, "box_00000", "train", tmp_path / "first.npz")
    job._make_part(other, "box_00000", "train", mixed)
    job._WORKER.clear()
    job._make_part(other, "box_00000", "train", fresh)
    assert_same_grasps(load_grasp_set(fresh), load_grasp_set(mixed))


# --- merging


def _part(name: str, split: str, count: int, reachable: list[int]) -> GraspSet:
    is_reachable = np.isin(np.arange(count), reachable)
    return replace(made_up_set(name, split, count, seed=zlib.crc32(name.encode())), is_reachable=is_reachable)


def test_all_training_grasps_are_kept() -> None:
    merged = merge([_part("box_00000", "train", 9, [1, 2])], 5, {"command": "x"})
    assert len(merged) == 9
    assert merged.provenance == {"command": "x"}


def test_test_objects_keep_their_most_diverse_reachable_grasps() -> None:
    part = _part("box_00015", "unseen_instances", 12, [0, 2, 3, 5, 7, 8, 11])
    merged = merge([part], 5, {})
    assert len(merged) == 5
    assert merged.is_reachable.all()
    pool = part.rows(part.is_reachable)
    expected = pool.rows(most_diverse(pool.wrist_pose_o, pool.joint_pos, 5))
    np.testing.assert_array_equal(merged.wrist_pose_o, expected.wrist_pose_o)


def test_a_test_object_without_a_reachable_grasp_keeps_verified_ones() -> None:
    merged = merge([_part("ring_00000", "unseen_families", 8, [])], 5, {})
    assert len(merged) == 5
    assert not merged.is_reachable.any()


def test_an_object_without_grasps_stays_listed() -> None:
    merged = merge([_part("ring_00000", "unseen_families", 0, []), _part("box_00000", "train", 2, [])], 5, {})
    assert merged.objects == ("ring_00000", "box_00000")
    assert merged.object_index.tolist() == [1, 1]


# --- easy grasps


def test_easy_grasps_are_told_by_the_mean_joints_of_training_grasps(
    spec: JobSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = _run(spec)
    limit = easy_limit(spec, 2)
    assert limit is not None
    assert limit.most == 2
    np.testing.assert_allclose(limit.joint_pos, made.split("train").joint_pos.mean(axis=0), atol=1e-6)
    monkeypatch.setattr(job, "MEAN_OBJECTS", 2)
    few = easy_limit(spec, 2)
    ends = [part for part in run_job(spec)[0] if part.objects[0] in ("box_00000", "ball_00001")]
    assert few is not None
    np.testing.assert_allclose(few.joint_pos, np.concatenate([p.joint_pos for p in ends]).mean(axis=0), atol=1e-6)


def test_every_shard_has_the_same_limit_and_the_limited_job_its_own_folder(spec: JobSpec) -> None:
    limit = easy_limit(spec, 2)
    assert limit == easy_limit(replace(spec, shard=(2, 3)), 2)
    assert MadeUpSynthesizer.asked == OBJECTS["train"]  # once: the second shard found them made
    limited = _run(replace(spec, easy=limit))
    tests = [*OBJECTS["unseen_instances"], *OBJECTS["unseen_families"]]
    assert MadeUpSynthesizer.asked[3:] == [*(f"limited {name}" for name in OBJECTS["train"]), *tests]
    free = _run(spec)  # of test objects nothing is made again: they come as they are
    assert len(MadeUpSynthesizer.asked) == 3 + 6
    assert len(limited.split("train")) < len(free.split("train"))
    assert_same_grasps(limited.split("unseen_families"), free.split("unseen_families"))


def test_some_splits_alone_are_made_and_their_limit_is_that_of_all(spec: JobSpec) -> None:
    some = replace(spec, splits=("unseen_families", "unseen_instances"))
    assert [name for name, _ in some.objects()] == [*OBJECTS["unseen_instances"], *OBJECTS["unseen_families"]]
    assert easy_limit(some, 2) == easy_limit(spec, 2)
    assert set(_run(some).object_splits) == {"unseen_instances", "unseen_families"}


@pytest.mark.parametrize("splits", [(), ("train", "test")])
def test_splits_that_do_not_exist_are_refused(spec: JobSpec, splits: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"give some of train, development, unseen_instances, unseen_families, or"):
        replace(spec, splits=splits)


def test_without_grasps_of_training_objects_there_is_no_limit(spec: JobSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    class FindsNothing(MadeUpSynthesizer):
        def synthesize(self, thing: GraspObject, split: str, *, limit: EasyLimit | None) -> ObjectResult:
            result = super().synthesize(thing, split, limit=limit)
            return replace(result, grasps=result.grasps.rows(np.zeros(0, dtype=np.int64)))

    monkeypatch.setattr(job, "GraspSynthesizer", FindsNothing)
    assert easy_limit(spec, 2) is None
    only_tests = [pair for pair in spec.objects() if pair[1] != "train"]
    monkeypatch.setattr(
        JobSpec, "objects", lambda self: [] if self.splits == ("train",) or self.only == () else only_tests
    )
    assert easy_limit(spec, 2) is None


def test_the_limit_and_the_mean_joints_decide_the_folder(spec: JobSpec) -> None:
    mean, other = (EasyLimit((value,) * 18, 2) for value in (0.1, 0.2))
    prints = [replace(spec, easy=easy).fingerprint() for easy in (None, mean, other, replace(mean, most=1))]
    assert len(set(prints)) == 4


def test_parts_of_other_trials_are_not_reused(spec: JobSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    before = spec.fingerprint()
    monkeypatch.setattr(job, "TRIALS_VERSION", job.TRIALS_VERSION + 1)
    assert spec.fingerprint() != before


@pytest.mark.parametrize("quota", [None, 6])
def test_a_limit_with_grasps_that_nobody_looks_at_is_refused_before_the_work(spec: JobSpec, quota: int | None) -> None:
    with pytest.raises(ValueError, match=r"settings.wanted is 5.*set 1 <= quota <= wanted, or leave out the limit"):
        easy_limit(replace(spec, settings=replace(spec.settings, quota=quota)), 2)
    assert not MadeUpSynthesizer.asked


# --- gallery


def test_gallery_shows_each_type_on_different_objects() -> None:
    parts = [
        replace(made_up_set(f"box_{seed:05d}", "train", 40, seed), type_index=np.arange(40, dtype=np.uint8) % 2)
        for seed in range(4)
    ]
    grasps = merge(parts, 5, {})
    chosen = pick_gallery(grasps, 3)
    assert list(chosen) == list(shadow_hand().type_names)
    for kind, rows in chosen.items():
        assert len(rows) == (3 if kind in shadow_hand().type_names[:2] else 0)
        assert all(grasps.type_names()[row] == kind for row in rows)
        names = [grasps.object_names()[row] for row in rows]
        assert len(set(names)) == len(names)
    assert pick_gallery(grasps, 3) == chosen
