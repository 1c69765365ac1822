"""Which tables there are, and what of a plan each one takes."""

from collections.abc import Sequence
from dataclasses import dataclass

from reports.reproduce.plan import Group, Plan


@dataclass(frozen=True)
class TableNeeds:
    """What a table is made from.

    Attributes:
        title: stands above it.
        evaluations: names of evaluations; those that the plan lacks are left out.
        groups: methods of these groups are in it, ours always.
        methods: and these, where the plan has them.
    """

    title: str
    evaluations: tuple[str, ...] = ("main",)
    groups: tuple[Group, ...] = ()
    methods: tuple[str, ...] = ()

    def methods_in(self, plan: Plan) -> list[str]:
        """Names of the methods in the table, in the order of the plan."""
        return [
            name
            for name, method in plan.methods.items()
            if name == plan.ours or method.group in self.groups or name in self.methods
        ]


FREE, A_P, SCALED, NO_R_SIM = "a_p_without_collisions", "a_p", "a_p_a_s", "without_r_sim"
NO_A_R, NO_A_S, ILAD = "without_residual", "without_scale", "ilad"
"""Names by which tables ask for a method of the plan."""

FREE_COLLIDING = "a_p_wrist_at_rest"
"""Row of Table 2: the same test as of FREE, with collisions."""

NOISE = {"main": 0.0, "noise_2": 2.0, "noise_5": 5.0}
"""Evaluations of Table 6: degrees and centimetres."""

TABLES: dict[str, TableNeeds] = {
    "table1": TableNeeds("Table 1: success, posture and stability", groups=("method",)),
    "table2": TableNeeds("Table 2: action modules", ("main", "modules", "field"), methods=(FREE, A_P, SCALED)),
    "table3": TableNeeds("Table 3: how many of an object's five grasps succeed", groups=("method",)),
    "table5": TableNeeds("Table 5: time of a decision, batch 1"),
    "table6": TableNeeds("Table 6: noise on the wrist's pose", tuple(NOISE)),
    "fig4": TableNeeds("Figure 4: training of the methods", groups=("method",)),
    "fig5": TableNeeds("Figure 5: ablations", ("main", "modules"), groups=("ablation",)),
    "fig10": TableNeeds("Figure 10: final poses of a_p and a_p * a_s", ("main", "modules"), methods=(A_P, SCALED)),
    "fig11": TableNeeds("Figure 11: without the intrinsic reward", methods=(NO_R_SIM,)),
    "fig12": TableNeeds("Figure 12: primitive and policy in the course of an episode", ()),
}
"""By name, in the order of the report."""


@dataclass(frozen=True)
class Selection:
    """What of a plan is wanted: names of tables, methods and tasks."""

    tables: tuple[str, ...]
    methods: tuple[str, ...]
    tasks: tuple[str, ...]

    def parts(self, plan: Plan) -> list[tuple[list[str], list[str]]]:
        """Methods and evaluations of each table."""
        return [
            (
                [name for name in TABLES[table].methods_in(plan) if name in self.methods],
                [name for name in TABLES[table].evaluations if name in plan.evaluations],
            )
            for table in self.tables
        ]


def select(plan: Plan, only: Sequence[str], methods: Sequence[str], tasks: Sequence[str]) -> Selection:
    """Some tables, methods and tasks of a plan; all where none are named.

    Raises:
        ValueError: a name that the plan does not have; says which there are.
    """
    given_and_known = (
        ("--only", only, plan.tables),
        ("--methods", methods, tuple(plan.methods)),
        ("--tasks", tasks, tuple(plan.tasks)),
    )
    for what, given, known in given_and_known:
        unknown = [name for name in given if name not in known]
        if unknown:
            raise ValueError(f"{what} names {', '.join(unknown)}; available: {', '.join(known)}")
    return Selection(
        tuple(name for name in TABLES if name in (only or plan.tables)),
        tuple(name for name in plan.methods if not methods or name in methods),
        tuple(name for name in plan.tasks if not tasks or name in tasks),
    )
