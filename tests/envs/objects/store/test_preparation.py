import ctypes
import os
import re
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from envs.objects.builder import make_object
from envs.objects.families.source import FamilySource
from envs.objects.grasp_object import GraspObject
from envs.objects.library import ObjectLibrary
from envs.objects.source import BuildTask
from envs.objects.store import preparation
from envs.objects.store.object_cache import ObjectCache
from envs.objects.store.preparation import build_in_workers, build_missing
from tests.envs.objects.store.test_object_cache import assert_same_bits

NAMES = ["box_00001", "ball_00002", "can_00003", "egg_00004"]


def exit_at_once(name: str) -> GraspObject:
    os._exit(3)


def crash(name: str) -> GraspObject:
    ctypes.string_at(0)
    raise AssertionError(name)


def compute_for_ever(name: str) -> GraspObject:
    while True:
        pass


def wait_for_ever(name: str) -> GraspObject:
    time.sleep(3600)
    raise AssertionError(name)


def print_much(name: str) -> GraspObject:
    for _ in range(1000):
        os.write(1, b"native chatter\n")
    return make_object("box", 1)


def name_process(name: str) -> GraspObject:
    raise ValueError(str(os.getpid()))


def cannot(name: str) -> GraspObject:
    raise ValueError(f"{name} is hollow")


class TwoWordsError(Exception):
    """Pickled in one process it cannot be read in another."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} {second}")


def raise_what_cannot_be_pickled(name: str) -> GraspObject:
    raise TwoWordsError("cannot", "be")


def raise_a_lock(name: str) -> GraspObject:
    raise ValueError("with a lock", threading.Lock())


def leave(name: str) -> GraspObject:
    sys.exit(0)


def fill_memory(name: str) -> GraspObject:
    kept = []
    while True:
        kept.append(np.ones(2_000_000))


def ask_for_all_memory(name: str) -> GraspObject:
    np.ones(10**12)
    raise AssertionError(name)


def give_up_like_native_code(name: str) -> GraspObject:
    os.write(2, b"terminate called after throwing an instance of 'std::bad_alloc'\n")
    os.abort()


def fill_memory_in_native_code(name: str) -> GraspObject:
    total = ctypes.CDLL(None).calloc(10**6, 10**6)
    raise ValueError(f"refused: {not total}")


class Untouched(FamilySource):
    """Fails when something is built."""

    def task(self, name: str) -> BuildTask:
        raise AssertionError(f"{name} was built although it is kept")


class HalfBad(FamilySource):
    """Cans cannot be built."""

    def task(self, name: str) -> BuildTask:
        return BuildTask(cannot, (name,)) if name.startswith("can") else super().task(name)


def test_objects_are_built_once_and_then_read(tmp_path: Path) -> None:
    cache = ObjectCache(tmp_path)
    built = build_missing(FamilySource(), NAMES, cache)
    read = build_missing(Untouched(), NAMES, cache)
    for name in NAMES:
        assert_same_bits(built[name], read[name])


class Overwritten(FamilySource):
    """The file of cans is written over, and that of eggs removed, after their keys were made."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def key(self, name: str) -> str:
        self.asked.append(name)
        if self.asked.count(name) > 1 and name.startswith("egg"):
            raise FileNotFoundError(name)
        return f"{name} {self.asked.count(name) if name.startswith('can') else 1}"


def test_what_was_built_of_a_file_that_changed_meanwhile_is_not_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It would be another file's object under that key, for ever."""
    cache = ObjectCache(tmp_path)
    assert set(build_missing(Overwritten(), NAMES, cache)) == set(NAMES)
    kept = [name for name in NAMES if cache.load(f"{name} 1") is not None]
    assert kept == ["box_00001", "ball_00002"]
    assert cache.load("can_00003 2") is None
    assert "the file of object can_00003 changed while it was built" in caplog.text


def test_workers_build_the_same_objects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparation, "MANY", 2)
    grasp_objects = build_missing(FamilySource(), NAMES, ObjectCache(tmp_path), num_workers=2)
    assert set(grasp_objects) == set(NAMES)
    assert_same_bits(grasp_objects["egg_00004"], make_object("egg", 4))
    assert len(list(tmp_path.rglob("*.safetensors"))) == len(NAMES)


def test_an_object_that_cannot_be_built_is_named_and_the_others_are_kept(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="object 'can_00003' cannot be built: can_00003 is hollow"):
        build_missing(HalfBad(), NAMES, ObjectCache(tmp_path))
    assert len(list(tmp_path.rglob("*.safetensors"))) == 3


@pytest.mark.parametrize(("deadly", "cause"), [(exit_at_once, "exit status 3"), (crash, "signal 11")])
def test_a_task_that_kills_its_process_does_not_end_the_others(
    deadly: Callable[[str], GraspObject], cause: str
) -> None:
    tasks = {name: FamilySource().task(name) for name in NAMES}
    tasks["bad"] = BuildTask(deadly, ("bad",))
    built = {one.name: one for one in build_in_workers(tasks, num_workers=1)}
    assert f"the worker process died ({cause})" in str(built["bad"].error)
    assert all(built[name].grasp_object is not None for name in NAMES)


@pytest.mark.parametrize("endless", [compute_for_ever, wait_for_ever])
def test_what_goes_on_for_ever_is_ended_and_the_others_are_built(endless: Callable[[str], GraspObject]) -> None:
    tasks = {"bad": BuildTask(endless, ("bad",)), NAMES[0]: FamilySource().task(NAMES[0])}
    built = {one.name: one for one in build_in_workers(tasks, num_workers=1, timeout_s=1.5)}
    assert str(built["bad"].error) == "it took longer than 1.5 s"
    assert built[NAMES[0]].grasp_object is not None


