// SPDX-License-Identifier: Apache-2.0
// The annotator's page: opens images, edits labels, saves them, asks for the next.

import * as api from "./api.js";
import { ImageList, title } from "./list.js";
import { Mask } from "./mask.js";
import { connectTools } from "./tools.js";
import { View } from "./view.js";

const $ = (id) => document.getElementById(id);
const view = new View($("canvas"));
const list = new ImageList($("list"), $("filter"), (id) => open(id));
const state = { mask: null, dirty: false, busy: false, model: "", started: 0, tool: "move", radius: 20, width: 6 };
let noticeTimer = 0;

export function notice(text, bad = false) {
  $("notice").textContent = text;
  $("notice").className = `shown${bad ? " bad" : ""}`;
  clearTimeout(noticeTimer);
  noticeTimer = setTimeout(() => { $("notice").className = ""; }, bad ? 8000 : 3000);
}

// Run one thing at a time; show that it runs and, if it fails, why.
async function work(text, job) {
  if (state.busy) return false;
  state.busy = true;
  $("busy").textContent = text;
  const shown = setTimeout(() => { $("busy").hidden = false; }, 150);
  document.body.dataset.busy = "yes";
  try {
    await job();
    return true;
  } catch (error) {
    notice(error.message, true);
    return false;
  } finally {
    clearTimeout(shown);
    $("busy").hidden = true;
    state.busy = false;
    delete document.body.dataset.busy;
    refresh();
  }
}

async function load() {
  const found = await api.items();
  list.items = found.items;
  fill($("model"), found.models, Object.fromEntries(found.models.map((name) => [name, short(name)])));
  fill($("strategy"), found.strategies, { entropy: "where the model is least sure", first: "in the order of the list", random: "by chance" });
  const out = $("left-out");
  out.hidden = !found.left_out.length;
  out.textContent = `${found.left_out.length} file${found.left_out.length > 1 ? "s" : ""} left out (why: hover)`;
  out.title = found.left_out.map((item) => `${item.name}: ${item.reason}`).join("\n");
  state.trainable = found.trainable;
  list.render();
  refresh();
}

function short(name) {
  return name.replace(/^mammo_/, "").replace(/_segmentation$/, "").replaceAll("_", " ");
}

function fill(select, values, names = {}) {
  const chosen = select.value;
  select.replaceChildren(...values.map((value) => new Option(names[value] || value, value)));
  if (values.includes(chosen)) select.value = chosen;
  else if (values.includes("first")) select.value = "first";
  select.title = select.value;
}

async function leaving() {
  if (!state.dirty) return true;
  const dialog = $("leave");
  dialog.returnValue = "stay";
  dialog.showModal();
  const choice = await new Promise((done) => dialog.addEventListener("close", () => done(dialog.returnValue), { once: true }));
  if (choice === "save") return save();
  return choice === "drop";
}

async function open(id) {
  if (!id || state.busy || !(await leaving())) return;
  await work("opening …", async () => {
    const [image, label] = await Promise.all([api.image(id), api.label(id)]);
    const item = list.get(id), { rows, columns } = image.facts;
    state.mask = new Mask(rows, columns, label?.pixels);
    state.dirty = false;
    state.model = "";
    state.started = performance.now();
    list.current = id;
    view.saved = Boolean(label);
    view.setImage(image.pixels, { ...image.facts, spacing: item.pixel_spacing }, state.mask.data);
    tools.newImage();
    const left = image.facts.chest_side === "right";
    $("mark").textContent = title(item);
    $("mark").classList.toggle("left", left);
    $("facts").classList.toggle("right", !left);
    const spacing = item.pixel_spacing ? `${item.pixel_spacing.map((v) => v.toFixed(3)).join(" x ")} mm a pixel` : "spacing unknown";
    $("facts").textContent = `${columns} x ${rows} pixels\n${spacing}`;
    tools.rest();
  });
  list.render();
}

function edited() {
  state.dirty = true;
  view.saved = false;
  list.dirty = true;
  view.draw();
  refresh();
}

