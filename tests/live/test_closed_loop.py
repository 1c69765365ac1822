"""Episodes under the controller are kept with what they are of."""

import json
from pathlib import Path
from typing import Any

import pytest

from live import closed_loop
from live.policies import policy_digest


def test_other_weights_at_the_same_path_are_not_mixed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    policy, told = tmp_path / "policy.ckpt", []

    def stop(_: object, __: object, path: Path, made_of: dict[str, Any]) -> None:
        told.append(made_of)
        closed_loop._kept(path, made_of)
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(made_of) + "\n0\n")
        raise KeyboardInterrupt

    monkeypatch.setattr(closed_loop, "_episodes", lambda *_: [])
    monkeypatch.setattr(closed_loop, "load_control_policy", lambda _: None)
    monkeypatch.setattr(closed_loop, "run_controller", stop)
    given = ["--policy", str(policy), "--episodes", "1", "--output", str(tmp_path / "out")]
    for _ in range(2):  # goes on where it stood
        policy.write_bytes(b"weights")
        with pytest.raises(KeyboardInterrupt):
            closed_loop.main(given)
    policy.write_bytes(b"other weights")
    with pytest.raises(SystemExit):
        closed_loop.main(given)
    assert told[0] == told[1] != told[2]
    assert told[2]["weights"] == policy_digest(policy)


@pytest.mark.parametrize("content", ["", "{", '{"a": 1}\nx\n', '{"a": 2}\n', '{"a": 1}\n{}\n'])
def test_a_damaged_file_of_episodes_is_named(content: str, tmp_path: Path) -> None:
    path = tmp_path / "episodes.txt"
    path.write_text('{"a": 1}\n0\n3\n')
    assert closed_loop._kept(path, {"a": 1}) == [0, 3]
    path.write_text(content)
    with pytest.raises(ValueError, match=r"episodes\.txt .*; delete it"):
        closed_loop._kept(path, {"a": 1})
