"""Training of the score: the loss knows the true score, draws depend on seed and step only, grasps can be learnt."""

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from lightning.pytorch import Trainer
from torch import Tensor

from datamodules.types import GraspBatch
from envs.conventions import SPLITS
from envs.geometry.object_clouds import KnownObjects, ObjectClouds
from lightning_modules import score_module
from lightning_modules.diffusion.joint_state import JointState, JointVector, SinCosJoints
from lightning_modules.diffusion.sde import SDE, VESDE, VPSDE, PaperSDE, SubVPSDE
from lightning_modules.followers import AnnealedDenoiser, Approach, Denoiser, Field
from lightning_modules.networks.point_encoders import PointNet2Encoder, PointNetEncoder, SetAbstractionSize
from lightning_modules.primitive import GraspPrimitive
from lightning_modules.schedule_guard import learning_rate_factor
from lightning_modules.score_module import ScoreMatchingModule
from tests.learning import made_up_batch, tiny_module


class Draws:
    """Stands in for the loss and remembers what it was asked for."""

    def __init__(self) -> None:
        self.t: list[Tensor] = []
        self.z: list[Tensor] = []

    def __call__(self, score: object, sde: object, state: Tensor, *, t: Tensor, z: Tensor) -> Tensor:
        self.t.append(t)
        self.z.append(z)
        return state.sum(dim=1) * 0.0


@pytest.fixture
def draws(monkeypatch: pytest.MonkeyPatch) -> Draws:
    recorder = Draws()
    monkeypatch.setattr(score_module, "denoising_loss", recorder)
    return recorder


@pytest.mark.parametrize("sde", [VPSDE(), SubVPSDE(), PaperSDE(), VESDE()], ids=lambda sde: type(sde).__name__)
@pytest.mark.parametrize("joint_state", [JointVector(), SinCosJoints()], ids=lambda state: type(state).__name__)
def test_loss_of_the_true_score_is_zero(sde: SDE, joint_state: JointState, monkeypatch: pytest.MonkeyPatch) -> None:
    # one clean state x_0: p(x_t) is N(alpha x_0, std^2), whose score -(x_t - alpha x_0) / std^2 equals -z / std
    module, batch = tiny_module(sde=sde, joint_state=joint_state), made_up_batch()
    clean = joint_state.encode(batch.joint_pos)[:, None]

    def true_score(state: Tensor, feature: Tensor, t: Tensor, process: SDE, *_: object) -> Tensor:
        assert process is sde
        alpha, std = process.mean_coefficient(t)[..., None], process.std(t)[..., None]
        return -(state - alpha * clean) / std.square()

    monkeypatch.setattr(module.network, "score", true_score)
    # float32: x_t - alpha x_0 loses digits where std is small (1e-3 at t = 1e-5), 1e-7 / 1e-3 relative to z
    assert module.held_out_losses(batch).max().item() < 1e-4


def test_loss_of_no_score_is_the_size_of_the_state(monkeypatch: pytest.MonkeyPatch) -> None:
    module = tiny_module()
    monkeypatch.setattr(module.network, "score", lambda state, *_: torch.zeros_like(state))
    # |std 0 + z|^2 over 18 joints: mean 18, standard deviation sqrt(36 / (200 * 64)) = 0.05
    assert module.held_out_losses(made_up_batch(200)).mean().item() == pytest.approx(18.0, abs=0.25)


def test_four_grasps_are_learnt() -> None:
    module, batch = tiny_module(width=128), made_up_batch(4)
    before = module.held_out_losses(batch).mean().item()
    optimiser = torch.optim.Adam(module.parameters(), lr=5e-3)
    for step in range(300):
        optimiser.zero_grad()
        module._losses(batch, 16, module._generator(step, 0))[1].mean().backward()
        optimiser.step()
    after = module.held_out_losses(batch).mean().item()
    assert before == pytest.approx(18.0, rel=0.1)  # an untrained score is near zero
    assert after < 0.25 * before
    # following the learnt field tells the four clouds apart
    primitive = GraspPrimitive(module.eval())
    feature = primitive.encode(batch.points_h, batch.objects)
    field = Field(module.score_fn(feature), module.sde, module.joint_state, module.hand)
    joints = torch.zeros(4, 18)
    for step in range(100):
        action = AnnealedDenoiser().heading(field, joints, Approach(torch.full((4,), step / 100))).action
        joints = joints + 0.05 * action.detach()
    distance = torch.cdist(joints, batch.joint_pos)
    assert distance.argmin(dim=1).tolist() == [0, 1, 2, 3]
    assert distance.diagonal().max() < 1.5  # random joints lie sqrt(18 * 2 / 3) = 3.5 apart


