"""Controllers that come from elsewhere."""

from callbacks.assist.policies import AssistingModule, HasPrimitive, available_policies
from callbacks.store.made_of import settings_of_module
from datamodules.baselines.scripts import FixedStepClose
from envs.hand.shadow import shadow_hand
from lightning_modules.given_policy import GivenPolicy


def script(start_step: int) -> FixedStepClose:
    hand = shadow_hand()
    return FixedStepClose(hand, hand.open_pose.copy(), start_step)


def test_a_controller_is_measured_as_ours_and_has_no_primitive() -> None:
    module, controller = GivenPolicy(script(3)), script(3)
    assert isinstance(module, AssistingModule)
    assert not isinstance(module, HasPrimitive)
    assert type(module.policy()) is type(controller)
    assert set(available_policies(module, None)) >= {"ours", "oracle"}
    assert "primitive" not in available_policies(module, None)


def test_its_settings_decide_what_its_episodes_are_made_of() -> None:
    first, again, other = (settings_of_module(GivenPolicy(script(step))) for step in (3, 3, 4))
    assert first == again
    assert first != other
