"""What factories have in common whose worlds are made of MuJoCo's compiled models."""

from functools import cached_property
from typing import Any

from envs.hand.hand import Hand
from envs.physics.model_cache import ModelCache
from envs.physics.settings import PhysicsSettings


class CompiledModels:
    """Keeps the models of a factory, for a frozen dataclass with these fields.

    Attributes:
        settings: physics of the models.
        max_models: so many objects' models are kept.

    Raises:
        ValueError: room for less than one model.
    """

    settings: PhysicsSettings
    max_models: int

    def __post_init__(self) -> None:
        if self.max_models < 1:
            raise ValueError(f"max_models is {self.max_models}, expected at least 1")

    @cached_property
    def _caches(self) -> dict[Hand, ModelCache]:
        return {}

    def cache(self, hand: Hand) -> ModelCache:
        """The compiled models with a hand, shared by all its backends that were made."""
        return self._caches.setdefault(hand, ModelCache(hand, self.settings, self.max_models))

    def __getstate__(self) -> dict[str, Any]:
        """Without compiled models, which stay in their process."""
        return {name: value for name, value in vars(self).items() if name != "_caches"}
