"""Where objects come from: the seam between the library and families, mesh folders and whatever follows."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from envs.objects.grasp_object import GraspObject


@dataclass(frozen=True)
class BuildTask:
    """A call that builds one object; picklable, so that it may run in another process.

    Attributes:
        function: of a module's top level; raises ValueError with the cause when the object cannot be built.
        args: its arguments.
        may_crash: it runs native code on users' data and belongs in a process of its own, under limits of time and
            memory.
        advice: what a user may do when it takes too much time or memory, or crashes; names what in the data does that.
    """

    function: Callable[..., GraspObject]
    args: tuple[Any, ...]
    may_crash: bool = False
    advice: str = ""


class ObjectSource(Protocol):
    """Makes objects by name."""

    def family(self, name: str) -> str:
        """Family of the object of that name."""

    def key(self, name: str) -> str:
        """Content key: differs whenever the object would come out differently. Much quicker than building."""

    def task(self, name: str) -> BuildTask:
        """What builds the object, the same one every time."""