async function suggest() {
  if (!list.current) return;
  const model = $("model").value;
  await work(`${short(model)} is looking …`, async () => {
    const found = await api.suggest(model, list.current);
    const changed = state.mask.replace(found.pixels);
    state.model = model;
    if (changed) edited();
    notice(found.pixels.includes(1) ? "the model's suggestion: correct it, then save" : "the model finds no lesion here");
  });
}

async function save() {
  if (!list.current) return false;
  return work("saving …", async () => {
    const seconds = (performance.now() - state.started) / 1000;
    const saved = await api.saveLabel(list.current, state.mask.data, state.model, seconds);
    state.dirty = list.dirty = false;
    view.saved = true;
    Object.assign(list.get(list.current), { status: "final", lesion_pixels: saved.lesion_pixels, dicom_seg: saved.dicom_seg });
    if (saved.dicom_seg === "waiting") setTimeout(watchSegmentation, 2000, list.current);
    view.draw();
    notice(saved.lesion_pixels ? "saved as final" : "saved as final: no lesion in this image");
  });
}

// The DICOM segmentation is written in the background: say what became of it.
async function watchSegmentation(id) {
  const item = list.get(id);
  try { item.dicom_seg = (await api.record(id)).dicom_seg || ""; } catch { return; }
  if (item.dicom_seg === "waiting") setTimeout(watchSegmentation, 2000, id);
  else if (item.dicom_seg.startsWith("failed")) notice(`${title(item)}: no DICOM segmentation, ${item.dicom_seg}`, true);
  refresh();
}

const SEGMENTATIONS = { waiting: "writing the DICOM segmentation …", written: "DICOM segmentation written", stored: "DICOM segmentation stored on the server" };

async function nextImage() {
  if (!(await leaving())) return;
  state.dirty = list.dirty = false;
  let id = "";
  const asked = await work("choosing the next image …", async () => {
    const found = await api.next($("strategy").value, $("model").value);
    id = found.id || "";
    const item = id && list.get(id);
    if (item && found.score != null) item.entropy = found.score;
  });
  if (!asked) return;
  if (id) await open(id);
  else { notice("every image has a final label"); list.render(); }
}

async function reopen() {
  await work("taking it back …", async () => {
    await api.removeLabel(list.current);
    Object.assign(list.get(list.current), { status: "none", lesion_pixels: null });
    edited();
  });
}

function step(done) {
  if (done) edited();
}

// Everything on the page that follows from the state.
export function refresh() {
  const open = Boolean(list.current && state.mask), item = open ? list.get(list.current) : null;
  list.dirty = state.dirty;
  const final = list.items.filter((entry) => entry.status === "final").length;
  $("progress").textContent = `${final} of ${list.items.length} images annotated`;
  for (const id of ["suggest", "clear", "save", "save-next"]) $(id).disabled = !open || state.busy;
  $("next").disabled = state.busy;
  $("undo").disabled = !open || !state.mask.done.length;
  $("redo").disabled = !open || !state.mask.undone.length;
  $("reopen").hidden = !item || item.status !== "final" || state.dirty;
  for (const button of document.querySelectorAll("[data-tool]")) button.setAttribute("aria-pressed", button.dataset.tool === state.tool);
  $("hide").setAttribute("aria-pressed", view.showLabel);
  $("invert").setAttribute("aria-pressed", view.inverted);
  $("train").disabled = state.busy || state.training || !(state.trainable || []).includes($("model").value);
  if (open) describe(item);
  const shown = `${list.current} ${state.dirty} ${final}`;
  if (shown !== state.shown) list.render();
  state.shown = shown;
}

