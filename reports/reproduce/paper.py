"""What the paper prints and claims (GraspGF, Wu et al. 2023)."""

from collections.abc import Collection, Mapping

from reports.reproduce.claims import Claim
from reports.reproduce.selection import A_P, FREE, FREE_COLLIDING, NO_R_SIM, SCALED

TASK = "paper"
"""Name of the task that is the paper's own; others are added here, and it prints nothing about them."""

Numbers = Mapping[str, Mapping[str, str]]
"""What is printed, by column, then by method."""

STABILITY: Mapping[str, Numbers] = {
    "unseen_instances": {
        "translation_m": {
            "ours": "2.131±0.138", "ilad": "2.443±0.042", "ibs": "2.653±0.030", "ppo": "2.745±0.168",
            "ppo_goal": "2.621±0.415",
        },
        "rotation_cos": {
            "ours": "0.449±0.020", "ilad": "0.548±0.027", "ibs": "0.572±0.002", "ppo": "0.594±0.045",
            "ppo_goal": "0.589±0.038",
        },
    },
    "unseen_families": {
        "translation_m": {
            "ours": "2.127±0.165", "ilad": "2.534±0.101", "ibs": "2.596±0.119", "ppo": "2.771±0.254",
            "ppo_goal": "2.537±0.296",
        },
        "rotation_cos": {
            "ours": "0.428±0.029", "ilad": "0.515±0.022", "ibs": "0.520±0.011", "ppo": "0.563±0.039",
            "ppo_goal": "0.543±0.040",
        },
    },
}  # fmt: skip
"""Table 1; translation in cm, by split."""

MODULES: Mapping[str, str] = {A_P: "19.49", FREE: "55.60", SCALED: "5.08", "ours": "56.50"}
"""Table 2, success in per cent."""

POSE_SHARES: Mapping[str, tuple[str, ...]] = {
    "ours": ("13.67", "27.70", "31.41", "20.82", "6.40"),
    "ilad": ("25.44", "32.53", "26.61", "12.53", "2.89"),
    "ibs": ("27.70", "34.73", "25.67", "10.29", "1.61"),
    "ppo": ("48.20", "35.49", "13.10", "3.01", "0.20"),
    "ppo_goal": ("77.04", "18.96", "3.62", "0.30", "0.08"),
}
"""Table 3, per cent of the objects grasped at all that are grasped at 1 to 5 of five poses."""

LATENCY: Mapping[str, float] = {"primitive": 2.766, "residual": 3.646, "policy": 2.766 + 3.646}
"""Table 5, ms on a GTX 1650; of a whole decision the sum."""

NOISE: Mapping[str, str] = {"main": "56.69", "noise_2": "55.24", "noise_5": "44.35"}
"""Table 6, success in per cent on unseen categories, one seed."""

EQUAL = 0.05
"""Success rates that differ by less are "comparable", or "approximately" as far apart (chosen here)."""

NOISE_COSTS = -0.1
"""App. D.4: errors of 5 degrees and 5 cm cost "approximately 10%"."""

_BETTER = {
    "success": ("succeeds more often than", False),
    "posture_rad": ("ends nearer to the target pose than", True),
    "translation_m": ("moves the object less than", True),
    "rotation_cos": ("turns the object less than", True),
}


COLLISIONS = Claim("a_p without collisions succeeds more often than with (Table 2)", "success", FREE, FREE_COLLIDING)
"""Sec. 5.2 about Table 2: a_p knows how to grasp, and collides on the way."""


def _source(other: str, added: Collection[str], where: str) -> str:
    return "a row added here" if other in added else where


def comparison_claims(ours: str, others: Mapping[str, str], added: Collection[str] = ()) -> list[Claim]:
    """Sec. 5.1, Fig. 4 and Table 1: ours is the best in every measure.

    Args:
        ours: name of the method.
        others: titles of what it is compared with, by name.
        added: those of them that the paper does not have.
    """
    return [
        Claim(f"Ours {says} {title} ({_source(other, added, 'Sec. 5.1')})", measure, ours, other, is_lower)
        for measure, (says, is_lower) in _BETTER.items()
        for other, title in others.items()
    ]


def module_claims(ours: str) -> list[Claim]:
    """Sec. 5.2 about Table 2."""
    return [
        Claim("a_p * a_s succeeds less often than a_p (Table 2)", "success", SCALED, A_P, is_lower=True),
        Claim("With a_r it succeeds more often than a_p alone (Table 2)", "success", ours, A_P),
        Claim("With a_r it succeeds more often than without (Table 2)", "success", ours, SCALED),
    ]


def pose_claims(ours: str, others: Mapping[str, str], added: Collection[str] = ()) -> list[Claim]:
    """Sec. 5.3 about Table 3: ours grasps various parts of the objects; see `comparison_claims`."""
    return [
        Claim(
            f"Ours grasps more objects at 4 or 5 of five poses than {title} ({_source(other, added, 'Table 3')})",
            "most", ours, other,
        )
        for other, title in others.items()
    ]  # fmt: skip


def ablation_claims(
    ours: str, ablations: Mapping[str, str], added: Collection[str] = (), less_of: Mapping[str, tuple[str, str]] = {}
) -> list[Claim]:
    """Sec. 5.2 about Fig. 5, and App. D.1 about Fig. 11: each part is needed; see `comparison_claims`.

    Args:
        ours: name of the method.
        ablations: titles by name.
        added: those of them that the paper does not have.
        less_of: name and title of what an ablation is a part less of, where that is not ours.
    """
    wholes = {other: less_of.get(other, (ours, "Ours")) for other in ablations}
    return [
        Claim(
            f"{wholes[other][1]} succeeds more often than {title} ({_source(other, added, _figure(other))})",
            "success", wholes[other][0], other,
        )
        for other, title in ablations.items()
    ]  # fmt: skip


def _figure(ablation: str) -> str:
    return "Fig. 11" if ablation == NO_R_SIM else "Fig. 5"
