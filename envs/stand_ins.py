"""What downloads, version control and copies leave in place of a file."""

from pathlib import Path


def what_stands_there(path: Path, what: str) -> str:
    """What a file holds in place of what its name promises, with the remedy; empty where nothing of the kind is seen.

    Args:
        path: file, whose first bytes are read.
        what: it ought to be, for the sentence.
    """
    with path.open("rb") as stream:
        head = stream.read(512)
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith(b"version https://git-lfs.github.com"):
        return f"it is a Git LFS pointer in place of {what}; fetch the files with git lfs pull"
    if text.startswith(b"/annex/objects/") or b".git/annex/objects/" in text[:200]:
        return f"it is a git-annex pointer in place of {what}; fetch the files with git annex get"
    if text.startswith((b"<!doctype html", b"<html", b"<head")):
        return (
            f"it is a web page (HTML) in place of {what}: the download failed or asked for a login; download it again"
        )
    if head.startswith((b"\x00\x05\x16\x07", b"\x00\x05\x16\x00")):
        return f"it holds what macOS keeps about another file (AppleDouble) in place of {what}; remove it"
    if len(head) >= 64 and not any(head):
        return "its first bytes are all zero, as after a copy that failed; get the file anew"
    return ""
