"""Contracts: test classes that every implementation of a seam subclasses."""

import pytest

pytest.register_assert_rewrite("tests.contracts.physics", "tests.contracts.physics_bad_input")
