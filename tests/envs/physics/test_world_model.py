"""The model of a world against the object that it is made of."""

import mujoco
import numpy as np
import pytest

from envs.hand.shadow import shadow_hand
from envs.objects.library import ObjectLibrary
from envs.physics.settings import PhysicsSettings
from envs.physics.world_model import OBJECT_BODY, build_world_model


@pytest.mark.parametrize("name", ["book_00000", "mug_00000"])
def test_an_object_turns_as_its_moments_of_inertia_say(name: str) -> None:
    """The largest moment of a book is about its thickness; a mug's axes are turned against its frame."""
    thing = ObjectLibrary(None).get(name)
    body = build_world_model(shadow_hand(), thing, PhysicsSettings()).body(OBJECT_BODY)
    rotation = np.zeros(9)
    mujoco.mju_quat2Mat(rotation, body.iquat)
    axes = rotation.reshape(3, 3)
    found = axes @ np.diag(body.inertia) @ axes.T
    # MuJoCo's eigenvalue iteration ends at a relative 1e-12
    np.testing.assert_allclose(found, thing.inertia, atol=1e-9 * np.abs(thing.inertia).max(), rtol=0.0)
    np.testing.assert_array_equal(body.ipos, 0.0)
    assert float(body.mass[0]) == pytest.approx(thing.mass)
