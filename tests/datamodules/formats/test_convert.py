"""The whole way from foreign files to a grasp set: it holds what its source held, goes on, and lists what is bad."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import trimesh

from datamodules.convert import main
from datamodules.formats import job, verifying
from datamodules.formats.files import mesh_state
from datamodules.formats.openai_keys import write_keys
from datamodules.formats.reading import mesh_name
from datamodules.formats.registry import open_source
from datamodules.formats.together import no_grasps, together
from datamodules.grasps.grasp_file import load_grasp_set
from datamodules.grasps.grasp_set import GraspSet
from envs.folder_lock import locked
from envs.objects.library import ObjectLibrary
from tests.datamodules.formats.conftest import Example

Writer = Callable[..., Path]


def convert(source: Path, folder: Path, *more: str) -> GraspSet:
    output, split_file = folder / "out.npz", folder / "objects.json"
    main([str(source), "--output", str(output), "--split_file", str(split_file), "--num_workers", "1", *more])
    return load_grasp_set(output)


def summary(folder: Path) -> dict:
    return json.loads((folder / "out_summary.json").read_text())


def test_grasps_that_hold_come_back(
    unidexgrasp: Writer, known: GraspSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        source = unidexgrasp(number)
    (source / "core" / "bottle-1a2b" / "00009.npz").write_text("<html>")
    grasps = convert(source, tmp_path)
    told = summary(tmp_path)
    assert (told["entries"], told["read"], told["bad_entries"]) == (6, 5, 1)
    assert told["second_fingertip_to_surface_median_mm"] < 10.0
    assert len(grasps) == told["hold"] >= 4  # of five that a lift of ours verified
    thing = ObjectLibrary(str(tmp_path / "objects.json")).get(grasps.objects[0])
    np.testing.assert_allclose(thing.extents, known_extents(), atol=1e-6)
    nearest = np.linalg.norm(known.joint_pos[None] - grasps.joint_pos[:, None], axis=2).min(axis=1)
    assert np.median(nearest) < 0.3  # rad over 18 joints: closed anew, the same grasps
    assert list(json.loads((tmp_path / "out_rejected.json").read_text())) == [
        str(source / "core" / "bottle-1a2b" / "00009.npz")
    ]

    def fail(*_: object) -> None:
        raise AssertionError("done twice")

    monkeypatch.setattr(job, "read_grasps", fail)
    monkeypatch.setattr(verifying, "_try_all", fail)
    again = convert(source, tmp_path, "--split", "train")
    np.testing.assert_array_equal(again.joint_pos, grasps.joint_pos)
    assert again.object_splits == ("train",)


@pytest.mark.parametrize("off_m", [0.0, 0.02])
def test_grasps_read_in_a_wrong_frame_are_told_before_they_are_tried(
    off_m: float,
    unidexgrasp: Writer,
    examples: list[Example],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The nearest fingertip is near the surface of most objects wherever the hand is; two seldom are."""

    def stop(*_: object) -> None:
        raise ValueError("stopped here")

    monkeypatch.setattr("datamodules.convert.objects_to_build", stop)
    for number, example in enumerate(examples):
        wrist_m = example.wrist_pose_m + off_m * np.eye(7)[0]
        source = unidexgrasp(number, qpos=write_keys(example.joints, wrist_m))
    with pytest.raises(SystemExit, match="stopped here"):
        convert(source, tmp_path)
    told = "the second nearest fingertip is 14 mm from the surface (median of 5 grasps); expected are less than 10"
    assert (told in caplog.text) == (off_m > 0.0)
    assert ("second nearest" in caplog.text) == (off_m > 0.0)


def known_extents() -> np.ndarray:
    return ObjectLibrary("small").get("box_00000").extents


def test_floating_grasps_find_a_table(dexgraspnet: Writer, tmp_path: Path) -> None:
    grasps = convert(dexgraspnet({}), tmp_path, "--format", "dexgraspnet", "--split", "train")
    assert grasps.object_splits == ("train",)
    assert summary(tmp_path)["read"] == 1
    assert sum(summary(tmp_path)["rejected"].values()) + len(grasps) == 1


def test_changed_source_is_read_again(unidexgrasp: Writer, tmp_path: Path) -> None:
    source = unidexgrasp(0)
    convert(source, tmp_path, "--max_per_object", "1")
    file = unidexgrasp(0, scale=np.float32(0.08)) / "core" / "bottle-1a2b" / "00000.npz"
    os.utime(file, ns=(1, 1))
    with pytest.raises(SystemExit, match=r"none of the 1 entries .* is usable; e\.g\. .*reciprocal"):
        convert(source, tmp_path, "--max_per_object", "1")


