"""Exponential moving average of the weights, with the warm-up of the released code."""

from typing import Any

from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor


def ema_decay(num_updates: int, decay: float) -> float:
    """Decay after ``num_updates`` updates: min(decay, (1 + n) / (10 + n)) (released GraspGF)."""
    return min(decay, (1.0 + num_updates) / (10.0 + num_updates))


class WarmupEMA(WeightAveraging):
    """Averages the weights after every step; validation, test and checkpoints see the averaged ones.

    List it after the callbacks that evaluate: at the end of validation it swaps the trained weights back in.

    Args:
        decay: final decay of the average.
    """

    def __init__(self, decay: float = 0.999) -> None:
        if not 0.0 <= decay < 1.0:
            raise ValueError(f"EMA decay is {decay}, allowed is 0 up to, not including, 1")

        def average(averaged: Tensor, current: Tensor, num_averaged: Tensor | int) -> Tensor:
            # lerp leaves what is equal exactly equal: the buffers, which are averaged too, do not drift
            return averaged.lerp(current, 1.0 - ema_decay(int(num_averaged), decay))

        options: dict[str, Any] = {"avg_fn": average}
        super().__init__(**options)
        self.decay = decay

    def state_dict(self) -> dict[str, Any]:
        """The state of the average, and its decay."""
        return {**super().state_dict(), "decay": self.decay}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Resume the average.

        Raises:
            ValueError: it was made with another decay.
        """
        if state_dict.get("decay", self.decay) != self.decay:
            raise ValueError(
                f"the checkpoint's weights were averaged with decay {state_dict['decay']}, the configuration says "
                f"{self.decay}; use the checkpoint's configuration, or train anew without --ckpt_path"
            )
        super().load_state_dict(state_dict)
