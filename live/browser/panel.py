"""What a visitor reads and presses beside the scene."""

import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import viser
from scipy.spatial.transform import Rotation

from live.browser.assistants import NAMES
from live.browser.disturbances import MAX_LATENCY_S, MAX_NOISE_M
from live.browser.tries import SENTENCES
from live.browser.world import CURVE_STEPS, Curves, World
from live.browser.wrist import HIGH, LOW
from live.poses import Array

WELCOME = "**Move the wrist onto the pale hand, wait until the fingers close, then lift.**"

HELP = (
    "Drag the arrows and arcs at the wrist, or use keys: **W A S D** along the table, **R F** up and down, "
    "**I K J L U O** to turn, or a gamepad's sticks and triggers. **Show me** goes the way of a human-like wrist by "
    "itself."
)

SPEEDS = {"real time": 1.0, "half speed": 0.5, "quarter speed": 0.25}

KEY_STEP, KEY_TURN = 0.01, 0.08
"""Metres and radians that the wrist goes for one stroke of a key."""

KEYS: dict[str, tuple[tuple[float, float, float], tuple[float, float, float]]] = {
    "W": ((-0.66, 0.75, 0.0), (0.0, 0.0, 0.0)),
    "S": ((0.66, -0.75, 0.0), (0.0, 0.0, 0.0)),
    "A": ((-0.75, -0.66, 0.0), (0.0, 0.0, 0.0)),
    "D": ((0.75, 0.66, 0.0), (0.0, 0.0, 0.0)),
    "R": ((0.0, 0.0, 1.0), (0.0, 0.0, 0.0)),
    "F": ((0.0, 0.0, -1.0), (0.0, 0.0, 0.0)),
    "I": ((0.0, 0.0, 0.0), (1.0, 0.0, 0.0)),
    "K": ((0.0, 0.0, 0.0), (-1.0, 0.0, 0.0)),
    "J": ((0.0, 0.0, 0.0), (0.0, 1.0, 0.0)),
    "L": ((0.0, 0.0, 0.0), (0.0, -1.0, 0.0)),
    "U": ((0.0, 0.0, 0.0), (0.0, 0.0, 1.0)),
    "O": ((0.0, 0.0, 0.0), (0.0, 0.0, -1.0)),
}
"""Where each key takes the wrist: along the world as it is seen at first, and about the axes of the hand."""

SHOWN_S = 6.0
"""Seconds that the curves show."""

_STATES = {"idle": "#868e96", "assist": "#1c7ed6", "holding": "#2b8a3e", "release": "#e8590c"}
_TEXT = "padding:0 1em;font-size:0.9em;line-height:1.6;overflow-wrap:anywhere"
_SLIDERS = ("x, cm", "y, cm", "z, cm", "roll, deg", "pitch, deg", "yaw, deg")


@dataclass(frozen=True)
class Wishes:
    """What the panel asks of a visit; each is called on threads of viser.

    Attributes:
        do: to change the world on its own thread.
        show_object: by name.
        upload: a file's name and content.
        another_way, record, replay: buttons.
        replay_file: a recording's name and content.
    """

    do: Callable[[Callable[[World], object]], None]
    show_object: Callable[[str], None]
    upload: Callable[[str, bytes], None]
    another_way: Callable[[], None]
    record: Callable[[], None]
    replay: Callable[[], None]
    replay_file: Callable[[str, bytes], None]


