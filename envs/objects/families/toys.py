"""Toys and what is held with both hands: bricks, cars, cones, animals, game controllers."""

import numpy as np
from scipy.spatial.transform import Rotation

from envs.objects.families.base import Parameters, family
from envs.objects.families.solids import Piece, along_x, at_height, circle, lathe, moved, rounded_rectangle, slab, sweep
from envs.objects.families.solids import box as box_piece


def _along_y(pieces: list[Piece], offset: tuple[float, float, float]) -> list[Piece]:
    """Pieces whose z axis is laid along -y, then shifted by `offset`, metres."""
    return moved(pieces, offset, Rotation.from_euler("x", np.pi / 2))


@family(pitch=(0.012, 0.019), length_ratio=(1.0, 2.49), height_ratio=(1.1, 2.0))
def brick(p: Parameters) -> list[Piece]:
    """Toy brick with two rows of two to four studs (twice `length_ratio`); `pitch` is the distance of the studs."""
    pitch, count = p["pitch"], int(2 * p["length_ratio"])
    height = p["height_ratio"] * pitch
    body = box_piece((count * pitch, 2 * pitch, height), (0.0, 0.0, height / 2))
    studs = []
    for column in range(count):
        for row in (-0.5, 0.5):
            at = ((column - (count - 1) / 2) * pitch, row * pitch, 0.0)
            studs += moved(lathe([(0.3 * pitch, height - 0.001), (0.3 * pitch, height + 0.004)], sectors=12), at)
    return [body, *studs]


@family(
    length=(0.070, 0.125),
    width=(0.032, 0.056),
    wheel_radius=(0.008, 0.014),
    body_height=(0.012, 0.022),
    cabin_height=(0.012, 0.026),
    cabin_ratio=(0.42, 0.65),
)
def toy_car(p: Parameters) -> list[Piece]:
    """Toy car: bonnet and boot, cabin with slanting windows, four wheels."""
    length, width, wheel = p["length"], p["width"], p["wheel_radius"]
    low, high = wheel, wheel + p["body_height"]
    body = slab((length, width, p["body_height"]), 0.008, 0.002, (0.0, 0.0, (low + high) / 2))
    foot = rounded_rectangle(p["cabin_ratio"] * length, 0.92 * width, 0.006)
    roof = rounded_rectangle(0.62 * p["cabin_ratio"] * length, 0.80 * width, 0.006)
    cabin = np.concatenate([at_height(foot, high - 0.001), at_height(roof, high + p["cabin_height"])])
    cabin[:, 0] -= 0.06 * length
    tyre = lathe([(wheel, -0.22 * width), (wheel, 0.0)], sectors=14)
    wheels = []
    for x in (-0.31 * length, 0.31 * length):
        wheels += _along_y(tyre, (x, -0.50 * width - 0.0015, wheel))
        wheels += _along_y(moved(tyre, (0.0, 0.0, 0.22 * width)), (x, 0.50 * width + 0.0015, wheel))
    return [body, cabin, *wheels]


@family(radius=(0.017, 0.034), height=(0.060, 0.135), top_ratio=(0.18, 0.40), base_ratio=(1.15, 1.45))
def cone(p: Parameters) -> list[Piece]:
    """Traffic cone: blunt cone on a square foot plate."""
    radius, side = p["radius"], 2.0 * p["base_ratio"] * p["radius"]
    plate = slab((side, side, 0.007), 0.006, 0.0012, (0.0, 0.0, 0.0035))
    top = p["top_ratio"] * radius
    return [plate, *lathe([(radius, 0.005), (top, p["height"]), (0.7 * top, p["height"] + 0.003)], sectors=20)]


@family(
    body_length=(0.055, 0.090),
    body_radius=(0.014, 0.023),
    leg_length=(0.014, 0.034),
    leg_radius=(0.005, 0.008),
    neck_angle=(0.3, 1.3),
    neck_length=(0.012, 0.038),
    head_length=(0.022, 0.036),
)
def toy_animal(p: Parameters) -> list[Piece]:
    """Four-legged animal: barrel, legs, neck rising by `neck_angle`, head with a snout, stub of a tail."""
    length, radius, leg = p["body_length"], p["body_radius"], p["leg_radius"]
    height = p["leg_length"] + 0.85 * radius
    stations = [(0.55, 0.0), (0.9, 0.12), (1.0, 0.35), (0.95, 0.7), (0.9, 0.9), (0.6, 1.0)]
    barrel = along_x(lathe([(r * radius, z * length) for r, z in stations], sectors=14), (-length / 2, 0.0, height))
    legs = []
    for x in (-0.33 * length, 0.33 * length):
        for y in (-0.48 * radius, 0.48 * radius):
            legs += moved(lathe([(leg, 0.0), (1.15 * leg, height)], sectors=10), (x, y, 0.0))
    rise = np.array([np.cos(p["neck_angle"]), 0.0, np.sin(p["neck_angle"])])
    start = np.array([0.36 * length, 0.0, height + 0.25 * radius])
    top = start + (0.6 * radius + p["neck_length"]) * rise
    section = circle(10, np.pi / 10) * 0.62 * radius
    neck = sweep([start, top], section, (1.1, 0.85))
    head, wide = p["head_length"], 0.62 * radius
    skull = box_piece((0.55 * head, 2 * wide, 1.9 * wide), top + np.array([0.0, 0.0, 0.2 * wide]))
    snout = box_piece((0.002, 1.3 * wide, 1.0 * wide), top + np.array([0.78 * head, 0.0, -0.15 * wide]))
    tail = along_x(lathe([(0.0035, 0.0), (0.005, 0.020)], sectors=8), (-length / 2 - 0.016, 0.0, height + 0.3 * radius))
    return [*barrel, *legs, *neck, np.concatenate([skull, snout]), *tail]


@family(
    width=(0.095, 0.135),
    depth=(0.040, 0.058),
    thickness=(0.022, 0.034),
    grip_length=(0.040, 0.062),
    grip_angle=(0.15, 0.55),
    stick_height=(0.006, 0.012),
)
def game_controller(p: Parameters) -> list[Piece]:
    """Game controller: flat middle, two grips that spread by `grip_angle`, two sticks on top."""
    width, depth, thickness = p["width"], p["depth"], p["thickness"]
    middle = slab((width, depth, thickness), 0.016, 0.004)
    section = circle(12, np.pi / 12) * thickness / 2
    pieces = [middle]
    for side in (-1.0, 1.0):
        root = (side * (width / 2 - 0.48 * thickness), -0.22 * depth, -0.06 * thickness)
        grip = sweep([(0, 0, 0), (0.6 * p["grip_length"], 0, 0), (p["grip_length"], 0, 0)], section, (0.95, 0.9, 0.55))
        pieces += moved(grip, root, Rotation.from_euler("z", -np.pi / 2 + side * p["grip_angle"]))
        stalk = lathe([(0.005, -0.002), (0.005, 0.6 * p["stick_height"])], sectors=10)
        knob = lathe([(0.0075, 0.5 * p["stick_height"]), (0.0075, p["stick_height"])], sectors=12)
        pieces += moved(stalk + knob, (side * 0.24 * width, -0.05 * depth, thickness / 2))
    return pieces
