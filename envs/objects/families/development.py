"""Families of the development split alone: choices are made on them, training and test objects are of others."""

import numpy as np
from scipy.spatial.transform import Rotation

from envs.objects.families.base import Parameters, family
from envs.objects.families.solids import (
    FLOOR_CLEARANCE,
    Piece,
    along_x,
    arc,
    at_height,
    circle,
    lathe,
    moved,
    rounded_rectangle,
    sweep,
    wall_ring,
)


@family(
    rose_radius=(0.024, 0.034),
    neck_radius=(0.008, 0.012),
    neck_length=(0.012, 0.028),
    knob_radius=(0.021, 0.032),
    knob_ratio=(0.55, 0.95),
)
def door_knob(p: Parameters) -> list[Piece]:
    """Door knob on its round plate."""
    rose, neck, knob = p["rose_radius"], p["neck_radius"], p["knob_radius"]
    base = 0.0105 + p["neck_length"]
    foot = [(rose, 0.0), (rose, 0.004), (0.75 * rose, 0.007), (neck, 0.0105), (neck, base)]
    half = p["knob_ratio"] * knob
    centre = base - 0.002 + half * float(np.sin(0.95))
    ball = [(knob * float(np.cos(a)), centre + half * float(np.sin(a))) for a in (-0.95, -0.45, 0.0, 0.45, 0.9)]
    return lathe(foot, sectors=18) + lathe([*ball, (0.30 * knob, centre + 0.97 * half)], sectors=18)


@family(
    length=(0.095, 0.140),
    radius=(0.022, 0.031),
    nozzle_ratio=(0.55, 0.85),
    handle_length=(0.070, 0.105),
    handle_width=(0.020, 0.028),
    handle_angle=(0.0, 0.35),
)
def hair_dryer(p: Parameters) -> list[Piece]:
    """Hair dryer: barrel with a round back and a narrower nozzle, handle below that leans by `handle_angle`."""
    length, radius, nozzle = p["length"], p["radius"], p["radius"] * p["nozzle_ratio"]
    barrel = [(0.55 * radius, 0.0), (0.88 * radius, 0.05 * length), (radius, 0.16 * length), (radius, 0.48 * length)]
    barrel += [(nozzle, 0.74 * length), (nozzle, length)]
    lean = np.array([np.sin(p["handle_angle"]), 0.0, -np.cos(p["handle_angle"])])
    root = np.array([0.30 * length, 0.0, -0.5 * radius])
    stations = [root + reach * lean for reach in (0.0, 0.5 * radius + 0.4 * p["handle_length"])]
    stations.append(root + (0.5 * radius + p["handle_length"]) * lean)
    section = rounded_rectangle(p["handle_width"], 0.8 * p["handle_width"], 0.3 * p["handle_width"])
    return along_x(lathe(barrel, sectors=18)) + sweep(stations, section, (1.05, 0.9, 1.0))


@family(
    radius=(0.029, 0.043),
    height=(0.040, 0.062),
    crown_ratio=(0.50, 0.66),
    wall=(0.0040, 0.0060),
    handle_length=(0.050, 0.085),
    handle_radius=(0.008, 0.013),
)
def hand_bell(p: Parameters) -> list[Piece]:
    """Hand bell: open skirt, round crown, turned handle above."""
    radius, height, crown, wall = p["radius"], p["height"], p["radius"] * p["crown_ratio"], p["wall"]
    # An open vessel upside down: it stands on the uneven rims of its walls.
    outer = [(crown, FLOOR_CLEARANCE), (crown + 0.58 * (radius - crown), 0.55 * height), (radius, height)]
    skirt = wall_ring(outer, [(crown - wall, FLOOR_CLEARANCE), (radius - wall, height)])
    cap = lathe([(0.40 * crown, -0.010), (0.80 * crown, -0.006), (crown, 0.001), (crown, 0.0055)], sectors=24)
    upright = moved(skirt + cap, (0.0, 0.0, height), Rotation.from_euler("x", np.pi))
    grip, top = p["handle_radius"], height + 0.008
    profile = [(0.55 * grip, 0.0), (0.70 * grip, 0.10), (0.60 * grip, 0.22), (grip, 0.55), (0.95 * grip, 0.80)]
    turned = [(r, top + z * p["handle_length"]) for r, z in [*profile, (0.5 * grip, 1.0)]]
    return upright + lathe(turned, sectors=14)


