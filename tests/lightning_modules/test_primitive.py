"""The primitive acts as the module it was loaded from; a checkpoint cannot choose what code runs."""

import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from envs.geometry.object_clouds import KnownObjects, ObjectClouds
from envs.hand.shadow import shadow_hand
from envs.objects.builder import make_object
from lightning_modules.checkpoints import read_checkpoint
from lightning_modules.diffusion.joint_state import SinCosJoints
from lightning_modules.diffusion.samplers import PredictorCorrectorSampler, ProbabilityFlowSampler
from lightning_modules.followers import AnnealedDenoiser, Denoiser, FixedTimeScore, Follower
from lightning_modules.networks.point_encoders import PointNet2Encoder, PointNetEncoder
from lightning_modules.primitive import GraspPrimitive, load_score_module
from lightning_modules.score_module import ScoreMatchingModule
from tests.learning import made_up_batch, tiny_module

HAND = shadow_hand()

ENCODER = {
    "class_path": "lightning_modules.networks.point_encoders.PointNetEncoder",
    "init_args": {"widths": [8, 16], "feature_widths": [16], "input_scale": 10.0},
}
HPARAMS: dict[str, Any] = {
    "encoder": ENCODER, "joint_width": 32, "time_width": 8, "hidden_width": 32, "draws": 4,
    "_class_path": "lightning_modules.score_module.ScoreMatchingModule",
}  # fmt: skip

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a checkpoint of `tiny_module` with some fields changed, and returns its path."""

    def checkpoint(module: ScoreMatchingModule | None = None, **hparams: Any) -> Path:
        state = (tiny_module() if module is None else module).state_dict()
        torch.save({"state_dict": state, "hyper_parameters": HPARAMS | hparams}, tmp_path / "made.ckpt")
        return tmp_path / "made.ckpt"

    return checkpoint


def start(count: int = 4) -> torch.Tensor:
    return torch.tensor(HAND.open_pose.copy(), dtype=torch.float32).repeat(count, 1)


@pytest.mark.parametrize("follower", [None, FixedTimeScore(), Denoiser(0.5)])
def test_a_loaded_primitive_acts_as_its_module(write: Write, follower: Follower | None) -> None:
    module, batch = tiny_module().eval(), made_up_batch()
    elapsed = torch.tensor([0.0, 0.3, 0.6, 1.0])
    actions = []
    for primitive in (GraspPrimitive(module, follower), GraspPrimitive.from_checkpoint(write(), follower)):
        feature = primitive.encode(batch.points_h)
        actions.append(primitive.act(start(), feature, elapsed=elapsed))
    assert torch.equal(*actions)
    assert actions[0].shape == (4, 18)
    assert actions[0].abs().max() > 0.0


def test_a_loaded_primitive_is_frozen(write: Write) -> None:
    primitive = GraspPrimitive.from_checkpoint(write())
    assert not primitive.module.training
    assert not any(parameter.requires_grad for parameter in primitive.module.parameters())
    feature = primitive.encode(made_up_batch().points_h)
    assert not feature.requires_grad


def test_the_checkpoint_says_how_its_field_is_followed(write: Write) -> None:
    path = write(follower={"class_path": "lightning_modules.followers.Denoiser", "init_args": {"t": 0.7}})
    follower = GraspPrimitive.from_checkpoint(path).follower
    assert isinstance(follower, Denoiser)
    assert follower.t == 0.7
    assert isinstance(GraspPrimitive.from_checkpoint(path, FixedTimeScore()).follower, FixedTimeScore)
    assert isinstance(GraspPrimitive.from_checkpoint(write()).follower, AnnealedDenoiser)


def test_actions_are_those_of_the_follower_on_normalised_joints() -> None:
    seen: dict[str, torch.Tensor] = {}

    class Spy(Follower):
        def way(self, field: Any, joint_pos: Any, approach: Any) -> torch.Tensor:
            seen.update(joint_pos=joint_pos, elapsed=approach.elapsed, closeness=approach.closeness)
            return torch.zeros_like(joint_pos)

    low = torch.tensor(HAND.limits.low, dtype=torch.float32)[None]
    primitive, quarter = GraspPrimitive(tiny_module(), Spy()), torch.tensor([0.25])
    feature = primitive.encode(made_up_batch(1).points_h)
    primitive.act(low, feature, elapsed=quarter, closeness=2.0 * quarter)
    torch.testing.assert_close(seen["joint_pos"], -torch.ones(1, 18))
    assert (seen["elapsed"], seen["closeness"]) == (0.25, 0.5)


@pytest.mark.parametrize(
    ("joint_pos", "feature", "message"),
    [
        ((1, 18), (4, 16), r"joint_pos has shape \(1, 18\) and feature \(4, 16\), expected \(E, 18\) and \(E, S\)"),
        ((4, 18), (1, 16), r"joint_pos has shape \(4, 18\) and feature \(1, 16\), expected \(E, 18\) and \(E, S\)"),
        ((4, 17), (4, 16), r"joint_pos has shape \(4, 17\)"),
        ((18,), (16,), r"joint_pos has shape \(18,\) and feature \(16,\)"),
    ],
)
def test_joints_and_scenes_of_other_hands_are_refused(
    joint_pos: tuple[int, ...], feature: tuple[int, ...], message: str
) -> None:
    primitive = GraspPrimitive(tiny_module().eval(), FixedTimeScore())
    scenes = primitive.encode(made_up_batch(4).points_h)
    assert primitive.act(torch.zeros(4, 18), scenes).shape == (4, 18)
    with pytest.raises(ValueError, match=rf"scenes of 16 numbers, expected at least {scenes.shape[1]} as of encode"):
        primitive.act(torch.zeros(4, 18), primitive.module.feature(scenes))
    with pytest.raises(ValueError, match=message):
        primitive.act(torch.zeros(joint_pos), torch.zeros(feature))


@pytest.mark.parametrize("name", ["elapsed", "closeness"])
def test_one_share_for_several_hands_is_refused(name: str) -> None:
    primitive = GraspPrimitive(tiny_module().eval())
    with pytest.raises(ValueError, match=rf"{name} has shape \(1,\), expected \(4,\)"):
        primitive.act(start(), torch.zeros(4, 16), **{name: torch.ones(1)})


@pytest.mark.parametrize("shape", [(1, 4), (4, 3), (4,)])
def test_a_table_of_another_shape_is_named(shape: tuple[int, ...]) -> None:
    primitive = GraspPrimitive(tiny_module(sees_table=True).eval())
    with pytest.raises(ValueError, match=rf"table_h has shape {re.escape(str(shape))}, expected \(4, 4\)"):
        primitive.encode(made_up_batch().points_h, table_h=torch.zeros(shape))


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_what_is_not_finite_is_named_also_where_objects_are_known(value: float) -> None:
    torch.manual_seed(0)
    module = ScoreMatchingModule(encoder=PointNet2Encoder(), sees_table=True)
    primitive, cloud = GraspPrimitive(module.eval()), make_object("box", 0).cloud
    objects = KnownObjects(ObjectClouds(torch.as_tensor(cloud)[None]), torch.zeros(2, dtype=torch.int64))
    points_h, table_h = torch.as_tensor(cloud).repeat(2, 1, 1), torch.tensor([[0.0, 0.0, 1.0, 0.1]]).repeat(2, 1)
    assert primitive.encode(points_h, objects, table_h).isfinite().all()
    for name, values in (("points_h", points_h), ("table_h", table_h)):
        given = {"points_h": points_h, "table_h": table_h, name: values.clone()}
        given[name][1, 2] = value
        with pytest.raises(ValueError, match=rf"{name} is not finite in row 1 of 2"):
            primitive.encode(objects=objects, **given)


@pytest.mark.parametrize("sampler", [None, PredictorCorrectorSampler(num_steps=5), ProbabilityFlowSampler(num_steps=3)])
def test_denoising_ends_at_the_sample_of_the_same_noise(sampler: Any) -> None:
    primitive = GraspPrimitive(tiny_module().eval())
    feature = primitive.encode(made_up_batch().points_h)
    samples = primitive.sample(feature, 1, torch.Generator().manual_seed(3), sampler)
    path, times = primitive.denoise(feature, torch.Generator().manual_seed(3), sampler)
    steps = 32 if sampler is None else sampler.num_steps
    assert path.shape == (steps + 1, 4, 18)
    assert len(times) == steps + 1
    assert times[0] == 1.0
    assert times == sorted(times, reverse=True)
    torch.testing.assert_close(path[-1], samples[:, 0], atol=0.0, rtol=0.0)


@pytest.mark.parametrize("joint_state", [None, SinCosJoints()])
def test_samples_are_joints_within_their_limits(joint_state: SinCosJoints | None) -> None:
    primitive = GraspPrimitive(tiny_module(joint_state=joint_state).eval())
    feature = primitive.encode(made_up_batch().points_h)
    samples = primitive.sample(feature, 3, torch.Generator().manual_seed(0), ProbabilityFlowSampler(num_steps=4))
    assert samples.shape == (4, 3, 18)
    limits = HAND.limits
    low, high = torch.tensor(limits.low), torch.tensor(limits.high)
    assert (samples >= low - 1e-6).all()  # float32
    assert (samples <= high + 1e-6).all()
    assert not torch.equal(samples[:, 0], samples[:, 1])
    again = primitive.sample(feature, 3, torch.Generator().manual_seed(0), ProbabilityFlowSampler(num_steps=4))
    assert torch.equal(samples, again)


@pytest.mark.parametrize(
    "foreign",
    [
        {"encoder": {"class_path": "subprocess.Popen", "init_args": {"args": "true"}}},
        {"encoder": "foreign_module.Encoder"},
        {"encoder": {**ENCODER, "init_args": {"widths": ["foreign_module.Encoder"]}}},
        {"sde": {"class_path": "foreign_module.SDE"}},
        {"follower": {"class_path": ["foreign_module.Follower"]}},
        {"joint_width": "foreign_module.width"},
    ],
)
def test_classes_of_others_are_neither_built_nor_imported(
    foreign: dict[str, Any], write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "foreign_module.py").write_text(f"open({str(tmp_path / 'was_run')!r}, 'w')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ValueError, match=r"made\.ckpt asks for the class '(subprocess\.Popen|foreign_module.*)'; only"):
        GraspPrimitive.from_checkpoint(write(**foreign))
    assert not (tmp_path / "was_run").exists()


@pytest.mark.parametrize("name", ["encoder", "joint_width"])
def test_a_bare_name_is_not_imported_either(
    name: str, write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "foreign_module.py").write_text(f"open({str(tmp_path / 'was_run')!r}, 'w')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ValueError, match=r"made\.ckpt does not describe a ScoreMatchingModule of this version"):
        GraspPrimitive.from_checkpoint(write(**{name: "foreign_module"}))
    assert not (tmp_path / "was_run").exists()


def test_a_pickle_is_refused_and_not_run(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "was_run",))

    path = tmp_path / "evil.ckpt"
    for save in (lambda: torch.save({"state_dict": {}, "more": Evil()}, path), lambda: _pickle(Evil(), path)):
        save()
        with pytest.raises(ValueError, match=r"evil\.ckpt cannot be read as plain tensors \(.*was not made"):
            read_checkpoint(path)
        assert not (tmp_path / "was_run").exists()


def _pickle(value: object, path: Path) -> None:
    path.write_bytes(pickle.dumps({"state_dict": value}, protocol=2))


@pytest.mark.parametrize("keep", [0.9, 0.5, 0.0])
def test_a_truncated_file_is_named(write: Write, keep: float) -> None:
    path = write()
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content))])
    with pytest.raises(ValueError, match=r"made\.ckpt cannot be read as plain tensors .*it is truncated or"):
        GraspPrimitive.from_checkpoint(path)


def test_a_missing_file_names_the_command_that_makes_one(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.ckpt does not exist; train one with: python -m lightning_mod"):
        GraspPrimitive.from_checkpoint(tmp_path / "none.ckpt")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1, 2], r"has no field state_dict"),
        ({"weights": {}}, r"has no field state_dict"),
        ({"state_dict": {}}, r"has no field hyper_parameters; train it through lightning_modules\.cli"),
        ({"state_dict": {}, "hyper_parameters": {"_class_path": "x"}}, r"has no field hyper_parameters"),
        (
            {"state_dict": {}, "hyper_parameters": {"seed": 0, "_built_in_python": True}},
            r"is of a module that was given objects in Python, which it does not describe",
        ),
    ],
)
def test_a_foreign_checkpoint_is_named(content: Any, message: str, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "other.ckpt")
    with pytest.raises(ValueError, match=rf"other\.ckpt {message}"):
        load_score_module(tmp_path / "other.ckpt")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"hidden_width": 64}, r"size mismatch for network\.blocks"),
        ({"joint_state": {"class_path": "lightning_modules.diffusion.joint_state.SinCosJoints"}}, r"size mismatch"),
        ({"hidden_widht": 32}, r"hidden_widht"),
        ({"encoder": {"class_path": "lightning_modules.diffusion.sde.VPSDE"}}, r"encoder"),
    ],
)
def test_a_description_that_does_not_fit_the_weights_is_refused(
    write: Write, changed: dict[str, Any], message: str
) -> None:
    with pytest.raises(
        ValueError, match=rf"(?s)made\.ckpt does not describe a ScoreMatchingModule of this version: .*{message}"
    ):
        load_score_module(write(**changed))


def test_loading_gives_the_weights_and_settings_of_the_checkpoint(write: Write) -> None:
    torch.manual_seed(5)
    encoder = PointNetEncoder(widths=(8, 16), feature_widths=(16,))
    trained = ScoreMatchingModule(encoder=encoder, joint_width=32, time_width=8, hidden_width=32, draws=4)
    module = load_score_module(write(trained))
    assert module.draws == 4
    assert module.state_dict().keys() == trained.state_dict().keys()
    for name, value in trained.state_dict().items():
        assert torch.equal(module.state_dict()[name], value), name
