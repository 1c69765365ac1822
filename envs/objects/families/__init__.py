"""Parametric families of everyday objects: 34 to train on, 12 kept unseen for tests, 8 for the development split."""

from envs.objects.families import compact, development, hardware, household, tools, toys, vessels
from envs.objects.families.base import Family

SEEN_FAMILIES: tuple[Family, ...] = (
    compact.box, compact.book, vessels.can, vessels.bottle, vessels.jar, vessels.mug, vessels.bowl, vessels.cup,
    compact.ball, compact.egg, compact.banana, tools.hammer, tools.screwdriver, tools.marker, compact.phone,
    compact.remote, compact.light_bulb, tools.dumbbell, tools.spatula, tools.spoon,
    household.dish, hardware.knife, hardware.scissors, hardware.wrench, hardware.flashlight, toys.cone, toys.brick,
    toys.toy_car, hardware.bracket, hardware.spool, household.spray_bottle, household.carrot, household.shoe,
    household.mouse,
)  # fmt: skip
"""Families of the training objects and of the unseen instances."""

UNSEEN_FAMILIES: tuple[Family, ...] = (
    vessels.wine_glass, compact.pear, compact.ring, compact.camera, tools.brush, compact.pyramid, vessels.pan,
    tools.padlock, tools.stapler, toys.toy_animal, toys.game_controller, household.basket,
)  # fmt: skip
"""Families that no training object belongs to."""

DEVELOPMENT_FAMILIES: tuple[Family, ...] = (
    development.door_knob, development.hair_dryer, development.hand_bell, development.watering_can,
    development.toy_airplane, development.clothes_iron, development.chess_pawn, development.trowel,
)  # fmt: skip
"""Families of the development split that neither training nor test objects belong to."""

FAMILIES: dict[str, Family] = {shape.name: shape for shape in (*SEEN_FAMILIES, *DEVELOPMENT_FAMILIES, *UNSEEN_FAMILIES)}
"""All families by name."""


def family_named(name: str) -> Family:
    """The family of that name.

    Raises:
        ValueError: no such family; lists those that exist.
    """
    if name not in FAMILIES:
        raise ValueError(f"object family {name!r} is unknown; available: {', '.join(sorted(FAMILIES))}")
    return FAMILIES[name]


__all__ = ["DEVELOPMENT_FAMILIES", "FAMILIES", "SEEN_FAMILIES", "UNSEEN_FAMILIES", "Family", "family_named"]
