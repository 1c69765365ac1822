"""The conditional score network of GraspGF (App. B.1; released sizes)."""

from typing import cast

import torch
from torch import Tensor, nn

from envs.geometry.point_grouping import CloudGrouping
from lightning_modules.diffusion.sde import SDE
from lightning_modules.networks.point_encoders import PAPER_LEVELS, PointEncoder, PointNet2Encoder
from lightning_modules.networks.time_embedding import GaussianFourierTime

MAX_TABLE_HEIGHT = 0.3
"""Metres above the table from which on the height of a hand tells no more."""

TABLE_SCALE = 0.1
"""Metres by which this height is divided."""


class ConditionedBlock(nn.Module):
    """An MLP on [hidden, cloud feature, time], SiLU after every layer.

    The first layer is split by input, W [h, f, t] = W_h h + W_f f + W_t t, so that the cloud's part (`of_cloud`) is
    worked out once per cloud and added to each of its draws. Same result as concatenating copies of the feature.
    """

    def __init__(self, in_width: int, feature_dim: int, time_width: int, width: int, depth: int) -> None:
        super().__init__()
        self.width = width
        total = in_width + feature_dim + time_width
        # One layer over the concatenation, so that initialisation and checkpoint are those of the plain form.
        self.first = nn.Linear(total, width)
        self.split = [in_width, feature_dim, time_width]
        self.rest = nn.ModuleList(nn.Linear(width, width) for _ in range(depth - 1))

    def of_cloud(self, feature: Tensor) -> Tensor:
        """The cloud's part of the first layer, W_f f (..., width), from features (..., feature_dim)."""
        return nn.functional.linear(feature, self.first.weight.split(self.split, dim=1)[1])

    def forward(self, hidden: Tensor, of_cloud: Tensor, time: Tensor) -> Tensor:
        """(..., width) from hidden (..., in_width), `of_cloud` broadcastable to it, time (..., time_width)."""
        on_hidden, _, on_time = self.first.weight.split(self.split, dim=1)
        linear = nn.functional.linear
        own = linear(hidden, on_hidden, self.first.bias)
        total = own + linear(time, on_time) + of_cloud.to(own.dtype)  # kept in float32 beside metres
        out = nn.functional.silu(total)
        for layer in self.rest:
            out = nn.functional.silu(layer(out))
        return out


