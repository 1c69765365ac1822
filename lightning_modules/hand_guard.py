"""Modules and data are of one hand."""

from typing import Any

from envs.hand.hand import Hand


def check_same_hand(hand: Hand, trainer: Any) -> None:
    """Hold a module's hand against that of the trainer's data module, where that has one.

    Raises:
        ValueError: they differ; names both.
    """
    given = getattr(getattr(trainer, "datamodule", None), "hand", None)
    if given is not None and given is not hand:
        raise ValueError(
            f"the data is of the hand {given.name}, the model of the hand {hand.name}; give data of the latter "
            "(--data.init_args.path), or a model of the former (--model.init_args.hand)"
        )
