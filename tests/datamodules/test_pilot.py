"""The pilot's command line, in small."""

import json
from pathlib import Path

import pytest

from datamodules.pilot import main, prototypes_json
from datamodules.synthesis.prototype_search import PilotSettings
from datamodules.synthesis.prototypes import Prototype, load_prototypes
from envs.hand.shadow import shadow_hand
from tests.datamodules.grasps.examples import prototypes


def test_prototype_file_reads_back_in_the_order_of_the_types(tmp_path: Path) -> None:
    found: dict[str, tuple[Prototype, ...]] = dict(reversed(prototypes().items()))
    text = prototypes_json(shadow_hand(), found, PilotSettings(seed=5))
    (tmp_path / "found.json").write_text(text)
    read = load_prototypes(shadow_hand(), tmp_path / "found.json")
    assert list(read) == [name for name in shadow_hand().type_names if name in found]
    for name, lines in read.items():
        for line, original in zip(lines, found[name], strict=True):
            # three digits are kept: half a milliradian
            assert abs(line.open - original.open).max() <= 5.1e-4
            assert abs(line.closed - original.closed).max() <= 5.1e-4
    assert json.loads(text)["seed"] == 5


def test_command_line_writes_a_file_that_synthesis_takes(tmp_path: Path) -> None:
    output = tmp_path / "found.json"
    main([
        f"--output={output}", "--types=[pinch_FF]", "--num_objects=1", "--num_workers=1",
        "--settings.num_lines=40", "--settings.num_tried=2",
    ])  # fmt: skip
    assert len(load_prototypes(shadow_hand(), output)["pinch_FF"]) == 2


def test_unknown_type_ends_the_pilot_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="grasp type 'hook' of the hand shadow is unknown; available: lateral"):
        main([f"--output={tmp_path / 'found.json'}", "--types=[pinch_FF, hook]"])
    assert not list(tmp_path.iterdir())


def test_misspelt_option_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([f"--output={tmp_path / 'found.json'}", "--settings.num_line=40"])
    assert ended.value.code == 2
    assert "num_line" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("--num_workers=-1", "num_workers is -1, expected at least 1"),
        ("--num_objects=0", "num_objects is 0, and split file full has 3127 training objects"),
        ("--output=.", "is a folder; give the name of a file in it"),
    ],
)
def test_what_would_fail_after_the_pilot_is_told_before_it(given: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        main([f"--output={tmp_path / 'found.json'}", given])
