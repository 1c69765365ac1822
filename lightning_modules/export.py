"""Make a small checkpoint: ``python -m lightning_modules.export --checkpoint FILE --output pretrained/gf.ckpt``.

Left out is what only training needs: optimiser, schedules, loops, callbacks, the weights that were not averaged, and a
policy's critics, which estimate NaN when it is read.
The result serves ``lightning_modules.cli test --ckpt_path``, `GraspPrimitive.from_checkpoint` and `load_policy`;
training does not resume from it.

``--format onnx`` or ``--format torch`` writes graphs into a folder in its place: encoder and primitive, and of a policy
its own and the whole (`lightning_modules.graphs`); then they are compared with the module, and the differences printed.

``--without-primitive pretrained/gf.ckpt`` leaves out the frozen primitive of a policy, six sevenths of its size, which
``--primitive pretrained/gf.ckpt`` puts back. Without that the policy is whole wherever a ``gf.ckpt`` with these weights
lies beside it, in the folder above or in the project's ``pretrained``.

``--encoder-alone`` keeps of a primitive the encoder alone, from which a policy starts (``model.encoder_checkpoint``,
configs/gf_pointnet.yaml).

A policy's checkpoint of before it described its primitive, or of before its critic saw the exploration's noise, is
converted; it acts as before.
"""

import argparse
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from envs.files import check_folder
from envs.hand.registry import load_hand
from envs.task.observations import flat_size
from lightning_modules.checkpoint_files import read_checkpoint_file, save_checkpoint_file
from lightning_modules.checkpoints import TRAINED_ON, check_is_of, read_checkpoint, trained_on
from lightning_modules.graphs.parity import MAX_TIES, TOLERANCE, Parity, compare, onnx_run, program_run, real_inputs
from lightning_modules.graphs.writing import Exportable, write_onnx, write_program
from lightning_modules.left_out import ENCODER_ALONE, LEFT_OUT, WITHOUT_PRIMITIVE, encoder_alone, without_critics
from lightning_modules.primitive import description_of
from lightning_modules.score_module import ScoreMatchingModule
from lightning_modules.settings_guard import check_same_primitive
from lightning_modules.shared_primitive import with_primitive, without_primitive

_LOG = logging.getLogger(__name__)

_REQUIRED = ("state_dict", "hyper_parameters", "pytorch-lightning_version")
"""Without these a checkpoint can be neither loaded by Lightning nor described by itself."""

_KEPT = (
    *_REQUIRED, "datamodule_hyper_parameters", "epoch", "global_step", TRAINED_ON, WITHOUT_PRIMITIVE, LEFT_OUT,
    ENCODER_ALONE,
)  # fmt: skip
"""Fields of an exported checkpoint. Under averaging ``state_dict`` holds the averaged weights (`WarmupEMA`)."""


def exported(content: dict[str, Any], source: str) -> dict[str, Any]:
    """The fields of a checkpoint that its use needs.

    Raises:
        ValueError: a required field is missing.
    """
    missing = [name for name in _REQUIRED if name not in content]
    if missing:
        raise ValueError(
            f"checkpoint {source} has no field {missing[0]}; expected one written by: python -m lightning_modules.cli "
            "fit --config configs/gf.yaml"
        )
    kept = {name: content[name] for name in _KEPT if name in content}
    if told := trained_on(content):
        kept[TRAINED_ON] = told
    # a tensor that is a view would be saved with the whole of what it looks at
    kept["state_dict"] = {name: torch.clone(tensor) for name, tensor in content["state_dict"].items()}
    if isinstance(content["hyper_parameters"].get("primitive"), str):
        kept["hyper_parameters"] = _with_primitive(kept, source)
        kept["state_dict"] |= _critic_that_sees_noise(kept)
    return without_critics(kept)


def _with_primitive(content: dict[str, Any], source: str) -> dict[str, Any]:
    """Hyper-parameters of a policy that describe its primitive, which they only named."""
    settings = content["hyper_parameters"]
    check_same_primitive(source, content["state_dict"], settings["primitive"])
    return {**settings, "primitive": description_of(settings["primitive"])}


def _critic_that_sees_noise(content: dict[str, Any]) -> dict[str, Any]:
    """Weights of a critic that pays no heed to the noise which it did not see before; none where it did."""
    settings, weights = content["hyper_parameters"], content["state_dict"]
    exploration = settings.get("exploration") or {}
    norm = "network.privileged_norm."
    is_white = not exploration.get("init_args", {}).get("correlation", 0.7)
    hand = load_hand(settings.get("hand", "shadow"))
    if is_white or len(weights[f"{norm}mean"]) != flat_size(settings["critic_groups"], hand):
        return {}
    nothing = torch.zeros_like(weights["network.centre"])
    first = weights["network.critic.0.weight"]
    blind = first.new_zeros(len(first), len(nothing))
    return {
        "network.critic.0.weight": torch.cat([first, blind], dim=1),
        f"{norm}mean": torch.cat([weights[f"{norm}mean"], nothing.double()]),
        f"{norm}squares": torch.cat([weights[f"{norm}squares"], weights[f"{norm}count"] + nothing.double()]),
    }


