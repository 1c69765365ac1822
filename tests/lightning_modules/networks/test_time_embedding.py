"""Fourier features of time: values, fixed frequencies, refused sizes."""

import math

import pytest
import torch

from lightning_modules.networks.time_embedding import GaussianFourierTime


def test_features_by_hand() -> None:
    embedding = GaussianFourierTime(width=2, scale=1.0)
    embedding.frequencies.fill_(0.25)
    with torch.no_grad():
        embedding.project.weight.copy_(torch.eye(2))
        embedding.project.bias.zero_()
    # t = 1: angle 2 pi / 4, sine 1, cosine 0; SiLU(1) = 1 / (1 + 1/e) = 0.7310586.
    expected = torch.tensor([[1 / (1 + math.exp(-1.0)), 0.0]])
    torch.testing.assert_close(embedding(torch.ones(1)), expected, atol=1e-6, rtol=0)


def test_frequencies_are_saved_but_not_trained() -> None:
    embedding = GaussianFourierTime(64)
    assert "frequencies" in embedding.state_dict()
    assert "frequencies" not in dict(embedding.named_parameters())


def test_frequencies_have_the_stated_spread() -> None:
    torch.manual_seed(0)
    # 4096 draws: relative standard error of the spread 1 / sqrt(2 * 4096) = 1.1 %; 5 % is more than four of them.
    assert GaussianFourierTime(8192, scale=30.0).frequencies.std().item() == pytest.approx(30.0, rel=0.05)


def test_any_shape_of_times() -> None:
    embedding = GaussianFourierTime(16)
    t = torch.rand(3, 5)
    assert embedding(t).shape == (3, 5, 16)
    torch.testing.assert_close(embedding(t)[1], embedding(t[1]))


def test_senseless_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"time width is 7; it must be even"):
        GaussianFourierTime(7)
    with pytest.raises(ValueError, match=r"time scale is 0.0; it must be above 0"):
        GaussianFourierTime(8, scale=0.0)
