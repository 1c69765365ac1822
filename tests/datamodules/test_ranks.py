"""What ranks tell one another: values in the order of ranks on each of them, nothing in a single process."""

import json
import subprocess
import sys
from pathlib import Path

import torch

from datamodules.ranks import gathered, mean_numbers, num_ranks, rank
from tests.learning import ROOT

SCRIPT = """
import json, sys
import torch, torch.distributed as dist
from datamodules.ranks import gathered, mean_numbers, num_ranks, rank

own, meeting = int(sys.argv[1]), sys.argv[2]
dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=own, world_size=2)
seen = gathered({"rank": own, "rows": torch.full((own + 1,), 1.0 + own)})
print(json.dumps({
    "rank": rank(), "num_ranks": num_ranks(),
    "ranks": [each["rank"] for each in seen], "rows": [each["rows"].tolist() for each in seen],
    "mean": mean_numbers({"kl": 0.5 + own, "loss": -1.0}),
}))
"""


def test_every_rank_gets_the_values_of_all_in_their_order(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SCRIPT]
    started = [
        subprocess.Popen([*command, str(own), str(tmp_path / "meeting")], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for own in (0, 1)
    ]
    printed = [json.loads(process.communicate(timeout=300)[0]) for process in started]
    for own, seen in enumerate(printed):
        assert seen == {
            "rank": own, "num_ranks": 2, "ranks": [0, 1], "rows": [[1.0], [2.0, 2.0]],
            "mean": {"kl": 1.0, "loss": -1.0},
        }  # fmt: skip


def test_one_process_has_itself() -> None:
    value = torch.ones(2)
    assert (rank(), num_ranks()) == (0, 1)
    assert gathered(value) == [value]
    assert mean_numbers({"kl": 0.1 + 0.2}) == {"kl": 0.1 + 0.2}