def test_times_cover_the_whole_range_for_every_grasp(draws: Draws) -> None:
    module = tiny_module()
    module.held_out_losses(made_up_batch(50), draws=16)
    (t,) = draws.t
    assert t.shape == (50, 16)
    # stratified: the k-th draw lies in the k-th of 16 equal parts of (eps, 1]
    assert ((16 * t).floor().clamp(0, 15) == torch.arange(16)).all()
    assert t.min() >= module.eps
    assert draws.z[0].shape == (50, 16, 18)


def test_draws_depend_on_seed_step_and_rank_only(draws: Draws) -> None:
    batch = made_up_batch(2)

    def drawn(seed: int = 0, step: int = 3, rank: int = 0) -> Tensor:
        module = tiny_module(seed=seed)
        torch.manual_seed(torch.seed() % 1000)
        module._losses(batch, 4, module._generator(step, rank))
        return draws.z[-1]

    first = drawn()
    assert torch.equal(drawn(), first)
    assert not torch.equal(drawn(seed=1), first)
    assert not torch.equal(drawn(step=4), first)
    assert not torch.equal(drawn(rank=1), first)


def test_a_training_step_draws_anew_and_validation_does_not(draws: Draws, monkeypatch: pytest.MonkeyPatch) -> None:
    module, batch = tiny_module(), made_up_batch(2)
    monkeypatch.setattr(module, "log", lambda *_, **__: None)
    for step in (0, 1):
        module._trainer = Trainer(logger=False, enable_checkpointing=False, accelerator="cpu")
        monkeypatch.setattr(type(module), "global_step", step)
        module.training_step(batch, 0)
        module.validation_step(batch, 0, 0)
        module.validation_step(batch, 1, 0)
        module.validation_step(batch, 0, 1)
    train, val = draws.z[::4], [draws.z[i] for i in (1, 2, 3, 5, 6, 7)]
    assert not torch.equal(train[0], train[1])
    assert all(torch.equal(val[i], val[i + 3]) for i in range(3))
    assert not torch.equal(val[0], val[1])
    assert not torch.equal(val[0], val[2])


def test_batches_of_one_optimiser_step_draw_apart(draws: Draws, monkeypatch: pytest.MonkeyPatch) -> None:
    module, batch = tiny_module(), made_up_batch(2)
    monkeypatch.setattr(module, "log", lambda *_, **__: None)
    module._trainer = Trainer(logger=False, enable_checkpointing=False, accelerator="cpu", accumulate_grad_batches=3)
    for step, batch_idx in ((0, 0), (0, 1), (0, 2), (1, 3)):
        monkeypatch.setattr(type(module), "global_step", step)
        module.training_step(batch, batch_idx)
    assert len({drawn.numpy().tobytes() for drawn in draws.z}) == 4


def test_metrics_are_named_after_stage_and_split(monkeypatch: pytest.MonkeyPatch) -> None:
    module, names = tiny_module(), []
    module.trainer = SimpleNamespace(datamodule=None)  # type: ignore[assignment]
    monkeypatch.setattr(module, "log", lambda name, *_, **__: names.append(name))
    for number in range(len(SPLITS)):
        module.validation_step(made_up_batch(2), 0, number)
    module.test_step(made_up_batch(2), 0, 3)
    assert names == [*(f"val/dsm_loss/{split}" for split in SPLITS), "test/dsm_loss/unseen_families"]


def test_metrics_are_named_after_the_splits_that_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    module, names = tiny_module(), []
    data = SimpleNamespace(val_splits=("train", "development"), test_splits=("train", "unseen_families"))
    module.trainer = SimpleNamespace(datamodule=data)  # type: ignore[assignment]
    monkeypatch.setattr(module, "log", lambda name, *_, **__: names.append(name))
    for number in range(2):
        module.test_step(made_up_batch(2), 0, number)
    module.validation_step(made_up_batch(2), 0, 1)
    assert names == ["test/dsm_loss/train", "test/dsm_loss/unseen_families", "val/dsm_loss/development"]


def test_state_and_network_have_the_size_of_the_joint_state() -> None:
    assert tiny_module().network.state_dim == 18
    assert tiny_module(joint_state=SinCosJoints()).network.state_dim == 36