class ScoreNetwork(nn.Module):
    """Score of the joint state given the object cloud in the hand frame and the diffusion time.

    ``encode`` runs once per cloud; ``head`` takes any number of (state, t) for it and gives std(t) times the score.
    """

    def __init__(
        self,
        encoder: PointEncoder,
        state_dim: int = 18,
        joint_width: int = 256,
        time_width: int = 128,
        hidden_width: int = 512,
        block_depth: int = 1,
        time_scale: float = 30.0,
        table_width: int = 0,
    ) -> None:
        """Sizes; the defaults are compact, ``paper_score_network`` has those of the released code.

        Args:
            encoder: point-cloud encoder.
            state_dim: D, as many as the hand has joints, or twice as many for their sine and cosine.
            joint_width: width of the two layers that read the state.
            time_width: size of the time embedding, even.
            hidden_width: width of the two conditioned blocks.
            block_depth: layers in each block.
            time_scale: spread of the Fourier frequencies.
            table_width: numbers that the table is described by, beside the cloud's feature; 0: the network does not see
                it.
        Raises:
            ValueError: a size below 1, or an odd time_width.
        """
        super().__init__()
        sizes = {"state_dim": state_dim, "joint_width": joint_width, "hidden_width": hidden_width}
        for name, size in {**sizes, "block_depth": block_depth}.items():
            if size < 1:
                raise ValueError(f"{name} is {size}; at least 1 is needed.")
        self.encoder = encoder
        self.state_dim = state_dim
        self.read_state = nn.Sequential(
            nn.Linear(state_dim, joint_width), nn.SiLU(), nn.Linear(joint_width, joint_width), nn.SiLU()
        )
        self.read_time = GaussianFourierTime(time_width, time_scale)
        self.read_table = _table_reader(table_width) if table_width else None
        self.feature_dim = encoder.feature_dim + table_width
        widths = (joint_width, hidden_width)
        self.blocks = nn.ModuleList(
            ConditionedBlock(w, self.feature_dim, time_width, hidden_width, block_depth) for w in widths
        )
        self.output = nn.Linear(hidden_width, state_dim)

    def encode(self, points_h: Tensor, grouping: CloudGrouping | None = None, table_h: Tensor | None = None) -> Tensor:
        """Features (B, F) of a scene.

        Args:
            points_h: object clouds in the hand frame (B, N, 3), m.
            grouping: of the clouds, as the encoder wants it.
            table_h: the table in the hand frame (B, 4), see `envs.geometry.table.table_plane`; if the network sees it.
        Raises:
            ValueError: no table for a network that needs one.
        """
        feature: Tensor = self.encoder(points_h, grouping)
        if self.read_table is None:
            return feature
        if table_h is None:
            raise ValueError(
                "this network was made to see the table, and none is given; give table_h, from the wrist's pose in the "
                "world (envs.geometry.table.table_plane), or train one with model.sees_table false"
            )
        height = table_h[:, 3:].clamp(max=MAX_TABLE_HEIGHT) / TABLE_SCALE
        return torch.cat([feature, self.read_table(torch.cat([table_h[:, :3], height], dim=1))], dim=1)

    @property
    def scene_sizes(self) -> list[int]:
        """Numbers of a feature and of each of its `conditions`."""
        return [self.feature_dim, *(cast(ConditionedBlock, block).width for block in self.blocks)]

    def conditions(self, feature: Tensor) -> list[Tensor]:
        """What the blocks make of cloud features (B, F): the same at every state and time, so worth keeping."""
        return [cast(ConditionedBlock, block).of_cloud(feature) for block in self.blocks]

    def head(self, state: Tensor, feature: Tensor, t: Tensor, conditions: list[Tensor] | None = None) -> Tensor:
        """std(t) times the score, of the shape of ``state``.

        Args:
            state: noised states, (B, D), or (B, K, D) for K draws per cloud.
            feature: cloud features from ``encode``, (B, F).
            t: diffusion times, (B,) or (B, K).
            conditions: `conditions` of the feature, for several calls with it; worked out here when None.
        Raises:
            ValueError: shapes that do not fit one another or this network.
        """
        self._check(state, feature, t)
        parts = self.conditions(feature) if conditions is None else conditions
        time = self.read_time(t)
        hidden = self.read_state(state)
        for block, part in zip(self.blocks, parts, strict=True):
            hidden = block(hidden, part if state.ndim == 2 else part[:, None], time)
        output: Tensor = self.output(hidden)
        return output

    def score(
        self, state: Tensor, feature: Tensor, t: Tensor, sde: SDE, conditions: list[Tensor] | None = None
    ) -> Tensor:
        """Score of the noised state density: ``head`` divided by std(t), so that the head's target has unit scale."""
        return self.head(state, feature, t, conditions) / sde.std(t)[..., None]

    def _check(self, state: Tensor, feature: Tensor, t: Tensor) -> None:
        if state.ndim not in (2, 3) or state.shape[-1] != self.state_dim:
            raise ValueError(
                f"state has shape {tuple(state.shape)}; expected (B, {self.state_dim}) or (B, K, {self.state_dim}). "
                "Choose the joint state that the network was made for."
            )
        if t.shape != state.shape[:-1]:
            raise ValueError(f"t has shape {tuple(t.shape)}; expected {tuple(state.shape[:-1])} to go with the state.")
        if feature.shape != (state.shape[0], self.feature_dim):
            raise ValueError(
                f"feature has shape {tuple(feature.shape)}; expected ({state.shape[0]}, {self.feature_dim})."
            )


def _table_reader(width: int) -> nn.Module:
    return nn.Sequential(nn.Linear(4, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU())


def paper_score_network(state_dim: int = 18) -> ScoreNetwork:
    """The sizes of the paper and the released code."""
    encoder = PointNet2Encoder(PAPER_LEVELS, global_widths=(256, 512, 1024), feature_widths=(1024, 512))
    return ScoreNetwork(encoder, state_dim, joint_width=1024, time_width=512, hidden_width=1024, block_depth=2)
