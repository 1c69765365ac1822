"""A checkpoint's policy as it is, in torch."""

from dataclasses import fields
from pathlib import Path

import torch

from lightning_modules.checkpoints import read_checkpoint
from lightning_modules.graphs.parts import observation_of
from lightning_modules.graphs.writing import Exportable
from live.hand_facts import HandFacts
from live.policies import LiveObservation, PolicyParts


class TorchPolicy:
    """A `ControlPolicy` of a checkpoint; does what its exported files do.

    Args:
        checkpoint: of a policy that shares the primitive's encoder.

    Raises:
        FileNotFoundError, ValueError: see `Exportable`.
    """

    def __init__(self, checkpoint: str | Path) -> None:
        source = Exportable(checkpoint, read_checkpoint(checkpoint))
        if source.policy is None:
            raise ValueError(f"checkpoint {checkpoint} is of a primitive alone; give a policy's")
        self._policy = source.policy
        self._hand = source.hand
        self.facts = HandFacts.of_description(source.description("policy"), str(checkpoint))
        self.start()

    def start(self) -> None:
        """See `ControlPolicy.start`."""
        self._policy.start(1)

    @torch.inference_mode()
    def act(self, observation: LiveObservation) -> PolicyParts:
        """See `ControlPolicy.act`."""
        names = (item.name for item in fields(observation) if item.name != "groups")
        given = {name: torch.tensor(getattr(observation, name), dtype=torch.float32)[None] for name in names}
        parts = self._policy.parts(observation_of(self._hand, given))
        still = torch.zeros_like(parts.action)
        shown = (parts.action, parts.a_p, still + 1.0 if parts.a_s is None else parts.a_s, parts.a_r)
        return PolicyParts(*((still if each is None else each)[0].double().numpy() for each in shown))