def export_checkpoint(
    checkpoint: str | Path, output: str | Path, *, primitive: str | None = None, shared_primitive: str | None = None,
    only_encoder: bool = False,
) -> Path:  # fmt: skip
    """Write the small checkpoint, complete or not at all, and return its path.

    Args:
        checkpoint: what is made smaller.
        output: file to write.
        primitive: checkpoint whose weights the policy's checkpoint has left out, to be put back.
        shared_primitive: checkpoint of the policy's primitive, to be left out.
        only_encoder: keep of a primitive its encoder alone.

    Raises:
        FileNotFoundError: no such checkpoint.
        ValueError: damaged or foreign checkpoint, a required field is missing, another primitive, or a file that is
            read would be written over and with it what is not in the output.
    """
    whole, output = read_checkpoint(checkpoint) if primitive is None else read_checkpoint_file(checkpoint), Path(output)
    kept = {checkpoint: "training resumes from it"} if "optimizer_states" in whole else {}
    kept |= {checkpoint: "what is left out would be lost"} if shared_primitive is not None or only_encoder else {}
    kept |= {each: "it is the primitive" for each in (primitive, shared_primitive) if each is not None}
    _check_is_none_of(output, kept)
    content = exported(whole, str(checkpoint))
    if primitive is not None:
        content = with_primitive(content, str(checkpoint), primitive)
    if shared_primitive is not None:
        content = without_primitive(content, str(checkpoint), shared_primitive)
    if only_encoder:
        check_is_of(ScoreMatchingModule, content, checkpoint)
        content = encoder_alone(content)
    before = Path(checkpoint).stat().st_size / 1e6
    save_checkpoint_file(content, output)
    after = output.stat().st_size / 1e6
    _LOG.info("wrote %s: %.2f MB (%s: %.2f MB), epoch %s", output, after, checkpoint, before, content.get("epoch"))
    return output


def _check_is_none_of(output: Path, kept: Mapping[str | Path, str]) -> None:
    """ValueError when the output is one of these files, with what speaks against it."""
    for path, why in kept.items():
        if output.resolve() == Path(path).resolve():
            raise ValueError(f"the output {output} is {path}, which is read: {why}; give the output another name")


def export_graphs(
    checkpoint: str | Path, output: str | Path, kind: str, num_random: int = 1000, num_real: int = 1000
) -> dict[str, Parity]:
    """Write the graphs of a checkpoint into a folder, and compare them with the module.

    Args:
        checkpoint: of a policy or a primitive.
        output: folder.
        kind: onnx or torch.
        num_random, num_real: inputs that are compared, see `random_inputs` and `real_inputs`.
    Returns:
        What was found, by graph and kind of input.

    Raises:
        FileNotFoundError, ValueError: see `Exportable`; a folder that cannot be written to; or a graph differs from the
            module.
        ModuleNotFoundError: the extra ``onnx`` is not installed.
    """
    source, folder = Exportable(checkpoint, read_checkpoint(checkpoint)), Path(output)
    check_folder(folder)
    given = {"random": source.inputs(max(4, num_random))}
    if num_real:
        given["real"] = real_inputs(source, num_real)
    found = {}
    for name, graph in source.graphs.items():
        if kind == "onnx":
            path = write_onnx(graph, given["random"], source.description(name), folder / f"{name}.onnx")
            run = onnx_run(path)
        else:
            path = write_program(graph, given["random"], source.description(name), folder / f"{name}.pt2")
            run = program_run(path, source, name)
        for what, inputs in given.items():
            parity = found[f"{name}/{what}"] = compare(source, name, run, inputs)
            _LOG.info(
                "%s: %d %s inputs, largest difference from the module %.1e (actions in rad; %.1e as they are), ties "
                "left out: %d", path, parity.count, what, parity.largest, parity.raw, parity.undecided,
            )  # fmt: skip
    bad = {name: (parity.largest, parity.undecided) for name, parity in found.items() if not parity.holds}
    if bad:
        raise ValueError(
            f"graphs differ from the module by more than {TOLERANCE}, or in more than {100 * MAX_TIES:g} % of the "
            f"hands by what looks like a tie (largest difference, ties): {bad}; do not use them"
        )
    return found


def main(args: Sequence[str] | None = None) -> None:
    """Command line of the export."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    parser = argparse.ArgumentParser(prog="python -m lightning_modules.export", description="Make a small checkpoint.")
    parser.add_argument("--checkpoint", type=Path, required=True, help="file written by fit, e.g. .../last.ckpt")
    parser.add_argument("--output", type=Path, required=True, help="file to write, e.g. pretrained/gf.ckpt; a folder")
    parser.add_argument(
        "--format", choices=("checkpoint", "onnx", "torch"), default="checkpoint", help="a checkpoint, or graphs"
    )
    parser.add_argument("--without-primitive", metavar="FILE", help="checkpoint of the policy's primitive: left out")
    parser.add_argument("--primitive", metavar="FILE", help="the same, put back into a checkpoint that left it out")
    parser.add_argument("--encoder-alone", action="store_true", help="keep of a primitive its encoder alone")
    for name in ("random", "real"):
        parser.add_argument(f"--num-{name}", type=int, default=1000, help=f"{name} inputs that graphs are checked on")
    given = parser.parse_args(args)
    if given.format != "checkpoint" and (given.primitive or given.without_primitive or given.encoder_alone):
        parser.error(
            f"--format {given.format} takes whole checkpoints and leaves nothing out; give --format checkpoint, or no "
            "--primitive, --without-primitive or --encoder-alone"
        )
    try:
        if given.format == "checkpoint":
            export_checkpoint(
                given.checkpoint, given.output, primitive=given.primitive, shared_primitive=given.without_primitive,
                only_encoder=given.encoder_alone,
            )  # fmt: skip
        else:
            export_graphs(given.checkpoint, given.output, given.format, given.num_random, given.num_real)
    except (OSError, ModuleNotFoundError, ValueError) as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