@pytest.mark.parametrize("greedy", [fill_memory, ask_for_all_memory, give_up_like_native_code])
def test_what_takes_all_memory_is_ended_with_its_cause(greedy: Callable[[str], GraspObject]) -> None:
    tasks = {"bad": BuildTask(greedy, ("bad",), advice="close it"), NAMES[0]: FamilySource().task(NAMES[0])}
    built = {one.name: one for one in build_in_workers(tasks, num_workers=1, memory_gb=0.8)}
    assert str(built["bad"].error) == "it took more than 0.8 GB of memory; close it"
    assert built[NAMES[0]].grasp_object is not None


@pytest.mark.parametrize(
    ("greedy", "timeout_s", "words"),
    [
        (fill_memory, 300.0, "it took more than 0.8 GB of memory"),
        (wait_for_ever, 10.0, "it took longer than 10 s"),
    ],
)
def test_limits_hold_for_every_task_of_a_worker(
    greedy: Callable[[str], GraspObject], timeout_s: float, words: str
) -> None:
    """A worker is kept from one mesh to the next, and a fresh one takes the place of one that was ended."""
    functions = {"first": name_process, "second": name_process, "third": greedy, "fourth": name_process}
    tasks = {name: BuildTask(function, (name,)) for name, function in functions.items()}
    built = build_in_workers(tasks, num_workers=1, timeout_s=timeout_s, memory_gb=0.8)
    said = {one.name: str(one.error) for one in built}
    assert said["first"] == said["second"] != said["fourth"]
    assert said["third"] == words
    assert said["fourth"].isdecimal()


@pytest.mark.skipif(sys.platform != "linux", reason="the system's limit is Linux's")
def test_native_code_gets_no_more_memory_than_the_limit() -> None:
    (built,) = build_in_workers({"bad": BuildTask(fill_memory_in_native_code, ("bad",))}, num_workers=1)
    assert str(built.error) == "refused: True"


@pytest.mark.parametrize(
    ("odd", "words"),
    [
        (raise_what_cannot_be_pickled, "TwoWordsError: cannot be"),
        (raise_a_lock, r"\('with a lock', <unlocked _thread.lock"),
        (leave, "SystemExit: 0"),
    ],
)
def test_an_error_that_cannot_be_handed_on_is_told_in_words(odd: Callable[[str], GraspObject], words: str) -> None:
    tasks = {"bad": BuildTask(odd, ("bad",)), NAMES[0]: FamilySource().task(NAMES[0])}
    built = {one.name: one for one in build_in_workers(tasks, num_workers=1)}
    assert re.match(words, str(built["bad"].error))
    assert built[NAMES[0]].grasp_object is not None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"num_workers": -1}, "num_workers is -1, expected at least 1"),
        ({"num_workers": 0}, "num_workers is 0, expected at least 1"),
        ({"num_workers": 1, "timeout_s": -5.0}, r"timeout is -5.0 s; expected a positive number of seconds"),
        ({"num_workers": 1, "timeout_s": float("nan")}, "timeout is nan s"),
        ({"num_workers": 1, "memory_gb": 0.0}, "memory is 0.0 GB; expected at least 0.5 GB"),
    ],
)
def test_numbers_that_no_task_could_keep_are_told(given: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        list(build_in_workers({"a": FamilySource().task(NAMES[0])}, **given))
    with pytest.raises(ValueError, match=message):
        list(preparation.prepare(FamilySource(), NAMES[:1], ObjectCache(None), **given))


def test_what_native_code_prints_in_a_worker_is_dropped(capfd: pytest.CaptureFixture[str]) -> None:
    (built,) = build_in_workers({"box_00001": BuildTask(print_much, ("box_00001",))}, num_workers=1)
    assert built.grasp_object is not None
    assert "chatter" not in capfd.readouterr().out


def test_a_task_that_may_crash_has_another_process_even_when_it_is_alone(tmp_path: Path) -> None:
    class Risky(FamilySource):
        def task(self, name: str) -> BuildTask:
            return BuildTask(name_process, (name,), may_crash=True)

    with pytest.raises(ValueError, match=r"cannot be built: \d+") as error:
        build_missing(Risky(), NAMES[:1], ObjectCache(tmp_path))
    child = int(str(error.value).rpartition(" ")[2])
    assert child != os.getpid()
    with pytest.raises(ProcessLookupError, match="No such process"):  # it ends with the work
        os.kill(child, 0)


def test_library_gives_many_in_their_order_and_the_same_instances(tmp_path: Path) -> None:
    library = ObjectLibrary("small", ObjectCache(tmp_path))
    names = [*reversed(library.names("train")[:3]), library.names("train")[0]]
    grasp_objects = library.get_many(names)
    assert [grasp_object.name for grasp_object in grasp_objects] == names
    assert grasp_objects[-1] is library.get(names[-1]) is grasp_objects[2]
    with pytest.raises(KeyError, match="no object 'box_99999'"):
        library.get_many(["box_99999"])


def test_a_change_of_a_family_gives_another_key(monkeypatch: pytest.MonkeyPatch) -> None:
    from envs.objects.families import FAMILIES, Family

    before = FamilySource().key("box_00001")
    box = FAMILIES["box"]
    thinner = Family("box", box.ranges, lambda p: [0.99 * piece for piece in box.build(p)])
    monkeypatch.setitem(FAMILIES, "box", thinner)
    assert FamilySource().key("box_00001") != before


def test_a_change_of_the_building_code_gives_another_key(monkeypatch: pytest.MonkeyPatch) -> None:
    before = FamilySource().key("box_00001")
    monkeypatch.setattr("envs.objects.store.content_key.code_key", lambda files, libraries: b"other")
    assert FamilySource().key("box_00001") != before
