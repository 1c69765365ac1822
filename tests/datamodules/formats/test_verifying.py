"""Verification part by part: nothing that is done is done twice, and a process that dies costs its own part alone."""

import json
import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from datamodules.convert import main
from datamodules.formats import verifying
from datamodules.formats.foreign import Unit
from datamodules.formats.job import ConversionJob
from datamodules.formats.registry import open_source
from datamodules.formats.verifying import MOST_GRASPS, Part, is_verified, parts_of
from datamodules.grasps.grasp_file import load_grasp_set, save_grasp_set
from datamodules.grasps.grasp_set import GraspSet

Writer = Callable[..., Path]


@pytest.mark.parametrize("count", [0, 1, MOST_GRASPS, MOST_GRASPS + 1, 3 * MOST_GRASPS])
def test_parts_hold_all_grasps_of_a_unit_once(count: int, unidexgrasp: Writer, tmp_path: Path) -> None:
    job, unit = ConversionJob(open_source(unidexgrasp(0)), tmp_path, tmp_path), Unit("one", (tmp_path / "a.npy",))
    parts = parts_of(job, unit, count)
    assert [row for part in parts for row in range(part.begin, part.end)] == list(range(count))
    assert max(map(len, parts)) <= MOST_GRASPS
    assert len({part.path for part in parts}) == len(parts) == max(1, -(-count // MOST_GRASPS))
    for part in parts:
        part.path.parent.mkdir(parents=True, exist_ok=True)
        part.path.write_bytes(b"")
    job.forget_verified(unit)
    assert not any(part.path.exists() for part in parts)


def test_parts_are_of_the_shapes_that_their_objects_have_now(known: GraspSet, tmp_path: Path) -> None:
    """A mesh that was written over, while the grasps stayed as they were: they are verified again."""
    shapes = np.full((len(known.objects), 15), 1000, dtype=np.int16)
    part = Part(Unit("one", ()), 0, len(known), tmp_path / "part.npz")
    save_grasp_set(replace(known, shapes=shapes, provenance={"stamp": "a"}), part.path)
    now = dict(zip(known.objects, shapes, strict=True))
    assert is_verified(part, "a", now)
    assert not is_verified(part, "b", now)
    assert not is_verified(part, "a", now | {known.objects[0]: shapes[0] + 10})
    assert not is_verified(part, "a", {})


class Tasks:
    """Parts are their own tasks."""

    def of(self, part: Part) -> Part:
        return part


def die_now_and_then(part: Part) -> None:
    """The first part dies each time, the second the first time, the third not at all."""
    tried = part.path.with_suffix(".tried")
    if part.begin == 0 or (part.begin == 1 and not tried.exists()):
        tried.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if part.begin == 2:
        raise MemoryError
    part.path.touch()


def test_a_part_whose_process_dies_is_tried_once_more_and_costs_no_other(
    unidexgrasp: Writer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verifying, "_verify_part", die_now_and_then)
    job = ConversionJob(open_source(unidexgrasp(0)), tmp_path, tmp_path, num_workers=1)
    unit = Unit("one", (tmp_path / "a.npy",))
    parts = [Part(unit, begin, begin + 1, tmp_path / f"{begin}") for begin in range(4)]
    dead = verifying._try_all(job, parts, len(parts), Tasks())  # type: ignore[arg-type]
    assert list(dead) == [parts[0], parts[2]]
    assert "the process that tried them died twice (signal 9); systems end" in dead[parts[0]]
    assert "died twice (out of memory)" in dead[parts[2]]
    assert [part.path.exists() for part in parts] == [False, True, False, True]


@dataclass
class Watched:
    """What tries parts, but for those of which it is told that they die."""

    real: Callable[..., dict[Part, str]]
    deadly: tuple[int, ...] = ()
    tried: tuple[int, ...] = ()

    def __call__(self, job: ConversionJob, todo: Sequence[Part], total: int, tasks: Any) -> dict[Part, str]:
        self.tried = tuple(part.begin for part in todo)
        dead = {part: "it died" for part in todo if part.begin in self.deadly}
        left = [part for part in todo if part not in dead]
        return {**(self.real(job, left, total, tasks) if left else {}), **dead}


def test_a_file_of_many_grasps_goes_on_from_part_to_part(
    dexgraspnet: Writer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, watched = dexgraspnet({}, {}, {}, {}, {}, with_plane=True), Watched(verifying._try_all, deadly=(2,))
    monkeypatch.setattr(verifying, "MOST_GRASPS", 2)
    monkeypatch.setattr(verifying, "_try_all", watched)
    output = tmp_path / "out.npz"
    command = [str(source), "--output", str(output), "--split_file", str(tmp_path / "o.json"), "--num_workers", "1"]
    main(command)
    assert watched.tried == (0, 2, 4)
    told = json.loads((tmp_path / "out_summary.json").read_text())
    assert (told["read"], told["bad_entries"], told["rejected"]["the process that tried them died"]) == (5, 1, 2)
    [(origin, cause)] = json.loads((tmp_path / "out_rejected.json").read_text()).items()
    assert origin.endswith("core-bottle-1a2b.npy: grasps 3 to 4 of those that were read of core-bottle-1a2b")
    assert cause == "it died"
    assert len(load_grasp_set(output)) == told["hold"] == 3  # alike, so that all of them hold or none
    watched.deadly = ()
    main(command)
    assert watched.tried == (2,)  # the others are there
    assert len(load_grasp_set(output)) == 5
    assert json.loads((tmp_path / "out_rejected.json").read_text()) == {}
