"""The plans that come with the project."""

from pathlib import Path

import pytest

from lightning_modules.ppo.exploration import StructuredNoise
from reports.reproduce.__main__ import selected_runs
from reports.reproduce.execute import Runs
from reports.reproduce.plan import Plan, read_plan
from reports.reproduce.selection import TABLES, select
from reports.reproduce.stamps import merged_settings
from tests.learning import ROOT


@pytest.fixture(autouse=True)
def in_the_projects_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def read_plan_here(name: str) -> Plan:
    return read_plan(Path(f"configs/reproduce/{name}.yaml"), tuple(TABLES))


@pytest.mark.parametrize("name", ["quick", "medium", "long", "full"])
def test_every_run_of_a_shipped_plan_can_be_stamped(name: str, tmp_path: Path) -> None:
    plan = read_plan_here(name)
    assert set(plan.tables) == set(TABLES)
    root = tmp_path / "reproduction"
    found = Runs(root, selected_runs(plan, root, select(plan, [], [], [])))
    assert len(found.stamps) == len(found.runs) >= 20
    assert all("data/grasps.npz" in stamp.files for stamp in found.stamps.values())
    if name == "quick":
        # two and a quarter hours on two cores, of which some are half as slow again as those of the plan's minutes
        assert 1.4 * sum(run.minutes for run in found.runs) <= 2 * 135


def test_the_quick_plan_is_the_one_of_three_seeds_with_fewer_steps_and_episodes(tmp_path: Path) -> None:
    made = {}
    for name in ("quick", "medium"):
        plan = read_plan_here(name)
        made[name] = Runs(tmp_path, selected_runs(plan, tmp_path, select(plan, [], [], [])))
    assert len(made["medium"].runs) > 2 * len(made["quick"].runs)
    allowed = ("rollouts_per_epoch was", "max_objects was", "needs.")
    for name, stamp in made["quick"].stamps.items():
        differing = stamp.differences(vars(made["medium"].stamps[name]))
        assert all(any(part in each for part in allowed) for each in differing), (name, differing)


def test_a_row_is_added_to_the_papers_in_every_plan_that_has_it_or_in_none() -> None:
    plans = [read_plan_here(name) for name in ("glance", "quick", "medium", "long", "full")]
    every = {name for plan in plans for name in plan.methods}
    for name in every:
        assert len({plan.methods[name].added for plan in plans if name in plan.methods}) == 1, name
    of_paper = {"ours", "ilad", "ibs", "ppo", "ppo_goal", "a_p", "without_primitive", "without_r_sim"}
    assert not of_paper & set().union(*(plan.added for plan in plans))


def test_a_glance_makes_the_runs_of_the_quick_plan_on_the_small_set_alone(tmp_path: Path) -> None:
    made = {}
    for name in ("quick", "glance"):
        plan = read_plan_here(name)
        made[name] = Runs(tmp_path, selected_runs(plan, tmp_path, select(plan, [], [], [])))
    assert [run.name for run in made["glance"].runs] == [run.name for run in made["quick"].runs]
    for stamp in made["glance"].stamps.values():
        assert "data/grasps_small.npz" in stamp.files
        assert "data/grasps.npz" not in stamp.files


def test_every_baseline_of_the_full_plan_learns_with_either_exploration() -> None:
    plan = read_plan_here("full")
    for name in ("ppo", "ppo_goal", "ilad"):
        one, other = plan.methods[name], plan.methods[f"{name}_independent"]
        assert other.configs == (*one.configs, "configs/ablations/policy/independent_noise.yaml")
        assert (other.seeds, other.group, other.minutes) == (one.seeds, one.group, one.minutes)
        assert other.options == other.test_options
        structured, independent = (
            merged_settings(each.configs, each.options)["model"]["init_args"]["exploration"]["init_args"]
            for each in (one, other)
        )
        assert independent["action_dim"] == structured["action_dim"] == 18
        mean_square = float(StructuredNoise(**structured).std().detach().square().mean())
        assert independent["std"] == pytest.approx(mean_square**0.5, rel=0.01)


@pytest.mark.parametrize("name", ["quick", "medium", "long", "full"])
def test_methods_that_are_compared_learn_from_as_many_agent_steps(name: str) -> None:
    """Fewer for all in the quick plan; IBS alone has fewer still in the shorter plans, which say so."""
    plan, rollouts = read_plan_here(name), "--data.init_args.rollouts_per_epoch=8"
    for method in (each for each in plan.methods.values() if each.group == "method"):
        data = merged_settings((*method.configs, *plan.training), ())["data"]["init_args"]
        assert (rollouts in plan.options) == (name == "quick")
        is_cut = "rollouts_per_epoch" in " ".join(method.options)
        assert is_cut == (name in ("quick", "medium") and method.title == "IBS")
        assert data["num_worlds"] * data["rollouts_per_epoch"] == 2560
