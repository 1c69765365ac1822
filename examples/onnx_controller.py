"""An exported policy without torch: a hand comes down on a ball. python examples/onnx_controller.py FOLDER."""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime


def farthest(points: np.ndarray, count: int) -> np.ndarray:
    """Indices of the first point, then always of the one farthest from those before."""
    chosen, nearest = [0], np.full(len(points), np.inf)
    while len(chosen) < count:
        nearest = np.minimum(nearest, ((points - points[chosen[-1]]) ** 2).sum(axis=1))
        chosen.append(int(nearest.argmax()))
    return np.array(chosen)


options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1  # a single hand gives several nothing to do
options.add_free_dimension_override_by_name("batch", 1)  # what no input decides is worked out once
session = onnxruntime.InferenceSession(Path(sys.argv[1]) / "whole.onnx", options)
facts = json.loads(session.get_modelmeta().custom_metadata_map["graspgf"])
normals = np.random.default_rng(0).normal(size=(4096, 3))
ball = 0.035 * normals / np.linalg.norm(normals, axis=1, keepdims=True) + [0.0, 0.0, 0.035]  # on the table, m, world
ball = points = ball[farthest(ball, 1024)]
given = {}
for number, level in enumerate(facts["grouping"]):  # neighbours stay neighbours while the ball moves: once is enough
    centres = farthest(points, level["num_centres"])
    distance = np.linalg.norm(points[centres][:, None] - points, axis=2)
    nearest = np.argsort(distance, axis=1)[:, : level["max_neighbours"]]
    inside = np.take_along_axis(distance, nearest, axis=1) <= level["radius"]
    given[f"neighbours_{number}"] = np.where(inside, nearest, nearest[:, :1])[None]
    given[f"centres_{number}"], points = centres[None], points[centres]
joints = np.array(facts["hand"]["open_pose"], dtype=np.float32)
for step in range(100):  # palm down, fingers along x: down by 15 cm in a second, then at rest
    ago = np.array([32, 24, 16, 8, 4, 3, 2, 1, 0])  # control steps
    poses = np.tile([-0.085, 0.0, 0.075, 0.5, 0.5, 0.5, 0.5], (9, 1)).astype(np.float32)
    poses[:, 2] += 0.15 * np.clip(1.0 - (step - ago) / 40.0, 0.0, 1.0)
    given["points_h"] = (ball - poses[-1, :3])[None, :, [1, 2, 0]].astype(np.float32)
    given["wrist_past"], given["wrist_history"] = poses[None, :4], poses[None, 4:]
    parents = (
        joints[facts["hand"]["coupled_parents"]] * facts["hand"]["coupled_ratio"] + facts["hand"]["coupled_offset"]
    )
    given |= {"joint_pos": joints[None], "command": joints[None], "coupled_pos": parents[None].astype(np.float32)}
    joints = session.run(["joint_targets"], given)[0][0]  # a hand that does at once what it is told
print(json.dumps(dict(zip(facts["hand"]["joints"], joints.round(3).tolist(), strict=True))))  # noqa: T201
