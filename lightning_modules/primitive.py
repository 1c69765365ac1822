"""The trained primitive: loads a checkpoint and says how the fingers should move."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from envs.geometry.object_clouds import KnownObjects
from lightning_modules.checkpoints import build, class_path, read_checkpoint, settings_of
from lightning_modules.diffusion.samplers import ProbabilityFlowSampler, Sampler
from lightning_modules.followers import Approach, Field, Follower, Heading
from lightning_modules.networks.point_encoders import PointEncoder, check_points
from lightning_modules.score_module import ScoreMatchingModule


class GraspPrimitive:
    """A score network and a way of following it: pi_p(a_p | J, o, b) of GraspGF eq. 2.

    Args:
        module: a trained score module.
        follower: how its field is followed; the module's own way when None.

    Attributes:
        hand: the hand that it moves.
    """

    def __init__(self, module: ScoreMatchingModule, follower: Follower | None = None) -> None:
        self.module = module
        self.hand = module.hand
        self.follower = module.follower if follower is None else follower

    @classmethod
    def from_checkpoint(cls, path: str | Path, follower: Follower | None = None) -> "GraspPrimitive":
        """Load a checkpoint that the command line made (``fit``, or ``python -m lightning_modules.export``).

        Raises:
            FileNotFoundError, ValueError: see `load_score_module`.
        """
        return cls(load_score_module(path).eval().requires_grad_(False), follower)

    @torch.no_grad()
    def encode(self, points_h: Tensor, objects: KnownObjects | None = None, table_h: Tensor | None = None) -> Tensor:
        """Scenes (E, S) as `act` wants them; once while the wrist stands still.

        Args:
            points_h: object clouds in the hand frame (E, 1024, 3), m.
            objects: the objects that the clouds show, whose groups of points are used; clouds are grouped one by one,
                in some 1.5 ms each, when None (benchmarks/grouping.py).
            table_h: the table in the hand frame (E, 4), see `envs.geometry.table.table_plane`, for primitives that see
                it.

        Raises:
            ValueError: another shape, fewer tables than clouds, or numbers that are not finite; names the field.
        """
        check_points(points_h)
        _check_finite("points_h", points_h)
        if table_h is not None:
            if table_h.shape != (len(points_h), 4):
                raise ValueError(
                    f"table_h has shape {tuple(table_h.shape)}, expected ({len(points_h)}, 4): normal and height for "
                    "each of the clouds points_h, as envs.geometry.table.table_plane gives them"
                )
            _check_finite("table_h", table_h)
        return self.module.encode(points_h, objects, table_h)

    def act(
        self, joint_pos: Tensor, feature: Tensor, *, elapsed: Tensor | None = None, closeness: Tensor | None = None
    ) -> Tensor:
        """The primitive action a_p (E, J) in [-1, 1]; arguments and errors as of `heading`."""
        return self.heading(joint_pos, feature, elapsed=elapsed, closeness=closeness).action

    @torch.no_grad()
    def heading(
        self, joint_pos: Tensor, feature: Tensor, *, elapsed: Tensor | None = None, closeness: Tensor | None = None
    ) -> Heading:
        """The primitive action, and where it heads.

        Args:
            joint_pos: present joints (E, J), rad.
            feature: scenes from `encode` (E, S).
            elapsed: share of the approach's time that is over, in [0, 1] (E,), where a clock runs.
            closeness: how near the object is, in [0, 1] (E,), where none does.

        Raises:
            ValueError: shapes that do not fit; names given and expected ones.
        """
        module = self.module
        _check_rows(self.hand.num_joints, joint_pos, feature, {"elapsed": elapsed, "closeness": closeness})
        score = module.score_fn(feature)
        rough = getattr(score, "rough", None)
        field = Field(score, module.sde, module.joint_state, self.hand, rough)
        return self.follower.heading(field, self.hand.normalise(joint_pos), Approach(elapsed, closeness))

    @torch.no_grad()
    def sample(
        self, feature: Tensor, num_samples: int, generator: torch.Generator, sampler: Sampler | None = None
    ) -> Tensor:
        """Grasp joints drawn from the learnt distribution (B, num_samples, J), rad, clamped to the limits."""
        states = self._solver(sampler).sample(*self._start(feature, num_samples, generator), generator)
        return self._joints(states)

    @torch.no_grad()
    def denoise(
        self, feature: Tensor, generator: torch.Generator, sampler: Sampler | None = None
    ) -> tuple[Tensor, list[float]]:
        """One sample a cloud on its way from noise to grasp: joints (steps + 1, B, J), rad, and the times visited."""
        solver = self._solver(sampler)
        states = solver.trajectory(*self._start(feature, 1, generator), generator)
        return self._joints(states)[:, :, 0], solver.times()

    @staticmethod
    def _solver(sampler: Sampler | None) -> Sampler:
        return ProbabilityFlowSampler() if sampler is None else sampler

    def _start(self, feature: Tensor, num_samples: int, generator: torch.Generator) -> tuple[Any, Any, Tensor]:
        module = self.module
        shape = (len(feature), num_samples, module.joint_state.dim)
        initial = module.sde.sample_prior(shape, generator=generator).to(feature)
        return module.score_fn(feature), module.sde, initial

    def _joints(self, states: Tensor) -> Tensor:
        return self.hand.denormalise(self.module.joint_state.decode(states).clamp(-1.0, 1.0))


def _check_finite(name: str, values: Tensor) -> None:
    """Refuse NaN and infinity in one of E hands: a network would turn them into actions without a word."""
    is_finite = values.isfinite().flatten(1).all(dim=1)
    if not bool(is_finite.all()):
        raise ValueError(
            f"{name} is not finite in row {int(is_finite.int().argmin())} of {len(values)}; check the camera and the "
            "pose of the wrist that it was made of"
        )


def _check_rows(num_joints: int, joint_pos: Tensor, feature: Tensor, shares: Mapping[str, Tensor | None]) -> None:
    """Refuse joints and scenes of different numbers of hands, which would be broadcast."""
    num = feature.shape[0]
    if feature.ndim != 2 or joint_pos.shape != (num, num_joints):
        raise ValueError(
            f"joint_pos has shape {tuple(joint_pos.shape)} and feature {tuple(feature.shape)}, expected "
            f"(E, {num_joints}) and (E, S): joints in rad and a scene from encode for each hand"
        )
    for name, share in shares.items():
        if share is not None and share.shape != (num,):
            raise ValueError(f"{name} has shape {tuple(share.shape)}, expected ({num},): one number for each hand")


def load_score_module(path: str | Path) -> ScoreMatchingModule:
    """The score module of a checkpoint, built from the hyper-parameters that it holds.

    Raises:
        FileNotFoundError: no such file.
        ValueError: damaged or foreign file, no description of the network, classes from outside this project, or
            weights that do not fit it.
    """
    return _score_module(read_checkpoint(path), path)


def _score_module(content: Mapping[str, Any], path: str | Path) -> ScoreMatchingModule:
    return build(ScoreMatchingModule, content, settings_of(content, path), path)


def description_of(path: str | Path) -> dict[str, Any]:
    """The score module of a checkpoint as a configuration would ask for it: its class and arguments, no weights.

    Raises:
        FileNotFoundError, ValueError: see `load_score_module`.
    """
    return {
        "class_path": class_path(ScoreMatchingModule),
        "init_args": settings_of(read_checkpoint(path), path),
    }


def start_from_encoder_of(encoder: PointEncoder, checkpoint: str) -> None:
    """Give the encoder the weights of a score module's encoder; a checkpoint of that alone will do.

    Raises:
        ValueError: the checkpoint's encoder is of another kind or size.
    """
    trained = _score_module(read_checkpoint(checkpoint, encoder_suffices=True), checkpoint).network.encoder
    try:
        encoder.load_state_dict(trained.state_dict())
    except RuntimeError as error:
        raise ValueError(
            f"the encoder of checkpoint {checkpoint} ({type(trained).__name__}) does not fit the policy's "
            f"{type(encoder).__name__}: {error}; pre-train one of the same sizes with configs/gf_pointnet.yaml"
        ) from error
