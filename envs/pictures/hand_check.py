"""Check a hand and draw the ranges of its joints: ``python -m envs.pictures.hand_check --hand HAND --output PNG``."""

import logging
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from envs.command_line import run_command
from envs.hand.check import check_hand
from envs.hand.hand import Hand
from envs.hand.kinematics import HandKinematics
from envs.hand.parts import Array
from envs.hand.registry import load_hand
from envs.pictures.hand_shapes import Colour, shaped_hand
from envs.pictures.meshes import ColouredMesh, arrow, balls, joined
from envs.pictures.sheets import contact_sheet, save_png
from envs.pictures.view import Camera, Image, Look, look_at, render_scene
from envs.plain_errors import plain_errors

REST: Colour = (0.78, 0.79, 0.81)
LOW: Colour = (0.36, 0.58, 0.80)
HIGH: Colour = (0.91, 0.56, 0.24)
PAD: Colour = (0.16, 0.60, 0.28)
CLOSING: Colour = (0.72, 0.10, 0.16)

_VIEW = np.array([0.9, -0.75, 0.3])
"""From the thumb's side, from the palm and a little from above."""

_ARROW = 0.0015
_LOG = logging.getLogger("hand_check")


def hand_sheet(hand: Hand, size: int = 220, columns: int = 5) -> Image:
    """The open and the closed hand, then every joint at its limits: (H, W, 3) uint8.

    Tips are balls, pads green arrows along their normals. Of a joint the links that it moves are blue at the lower and
    orange at the upper limit; a red arrow shows where closing takes the fingertip.
    """
    grey = dict.fromkeys(hand.links, REST)
    scenes = [
        joined([shaped_hand(hand, pose, grey), *_signs(hand, pose)]) for pose in (hand.open_pose, hand.closed_pose)
    ]
    scenes += [_joint_at_its_limits(hand, column) for column in range(hand.num_joints)]
    every = np.concatenate([scene.corners.reshape(-1, 3) for scene in scenes])
    camera = look_at(every, _VIEW)
    titles = ["open", "closed, nothing in the way", *(_title(hand, column) for column in range(hand.num_joints))]
    return contact_sheet([_draw(scene, camera, size) for scene in scenes], titles, columns, heading=f"hand {hand.name}")


def _draw(scene: ColouredMesh, camera: Camera, size: int) -> Image:
    return render_scene([scene], camera, size, Look(has_table=False, has_shadows=False))


def _title(hand: Hand, column: int) -> str:
    low, high = np.degrees([hand.limits.low[column], hand.limits.high[column]])
    closes = {1.0: ", closes +", -1.0: ", closes -"}.get(float(hand.closing[column]), "")
    return f"{hand.joints[column]}  {low:.0f} to {high:.0f} deg{closes}"


def _joint_at_its_limits(hand: Hand, column: int) -> ColouredMesh:
    low, high = hand.open_pose.copy(), hand.open_pose.copy()
    low[column], high[column] = hand.limits.low[column], hand.limits.high[column]
    moved = _links_that_move(hand, low, high)
    still = {link: REST for link in hand.links if link not in moved}
    parts = [
        shaped_hand(hand, hand.open_pose, still),
        shaped_hand(hand, low, dict.fromkeys(moved, LOW)),
        shaped_hand(hand, high, dict.fromkeys(moved, HIGH)),
    ]
    return joined([*parts, *_closing_arrow(hand, column)])


def _links_that_move(hand: Hand, low: Array, high: Array) -> list[str]:
    pose = HandKinematics(hand).forward(torch.tensor(np.stack([low, high])))
    change = (pose.link_quat[0] - pose.link_quat[1]).abs().amax(dim=1)
    return [link for link, amount in zip(hand.links, change, strict=True) if amount > 1e-9]


def _closing_arrow(hand: Hand, column: int) -> list[ColouredMesh]:
    """Where a tenth of the joint's range in its closing direction takes its fingertip, twice as long."""
    closed = hand.open_pose.copy()
    closed[column] += 0.1 * hand.closing[column] * (hand.limits.high - hand.limits.low)[column]
    both = torch.tensor(np.stack([hand.open_pose, hand.clamp(closed)]))
    tips = HandKinematics(hand).forward(both).fingertips.numpy()
    fingers = [number for number, finger in enumerate(hand.fingers) if hand.joints[column] in finger.joints]
    arrows = [arrow(tips[0, number], 2.0 * (tips[1, number] - tips[0, number]), _ARROW, CLOSING) for number in fingers]
    return [mesh for mesh in arrows if mesh is not None]


def _signs(hand: Hand, joints: Array) -> list[ColouredMesh]:
    """Fingertips, pads and grasp centre."""
    pose = HandKinematics(hand).forward(torch.tensor(joints[None]))
    links = [pad.link for pad in hand.pads]
    points = pose.surface_points(links, torch.tensor([pad.point for pad in hand.pads], dtype=torch.float64))[0].numpy()
    normals = pose.directions(links, torch.tensor([pad.normal for pad in hand.pads], dtype=torch.float64))[0].numpy()
    arrows = [arrow(point, 0.015 * normal, _ARROW, PAD) for point, normal in zip(points, normals, strict=True)]
    spots = [balls(pose.fingertips[0].numpy(), 0.003, CLOSING), balls([hand.grasp_centre_h], 0.005, HIGH)]
    return [*spots, *(mesh for mesh in arrows if mesh is not None)]


def hand_check(hand: str, output: Path | None = None, size: int = 220) -> bool:
    """Say what is right and what should be looked at in a hand, and draw it; True where all is right.

    Args:
        hand: a hand that ships with the project (shadow, ability), or the path of a YAML file.
        output: picture to write (PNG); none when null.
        size: edge of the picture of one joint, pixels.
    """
    loaded = load_hand(hand)
    remarks = check_hand(loaded)
    for remark in remarks:
        _LOG.info("%-5s %s: %s", "ok" if remark.is_fine else "LOOK", remark.subject, remark.text)
    if output is not None:
        save_png(output, hand_sheet(loaded, size), num_colours=256)
        _LOG.info("wrote %s", output)
    return all(remark.is_fine for remark in remarks)


def main(args: Sequence[str] | None = None) -> None:
    """Command line; exit status 1 where something should be looked at."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if not run_command(hand_check, args):
        sys.exit(1)


if __name__ == "__main__":
    with plain_errors():
        main()
