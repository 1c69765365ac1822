"""The summary's numbers against counts made by hand."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from datamodules.grasps.diversity import pairwise_distance
from datamodules.grasps.grasp_set import GraspSet, concatenate
from datamodules.synthesis.settings import TypeCount
from datamodules.synthesis.summary import merge_counts, summarise
from envs.hand.shadow import shadow_hand
from tests.datamodules.grasps.examples import made_up_set

HAND = shadow_hand()

WRAP, TRIPOD = HAND.type_names.index("wrap"), HAND.type_names.index("tripod")


def _set() -> GraspSet:
    """Four grasps of a training box and one of a test mug; a training ball without any."""
    links = np.zeros((4, len(HAND.links)), dtype=bool)
    links[:, HAND.links.index("thdistal")] = True
    links[0, HAND.links.index("palm")] = True
    wrist = np.zeros((4, 7), dtype=np.float32)
    # fingers point along z of the hand: straight down, 45 degrees and a little more down, level, 30 degrees up
    tilts = np.array([[180.0], [136.0], [90.0], [60.0]])
    wrist[:, 3:] = Rotation.from_euler("x", tilts, degrees=True).as_quat(scalar_first=True)
    identity = np.tile([0, 0, 0, 1, 0, 0, 0], (4, 1)).astype(np.float32)
    box = replace(
        made_up_set("box_00000", "train", 4),
        type_index=np.array([WRAP, WRAP, TRIPOD, WRAP], dtype=np.uint8),
        aperture=np.array([0.019, 0.021, 0.034, 0.100], dtype=np.float32),
        is_reachable=np.array([True, False, True, True]),
        links=links,
        wrist_pose_o=wrist,
        object_pose_w=identity,
    )
    mug = replace(made_up_set("mug_00015", "unseen_instances", 1), links=np.zeros((1, len(HAND.links)), dtype=bool))
    return concatenate([box, made_up_set("ball_00001", "train", 0), mug], {})


COUNTS = {"wrap": TypeCount(checked=100, tried=20, verified=5, kept=4, reachable=1, seconds=2.0, rejected={"moved": 7})}


def test_grasps_are_counted_by_split_type_and_size() -> None:
    splits = summarise(_set(), COUNTS)["splits"]
    assert set(splits) == {"train", "unseen_instances"}
    train = splits["train"]
    assert {name: train[name] for name in ("objects", "objects_with_grasps", "grasps", "reachable")} == {
        "objects": 2, "objects_with_grasps": 1, "grasps": 4, "reachable": 3,
    }  # fmt: skip
    assert train["types"] == {**dict.fromkeys(HAND.type_names, 0), "wrap": 3, "tripod": 1}
    assert train["aperture_mm"] == {"0-20": 1, "20-35": 2, "35-50": 0, "50-65": 0, "65-80": 0, "80-120": 1}


def test_approach_directions_are_shares() -> None:
    approach = summarise(_set(), COUNTS)["splits"]["train"]["approach"]
    assert approach == {"from_above": 0.5, "sideways": 0.25, "slightly_up": 0.25}


def test_diversity_is_the_mean_distance_between_grasps_of_an_object() -> None:
    splits = summarise(_set(), COUNTS)["splits"]
    box = _set().of_object("box_00000")
    distance = pairwise_distance(box.wrist_pose_o, box.joint_pos)
    expected = (distance.sum() - np.trace(distance)) / 12  # 4 * 3 ordered pairs
    assert splits["train"]["mean_pairwise_distance"] == pytest.approx(expected, abs=5e-4)  # three digits are kept
    assert splits["unseen_instances"]["mean_pairwise_distance"] == 0.0  # a single grasp has no distance


def test_objects_without_grasps_are_named() -> None:
    assert summarise(_set(), COUNTS)["objects_without_grasps"] == ["ball_00001"]


def test_contact_links_are_shares_of_grasps() -> None:
    assert summarise(_set(), COUNTS)["contact_links"] == {"palm": 0.2, "thdistal": 0.8}


def test_yields_and_rejections_of_every_type() -> None:
    row = summarise(_set(), COUNTS)["trials"]["wrap"]
    assert row["yield_of_tried"] == 0.25
    assert row["reachable"] == 1
    assert summarise(_set(), COUNTS)["core_seconds"] == 2.0
    assert row["rejected"] == {"moved": 7}
    assert (row["starts_checked"], row["tried"], row["verified"], row["kept"]) == (100, 20, 5, 3)


def test_summary_is_json() -> None:
    report = summarise(_set(), COUNTS)
    assert json.loads(json.dumps(report)) == report


def test_counts_of_objects_are_added_up_and_idle_types_left_out() -> None:
    second = {"wrap": TypeCount(checked=1, seconds=0.5, rejected={"moved": 1, "tilted": 2}), "tripod": TypeCount()}
    total = merge_counts([COUNTS, second])
    assert set(total) == {"wrap"}
    assert (total["wrap"].checked, total["wrap"].seconds) == (101, 2.5)
    assert total["wrap"].rejected == {"moved": 8, "tilted": 2}
    assert COUNTS["wrap"].rejected == {"moved": 7}