@family(
    radius=(0.028, 0.040),
    height=(0.048, 0.075),
    spout_length=(0.042, 0.070),
    spout_radius=(0.0055, 0.0080),
    handle_reach=(0.026, 0.038),
    handle_thickness=(0.008, 0.012),
)
def watering_can(p: Parameters) -> list[Piece]:
    """Watering can: closed round body, rising spout with a rose, C-shaped handle at the back."""
    radius, height, spout = p["radius"], p["height"], p["spout_radius"]
    body = [(0.96 * radius, 0.0), (radius, 0.004), (0.88 * radius, height), (0.55 * radius, height + 0.008)]
    reach, top = radius + p["spout_length"], height + 0.012
    stations = [(0.80 * radius, 0.0, 0.22 * height), (radius + 0.30 * p["spout_length"], 0.0, 0.45 * height)]
    stations.append((reach, 0.0, top))
    rise = np.arctan2(reach - stations[1][0], top - stations[1][2])  # from +z towards +x, radians
    rose = moved(
        lathe([(0.7 * spout, -0.004), (1.9 * spout, 0.012), (1.9 * spout, 0.017)], sectors=14),
        stations[2],
        Rotation.from_euler("y", rise),
    )
    thickness = p["handle_thickness"]
    bow = arc(p["handle_reach"] + 0.15 * radius, 0.36 * height, -np.pi / 2, np.pi / 2, 7)
    bow[:, 0] += 0.80 * radius
    handle = sweep(bow, circle(8, np.pi / 8) * np.array([0.5, 0.65]) * thickness)
    back = moved(handle, (0.0, 0.0, 0.52 * height), Rotation.from_euler("z", np.pi))
    return [*lathe(body, sectors=20), *sweep(stations, circle(10) * spout, (1.35, 1.0, 0.85)), *rose, *back]


@family(
    length=(0.095, 0.150),
    radius=(0.011, 0.018),
    span_ratio=(0.85, 1.20),
    chord=(0.022, 0.036),
    sweep_ratio=(0.0, 0.8),
    fin_height=(0.018, 0.032),
)
def toy_airplane(p: Parameters) -> list[Piece]:
    """Toy aeroplane: tapering fuselage, two wings swept back, tailplane, fin."""
    length, radius, chord = p["length"], p["radius"], p["chord"]
    stations = [(0.40, 0.0), (0.70, 0.22), (1.0, 0.55), (1.0, 0.78), (0.75, 0.93), (0.35, 1.0)]
    fuselage = along_x(lathe([(r * radius, z * length) for r, z in stations], sectors=14), (-0.55 * length, 0.0, 0.0))
    half, back = 0.5 * p["span_ratio"] * length, p["sweep_ratio"] * chord
    pieces = list(fuselage)
    for side in (-1.0, 1.0):
        pieces.append(_blade(chord, 0.010, 0.65 * chord, side * half, back, (0.08 * length, 0.0, -0.35 * radius)))
        pieces.append(
            _blade(0.6 * chord, 0.007, 0.45 * chord, side * 0.4 * half, 0.3 * back, (-0.46 * length, 0.0, 0.0))
        )
    root, tip = (-0.54 * length, -0.54 * length + 0.65 * chord), (-0.56 * length, -0.56 * length + 0.38 * chord)
    edges = [(x, 0.0) for x in root] + [(x, 0.4 * radius + p["fin_height"]) for x in tip]
    pieces.append(np.array([(x, y, z) for x, z in edges for y in (-0.0035, 0.0035)]))
    return pieces


def _blade(
    root: float, thickness: float, tip: float, reach: float, back: float, centre: tuple[float, float, float]
) -> Piece:
    """Wing from `centre` to y = `reach`: chords of root and tip along x, the tip shifted by -`back`; metres, (8, 3)."""
    corners = [(sign * root / 2, 0.0, z * thickness / 2) for sign in (-1, 1) for z in (-1, 1)]
    corners += [(sign * tip / 2 - back, reach, z * 0.35 * thickness) for sign in (-1, 1) for z in (-1, 1)]
    return np.array(corners) + np.array(centre)