def test_known_objects_give_the_groups_that_their_clouds_have() -> None:
    sizes = [SetAbstractionSize(8, 0.04, 4, (8, 8)), SetAbstractionSize(4, 0.1, 4, (8, 8))]
    encoder = PointNet2Encoder(sizes, global_widths=(8, 8), feature_widths=(8,))
    module = ScoreMatchingModule(encoder=encoder, joint_width=8, time_width=4, hidden_width=8)
    clouds = made_up_batch(3).points_h
    known = KnownObjects(ObjectClouds(clouds), torch.tensor([2, 0]))
    assert torch.equal(module.encode(clouds[[2, 0]], known), module.encode(clouds)[[2, 0]])
    # with noise on the points, still those of the clouds without
    noisy = clouds[[2, 0]] + 0.003 * torch.rand(2, 24, 3, generator=torch.Generator().manual_seed(0))
    groups = encoder.grouping_spec.build(clouds[[2, 0]])
    assert torch.equal(module.feature(module.encode(noisy, known)), encoder(noisy, groups))
    assert not torch.equal(module.encode(noisy, known), module.encode(noisy))


def test_an_encoder_without_neighbours_takes_known_objects_too() -> None:
    module, clouds = tiny_module(), made_up_batch(2).points_h
    known = KnownObjects(ObjectClouds(clouds), torch.arange(2))
    assert torch.equal(module.encode(clouds, known), module.encode(clouds))


def test_checkpoints_of_modules_made_in_python_hold_plain_settings() -> None:
    module = tiny_module(follower=Denoiser(), sde=VESDE(), joint_state=JointVector())
    assert not {"encoder", "sde", "joint_state", "follower"} & set(module.hparams)
    assert module.hparams["hidden_width"] == 32
    assert all(isinstance(value, int | float | str) for value in module.hparams.values())


def test_the_default_is_the_annealed_denoiser_on_vp_noise() -> None:
    module = ScoreMatchingModule(encoder=PointNetEncoder(widths=(8, 8), feature_widths=(8,)))
    assert isinstance(module.follower, AnnealedDenoiser)
    assert isinstance(module.sde, VPSDE)
    assert isinstance(module.joint_state, JointVector)


def test_learning_rate_rises_then_falls_along_a_cosine() -> None:
    assert learning_rate_factor(0, 4, 100, 1.0) == 0.25
    assert learning_rate_factor(3, 4, 100, 1.0) == 1.0
    assert learning_rate_factor(99, 4, 100, 1.0) == 1.0
    # halfway: 0.1 + 0.9 (1 + cos(pi / 2)) / 2; at the end and beyond: what is left
    assert learning_rate_factor(50, 4, 100, 0.1) == pytest.approx(0.55)
    assert learning_rate_factor(100, 4, 100, 0.1) == pytest.approx(0.1)
    assert learning_rate_factor(150, 4, 100, 0.1) == pytest.approx(0.1)
    # both at once: 2/4 of 0.1 + 0.9 (1 + cos(pi / 100)) / 2
    expected = 0.5 * (0.1 + 0.45 * (1.0 + math.cos(math.pi / 100)))
    assert learning_rate_factor(1, 4, 100, 0.1) == pytest.approx(expected)


def test_a_batch_of_one_object_gives_every_grasp_its_own_loss() -> None:
    batch = made_up_batch(3)
    losses = tiny_module().held_out_losses(batch)
    assert losses.shape == (3,)
    same = GraspBatch(batch.joint_pos, batch.points_h[:1].expand(3, -1, -1), batch.grasp_index)
    assert tiny_module().held_out_losses(same).unique().numel() == 3


def test_a_module_that_is_trained_again_begins_a_schedule_of_its_own() -> None:
    """The learning rate of the second run falls over its own steps, not over those of the first."""
    module = tiny_module()
    module.decay_to = 0.02
    module.on_load_checkpoint({"planned_steps": 100})
    module.trainer = SimpleNamespace(  # type: ignore[assignment]
        datamodule=None, estimated_stepping_batches=8, max_epochs=2, max_steps=-1
    )
    module.setup("fit")
    module.configure_optimizers()
    content: dict[str, Any] = {}
    module.on_save_checkpoint(content)
    assert content["planned_steps"] == 8


@pytest.mark.parametrize(
    ("name", "value", "needed"),
    [
        ("draws", 0, "at least 1"),
        ("eps", 0.0, r"a number in \(0, 1\)"),
        ("eps", 1.0, r"a number in \(0, 1\)"),
        ("learning_rate", math.inf, "a finite number above 0"),
        ("warmup_steps", -1, "at least 0"),
        ("decay_to", -0.1, r"a number in \[0, 1\]"),
        ("decay_to", math.nan, r"a number in \[0, 1\]"),
        ("seed", -1, "at least 0"),
    ],
)
def test_a_number_with_which_nothing_is_learnt_is_named(name: str, value: float, needed: str) -> None:
    with pytest.raises(ValueError, match=f"^{name} is {value}; {needed} is needed$"):
        ScoreMatchingModule(**dict[str, Any]({name: value}))
