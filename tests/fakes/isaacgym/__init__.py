"""A stand-in for Isaac Gym: the documented functions that the worker calls, on MuJoCo. Written for the tests alone.

Names and the order of arguments are held against the public type stubs (tests/fakes/test_stubs.py). Like the original
it keeps float32, gives buffers that are stale until refreshed, lets the last of several setters before a step count,
orders joints and bodies its own way, and lists contacts of shapes that are merely near.

The environment variable FAKE_ISAACGYM makes it misbehave: ``no_import``, ``old``, ``crash``, ``hang``,
``nan``.
"""

import os

if os.environ.get("FAKE_ISAACGYM") == "no_import":
    raise RuntimeError("No gym module found for the active version of Python")

print("Importing module 'gym_38'")  # the original greets on stdout, too  # noqa: T201
