"""The learning rate follows the KL divergence, within its limits."""

import pytest

from lightning_modules.ppo.kl_schedule import AdaptiveLearningRate


@pytest.mark.parametrize(
    ("kl", "expected"),
    [
        (0.05, 2.0e-4),  # above 2 * 0.02
        (0.04, 3.0e-4),  # exactly twice: stays
        (0.02, 3.0e-4),
        (0.01, 3.0e-4),  # exactly half: stays
        (0.009, 4.5e-4),
        (0.0, 4.5e-4),
        (float("inf"), 2.0e-4),
    ],
)
def test_rate_by_hand(kl: float, expected: float) -> None:
    assert AdaptiveLearningRate(target_kl=0.02).new_rate(3.0e-4, kl) == pytest.approx(expected)


def test_rate_stays_within_its_limits() -> None:
    rule = AdaptiveLearningRate()
    assert rule.new_rate(1.2e-5, 1.0) == 1.0e-5
    assert rule.new_rate(9.0e-3, 0.0) == 1.0e-2
    assert rule.new_rate(0.5, 0.016) == 1.0e-2


def test_factor_of_one_keeps_the_rate() -> None:
    rule = AdaptiveLearningRate(factor=1.0)
    assert rule.new_rate(3.0e-4, 1.0) == rule.new_rate(3.0e-4, 0.0) == 3.0e-4


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match="KL divergence is NaN"):
        AdaptiveLearningRate().new_rate(1e-3, float("nan"))
    with pytest.raises(ValueError, match=r"target_kl is 0.0; a positive"):
        AdaptiveLearningRate(target_kl=0.0)
    with pytest.raises(ValueError, match=r"factor is 0.5; at least 1"):
        AdaptiveLearningRate(factor=0.5)
    for name in ("target_kl", "factor", "high"):
        with pytest.raises(ValueError, match=f"{name} (is )?inf"):
            AdaptiveLearningRate(**{name: float("inf")})
    with pytest.raises(ValueError, match=r"low 0.1 and high 0.01 \(reversed: .*\); 0 < low <= high"):
        AdaptiveLearningRate(low=0.1)