@family(
    length=(0.095, 0.145),
    width=(0.044, 0.066),
    body_height=(0.022, 0.036),
    handle_height=(0.034, 0.048),
    handle_width=(0.013, 0.019),
)
def clothes_iron(p: Parameters) -> list[Piece]:
    """Small flat-iron: pointed sole, body that narrows upwards, bow handle along it."""
    length, width, body = p["length"], p["width"], p["body_height"]
    sole = np.array([(-0.50, 0.36), (-0.44, 0.46), (0.02, 0.50), (0.26, 0.36), (0.42, 0.15), (0.50, 0.03)])
    outline = np.concatenate([sole, sole[::-1] * (1, -1)]) * np.array([length, width])
    plate = np.concatenate([at_height(0.97 * outline, 0.0), at_height(outline, 0.002), at_height(outline, 0.007)])
    shell = np.concatenate([at_height(0.93 * outline, 0.006), at_height(outline * (0.74, 0.55), body)])
    bow = arc(0.30 * length, p["handle_height"], 0.0, np.pi, 8) + np.array([-0.02 * length, 0.0, body - 0.006])
    return [plate, shell, *sweep(bow, rounded_rectangle(0.011, p["handle_width"], 0.003))]


@family(base_radius=(0.019, 0.030), height=(0.060, 0.115), waist_ratio=(0.36, 0.50), head_ratio=(0.55, 0.75))
def chess_pawn(p: Parameters) -> list[Piece]:
    """Chess pawn: stepped base, waisted body, collar, round head."""
    base, height = p["base_radius"], p["height"]
    waist, head = p["waist_ratio"] * base, p["head_ratio"] * base
    neck = height - 2.0 * head
    foot = [(0.96 * base, 0.0), (base, 0.003), (base, 0.008), (0.80 * base, 0.012)]
    body = [(0.58 * base, 0.012 + 0.30 * (neck - 0.012)), (waist, neck - 0.005)]
    collar = [(1.75 * waist, neck - 0.001), (1.75 * waist, neck + 0.003)]
    centre = neck + head
    ball = [(head * float(np.cos(a)), centre + head * float(np.sin(a))) for a in (-1.2, -0.75, -0.3, 0.15, 0.6, 1.05)]
    return lathe([*foot, *body, *collar], sectors=16) + lathe([*ball, (0.0, height)], sectors=16)


@family(
    handle_length=(0.085, 0.120),
    handle_radius=(0.010, 0.015),
    rise=(0.022, 0.036),
    blade_length=(0.070, 0.110),
    blade_width=(0.036, 0.060),
    blade_thickness=(0.003, 0.005),
)
def trowel(p: Parameters) -> list[Piece]:
    """Garden trowel: pointed flat blade, neck bent upwards, round handle above the plane of the blade."""
    length, radius, rise, blade = p["handle_length"], p["handle_radius"], p["rise"], p["blade_length"]
    side = np.array([(-0.02, 0.22), (0.14, 0.47), (0.30, 0.50), (0.68, 0.34), (0.92, 0.12), (1.0, 0.02)])
    outline = np.concatenate([side, side[::-1] * (1, -1)]) * np.array([blade, p["blade_width"]])
    plate = np.concatenate([at_height(0.98 * outline, 0.0), at_height(outline, p["blade_thickness"])])
    neck = sweep(
        [(0.22 * blade, 0, 0.004), (-0.006, 0, 0.006), (-0.026, 0, 0.75 * rise), (-0.048, 0, rise)],
        circle(8, np.pi / 8) * 0.0042,
        (0.8, 1.0, 1.0, 1.0),
    )
    profile = [(0.75, 0.0), (1.0, 0.12), (0.90, 0.50), (0.98, 0.80), (0.60, 1.0)]
    grip = lathe([(r * radius, z * length) for r, z in profile], sectors=14)
    return [plate, *neck, *along_x(grip, (-0.040 - length, 0.0, rise))]
