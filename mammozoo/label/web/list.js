// SPDX-License-Identifier: Apache-2.0
// The list of images and what is known of them.

export class ImageList {
  constructor(element, filter, open) {
    this.element = element;
    this.filter = filter;
    this.items = [];
    this.current = null;
    this.dirty = false;
    filter.addEventListener("change", () => this.render());
    element.addEventListener("click", (event) => {
      const row = event.target.closest("li[data-id]");
      if (row) open(row.dataset.id);
    });
  }

  get(id) { return this.items.find((item) => item.id === id); }

  visible() {
    const wanted = this.filter.value;
    return this.items.filter((item) => wanted === "all" || item.status === wanted || item.id === this.current);
  }

  neighbour(step) {
    const shown = this.visible(), at = shown.findIndex((item) => item.id === this.current);
    return shown[at + step]?.id;
  }

  render() {
    const rows = [], shown = this.visible(), groups = new Map();
    for (const item of shown) groups.set(item.group, [...(groups.get(item.group) || []), item]);
    let number = 0;
    const all = [...new Set(this.items.map((item) => item.group))];
    for (const [group, members] of groups) {
      number = all.indexOf(group) + 1;
      const head = document.createElement("li");
      head.className = "group";
      head.textContent = `Study ${number}`;
      rows.push(head, ...members.map((item) => this.row(item)));
    }
    this.element.replaceChildren(...rows);
    this.element.querySelector(".current")?.scrollIntoView({ block: "nearest" });
  }

  row(item) {
    const row = document.createElement("li"), current = item.id === this.current;
    row.dataset.id = item.id;
    row.className = [item.status, current ? "current" : "", current && this.dirty ? "edited" : ""].join(" ");
    row.title = item.name;
    const parts = [["dot", ""], ["view", title(item) || "view unknown"], ["note", this.note(item, current)], ["name", `\u200e${item.name}`]];
    for (const [name, text] of parts) {
      const span = document.createElement("span");
      span.className = name;
      span.textContent = text;
      if (text.startsWith("unsure")) span.title = "how unsure the model is: mean entropy in the breast, bits a pixel";
      row.append(span);
    }
    return row;
  }

  note(item, current) {
    if (current && this.dirty) return "not saved";
    if (item.status === "final") return item.lesion_pixels ? "annotated" : "no lesion";
    return item.entropy == null || item.entropy < 0 ? "" : `unsure ${item.entropy.toFixed(3)}`;
  }
}

export function title(item) {
  return [item.laterality, item.view].filter(Boolean).join(" ");
}