class Panel:
    """The controls and read-outs of one visitor.

    Args:
        gui: of the visitor's tab.
        objects: names of the objects to choose from.
        max_upload_mb: size of a file that is let in, MB; a larger one ends the connection.
        wishes: what the controls ask for.

    Attributes:
        speed: seconds of the world in a second.
        shows_field, shows_contacts, shows_way: what is to be drawn.
    """

    def __init__(self, gui: viser.GuiApi, objects: Sequence[str], max_upload_mb: float, wishes: Wishes) -> None:
        self._gui, self._wishes = gui, wishes
        self.speed, self.shows_field, self.shows_contacts, self.shows_way = 1.0, False, True, True
        gui.add_markdown(f"{WELCOME}\n\n{HELP}")
        self._status = gui.add_html("")
        self._told = ""
        self._add_buttons()
        self._add_curves()
        self._add_choices(objects, max_upload_mb)
        with gui.add_folder("Make it harder", expand_by_default=False):
            self._add_disturbances()
        with gui.add_folder("Record and replay", expand_by_default=False):
            self._add_recording()
        with gui.add_folder("What is shown", expand_by_default=False):
            self._add_switches()
        with gui.add_folder("Wrist by sliders", expand_by_default=False):
            self._add_sliders()
        self._add_keys()

    def tell(self, world: World, real_time: float) -> None:
        """Bring the read-outs up to date; ``real_time`` is how fast the world goes, 1 as fast as it should."""
        told = _status_of(world, real_time)
        if told != self._told:
            self._status.content = self._told = told
        self._draw(world.curves())
        self._follow(world.wrist.wanted_w)

    def say(self, text: str, *, is_wrong: bool = False) -> None:
        """A sentence above the buttons until the next one, plain text; nothing when empty, red what went wrong."""
        # names and errors tell parts of strangers' files, which must not become parts of the page
        colour = "#c92a2a" if is_wrong else "inherit"
        self._note.content = f'<div style="{_TEXT};color:{colour}">{html.escape(text)}</div>' if text else ""

    def set_recording(self, is_on: bool) -> None:
        """What the button of the recording offers."""
        self._record.label = "Stop and save" if is_on else "Record"

    def show_object(self, name: str) -> None:
        """Have the choice of the object, of those to choose from, say what is there."""
        (title,) = (title for title, each in self._titles.items() if each == name)
        self._object.value = title  # type: ignore[misc]  # mypy does not see its setter

    def _add_buttons(self) -> None:
        gui, wishes = self._gui, self._wishes
        self._note = gui.add_html("")
        actions: dict[str, Callable[[], None]] = {
            "Show me": lambda: wishes.do(World.follow),
            "Once more": lambda: wishes.do(World.reset),
            "Another way": wishes.another_way,
            "Let go": lambda: wishes.do(World.release),
        }
        buttons = gui.add_button_group("try", tuple(actions))
        buttons.on_click(lambda _: actions[buttons.value]())

    def _add_choices(self, objects: Sequence[str], max_upload_mb: float) -> None:
        gui, wishes = self._gui, self._wishes
        self._titles = _titles(objects)
        self._object = gui.add_dropdown("object", tuple(self._titles), hint="none of them was trained on")
        self._object.on_update(self._chose)
        upload = gui.add_upload_button(
            f"Your own mesh (up to {max_upload_mb:g} MB)",
            icon=viser.Icon.UPLOAD,
            hint=".obj, .stl, .ply, .glb or .off; a larger file ends the connection",
        )
        upload.on_upload(lambda _: wishes.upload(upload.value.name, upload.value.content))
        policy = gui.add_dropdown("fingers", NAMES, hint="the policy, its primitive alone, after a rule, or nobody")
        policy.on_update(lambda _: wishes.do(lambda world: world.assistants.choose(policy.value)))
        level = gui.add_slider("assist level", 0.0, 1.0, 0.05, 1.0)
        level.on_update(lambda _: wishes.do(lambda world: setattr(world, "level", within(level.value, 0.0, 1.0))))
        closing = gui.add_slider("close (fingers: off)", 0.0, 1.0, 0.01, 0.0)
        closing.on_update(
            lambda _: wishes.do(lambda world: setattr(world.assistants, "closing", within(closing.value, 0.0, 1.0)))
        )

    def _chose(self, event: viser.GuiEvent[viser.GuiDropdownHandle[str]]) -> None:
        if event.client is not None:  # not where it only follows a replay
            self._wishes.show_object(self._titles[event.target.value])

    def _add_curves(self) -> None:
        times = np.linspace(-SHOWN_S, 0.0, CURVE_STEPS)
        self._curves = self._gui.add_uplot(
            (times, np.zeros(CURVE_STEPS), np.zeros(CURVE_STEPS)),
            (
                {"label": "s"},
                {"label": "a_s", "stroke": "#1c7ed6", "width": 2},
                {"label": "10 r_sim", "stroke": "#e8590c", "width": 1},
            ),
            scales={"x": {"time": False, "range": (-SHOWN_S, 0.0)}, "y": {"range": (-0.6, 1.2)}},
            height=140,
        )

    def _add_recording(self) -> None:
        gui, wishes = self._gui, self._wishes
        self._record = gui.add_button("Record", icon=viser.Icon.PLAYER_RECORD, hint="the try begins anew")
        self._record.on_click(partial(_call, wishes.record))
        gui.add_button("Replay the recording", icon=viser.Icon.REPEAT).on_click(partial(_call, wishes.replay))
        upload = gui.add_upload_button("Replay a log.npz", icon=viser.Icon.UPLOAD, mime_type=".npz")
        upload.on_upload(lambda _: wishes.replay_file(upload.value.name, upload.value.content))

    def _add_disturbances(self) -> None:
        gui, do = self._gui, self._wishes.do
        late = gui.add_slider("tracker is late, ms", 0, round(1e3 * MAX_LATENCY_S), 5, 0)
        late.on_update(
            lambda _: do(lambda world: setattr(world, "latency_s", within(1e-3 * late.value, 0.0, MAX_LATENCY_S)))
        )
        noise = gui.add_slider("tracker's noise, mm", 0.0, 1e3 * MAX_NOISE_M, 0.5, 0.0)
        noise.on_update(
            lambda _: do(lambda world: setattr(world, "noise_m", within(1e-3 * noise.value, 0.0, MAX_NOISE_M)))
        )
        speed = gui.add_dropdown("time", tuple(SPEEDS))
        speed.on_update(lambda _: setattr(self, "speed", SPEEDS[speed.value]))

    def _add_switches(self) -> None:
        for label, name in (
            ("the field at the fingertips", "shows_field"),
            ("contacts", "shows_contacts"),
            ("the way to follow", "shows_way"),
        ):
            box = self._gui.add_checkbox(label, bool(getattr(self, name)))
            box.on_update(lambda _, box=box, name=name: setattr(self, name, bool(box.value)))  # type: ignore[misc]

    def _add_sliders(self) -> None:
        self._sliders = []
        for number, label in enumerate(_SLIDERS):
            low, high = (100.0 * LOW[number], 100.0 * HIGH[number]) if number < 3 else (-180.0, 180.0)
            slider = self._gui.add_slider(label, float(low), float(high), 0.5, 0.0)
            slider.on_update(self._slid)
            self._sliders.append(slider)

    def _slid(self, event: viser.GuiEvent[viser.GuiSliderHandle[float]]) -> None:
        if event.client is None:  # it only follows the wrist
            return
        values = np.array([float(slider.value) for slider in self._sliders])
        turn = Rotation.from_euler("xyz", values[3:], degrees=True).as_quat(scalar_first=True)
        pose = np.concatenate([0.01 * values[:3], turn])
        self._wishes.do(lambda world: world.wrist.ask(pose))

    def _follow(self, wanted_w: Array) -> None:
        """The sliders show where the wrist is wanted."""
        turn = Rotation.from_quat(wanted_w[3:], scalar_first=True).as_euler("xyz", degrees=True)
        for slider, value in zip(self._sliders, (*(100.0 * wanted_w[:3]), *turn), strict=True):
            rounded = float(np.clip(0.5 * round(2.0 * value), slider.min, slider.max))
            if abs(rounded - float(slider.value)) > 0.25:
                slider.value = rounded  # type: ignore[misc]  # mypy does not see its setter

    def _add_keys(self) -> None:
        for key, (way, turn) in KEYS.items():
            nudge = partial(_nudge, way=KEY_STEP * np.array(way), turn=KEY_TURN * np.array(turn))
            command = self._gui.add_command(f"wrist {key}", hotkey=key)  # type: ignore[arg-type]
            command.on_trigger(lambda _, nudge=nudge: self._wishes.do(nudge))  # type: ignore[misc]

    def _draw(self, curves: Curves) -> None:
        count = len(curves.time_s)
        if count < 2:
            return
        times = curves.time_s - curves.time_s[-1]
        self._curves.data = (times, curves.a_s, 10.0 * curves.r_sim)


