// SPDX-License-Identifier: Apache-2.0
// Pointer and keyboard: the tools.

const CURSORS = { move: "grab", window: "ns-resize", brush: "none", erase: "none", polygon: "crosshair", remove: "crosshair" };

export function connectTools({ $, view, state, list, actions }) {
  const canvas = view.canvas;
  let drag = null, space = false;

  const painting = () => state.tool === "brush" || state.tool === "erase";

  function choose(tool) {
    if (tool !== "polygon") view.polygon = [];
    else if (state.tool !== "polygon") actions.notice("click the corners; Enter or a double click closes the polygon");
    state.tool = tool;
    canvas.style.cursor = CURSORS[tool];
    if (view.cursor) view.cursor.radius = painting() ? state.radius : 0;
    view.draw();
    actions.refresh();
  }

  // The width is kept in mm where the spacing is known, so that it means the same on every image.
  function setRadius(radius) {
    state.radius = Math.max(1, Math.min(200, Math.round(radius)));
    $("size").value = state.radius;
    const spacing = view.image?.spacing;
    if (spacing) state.width = 2 * state.radius * spacing[1];
    $("size-text").textContent = spacing ? `${(2 * state.radius * spacing[1]).toFixed(1)} mm` : `${2 * state.radius} pixels`;
    if (view.cursor) view.cursor.radius = painting() ? state.radius : 0;
    view.draw();
  }

  function closePolygon(value) {
    const points = view.polygon;
    view.polygon = [];
    if (points.length > 2) {
      state.mask.begin();
      state.mask.polygon(points, value);
      actions.step(state.mask.end());
    }
    view.draw();
  }

  function removeAt(at) {
    const x = Math.floor(at.x), y = Math.floor(at.y), mask = state.mask;
    if (x < 0 || y < 0 || x >= mask.columns || y >= mask.rows) return;
    mask.begin();
    mask.removeAt(x, y);
    if (mask.end()) actions.edited();
    else actions.notice("there is no lesion under the pointer");
  }

  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  canvas.addEventListener("pointerdown", (event) => {
    if (!state.mask || state.busy) return;
    canvas.focus();
    const at = view.toImage(event);
    let kind = state.tool;
    if (event.button === 2) kind = "window";
    else if (event.button === 1 || space) kind = "move";
    event.preventDefault();
    if (kind === "polygon") {
      if (event.detail < 2) view.polygon.push([at.x, at.y]);
      view.draw();
      return;
    }
    if (kind === "remove") { removeAt(at); return; }
    canvas.setPointerCapture(event.pointerId);
    drag = { kind, last: at, client: [event.clientX, event.clientY], value: kind === "brush" && !event.altKey ? 1 : 0 };
    if (kind === "move") canvas.style.cursor = "grabbing";
    if (kind === "brush" || kind === "erase") {
      state.mask.begin();
      state.mask.stroke(at.x, at.y, at.x, at.y, state.radius, drag.value);
      view.saved = false;
      view.showLabel = true;
      view.draw();
    }
  });

  canvas.addEventListener("pointermove", (event) => {
    if (!view.image) return;
    const at = view.toImage(event);
    view.cursor = { ...at, radius: painting() && !space ? state.radius : 0 };
    pointerText(at);
    if (!drag) { if (painting() || view.polygon.length) view.draw(); return; }
    const dx = event.clientX - drag.client[0], dy = event.clientY - drag.client[1];
    drag.client = [event.clientX, event.clientY];
    if (drag.kind === "move") view.move(dx * view.ratio, dy * view.ratio);
    else if (drag.kind === "window") view.changeWindow(dx, dy);
    else {
      state.mask.stroke(drag.last.x, drag.last.y, at.x, at.y, state.radius, drag.value);
      drag.last = at;
      view.draw();
    }
  });

  function finish() {
    if (!drag) return;
    if (drag.kind === "brush" || drag.kind === "erase") actions.step(state.mask.end());
    drag = null;
    canvas.style.cursor = space ? "grab" : CURSORS[state.tool];
  }
  canvas.addEventListener("pointerup", finish);
  canvas.addEventListener("pointercancel", finish);
  canvas.addEventListener("pointerleave", () => { view.cursor = null; rest(); view.draw(); });
  canvas.addEventListener("dblclick", (event) => { if (state.tool === "polygon") closePolygon(event.shiftKey ? 0 : 1); });
  canvas.addEventListener("wheel", (event) => {
    if (!view.image) return;
    event.preventDefault();
    const at = view.toImage(event);
    view.zoom(Math.exp(-event.deltaY / (event.ctrlKey ? 100 : 400)), at.cx, at.cy);
  }, { passive: false });

  function pointerText(at) {
    const x = Math.floor(at.x), y = Math.floor(at.y), { rows, columns, pixels } = view.image;
    const inside = x >= 0 && y >= 0 && x < columns && y < rows;
    $("pointer").textContent = inside ? `column ${x}  row ${y}  grey ${pixels[y * columns + x]}` : "";
  }

  const click = (id) => $(id).click();
  const keys = {
    v: () => choose("move"), w: () => choose("window"), b: () => choose("brush"), e: () => choose("erase"),
    p: () => choose("polygon"), x: () => choose("remove"), f: () => view.image && view.fit(), o: () => view.native(),
    i: () => click("invert"), h: () => click("hide"), r: () => view.image && view.resetWindow(), m: () => actions.suggest(),
    s: () => actions.save(), n: () => actions.nextImage(), "?": () => click("help-open"),
    "[": () => setRadius(state.radius / 1.25 - 0.5), "]": () => setRadius(state.radius * 1.25 + 0.5),
    ArrowUp: () => actions.open(list.neighbour(-1)), ArrowDown: () => actions.open(list.neighbour(1)),
    Escape: () => { view.polygon = []; view.draw(); },
    Backspace: () => { view.polygon.pop(); view.draw(); },
  };

  document.addEventListener("keydown", (event) => {
    if (document.querySelector("dialog[open]") || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
    if (event.key === " ") { space = true; canvas.style.cursor = "grab"; event.preventDefault(); return; }
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (event.ctrlKey || event.metaKey) {
      if (key === "z") click(event.shiftKey ? "redo" : "undo");
      else if (key === "y") click("redo");
      else return;
    } else if (key === "Enter") {
      if (view.polygon.length) closePolygon(event.shiftKey ? 0 : 1);
      else if (event.target.tagName !== "BUTTON") click("save-next");
      else return;
    } else if (keys[key]) keys[key]();
    else return;
    event.preventDefault();
  });
  document.addEventListener("keyup", (event) => {
    if (event.key === " ") { space = false; canvas.style.cursor = CURSORS[state.tool]; }
  });

  for (const button of document.querySelectorAll("[data-tool]")) button.addEventListener("click", () => choose(button.dataset.tool));
  $("undo").addEventListener("click", () => state.mask && actions.step(state.mask.undo()));
  $("redo").addEventListener("click", () => state.mask && actions.step(state.mask.redo()));
  $("fit").addEventListener("click", () => view.image && view.fit());
  $("native").addEventListener("click", () => view.image && view.native());
  $("invert").addEventListener("click", () => { view.inverted = !view.inverted; view.draw(); actions.refresh(); });
  $("hide").addEventListener("click", () => { view.showLabel = !view.showLabel; view.draw(); actions.refresh(); });
  $("clear").addEventListener("click", () => state.mask && actions.step(state.mask.replace(new Uint8Array(state.mask.data.length))));
  $("size").addEventListener("input", () => setRadius(Number($("size").value)));
  setRadius(state.radius);
  choose("brush");
  // What the footer says while the pointer is elsewhere.
  const rest = () => { $("pointer").textContent = "wheel: zoom · Space + drag: move · right button + drag: window"; };
  const newImage = () => setRadius(view.image.spacing ? state.width / 2 / view.image.spacing[1] : state.radius);
  return { newImage, rest };
}
