"""Objects of every family, built once for all tests of this folder."""

from functools import lru_cache

import pytest

from envs.objects.builder import make_object, object_name
from envs.objects.families import FAMILIES
from envs.objects.grasp_object import GraspObject

SEEDS = (0, 7)

_built = lru_cache(maxsize=None)(make_object)


@pytest.fixture(params=[(family, seed) for family in FAMILIES for seed in SEEDS], ids=lambda spelt: object_name(*spelt))
def grasp_object(request: pytest.FixtureRequest) -> GraspObject:
    return _built(*request.param)
