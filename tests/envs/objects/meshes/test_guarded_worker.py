import ctypes
import os
import time

import pytest

from envs.objects.meshes.guarded_worker import GuardedWorker, WorkerDiedError


def double(value: int) -> int:
    return 2 * value


def refuse(value: int) -> int:
    raise ValueError(f"{value} is refused")


def compute_for_ever() -> None:
    while True:
        pass


def print_much() -> str:
    for _ in range(1000):
        os.write(1, b"native chatter\n")
    return "done"


def crash() -> None:
    ctypes.string_at(0)


def process_id() -> int:
    return os.getpid()


@pytest.fixture(scope="module")
def worker():
    with GuardedWorker(timeout_s=60) as worker:
        yield worker


def test_results_errors_and_chatter_come_back_in_order(worker: GuardedWorker) -> None:
    assert worker.run(double, 21) == 42
    with pytest.raises(ValueError, match="7 is refused"):
        worker.run(refuse, 7)
    assert worker.run(print_much) == "done"  # what is printed there does not get between the replies
    assert worker.run(process_id) == worker.run(process_id) != os.getpid()


def test_a_crash_in_native_code_is_an_error_and_the_next_call_works(worker: GuardedWorker) -> None:
    with pytest.raises(WorkerDiedError, match=r"the worker process died \(signal 11"):
        worker.run(crash)
    assert worker.run(double, 1) == 2


def test_what_computes_for_ever_is_ended_and_the_next_call_works() -> None:
    with GuardedWorker(timeout_s=0.3) as worker:
        with pytest.raises(TimeoutError, match=r"it took longer than 0\.3 s"):
            worker.run(compute_for_ever)
        assert worker.run(double, 1) == 2


def test_what_waits_for_ever_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    with GuardedWorker(timeout_s=1) as worker:
        worker.run(double, 1)
        monkeypatch.setattr("envs.objects.meshes.guarded_worker.START_S", 0.5)
        monkeypatch.setattr("envs.objects.meshes.guarded_worker.PATIENCE", 0)
        with pytest.raises(TimeoutError, match="it took longer than 1 s"):
            worker.run(time.sleep, 3600)


def test_closing_ends_the_process() -> None:
    worker = GuardedWorker(timeout_s=60)
    child = worker.run(process_id)
    worker.close()
    with pytest.raises(ProcessLookupError, match="No such process"):
        os.kill(child, 0)
