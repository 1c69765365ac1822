"""Graphs of the shipped policy do what its module does, without torch, too."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from envs.hand.shadow import shadow_hand
from lightning_modules.checkpoints import read_checkpoint
from lightning_modules.export import export_graphs, main
from lightning_modules.graphs import parity as parity_module
from lightning_modules.graphs.fields import FIELDS, grouping_fields
from lightning_modules.graphs.parity import TOLERANCE, Parity, compare, onnx_run, real_inputs, reference
from lightning_modules.graphs.parts import graphs_of
from lightning_modules.graphs.writing import KEY, Exportable
from tests.learning import ROOT

POLICY = ROOT / "pretrained" / "residual_ppo.ckpt"
onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra onnx")


@pytest.fixture(scope="module")
def source() -> Exportable:
    return Exportable(POLICY, read_checkpoint(POLICY))


def metadata(path: Path) -> dict[str, Any]:
    session = onnxruntime.InferenceSession(path)
    content: dict[str, Any] = json.loads(session.get_modelmeta().custom_metadata_map[KEY])
    return content


@pytest.mark.parametrize("name", ["encoder", "primitive", "policy", "control", "whole"])
def test_a_graph_does_what_the_module_does(source: Exportable, name: str) -> None:
    graph = source.graphs[name]
    with torch.no_grad():
        parity = compare(source, name, lambda given: graph.named(given), source.inputs(16, seed=3))
    assert parity.largest <= TOLERANCE


def test_a_difference_is_found(source: Exportable) -> None:
    def run(given: Any) -> dict[str, torch.Tensor]:
        with torch.no_grad():
            return {name: value + 1e-3 for name, value in source.graphs["encoder"].named(given).items()}

    assert compare(source, "encoder", run, source.inputs(4)).largest == pytest.approx(1e-3, rel=0.01)


def test_written_files_agree_with_the_module_and_say_what_they_are(exported_policy: Path, source: Exportable) -> None:
    for name, graph in source.graphs.items():
        content = metadata(exported_policy / f"{name}.onnx")
        session = onnxruntime.InferenceSession(exported_policy / f"{name}.onnx")
        assert [each.name for each in session.get_inputs()] == list(graph.inputs) == list(content["inputs"])
        assert [each.name for each in session.get_outputs()] == list(graph.outputs) == list(content["outputs"])
        assert {each.shape[0] for each in (*session.get_inputs(), *session.get_outputs())} == {"batch"}
        assert content["hand"]["high"] == shadow_hand().limits.high.tolist()
        assert content["inputs"].get("joint_pos", {"unit": "rad"})["unit"] == "rad"


def test_a_thousand_random_and_a_thousand_real_inputs_agree(
    exported_policy: Path, source: Exportable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    run = onnx_run(exported_policy / "whole.onnx")  # of all parts, one after another
    for given in (source.inputs(1000), real_inputs(source, 1000)):
        parity = compare(source, "whole", run, given)
        assert parity.count == 1000
        assert parity.largest <= TOLERANCE
        assert parity.undecided < 10


@pytest.mark.parametrize(
    ("found", "holds"),
    [
        (Parity(100, TOLERANCE), True),
        (Parity(100, 2 * TOLERANCE), False),
        (Parity(100, float("nan")), False),
        (Parity(100, 0.0, undecided=2), True),
        (Parity(100, 0.0, undecided=3), False),
        (Parity(4, 0.0, undecided=1), True),
    ],
)
def test_a_graph_holds_within_the_tolerance_and_with_few_ties(found: Parity, holds: bool) -> None:
    assert found.holds is holds


def test_where_every_hand_is_a_tie_nothing_holds(source: Exportable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parity_module, "_is_tie", lambda *_: True)
    given = source.inputs(4)
    found = compare(source, "encoder", lambda each: {"scene": reference(source, each)["scene"] + 1.0}, given)
    assert (found.undecided, found.largest, found.holds) == (4, 0.0, False)


def test_a_batch_of_any_size_runs(exported_policy: Path, source: Exportable) -> None:
    session = onnxruntime.InferenceSession(exported_policy / "policy.onnx")
    given = source.inputs(7)
    both = [
        session.run(["joint_targets"], {name: given[name][:count].numpy() for name in source.graphs["policy"].inputs})[
            0
        ]
        for count in (1, 7)
    ]
    np.testing.assert_allclose(both[0], both[1][:1], atol=TOLERANCE)


def test_of_one_hand_a_control_step_takes_few_operations(exported_policy: Path, tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    options = onnxruntime.SessionOptions()
    options.add_free_dimension_override_by_name("batch", 1)
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    onnxruntime.InferenceSession(exported_policy / "control.onnx", options)
    operations = [node.op_type for node in onnx.load(tmp_path / "optimised.onnx").graph.node]
    # each takes some 0.7 us, two thirds of the step: 313 where quaternions are multiplied as matrices, 700 where not
    assert len(operations) < 330
    # 5 layers of the first look, 8 of the second with its times, 6 and the times of the refiner, 4 of the policy,
    # kinematics twice: what the time of the first look gives is no layer of a step
    assert sum("Gemm" in name for name in operations) == 26


def test_targets_stay_within_the_limits_of_the_hand(exported_policy: Path, source: Exportable) -> None:
    session = onnxruntime.InferenceSession(exported_policy / "policy.onnx")
    given, limits = source.inputs(16, seed=5), shadow_hand().limits
    given["command"] = given["command"] + 10.0
    targets = session.run(None, {name: given[name].numpy() for name in source.graphs["policy"].inputs})[0]
    assert (targets <= limits.high + 1e-6).all()
    assert (targets >= limits.low - 1e-6).all()


def test_the_example_shapes_a_grasp_without_torch(exported_policy: Path) -> None:
    script = f"import sys, runpy; sys.modules['torch'] = None; sys.argv = ['x', {str(exported_policy)!r}]; " + (
        f"runpy.run_path({str(ROOT / 'examples' / 'onnx_controller.py')!r})"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120)
    joints = json.loads(done.stdout)
    assert list(joints) == list(shadow_hand().joints)
    # open is 0: the thumb comes before the fingers, and a finger to meet it
    assert joints["THJ3"] > 0.5
    assert max(joints[name] for name in ("FFJ2", "MFJ2", "RFJ2", "LFJ2")) > 0.5
    shadow_hand().check_limits(np.array([list(joints.values())]), "joints", tolerance=1e-3)


def test_a_program_of_torch_alone_agrees(source: Exportable, tmp_path: Path) -> None:
    from lightning_modules.graphs.parity import program_run
    from lightning_modules.graphs.writing import write_program

    given = source.inputs(6)
    path = write_program(source.graphs["encoder"], given, source.description("encoder"), tmp_path / "encoder.pt2")
    assert compare(source, "encoder", program_run(path, source, "encoder"), given).largest <= TOLERANCE
    extra = {f"{KEY}.json": ""}
    torch.export.load(path, extra_files=extra)
    assert json.loads(extra[f"{KEY}.json"])["part"] == "encoder"


def test_every_name_has_a_meaning(source: Exportable) -> None:
    known = FIELDS | grouping_fields(source.primitive.module.network.encoder.grouping_spec)
    for graph in source.graphs.values():
        assert {*graph.inputs, *graph.outputs} <= known.keys()


def test_a_policy_with_an_encoder_of_its_own_is_refused(source: Exportable) -> None:
    assert source.policy is not None
    own = replace(source.policy.residual, encoder=source.primitive.module.network.encoder)
    with pytest.raises(ValueError, match=r"share the primitive's encoder"):
        graphs_of(source.primitive, own)


def test_the_command_names_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--checkpoint", str(tmp_path / "no.ckpt"), "--output", str(tmp_path), "--format", "onnx"])
    assert "no.ckpt does not exist" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_to_is_told_before_the_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Exportable, "inputs", lambda *_: pytest.fail("it began to work"))
    (tmp_path / "file").write_text("x")
    with pytest.raises(SystemExit):
        main(["--checkpoint", str(POLICY), "--output", str(tmp_path / "file" / "graphs"), "--format", "onnx"])
    assert "nothing can be written into the folder" in capsys.readouterr().err


def test_graphs_that_differ_are_an_error(source: Exportable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(path: Path, of: Exportable, name: str) -> Any:
        return lambda given: {each: value + 1e-4 for each, value in of.graphs[name].named(given).items()}

    monkeypatch.setattr("lightning_modules.export.write_program", lambda *given: given[-1])
    monkeypatch.setattr("lightning_modules.export.program_run", torch.no_grad()(wrong))
    with torch.no_grad(), pytest.raises(ValueError, match="graphs differ from the module"):
        export_graphs(POLICY, tmp_path, "torch", 4, 0)
