// A gamepad as strokes of the page's own keys (KEYS of live/browser/panel.py), more a second the farther it is pushed.
// Strokes carry no `code`: viser moves its camera by that, and its commands go by `key`. Those keys of both are passed
// on in the same way, so that they move the wrist alone.
(() => {
  "use strict";

  const RATE = 25; // strokes a second of a stick at its end: 0.25 m/s, 2 rad/s
  const DEAD = 0.15; // what a stick at rest may tell
  const LONGEST_S = 0.2; // that a slow page makes up for

  // of the standard layout (w3.org/TR/gamepad): number, key where the value is below 0, key where it is above
  const AXES = [[0, "a", "d"], [1, "w", "s"], [2, "u", "o"], [3, "i", "k"]];
  const BUTTONS = [[6, "f"], [7, "r"], [4, "j"], [5, "l"]]; // triggers: down, up; shoulders: about the axis out of the palm

  const CAMERAS = new Set(["KeyW", "KeyA", "KeyS", "KeyD"]);

  const owed = {};
  let before = performance.now();

  const stroke = (key) => document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));

  const push = (key, share, seconds) => {
    if (!(share > DEAD)) {
      owed[key] = 0;
      return;
    }
    owed[key] = (owed[key] || 0) + (RATE * seconds * (Math.min(share, 1) - DEAD)) / (1 - DEAD);
    for (; owed[key] >= 1; owed[key] -= 1) stroke(key);
  };

  const look = (now) => {
    const seconds = Math.min((now - before) / 1000, LONGEST_S);
    before = now;
    const pad = [...navigator.getGamepads()].find((each) => each && each.connected && each.mapping === "standard");
    if (pad && document.hasFocus()) {
      for (const [number, below, above] of AXES) {
        push(below, -pad.axes[number], seconds);
        push(above, pad.axes[number], seconds);
      }
      for (const [number, key] of BUTTONS) push(key, pad.buttons[number].value, seconds);
    }
    requestAnimationFrame(look);
  };

  const pass = (event) => {
    const modified = event.ctrlKey || event.metaKey || event.altKey || event.shiftKey;
    const typed = event.target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(event.target.tagName);
    if (modified || typed || !CAMERAS.has(event.code)) return;
    event.stopImmediatePropagation();
    event.preventDefault();
    stroke(event.key.toLowerCase());
  };

  window.addEventListener("keydown", pass, true);
  if (navigator.getGamepads) requestAnimationFrame(look);
})();
