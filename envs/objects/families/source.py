"""The parametric families as a source of objects."""

from envs.objects.builder import draw_shape, make_object, parse_object_name
from envs.objects.source import BuildTask
from envs.objects.store.content_key import family_key


class FamilySource:
    """Objects of the parametric families; the name spells family and seed (an `ObjectSource`)."""

    def family(self, name: str) -> str:
        return parse_object_name(name).family

    def key(self, name: str) -> str:
        spelt = parse_object_name(name)
        drawn = draw_shape(spelt.family, spelt.seed)
        return family_key(name, drawn.parameters, drawn.pieces)

    def task(self, name: str) -> BuildTask:
        spelt = parse_object_name(name)
        return BuildTask(make_object, (spelt.family, spelt.seed))
