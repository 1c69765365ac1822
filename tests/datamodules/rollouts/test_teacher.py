"""When a teacher of timing lets the primitive act."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from datamodules.rollouts.teacher import ArrivalTeacher
from tests.assisting import EPISODE_STEPS, sampler


def test_the_gate_opens_before_arrival_and_stays_open() -> None:
    # arrival at 24 - 10 = 14; at 4, so at once; at 48, which would be too late
    episodes = replace(sampler().sample(3), arrival_step=np.array([24, 4, 48]))
    gate = ArrivalTeacher(lead=10, latest=26).gate(episodes)
    assert gate.shape == (EPISODE_STEPS, 3)
    for world, first in enumerate((14, 0, 26)):
        expected = (torch.arange(EPISODE_STEPS) >= first).float()
        assert torch.equal(gate[:, world], expected)


@pytest.mark.parametrize("delay", [0, 2])
def test_the_grip_is_firm_from_arrival_on(delay: int) -> None:
    episodes = replace(sampler().sample(2), arrival_step=np.array([24, 46]))
    grip = ArrivalTeacher(squeeze=0.3, delay=delay).grip(episodes)
    for world, first in enumerate((24 + delay, 46 + delay)):
        expected = 0.3 * (torch.arange(EPISODE_STEPS) >= first).float()
        assert torch.equal(grip[:, world], expected)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lead": -1}, r"the teacher has lead -1, latest 26, squeeze 0\.3 and delay 0; expected numbers of at"),
        ({"latest": -1}, r"latest -1, squeeze 0\.3 and delay 0; expected"),
        ({"squeeze": -0.1}, r"squeeze -0\.1 and delay 0; expected"),
        ({"delay": -2}, r"delay -2; expected"),
    ],
)
def test_impossible_advice_is_refused(settings: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ArrivalTeacher(**settings)  # type: ignore[arg-type]
