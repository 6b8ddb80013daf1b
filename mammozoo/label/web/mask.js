// SPDX-License-Identifier: Apache-2.0
// A mask of the image's native size, and steps on it that can be taken back.

const STEPS = 60;

export class Mask {
  constructor(rows, columns, data) {
    this.rows = rows;
    this.columns = columns;
    this.data = data || new Uint8Array(rows * columns);
    this.done = [];
    this.undone = [];
    this.before = null;
  }

  begin() {
    this.before = this.data.slice();
    this.box = [this.columns, this.rows, 0, 0];
  }

  // Keep the part that changed since begin(); nothing changed, nothing kept.
  end() {
    const box = this.changed();
    const before = this.before;
    this.before = null;
    if (!box) return false;
    this.done.push({ box, values: cut(before, this.columns, box) });
    if (this.done.length > STEPS) this.done.shift();
    this.undone = [];
    return true;
  }

  changed() {
    let [x1, y1, x2, y2] = [this.columns, -1, -1, -1];
    for (let y = 0, i = 0; y < this.rows; y += 1) {
      for (let x = 0; x < this.columns; x += 1, i += 1) {
        if (this.data[i] === this.before[i]) continue;
        if (y1 < 0) y1 = y;
        y2 = y;
        if (x < x1) x1 = x;
        if (x > x2) x2 = x;
      }
    }
    return y1 < 0 ? null : [x1, y1, x2 + 1, y2 + 1];
  }

  undo() { return this.step(this.done, this.undone); }
  redo() { return this.step(this.undone, this.done); }

  step(from, to) {
    const last = from.pop();
    if (!last) return false;
    to.push({ box: last.box, values: cut(this.data, this.columns, last.box) });
    paste(this.data, this.columns, last.box, last.values);
    return true;
  }

  replace(data) {
    this.begin();
    this.data.set(data);
    return this.end();
  }

  // A disc moved along a line; pixel (x, y) covers [x, x + 1) x [y, y + 1).
  stroke(x0, y0, x1, y1, radius, value) {
    const dx = x1 - x0, dy = y1 - y0, length = dx * dx + dy * dy, r2 = Math.max(radius, 0.5) ** 2;
    const pad = Math.ceil(radius) + 1;
    const left = Math.max(0, Math.floor(Math.min(x0, x1)) - pad), right = Math.min(this.columns - 1, Math.ceil(Math.max(x0, x1)) + pad);
    const top = Math.max(0, Math.floor(Math.min(y0, y1)) - pad), bottom = Math.min(this.rows - 1, Math.ceil(Math.max(y0, y1)) + pad);
    for (let y = top; y <= bottom; y += 1) {
      for (let x = left; x <= right; x += 1) {
        const px = x + 0.5 - x0, py = y + 0.5 - y0;
        const t = length ? Math.max(0, Math.min(1, (px * dx + py * dy) / length)) : 0;
        const ex = px - t * dx, ey = py - t * dy;
        if (ex * ex + ey * ey <= r2) this.data[y * this.columns + x] = value;
      }
    }
  }

  // Even-odd rule at pixel centres.
  polygon(points, value) {
    const ys = points.map((p) => p[1]);
    const top = Math.max(0, Math.floor(Math.min(...ys))), bottom = Math.min(this.rows - 1, Math.ceil(Math.max(...ys)));
    for (let y = top; y <= bottom; y += 1) {
      const cuts = [];
      for (let k = 0; k < points.length; k += 1) {
        const [xa, ya] = points[k], [xb, yb] = points[(k + 1) % points.length], centre = y + 0.5;
        if (ya <= centre !== yb <= centre) cuts.push(xa + ((centre - ya) / (yb - ya)) * (xb - xa));
      }
      cuts.sort((a, b) => a - b);
      for (let k = 0; k + 1 < cuts.length; k += 2) {
        const from = Math.max(0, Math.ceil(cuts[k] - 0.5)), to = Math.min(this.columns - 1, Math.ceil(cuts[k + 1] - 0.5) - 1);
        if (to >= from) this.data.fill(value, y * this.columns + from, y * this.columns + to + 1);
      }
    }
  }

  // Remove the 8-connected lesion at a pixel.
  removeAt(x, y) {
    const { columns, rows, data } = this, start = y * columns + x;
    if (!data[start]) return false;
    const stack = [start];
    data[start] = 0;
    while (stack.length) {
      const i = stack.pop(), cx = i % columns, cy = (i - cx) / columns;
      for (let ny = Math.max(0, cy - 1); ny <= Math.min(rows - 1, cy + 1); ny += 1) {
        for (let nx = Math.max(0, cx - 1); nx <= Math.min(columns - 1, cx + 1); nx += 1) {
          const n = ny * columns + nx;
          if (data[n]) { data[n] = 0; stack.push(n); }
        }
      }
    }
    return true;
  }

  count() {
    let sum = 0;
    for (let i = 0; i < this.data.length; i += 1) sum += this.data[i];
    return sum;
  }
}

function cut(data, columns, [x1, y1, x2, y2]) {
  const width = x2 - x1, out = new Uint8Array(width * (y2 - y1));
  for (let y = y1; y < y2; y += 1) out.set(data.subarray(y * columns + x1, y * columns + x2), (y - y1) * width);
  return out;
}

function paste(data, columns, [x1, y1, x2, y2], values) {
  const width = x2 - x1;
  for (let y = y1; y < y2; y += 1) data.set(values.subarray((y - y1) * width, (y - y1 + 1) * width), y * columns + x1);
}
