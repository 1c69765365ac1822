"""The page on which one moves the wrist, on this machine alone: ``python -m live.server --config configs/live.yaml``.

Every tab has a world of its own; docs/live.md tells what can be done there.
"""

import logging
import sys
import threading
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch

from datamodules.grasps.grasp_file import load_grasp_set
from envs.command_line import SettingsParser
from envs.hand.registry import load_hand
from envs.objects.library import ObjectLibrary
from envs.physics.mujoco_cpu import MujocoCpu
from envs.wrist.recorded import load_patterns
from live.browser.settings import DemoSettings
from live.hand_guard import check_policy_hand
from live.policies import load_control_policy

_LOG = logging.getLogger(__name__)


class DemoServer:
    """Serves the page from when it is made until `close`.

    Args:
        settings: what it offers.

    Attributes:
        port: where it is served.
        visits: who is there.

    Raises:
        FileNotFoundError, ValueError: policy, grasps, objects or recorded wrists that cannot be used.
        ModuleNotFoundError: viser is not installed.
        OSError: the port is taken.
    """

    def __init__(self, settings: DemoSettings) -> None:
        try:
            import viser
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError("the page needs viser; install: pip install -e '.[demo]'") from error
        from live.browser.guard import HOST, check_port, guarded_serving
        from live.browser.scripts import GAMEPAD
        from live.browser.uploads import object_of_upload
        from live.browser.visit import Exhibits, Visit
        from live.browser.visits import Visits
        from live.browser.ways import Ways
        from live.browser.world import World

        check_port(settings.port)
        policy = load_control_policy(settings.policy)
        hand, library, grasps = load_hand(policy.facts.name), ObjectLibrary(), load_grasp_set(settings.grasps)
        check_policy_hand(policy, grasps, Path(settings.policy))
        period_s = policy.facts.period_s
        recorded = load_patterns(settings.patterns) if settings.patterns else None
        ways = {name: Ways(grasps, library, name, period_s, settings.seed, recorded) for name in settings.objects}
        exhibits = Exhibits(
            dict(zip(settings.objects, library.get_many(settings.objects), strict=True)),
            lambda name: ways[name].next(),
            lambda name, content: object_of_upload(name, content, settings.build_timeout_s),
            settings.max_upload_mb,
        )
        factory = MujocoCpu(max_models=64)

        def visit(client: viser.ClientHandle) -> Visit:
            world = World(hand, load_control_policy(settings.policy), factory, seed=client.client_id)
            return Visit(client, hand, world, exhibits)

        self.visits = Visits(visit, settings.max_visitors)
        with guarded_serving(round(1e6 * settings.max_upload_mb), GAMEPAD):
            self._server = viser.ViserServer(HOST, settings.port, label="GraspGF", verbose=False)
        self.port: int = self._server.get_port()
        self._server.gui.configure_theme(
            control_width="medium", show_logo=False, show_share_button=False, brand_color=(28, 126, 214)
        )
        self._server.on_client_connect(self.visits.open)
        self._server.on_client_disconnect(self.visits.close)

    @property
    def address(self) -> str:
        """Where to look."""
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        """End all visits and give the port back."""
        for visit in self.visits.running:
            visit.end()
        self._server.stop()


def _settings(args: Sequence[str] | None) -> DemoSettings:
    parser = SettingsParser(description=__doc__)
    parser.add_argument("--config", action="config", help="YAML file of settings")
    parser.add_class_arguments(DemoSettings)
    given: dict[str, Any] = {item.name: getattr(parser.parse_args(args), item.name) for item in fields(DemoSettings)}
    return DemoSettings(**given)


def main(args: Sequence[str] | None = None) -> None:
    """Command line: serves until it is interrupted."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("websockets").setLevel(logging.WARNING)
    torch.set_num_threads(1)  # each visitor has a thread of his own
    try:
        server = DemoServer(_settings(args))
    except (OSError, ValueError, KeyError, ModuleNotFoundError) as error:
        sys.exit(f"error: {error}")
    _LOG.info("open %s in a browser; Ctrl+C ends", server.address)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        _LOG.info("ended")
    finally:
        server.close()


if __name__ == "__main__":
    main()
