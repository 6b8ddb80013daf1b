// SPDX-License-Identifier: Apache-2.0
// The mammogram on the canvas: window, zoom, and the label on top. Every screen pixel is computed from the native
// image (or an average of it when zoomed out), so that nothing is resampled twice.

const LABEL = [255, 92, 138];
const SAVED = [87, 199, 133];

export class View {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { alpha: false });
    this.image = null;
    this.scale = 1;
    this.x = 0; // image coordinates of the canvas's upper left corner
    this.y = 0;
    this.opacity = 0.25;
    this.showLabel = true;
    this.inverted = false;
    this.saved = false;
    this.polygon = [];
    this.cursor = null;
    this.pending = false;
    new ResizeObserver(() => this.resize()).observe(canvas);
    this.onChange = () => {};
  }

  resize() {
    const ratio = window.devicePixelRatio || 1;
    const width = Math.max(1, Math.round(this.canvas.clientWidth * ratio));
    const height = Math.max(1, Math.round(this.canvas.clientHeight * ratio));
    if (width === this.canvas.width && height === this.canvas.height) return;
    const wasFit = this.isFit;
    this.canvas.width = width;
    this.canvas.height = height;
    this.ratio = ratio;
    if (this.image && wasFit) this.fit();
    this.draw();
  }

  setImage(pixels, facts, mask) {
    this.image = { pixels, mask, rows: facts.rows, columns: facts.columns, spacing: facts.spacing };
    this.levels = [{ pixels, rows: facts.rows, columns: facts.columns, factor: 1 }];
    this.window = [...facts.window];
    this.first = [...facts.window];
    this.range = facts.range;
    this.polygon = [];
    this.fit();
  }

  // Averages over 2 x 2, 4 x 4, ... pixels, made when first needed.
  level(scale) {
    let wanted = 0;
    while (scale * 2 ** (wanted + 1) <= 1 && wanted < 5) wanted += 1;
    while (this.levels.length <= wanted) {
      const { pixels, rows, columns, factor } = this.levels[this.levels.length - 1];
      const r = rows >> 1, c = columns >> 1;
      if (r < 1 || c < 1) return this.levels[this.levels.length - 1];
      const half = new pixels.constructor(r * c);
      for (let y = 0; y < r; y += 1) {
        let a = 2 * y * columns;
        for (let x = 0, i = y * c; x < c; x += 1, i += 1, a += 2) {
          half[i] = (pixels[a] + pixels[a + 1] + pixels[a + columns] + pixels[a + columns + 1] + 2) >> 2;
        }
      }
      this.levels.push({ pixels: half, rows: r, columns: c, factor: factor * 2 });
    }
    return this.levels[wanted];
  }

  table() {
    const [low, high] = this.window, top = this.range[1];
    const key = `${low} ${high} ${top} ${this.inverted}`;
    if (this.tableKey === key) return this.tableValues;
    const table = new Uint8Array(top + 1);
    for (let v = 0; v <= top; v += 1) {
      const g = Math.max(0, Math.min(255, Math.round(((v - low) / (high - low)) * 255)));
      table[v] = this.inverted ? 255 - g : g;
    }
    this.tableKey = key;
    this.tableValues = table;
    return table;
  }

  fit() {
    const { rows, columns } = this.image, { width, height } = this.canvas;
    this.scale = Math.min(width / columns, height / rows);
    this.x = (columns - width / this.scale) / 2;
    this.y = (rows - height / this.scale) / 2;
    this.isFit = true;
    this.draw();
  }

  zoom(factor, cx, cy) {
    if (!this.image) return;
    const smallest = Math.min(this.canvas.width / this.image.columns, this.canvas.height / this.image.rows) / 2;
    const scale = Math.max(Math.min(smallest, 1), Math.min(32, this.scale * factor));
    this.x += cx / this.scale - cx / scale;
    this.y += cy / this.scale - cy / scale;
    this.scale = scale;
    this.isFit = false;
    this.draw();
  }

  native() {
    const { cx, cy } = this.cursor || { cx: this.canvas.width / 2, cy: this.canvas.height / 2 };
    this.zoom(1 / this.scale, cx, cy);
  }

  move(dx, dy) {
    this.x -= dx / this.scale;
    this.y -= dy / this.scale;
    this.isFit = false;
    this.draw();
  }

  changeWindow(dx, dy) {
    const span = this.range[1] - this.range[0] || 1;
    let centre = (this.window[0] + this.window[1]) / 2, width = this.window[1] - this.window[0];
    width = Math.max(span / 2000, Math.min(2 * span, width * Math.exp(dx / 300)));
    centre -= (dy / 600) * span * -1;
    this.window = [centre - width / 2, centre + width / 2];
    this.draw();
  }

  resetWindow() {
    this.window = [...this.first];
    this.draw();
  }

  toImage(event) {
    const box = this.canvas.getBoundingClientRect();
    const cx = (event.clientX - box.left) * this.ratio, cy = (event.clientY - box.top) * this.ratio;
    return { cx, cy, x: this.x + cx / this.scale, y: this.y + cy / this.scale };
  }

  draw() {
    if (this.pending) return;
    this.pending = true;
    requestAnimationFrame(() => { this.pending = false; this.render(); });
  }

  render() {
    const { width, height } = this.canvas, context = this.context;
    if (!this.image) { context.fillRect(0, 0, width, height); return; }
    if (!this.buffer || this.buffer.width !== width || this.buffer.height !== height) {
      this.buffer = context.createImageData(width, height);
      this.words = new Uint32Array(this.buffer.data.buffer);
      this.under = new Uint8Array(width * height);
    }
    this.renderImage(width, height);
    if (this.showLabel) this.renderLabel(width, height);
    context.putImageData(this.buffer, 0, 0);
    this.renderPolygon();
    this.renderCursor();
    this.onChange();
  }

  renderImage(width, height) {
    const { rows, columns } = this.image, mask = this.image.mask, table = this.table();
    const level = this.level(this.scale), words = this.words, under = this.under;
    const xs = new Int32Array(width), ls = new Int32Array(width);
    for (let i = 0; i < width; i += 1) {
      const x = Math.floor(this.x + (i + 0.5) / this.scale);
      xs[i] = x >= 0 && x < columns ? x : -1;
      ls[i] = Math.min(level.columns - 1, Math.floor(x / level.factor));
    }
    words.fill(0xff000000);
    under.fill(0);
    for (let j = 0; j < height; j += 1) {
      const y = Math.floor(this.y + (j + 0.5) / this.scale);
      if (y < 0 || y >= rows) continue;
      const base = Math.min(level.rows - 1, Math.floor(y / level.factor)) * level.columns, row = y * columns;
      for (let i = 0, o = j * width; i < width; i += 1, o += 1) {
        if (xs[i] < 0) continue;
        const g = table[level.pixels[base + ls[i]]];
        words[o] = 0xff000000 | (g << 16) | (g << 8) | g;
        under[o] = mask[row + xs[i]];
      }
    }
  }

  renderLabel(width, height) {
    const data = this.buffer.data, under = this.under, alpha = this.opacity, colour = this.saved ? SAVED : LABEL;
    for (let j = 1; j < height - 1; j += 1) {
      for (let i = 1, o = j * width + 1; i < width - 1; i += 1, o += 1) {
        const inside = under[o];
        const edge = inside !== under[o + 1] || inside !== under[o + width] || (inside && (!under[o - 1] || !under[o - width]));
        if (!inside && !edge) continue;
        const a = edge ? 1 : alpha, p = 4 * o;
        for (let k = 0; k < 3; k += 1) data[p + k] = data[p + k] * (1 - a) + colour[k] * a;
      }
    }
  }

  renderPolygon() {
    if (!this.polygon.length) return;
    const context = this.context, points = this.polygon.map(([x, y]) => [(x - this.x) * this.scale, (y - this.y) * this.scale]);
    context.lineWidth = 1.5 * this.ratio;
    context.strokeStyle = "#ffe066";
    context.fillStyle = "#ffe066";
    context.beginPath();
    points.forEach(([x, y], k) => (k ? context.lineTo(x, y) : context.moveTo(x, y)));
    if (this.cursor) context.lineTo(this.cursor.cx, this.cursor.cy);
    context.stroke();
    for (const [x, y] of points) { context.beginPath(); context.arc(x, y, 3 * this.ratio, 0, 7); context.fill(); }
  }

  renderCursor() {
    if (!this.cursor || !this.cursor.radius) return;
    const context = this.context;
    context.lineWidth = 1 * this.ratio;
    for (const [colour, more] of [["#000a", 1], ["#fff", 0]]) {
      context.strokeStyle = colour;
      context.beginPath();
      context.arc(this.cursor.cx, this.cursor.cy, Math.max(1, this.cursor.radius * this.scale + more), 0, 7);
      context.stroke();
    }
  }
}
