"""The controller between a tracker and a hand: ``python -m live.run --policy FOLDER``.

Takes readings over UDP (`live.udp`), or from ROS 2 topics with ``--ros2`` (`live.ros2`), and answers with joint
targets, at the control rate. FOLDER is what ``python -m lightning_modules.export --format onnx`` wrote, or a
checkpoint.
"""

import argparse
import logging
import signal
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from envs.field_files import read_json
from envs.files import check_output
from live.controller import AssistController
from live.log import ControllerLog
from live.loop import ControlLoop
from live.policies import ControlPolicy, load_control_policy
from live.poses import Points
from live.refusals import RefusalLog, refused_by
from live.ros2 import Ros2Port
from live.settings import ControllerSettings
from live.udp import UdpPort

_LOG = logging.getLogger(__name__)

_CAMERAS = "give a pose [7] of each camera by the frame of its clouds"


def main(args: Sequence[str] | None = None) -> None:
    """Command line of the controller; it ends, and writes its log, when it is interrupted or told to terminate."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    parser = argparse.ArgumentParser(prog="python -m live.run", description="Assist a hand over UDP.")
    parser.add_argument("--policy", type=Path, required=True, help="folder of ONNX files, or a checkpoint")
    parser.add_argument("--object", type=Path, help="npy file: cloud (N, 3), m, of the object whose poses will come")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at; loopback unless given")
    parser.add_argument("--port", type=int, default=47_800)
    parser.add_argument("--ros2", action="store_true", help="ROS 2 topics in place of UDP (docs/real_hand.md)")
    parser.add_argument("--cameras", type=Path, help="JSON file: pose of each camera [7] by the frame of its clouds")
    parser.add_argument("--level", type=float, default=1.0, help="assist level in [0, 1]")
    parser.add_argument(
        "--max_speed", type=float, default=ControllerSettings.max_speed, help="of a joint target, rad/s"
    )
    parser.add_argument("--max_torque", type=float, help="N m that a joint may press with; the hand's unless given")
    parser.add_argument(
        "--max_age",
        type=float,
        default=ControllerSettings.max_age_s,
        help="s without a view or pose after which an object moves no fingers; inf where it is told once",
    )
    parser.add_argument("--log", type=Path, help="npz file of the last 24,000 control steps, written at the end")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="end after so many; never unless given")
    given = parser.parse_args(args)
    log = ControllerLog()
    try:
        if given.log is not None:
            check_output(given.log, given.object, given.cameras)
        policy = load_control_policy(given.policy)
        settings = ControllerSettings(given.level, given.max_speed, given.max_torque, max_age_s=given.max_age)
        controller = AssistController(policy, settings, log)
        if given.object is not None:
            controller.know_object(_cloud(given.object))
        port = _port(given, policy)
    except (OSError, ValueError, ModuleNotFoundError) as error:
        parser.error(str(error))
    try:
        refusals = RefusalLog(lambda: refused_by(controller.inputs, port))
        ControlLoop(controller, [port], [port]).run(policy.facts.period_s, given.seconds, refusals.look)
    except KeyboardInterrupt:
        _LOG.info("ended")
    finally:
        controller.close()
        port.close()
        if given.log is not None and len(log):
            _LOG.info("wrote %s", log.save(given.log))


def _cloud(path: Path) -> Points:
    """The cloud (N, 3) of an npy file.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it holds something else.
    """
    expected = "expected an npy file of points (N, 3), m"
    try:
        # as a map: what a header says of gigabytes that the file does not have is not believed
        content = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, SyntaxError, TypeError) as error:
        raise ValueError(f"{path} cannot be read: {error}; {expected}") from error
    if not isinstance(content, np.ndarray) or content.dtype.kind not in "fiu":
        kind = getattr(content, "dtype", "several arrays")
        raise ValueError(f"{path} holds {kind}; {expected}")
    return np.array(content, dtype=np.float64)


def _port(given: argparse.Namespace, policy: ControlPolicy) -> UdpPort | Ros2Port:
    """What readings come from and targets go to, told where it is."""
    if given.ros2:
        cameras = {} if given.cameras is None else read_json(given.cameras, _CAMERAS)
        _LOG.info("listening to ROS 2 topics for the hand %s", policy.facts.name)
        return Ros2Port(policy.facts, cameras)
    port = UdpPort(given.port, given.host)
    _LOG.info("listening at %s:%d for the hand %s", *port.address, policy.facts.name)
    return port


if __name__ == "__main__":
    main()
