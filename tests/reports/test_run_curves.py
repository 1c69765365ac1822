"""Curves of a run that may have been interrupted."""

from pathlib import Path

import numpy as np
import pytest

from reports.run_curves import read_run
from tests.reports.boards import write_log


def test_values_lie_at_the_agent_steps_of_their_step(tmp_path: Path) -> None:
    counts = {0: 100.0, 1: 200.0, 2: 300.0}
    write_log(tmp_path, {"train/agent_steps": counts, "train/action/a_s": {0: 0.7, 2: 0.5}, "val/success/x": {1: 0.4}})
    run = read_run(tmp_path)
    np.testing.assert_allclose(run.curves["train/action/a_s"].agent_steps, [100, 300])
    np.testing.assert_allclose(run.curves["train/action/a_s"].value, [0.7, 0.5])
    np.testing.assert_allclose(run.curves["val/success/x"].agent_steps, [200])
    assert run.minutes == pytest.approx(2.0)  # one minute a step


def test_a_resumed_run_is_read_from_all_its_logs(tmp_path: Path) -> None:
    """The first start saved after two rollouts and was stopped after four; the second went on from the third."""
    first = {"train/agent_steps": {step: 100.0 * (step + 1) for step in range(4)}}
    first |= {"train/action/a_s": {0: 0.0, 1: 0.1, 2: 0.2, 3: 0.3}, "val/success/x": {1: 0.4, 3: 0.9}}
    second = {"train/agent_steps": {2: 300.0, 3: 400.0, 4: 500.0}}
    second |= {"train/action/a_s": {2: 7.0, 3: 7.1, 4: 7.2}, "val/success/x": {3: 0.5}}
    write_log(tmp_path / "version_1", second, began=9000.0)
    write_log(tmp_path / "version_0", first, began=1000.0)
    run = read_run(tmp_path)
    np.testing.assert_allclose(run.curves["train/agent_steps"].value, [100, 200, 300, 400, 500])
    np.testing.assert_allclose(run.curves["train/action/a_s"].value, [0.0, 0.1, 7.0, 7.1, 7.2])
    np.testing.assert_allclose(run.curves["val/success/x"].agent_steps, [200, 400])
    np.testing.assert_allclose(run.curves["val/success/x"].value, [0.4, 0.5])
    assert run.minutes == pytest.approx(3.0 + 2.0)  # the pause does not count


def test_a_run_that_began_anew_in_the_same_folder_shows_the_new_one_only(tmp_path: Path) -> None:
    write_log(tmp_path / "version_0", {"train/agent_steps": {0: 100.0, 1: 200.0}, "train/ppo/kl": {1: 0.1}})
    write_log(tmp_path / "version_1", {"train/agent_steps": {0: 100.0}}, began=9000.0)
    assert set(read_run(tmp_path).curves) == {"train/agent_steps"}


def test_what_comes_before_the_first_count_of_a_later_log_lies_where_the_earlier_one_ended(tmp_path: Path) -> None:
    write_log(tmp_path / "version_0", {"train/agent_steps": {0: 100.0, 1: 200.0}}, began=1000.0)
    write_log(tmp_path / "version_1", {"test/success/x": {0: 0.6}}, began=9000.0)
    np.testing.assert_allclose(read_run(tmp_path).curves["test/success/x"].agent_steps, [200])


def test_a_folder_without_logs_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no TensorBoard events below .*; give the default_root_dir of a run"):
        read_run(tmp_path)


def test_a_run_of_another_task_is_named(tmp_path: Path) -> None:
    write_log(tmp_path, {"val/dsm_loss/train": {0: 1.0}})
    with pytest.raises(ValueError, match=r"have no scalar train/agent_steps; is it a run of configs/residual_ppo"):
        read_run(tmp_path)