def within(value: float, low: float, high: float) -> float:
    """A slider's value, which a page that is not ours may set to anything, between its ends; low when it is NaN."""
    return min(max(low, float(value)), high)  # of NaN and a number, max gives the first


def _titles(objects: Sequence[str]) -> dict[str, str]:
    """Names of objects by what the visitor reads: the family, with the number where there are several of it."""
    families = [name.rsplit("_", 1)[0] for name in objects]
    kept = zip(objects, families, strict=True)
    return {(name if families.count(family) > 1 else family).replace("_", " "): name for name, family in kept}


def _call(wish: Callable[[], None], _: object) -> None:
    wish()


def _nudge(world: World, way: Array, turn: Array) -> None:
    world.wrist.nudge(way, turn)


def _status_of(world: World, real_time: float) -> str:
    tries, targets = world.tries, world.targets
    state = "idle" if targets is None else targets.state.value
    rows = [
        f'<span style="background:{_STATES[state]};color:#fff;border-radius:4px;padding:1px 8px">{state}</span>'
        f"&ensp;{'<b>held</b>' if tries.is_held else 'not held'}"
        f"&ensp;lifted <b>{tries.num_lifted}</b> of {tries.num_tries}"
    ]
    if tries.last:
        colour = "#2b8a3e" if tries.last == "success" else "#c92a2a"
        rows.append(f'<span style="color:{colour}">{html.escape(SENTENCES[tries.last])}</span>')
    if targets is not None and targets.message:
        rows.append(html.escape(targets.message))
    if real_time < 0.9:
        rows.append(f"this machine is busy: {round(10 * real_time) * 10} % of real time")
    return f'<div style="{_TEXT}">' + "<br>".join(rows) + "</div>"
