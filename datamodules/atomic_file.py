"""Files that are complete or absent; the function lives in envs, whose caches need it too."""

from envs.atomic_file import write_atomically

__all__ = ["write_atomically"]
