"""Single episodes of an evaluation, run again and drawn, with the sentence that says why they ended so.

python -m reports.replay runs/residual_ppo_development                           # what there is
python -m reports.replay runs/residual_ppo_development:development:ours:17       # one episode
python -m reports.replay runs/residual_ppo_development --worst 4                 # failures, by turns of their causes
python -m reports.replay runs/residual_ppo_development --worst 4 --cause hit_table
python -m reports.replay runs/rehearsal_test/logs/mug_00000_pose1_trial1.npz     # what a controller has logged
"""

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path

from envs.files import check_folder
from envs.pictures.sheets import save_png
from envs.task.outcomes import CAUSES
from reports.episode.controller_log import log_picture, read_logged_run, told
from reports.episode.picture import episode_picture
from reports.episode.runs import Address, KeptFiles, OpenedRun, Replay, overview
from reports.episode.story import story

_LOG = logging.getLogger("replay")


def draw(files: KeptFiles, replay: Replay, folder: Path) -> Path:
    """Write the picture of an episode into a folder, and say why it ended so; its path."""
    thing, cause = replay.record.grasp_object, CAUSES[int(replay.outcome.cause[0])]
    told = story(replay.record, replay.outcome)
    if not replay.is_same:
        before = CAUSES[int(replay.kept.cause[0])].replace("_", " ")
        told += f" It ended otherwise than in the evaluation ({before}): numbers were rounded otherwise."
    title = (
        f"{thing.name} ({thing.family}), {replay.kind}; episode {replay.number} of {files.policy} on {files.split}: "
        f"{cause.replace('_', ' ')}"
    )
    path = folder / f"replay_{files.name(replay.number)}.png"
    save_png(path, episode_picture(replay.record, title, told), num_colours=256)
    _LOG.info("%s\n%s\nwrote %s", title, told, path)
    return path


def draw_log(path: Path, folder: Path | None) -> Path:
    """Write the picture of a controller's log, and say what happened; its path.

    Raises:
        FileNotFoundError, ValueError: see `read_logged_run`.
    """
    run = read_logged_run(path)
    picture = (folder or path.parent) / f"replay_{path.stem}.png"
    save_png(picture, log_picture(run, f"{path.name}, hand {run.hand.name}"), num_colours=256)
    _LOG.info("%s\nwrote %s", told(run), picture)
    return picture


def main(args: Sequence[str] | None = None) -> None:
    """Command line; ``args`` stands in for the process's arguments."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    for name in ("lightning.pytorch", "lightning.fabric"):  # devices and seeds, which say nothing here
        logging.getLogger(name).setLevel(logging.WARNING)
    parser = argparse.ArgumentParser(
        "replay",
        description="Run single episodes of an evaluation again and draw what happened in them.",
        epilog="Run it from the folder from which the evaluation was run.",
    )
    parser.add_argument(
        "episode",
        metavar="RUN[:SPLIT[:POLICY[:NUMBER]]]",
        help="a controller's log (.npz); or folder of a run, split, policy (ours; ours_1 for the second seed of "
        "trajectories) and number of the episode; without a number, and without --worst and --cause, it is listed what "
        "there is",
    )
    parser.add_argument("--worst", type=int, metavar="N", help="N failures: causes by turns, worst families first")
    parser.add_argument("--cause", choices=CAUSES, help="episodes that ended so; one unless --worst says more")
    parser.add_argument("--folder", type=Path, help="folder of the pictures (default: RUN/pictures, or that of a log)")
    given = parser.parse_args(args)
    try:
        if given.episode.endswith(".npz"):
            draw_log(Path(given.episode), given.folder)
            return
        address = Address.parse(given.episode)
        picks = given.worst is not None or given.cause is not None
        if (picks and address.number is not None) or (given.worst is not None and given.worst < 1):
            raise ValueError(
                f"episode {given.episode!r} and --worst {given.worst}: give the number of an episode, or --worst with "
                "at least 1, or --cause"
            )
        files = address.files()
        if address.number is None and not picks:
            _LOG.info("%s", overview(files))
            return
        numbers = [] if address.number is None else [files.check(address.number)]
        folder = given.folder or files.root / "pictures"
        check_folder(folder)
        run = OpenedRun(files)
        numbers = numbers or run.pick(given.worst or 1, given.cause)
        if not numbers:
            raise ValueError(f"{files.path} has no episode that ended so ({given.cause or 'failed'})")
        for number in numbers:
            draw(files, run.replay(number), folder)
    except (ValueError, OSError) as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