def test_bad_mesh_is_listed(unidexgrasp: Writer, tmp_path: Path) -> None:
    source = unidexgrasp(0)
    (source.parent / "meshdatav3_scaled/core/bottle-1a2b/coacd/decomposed.obj").write_text("v 0 0 0\n")
    with pytest.raises(SystemExit, match="none of the 1 entries"):
        convert(source, tmp_path)


def test_grasps_of_which_none_holds_end_with_an_error(unidexgrasp: Writer, example: Example, tmp_path: Path) -> None:
    for name in ("out.npz", "objects.json"):
        (tmp_path / name).write_text("older")
    half_open = {name: 0.5 * angle for name, angle in example.joints.items()}
    source = unidexgrasp(0, qpos=write_keys(half_open, example.wrist_pose_m))
    with pytest.raises(SystemExit, match=r"none of the 1 grasps that were read holds in the simulator \(1 \w+\)"):
        convert(source, tmp_path)
    assert summary(tmp_path)["hold"] == 0
    assert [(tmp_path / name).read_text() for name in ("out.npz", "objects.json")] == ["older"] * 2


def test_a_mesh_without_usable_grasps_is_not_read_again(
    unidexgrasp: Writer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may take all the time that a mesh is allowed, each time."""
    asked: list[Path] = []
    monkeypatch.setattr(job, "mesh_surface", lambda path: asked.append(path))
    source = unidexgrasp(0)
    (source.parent / "meshdatav3_scaled/core/bottle-1a2b/coacd/decomposed.obj").write_text("v 0 0 0\n")
    made = job.ConversionJob(open_source(source, "unidexgrasp", source.parent), tmp_path / "meshes", tmp_path / "parts")
    counts = job.Counts()
    job.read_units(made, made.source.units(), counts)
    assert (len(counts.bad), counts.meshes, asked) == (1, set(), [])


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [("--num_workers", "-1", "--num_workers is -1"), ("--max_per_object", "0", "--max_per_object is 0")],
)
def test_numbers_are_checked_before_work(tmp_path: Path, option: str, value: str, words: str) -> None:
    with pytest.raises(SystemExit, match=words):
        main([str(tmp_path), "--output", "out.npz", "--split_file", "out.json", option, value])


@pytest.mark.parametrize("option", ["--output", "--split_file", "--parts_dir"])
def test_nothing_is_written_where_grasps_are_read(unidexgrasp: Writer, tmp_path: Path, option: str) -> None:
    """Parts are .npz files, as the grasps of some formats are: the second run would list them as bad entries."""
    source = unidexgrasp(0)
    places = {"--output": tmp_path / "a.npz", "--split_file": tmp_path / "a.json", "--parts_dir": tmp_path / "parts"}
    places[option] = source / places[option].name
    with pytest.raises(SystemExit, match="lies in the source"):
        main([str(source), *(str(word) for pair in places.items() for word in pair)])
    assert sorted(path.name for path in source.iterdir()) == ["core"]


def test_two_conversions_do_not_share_their_parts(unidexgrasp: Writer, tmp_path: Path) -> None:
    with locked(tmp_path / "out_parts"), pytest.raises(SystemExit, match=r"in use by process \d+.*another --output"):
        convert(unidexgrasp(0), tmp_path)


def test_units_are_read_again_when_their_meshes_change(unidexgrasp: Writer, tmp_path: Path) -> None:
    """Also those of which nothing was usable, as the mesh was not there yet."""
    source = unidexgrasp(0)
    mesh = source.parent / "meshdatav3_scaled/core/bottle-1a2b/coacd/decomposed.obj"
    content = mesh.read_bytes()
    path = tmp_path / "parts"

    def read() -> job.Counts:
        made = job.ConversionJob(open_source(source, "unidexgrasp", source.parent), tmp_path / "meshes", path)
        counts = job.Counts()
        job.read_units(made, made.source.units(), counts)
        return counts

    mesh.unlink()
    counts = read()
    assert (counts.read, len(counts.bad)) == (0, 1)
    mesh.write_bytes(content)
    assert read().read == 1
    trimesh.load_mesh(mesh).apply_scale(2.0).export(mesh)  # stands 30 mm deep in its table now
    counts = read()
    assert (counts.read, len(counts.bad)) == (0, 1)


def test_another_folder_of_meshes_is_another_source(unidexgrasp: Writer, tmp_path: Path) -> None:
    source, folder = open_source(unidexgrasp(0)), tmp_path / "a"
    [unit] = source.units()
    stamps = {
        job.ConversionJob(source, folder, folder, meshes=meshes).stamp(unit) for meshes in (None, folder, tmp_path)
    }
    assert len(stamps) == 3


def test_a_single_family_is_told_before_its_objects_are_built(
    unidexgrasp: Writer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("the work has begun")

    monkeypatch.setattr(job, "prepare", fail)
    with pytest.raises(SystemExit, match=r"all 1 meshes are of the family .* put families into folders of their own"):
        convert(unidexgrasp(0), tmp_path, "--fractions", "train=0.5", "unseen_families=0.5")


def test_units_may_share_an_object(known: GraspSet) -> None:
    first, second = known.rows(np.array([0, 1])), known.rows(np.array([2]))
    both = together([first, no_grasps(known.hand, {}), second], known.hand, {"a": 1})
    assert (both.objects, len(both), both.provenance) == (known.objects, 3, {"a": 1})
    np.testing.assert_array_equal(both.joint_pos, known.joint_pos[:3])
    assert len(together([], known.hand, {})) == 0


def test_names_of_meshes_tell_objects_and_scales_apart() -> None:
    names = {mesh_name(code, scale) for code in ("core/a-b", "core/a_b", "sem/a-b") for scale in (0.08, 0.080001)}
    assert len(names) == 6


def test_meshes_are_written_again_whichever_way_their_source_changed(tmp_path: Path) -> None:
    """Also when another file of the same time stands there, as files out of an archive do."""
    source, other, written, stamp = (tmp_path / name for name in ("one.stl", "other.stl", "one.ply", "one.txt"))
    for path, size in ((source, 1.0), (other, 2.0), (source, 1.0)):
        trimesh.creation.box((size,) * 3).export(path)
        os.utime(path, (1e9, 1e9))
        job._write_mesh(path, 0.05, written, stamp)
        np.testing.assert_allclose(trimesh.load_mesh(written).extents, 0.05 * size)
    before = written.stat().st_mtime_ns
    job._write_mesh(source, 0.05, written, stamp)  # of the same source: it is there
    assert written.stat().st_mtime_ns == before
    written.write_bytes(b"")
    job._write_mesh(source, 0.05, written, stamp)
    np.testing.assert_allclose(trimesh.load_mesh(written).extents, 0.05)


def test_a_mesh_whose_buffer_changed_is_read_again(tmp_path: Path) -> None:
    """Of a .gltf the file itself says nothing of that, and its time and size stay."""
    path = tmp_path / "thing.gltf"
    path.write_text(json.dumps({"buffers": [{"uri": "thing.bin", "byteLength": 3}]}))
    states = set()
    for content in (b"abc", b"abd"):
        (tmp_path / "thing.bin").write_bytes(content)
        os.utime(tmp_path / "thing.bin", (1e9, 1e9))
        states.add(mesh_state(path))
    assert len(states) == 2
    assert mesh_state(tmp_path / "gone.obj") == ""


def test_the_meshes_of_another_folder_are_those_that_are_lifted(unidexgrasp: Writer, tmp_path: Path) -> None:
    """Their files have the same names and times."""
    source, sizes = unidexgrasp(0), set()
    for name, factor in (("a", 1.0), ("b", 1.001)):
        mesh = tmp_path / name / "core" / "bottle-1a2b" / "coacd" / "decomposed.obj"
        mesh.parent.mkdir(parents=True)
        trimesh.load_mesh(source.parent / "meshdatav3_scaled/core/bottle-1a2b/coacd/decomposed.obj").apply_scale(
            factor
        ).export(mesh)
        os.utime(mesh, (1e9, 1e9))
        made = job.ConversionJob(
            open_source(source, "unidexgrasp", tmp_path / name), tmp_path / "meshes", tmp_path / "parts",
            meshes=tmp_path / name,
        )  # fmt: skip
        counts = job.Counts()
        job.read_units(made, made.source.units(), counts)
        [written] = counts.meshes
        sizes.add(round(float(trimesh.load_mesh(written).extents.max()), 6))
    assert len(sizes) == 2