function describe(item) {
  const count = state.mask.count(), spacing = item.pixel_spacing;
  const area = spacing ? `${((count * spacing[0] * spacing[1]) / 100).toFixed(2)} cm²` : `${count} pixels`;
  $("area").textContent = count ? `Label: ${area}` : "Label: empty";
  const text = $("state");
  if (state.dirty) { text.textContent = "Changes not saved"; text.className = "fact warn"; }
  else if (item.status === "final") {
    const seg = item.dicom_seg?.startsWith("failed") ? `no DICOM segmentation (${item.dicom_seg})` : SEGMENTATIONS[item.dicom_seg];
    text.textContent = [count ? "Final label saved" : "Final: no lesion", seg].filter(Boolean).join("\n");
    text.className = "fact good";
  }
  else { text.textContent = "No final label yet"; text.className = "fact"; }
}

async function train() {
  const model = $("model").value;
  await work("starting …", async () => {
    await api.train(model, Number($("epochs").value));
    state.training = true;
    notice("training runs in the background; go on annotating");
  });
  watch();
}

async function stopTraining() {
  await work("stopping …", async () => {
    await api.stopTraining();
    notice("training was stopped; the best epoch so far is kept");
  });
}

async function watch() {
  let found;
  try { found = await api.training(); } catch { return; }
  const text = $("training"), rows = found.history || [], last = rows[rows.length - 1];
  state.training = ["submitted", "running"].includes(found.status);
  const { training, held_out: held } = found.split || {};
  const dice = held ? `Dice on ${held} held-out label${held > 1 ? "s" : ""}` : "Dice on the training labels themselves";
  const epoch = last ? `epoch ${last.epoch} of ${found.epochs ?? "?"}\n${dice}: ${last.val_dice.toFixed(3)}` : "";
  $("stop").hidden = !state.training;
  $("train").hidden = state.training;
  if (state.training) { text.textContent = `Training on ${training ?? found.labels} labels\n${epoch || "preparing …"}`; text.className = "fact"; }
  else if (found.status === "done") { text.textContent = `Trained: the model is up to date\n${epoch}`; text.className = "fact good"; }
  else if (found.status === "error") { text.textContent = `Training failed: ${found.message}`; text.className = "fact bad"; }
  else { text.textContent = found.status === "none" ? "Learns from the labels saved as final" : "Training was stopped"; text.className = "fact"; }
  refresh();
  if (state.training) setTimeout(watch, 2000);
}

view.onChange = () => {
  $("zoom-text").textContent = view.image ? `zoom ${Math.round(view.scale * 100)} %` : "";
  if (view.window) {
    const [low, high] = view.window;
    $("window-text").textContent = `window ${Math.round(high - low)}  level ${Math.round((low + high) / 2)}`;
  }
  const spacing = view.image?.spacing, bar = $("scale");
  bar.hidden = !spacing;
  if (spacing) {
    const mm = [50, 20, 10, 5, 2, 1].find((v) => (v / spacing[1]) * view.scale / view.ratio < 160) || 1;
    bar.style.width = `${((mm / spacing[1]) * view.scale) / view.ratio}px`;
    bar.firstElementChild.textContent = `${mm} mm`;
  }
};

for (const [id, act] of Object.entries({ suggest, next: nextImage, train, stop: stopTraining, reopen, save })) $(id).addEventListener("click", () => act());
$("save-next").addEventListener("click", async () => { if (await save()) await nextImage(); });
$("model").addEventListener("change", () => { $("model").title = $("model").value; refresh(); });
$("opacity").addEventListener("input", () => { view.opacity = Number($("opacity").value) / 100; view.draw(); });
$("help-open").addEventListener("click", () => $("help").showModal());
window.addEventListener("beforeunload", (event) => { if (state.dirty) event.preventDefault(); });

const tools = connectTools({ $, view, state, list, actions: { edited, step, refresh, suggest, save, nextImage, open, notice } });
// For tests and for the curious: the page's own objects.
window.mammozoo = { view, state, list };

await work("", load);
const first = list.items.find((item) => item.status !== "final") || list.items[0];
if (first) {
  await open(first.id);
  if (!list.items.some((item) => item.status === "final")) notice("M draws the model's contour; correct it; Enter saves and opens the next image");
} else notice("the study folder holds no mammogram", true);
watch();
