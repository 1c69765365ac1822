"""One visitor: a world of his own on a thread of its own, in real time, until his tab is closed."""

import logging
import math
import queue
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import viser

from envs.hand.hand import Hand
from envs.objects.grasp_object import GraspObject
from live.browser.panel import Panel, Wishes
from live.browser.recordings import Recording, read_recording
from live.browser.stage import Stage
from live.browser.ways import Way
from live.browser.world import World
from live.refusals import RefusalLog

_LOG = logging.getLogger(__name__)

TELL_EVERY = 6
"""Control steps between two looks of the read-outs: some 7 a second."""

BEHIND_S = 0.2
"""Seconds that a world may lag behind before it gives up to catch up."""

LOOK_S = 0.5
"""Seconds between two looks of a build that waits for its turn at whether its visitor is still there."""

STILL_STOP_S = 1.0
"""Seconds after a recording stopped by itself in which a click on its button was meant to stop it."""


class Exhibits:
    """What can be shown: objects by name, and the ways to follow.

    Args:
        things: the objects.
        next_way: gives another way to an object, by its name; called on any thread.
        build: makes an object of an uploaded file's name and content; may take long.
        max_upload_mb: size of a file that is let in, MB.
    """

    def __init__(
        self,
        things: Mapping[str, GraspObject],
        next_way: Callable[[str], Way],
        build: Callable[[str, bytes], GraspObject],
        max_upload_mb: float,
    ) -> None:
        self.max_upload_mb = max_upload_mb
        self.things, self._next_way, self._build = things, next_way, build
        self._lock, self._building = threading.Lock(), threading.Lock()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the objects."""
        return tuple(self.things)

    def next_way(self, name: str) -> Way:
        """Another way to an object."""
        with self._lock:
            return self._next_way(name)

    def build(self, name: str, content: bytes, is_over: threading.Event) -> GraspObject | None:
        """The object of an uploaded file; one is built at a time, whoever asks. None for who left before his turn.

        Raises:
            ValueError: it cannot be used.
        """
        while not self._building.acquire(timeout=LOOK_S):
            if is_over.is_set():
                return None
        try:
            return None if is_over.is_set() else self._build(name, content)
        finally:
            self._building.release()


class Visit:
    """Runs a world for a tab.

    Args:
        client: the tab.
        hand: the hand.
        world: his world, nothing in it yet.
        exhibits: what can be shown.

    Attributes:
        world: his world; it belongs to the visit's thread, others ask through `do`.
        turn: held during each step; whoever holds it stops the world, and may `advance` it himself.
        panel, stage: what he sees.
        num_steps: control steps so far.
        pace: how fast the world goes, smoothed; 1 is as fast as it should.
    """

    def __init__(self, client: viser.ClientHandle, hand: Hand, world: World, exhibits: Exhibits) -> None:
        self.world = world
        self._client, self._exhibits = client, exhibits
        self._wishes: queue.SimpleQueue[Callable[[World], object]] = queue.SimpleQueue()
        self._is_over = threading.Event()
        self.turn = threading.Lock()
        self.num_steps, self.pace = 0, 1.0
        self._name = exhibits.names[0]
        self._recording: Recording | None = None
        self._stopped_itself_at = -math.inf
        self._is_building = threading.Lock()
        self._refusals = RefusalLog(world.refused, f"visitor {client.client_id}: ")
        self.stage = Stage(client, hand, lambda pose_w: self.do(lambda world: world.wrist.ask(pose_w)))
        wishes = Wishes(
            self.do, self._show_object, self._upload, self._another_way, self._record, self._replay, self._replay_file
        )
        self.panel = Panel(client.gui, exhibits.names, exhibits.max_upload_mb, wishes)
        self._thread = threading.Thread(target=self._run, name=f"visit {client.client_id}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._show_object(self._name)
        self._thread.start()

    def end(self) -> None:
        """Free the world; returns at once."""
        self._is_over.set()

    @property
    def camera(self) -> viser.CameraHandle:
        """From where the visitor looks."""
        return self._client.camera

    @property
    def is_alive(self) -> bool:
        """Whether the world still runs."""
        return self._thread.is_alive()

    def do(self, wish: Callable[[World], object]) -> None:
        """Have something done to the world before its next step."""
        self._wishes.put(wish)

    # ---- the thread of the world

    def _run(self) -> None:
        try:
            self._loop()
        except Exception:  # the visitor is told; the other visitors' worlds go on
            if not self._is_over.is_set():
                _LOG.exception("the world of a visitor stopped")
                self.panel.say("The world stopped because of an error; reload the page.", is_wrong=True)
        finally:
            self.world.close()

    def advance(self) -> None:
        """One control step, and what it looks like; for whoever holds `turn`."""
        self._heed()
        state = self.world.step()
        if self.world.log.is_on and self.world.log.is_full:
            self._save(self.world)
            self._stopped_itself_at = time.monotonic()
        arrows = self.world.field_arrows(state) if self.panel.shows_field else None
        look, contacts = self.world.look(state), self.panel.shows_contacts
        self.stage.show(look, self.world.wrist.wanted_w, arrows, with_contacts=contacts)
        self.num_steps += 1
        if self.num_steps % TELL_EVERY == 0:
            self.stage.show_way(self.panel.shows_way)
            self.panel.tell(self.world, self.pace)
            self._refusals.look()

    def _loop(self) -> None:
        due = told_at = time.monotonic()
        while not self._is_over.is_set():
            with self.turn:
                self.advance()
            lasts = self.world.period_s / self.panel.speed
            if self.num_steps % TELL_EVERY == 0:
                now = time.monotonic()
                self.pace += 0.2 * (min(1.0, TELL_EVERY * lasts / max(now - told_at, 1e-9)) - self.pace)
                told_at = now
            due = max(due + lasts, time.monotonic() - BEHIND_S)
            self._is_over.wait(max(0.0, due - time.monotonic()))

    def _heed(self) -> None:
        while True:
            try:
                wish = self._wishes.get_nowait()
            except queue.Empty:
                return
            try:
                wish(self.world)
            except ValueError as error:
                self.panel.say(str(error), is_wrong=True)

    # ---- wishes, on threads of the server

    def _show_object(self, name: str) -> None:
        self._name = name
        self._place(self._exhibits.things[name], self._exhibits.next_way(name))

    def _another_way(self) -> None:
        self._show_object(self._name)

    def _place(self, thing: GraspObject, way: Way | None) -> None:
        def wish(world: World) -> None:
            world.place(thing, way)
            self.stage.place(thing, way)

        self.panel.say("")
        self.do(wish)

    def _upload(self, name: str, content: bytes) -> None:
        # the server has so many threads for all tabs, and building takes up to a minute: it gets one of its own
        if not self._is_building.acquire(blocking=False):
            self.panel.say("Another mesh of yours is still being built; wait for it, then try again.", is_wrong=True)
            return
        self.panel.say(f"building {Path(name).name[:40]} ...")
        threading.Thread(target=self._build, args=(name, content), name="build", daemon=True).start()

    def _build(self, name: str, content: bytes) -> None:
        try:
            thing = self._exhibits.build(name, content, self._is_over)
        except Exception as error:  # the visitor is told; a thread that ended would tell nobody
            if not isinstance(error, ValueError | RuntimeError):
                _LOG.exception("a mesh could not be built")
            self.panel.say(f"This mesh cannot be used: {str(error)[:400]}", is_wrong=True)
            return
        finally:
            self._is_building.release()
        if thing is not None:
            self._place(thing, None)

    def _record(self) -> None:
        def wish(world: World) -> None:
            if world.log.is_on:
                self._save(world)
            elif time.monotonic() > self._stopped_itself_at + STILL_STOP_S:
                world.record()
                self.panel.set_recording(True)

        self.do(wish)

    def _save(self, world: World) -> None:
        """Stop recording; the visitor gets what there is as a file, and replays it if it can be."""
        world.log.is_on = False
        self.panel.set_recording(False)
        if not len(world.log):
            return
        content = world.log.content()
        self._client.send_file_download("log.npz", content)
        self._recording = None
        try:
            self._recording = read_recording(content, world.hand, world.period_s)
        except ValueError as error:
            self.panel.say(f"log.npz is saved, but it cannot be replayed: {error}", is_wrong=True)
            return
        if world.log.is_full:
            self.panel.say(f"Stopped after {world.period_s * len(world.log):g} s, as long as a recording lasts.")

    def _replay(self) -> None:
        def wish(world: World) -> None:
            if self._recording is None:
                self.panel.say("There is no recording to replay: press Record, move the wrist, stop.")
            else:
                self._play(world, self._recording)

        self.do(wish)

    def _replay_file(self, name: str, content: bytes) -> None:
        try:
            recording = read_recording(content, self.world.hand, self.world.period_s)
        except ValueError as error:
            self.panel.say(f"{Path(name).name[:40]} cannot be replayed: {str(error)[:400]}", is_wrong=True)
            return

        def wish(world: World) -> None:
            self._play(world, recording)
            self._recording = recording

        self.do(wish)

    def _play(self, world: World, recording: Recording) -> None:
        """Past the object that the recording names, or the one that is there where that is unknown."""
        name = recording.object_name
        thing = world.thing if name == world.thing.name else self._exhibits.things.get(name, world.thing)
        world.replay(recording, thing)
        self.stage.place(thing, world.way)
        is_other = thing.name != name
        self.panel.say(f"Recorded with {name or 'an unknown object'}, which is not here." if is_other else "")
        if thing.name in self._exhibits.things:
            self._name = thing.name
            self.panel.show_object(thing.name)
