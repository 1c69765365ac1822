"""Recorded wrists: every file or folder gives patterns, or an error that names it."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from envs.wrist.recorded import POSITION_AXES, ROTATION_AXES, load_recorded_patterns
from tests.envs.wrist.recording_examples import way, write_dex_ycb, write_handover_sim
from tests.fuzz.inputs import Trap, changed, check_clear, edited, given, many, strategies

AXES = (*POSITION_AXES, *ROTATION_AXES)
REACH = {axis: np.linspace(0.0, 0.1 * (place + 1), 12).tolist() for place, axis in enumerate(AXES)}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    """The description and the poses of a recording of each kind."""
    root = tmp_path_factory.mktemp("recordings")
    meta = write_handover_sim(root / "handoversim", 0, way(0.001, reach_s=0.3))
    described = write_dex_ycb(root / "dexycb", "one", way(0.04))
    return {
        "handoversim": [meta, meta.with_name("pose_000.npz")],
        "dexycb": [described, described.with_name("pose.npz")],
    }


def check_patterns(source: Path, named: Path) -> None:
    """Patterns from 0 to 1, or an error that names the file."""
    try:
        patterns = load_recorded_patterns(source)
    except (ValueError, FileNotFoundError) as error:
        check_clear(error, named)
        return
    assert np.isfinite(patterns.position).all()
    assert np.isfinite(patterns.turn).all()
    np.testing.assert_array_equal(patterns.position[:, -1], 1.0)


@given(data=strategies.data())
@many(0.06)
def test_a_malformed_file_of_wrists_is_patterns_or_a_clear_error(data: Any, tmp_path_factory: Any) -> None:
    root = tmp_path_factory.getbasetemp()
    path, trapped = root / "wrists.npy", root / "run_by_wrists"
    kind = data.draw(strategies.sampled_from(["bytes", "fields", "trap"]))
    tree: Any = {"a": REACH, "b": REACH}
    if kind == "trap":
        tree = {"a": REACH, "b": REACH | {data.draw(strategies.sampled_from(AXES)): Trap(trapped)}}
    elif kind == "fields":
        tree = data.draw(changed(tree))
    stream = io.BytesIO()
    np.save(stream, np.array(tree, dtype=object), allow_pickle=True)
    path.write_bytes(data.draw(edited([stream.getvalue()])) if kind == "bytes" else stream.getvalue())
    check_patterns(path, path)
    assert not trapped.exists()


@given(data=strategies.data(), kind=strategies.sampled_from(["handoversim", "dexycb"]))
@many(0.04)
def test_a_malformed_recording_is_patterns_or_a_clear_error(
    data: Any, kind: str, folders: dict[str, list[Path]]
) -> None:
    path = data.draw(strategies.sampled_from(folders[kind]))
    before = path.read_bytes()
    if path.suffix == ".npz" or data.draw(strategies.booleans()):
        after = data.draw(edited([before]))
    else:
        tree = data.draw(changed(yaml.safe_load(before)))
        after = (json.dumps(tree) if path.suffix == ".json" else yaml.safe_dump(tree)).encode()
    path.write_bytes(after)
    try:
        check_patterns(folders[kind][0].parents[0 if kind == "handoversim" else 2], folders[kind][0])
    finally:
        path.write_bytes(before)
