"""The example of the paper's real experiment grasps a mug, carries it over the box and lets it go there."""

import re
import runpy

import pytest

from tests.learning import ROOT

LINE = re.compile(r" *([\d.]+) s +(\w+) +hand (\w+) +object +(-?[\d.]+) cm up")


def test_a_mug_is_lifted_carried_and_let_go(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr("sys.argv", ["carry_to_box.py", "pretrained/residual_ppo.ckpt"])
    left = runpy.run_path(str(ROOT / "examples" / "carry_to_box.py"))
    found = [LINE.fullmatch(line) for line in capsys.readouterr().out.splitlines()]
    told = {match[2]: (match[3], float(match[4])) for match in found if match is not None}
    assert len(told) == len(found)
    assert list(told) == ["user", "lift", "carry", "open", "done"]
    assert [told[phase][0] for phase in ("lift", "carry", "open")] == 3 * ["holding"]
    # 25 cm higher by the arm than where it took over, less what the mug gives in the fingers
    assert told["carry"][1] > told["lift"][1] + 20.0
    assert told["open"][1] > 20.0
    assert abs(told["done"][1]) < 6.0  # on the table again, upright or not
    x, y = left["world"].read()[0].scene.pose_w[:2]
    assert abs(x - 0.45) < 0.25  # of `CarrySettings.box_w`: the mug falls 25 cm and rolls
    assert abs(y) < 0.25
