// DigitLab: a digit is drawn and moved; small networks answer, and show how.
// A map is {data, shape: [C, H, W]}, channel by channel. Formulas as in digit_lab_net.py.

export const SIDE = 28, BOX = 20; // of a picture, and of its ink after centring
const TOP = 6; // terms of a dense sum that are listed
const MOVES = { // lowest, highest, step, neutral value
  right: [-8, 8, 1, 0], down: [-8, 8, 1, 0], angle: [-45, 45, 1, 0], scale: [0.6, 1.4, 0.05, 1],
};
const DIVERGING = [
  [74, 26, 0], [168, 84, 16], [140, 140, 140], [112, 184, 232], [240, 248, 255],
];

// ---------------------------------------------------------------- reading

/** A float16 from its 16 bits. */
export function half(bits) {
  const sign = bits & 0x8000 ? -1 : 1, exponent = (bits >> 10) & 31, part = bits & 1023;
  if (exponent === 31) return part ? NaN : sign * Infinity;
  return exponent ? sign * 2 ** (exponent - 15) * (1 + part / 1024) : sign * 2 ** -14 * (part / 1024);
}

/** Example pictures (bytes) and networks (arrays instead of [offset, shape]). */
export function unpack(buffer, count, specs) {
  const view = buffer instanceof ArrayBuffer ? new DataView(buffer)
    : new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  const size = SIDE * SIDE;
  const pictures = Array.from({ length: count }, (_, n) =>
    Uint8Array.from({ length: size }, (_, k) => view.getUint8(n * size + k)));
  const array = ([offset, shape]) => ({
    shape,
    data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, k) =>
      half(view.getUint16(count * size + 2 * (offset + k), true))),
  });
  const networks = specs.map(({ name, layers }) => ({
    name,
    layers: layers.map((layer) => {
      kindOf(layer);
      return "w" in layer ? { ...layer, w: array(layer.w), b: array(layer.b) } : layer;
    }),
  }));
  return { pictures, networks };
}

export const toHex = (bytes) =>
  Array.from(bytes, (v) => v.toString(16).padStart(2, "0")).join("");

export const fromHex = (text) => Uint8Array.from({ length: SIDE * SIDE }, (_, k) =>
  (text ? parseInt(text.slice(2 * k, 2 * k + 2), 16) : 0));

// ---------------------------------------------------------------- pictures

/** x between its pixels, bilinear; outside it is 0. */
export function sample(x, height, width, row, column) {
  const i = Math.floor(row), j = Math.floor(column), p = row - i, q = column - j;
  const at = (r, s) => (r < 0 || s < 0 || r >= height || s >= width ? 0 : x[r * width + s]);
  return (1 - p) * (1 - q) * at(i, j) + (1 - p) * q * at(i, j + 1)
    + p * (1 - q) * at(i + 1, j) + p * q * at(i + 1, j + 1);
}

/** A picture scaled and turned about its middle, then shifted; zeros come in. */
export function moved(x, { right = 0, down = 0, angle = 0, scale = 1 }) {
  const middle = (SIDE - 1) / 2, y = new Float64Array(SIDE * SIDE);
  const cos = Math.cos((angle * Math.PI) / 180), sin = Math.sin((angle * Math.PI) / 180);
  for (let i = 0, k = 0; i < SIDE; i++)
    for (let j = 0; j < SIDE; j++, k++) {
      const a = (i - middle - down) / scale, b = (j - middle - right) / scale;
      y[k] = sample(x, SIDE, SIDE, middle + cos * a + sin * b, middle - sin * a + cos * b);
    }
  return y;
}

/** The ink as MNIST places it: longer side 20 pixels, centre of mass in the middle. */
export function centred(x) {
  let top = SIDE, left = SIDE, bottom = -1, right = -1;
  x.forEach((v, k) => {
    if (!(v > 0)) return;
    const i = Math.floor(k / SIDE), j = k % SIDE;
    top = Math.min(top, i);
    bottom = Math.max(bottom, i);
    left = Math.min(left, j);
    right = Math.max(right, j);
  });
  if (bottom < 0) return Float64Array.from(x);
  const size = [bottom - top + 1, right - left + 1], by = BOX / Math.max(...size);
  const [H, W] = size.map((n) => Math.max(Math.floor(n * by + 0.5), 1));
  const patch = new Float64Array(H * W), mass = [0, 0];
  let all = 0;
  for (let i = 0, k = 0; i < H; i++)
    for (let j = 0; j < W; j++, k++) {
      patch[k] = sample(x, SIDE, SIDE, top + (i + 0.5) / by - 0.5, left + (j + 0.5) / by - 0.5);
      all += patch[k];
      mass[0] += i * patch[k];
      mass[1] += j * patch[k];
    }
  const [down, across] = [H, W].map((n, axis) => Math.min(Math.max(
    Math.floor(SIDE / 2 - mass[axis] / Math.max(all, 1e-12) + 0.5), 0), SIDE - n));
  const y = new Float64Array(SIDE * SIDE);
  patch.forEach((v, k) => {
    y[(down + Math.floor(k / W)) * SIDE + across + (k % W)] = v;
  });
  return y;
}

/** Ink (or, erasing, take ink) along a line between two places, in pixels. */
export function brush(bytes, [fromRow, fromColumn], [toRow, toColumn], erase = false) {
  const a = toRow - fromRow, b = toColumn - fromColumn, length = a * a + b * b;
  const wide = erase ? 2.7 : 1.7; // pixels to where nothing happens; 1 more rubs out all
  return bytes.map((v, k) => {
    const i = Math.floor(k / SIDE) + 0.5 - fromRow, j = (k % SIDE) + 0.5 - fromColumn;
    const t = length ? Math.min(Math.max((i * a + j * b) / length, 0), 1) : 0;
    const ink = Math.round(255 * Math.min(Math.max(wide - Math.hypot(i - t * a, j - t * b), 0), 1));
    return erase ? Math.min(v, 255 - ink) : Math.max(v, ink);
  });
}

// ---------------------------------------------------------------- networks

const relu = (layer, y) => (layer.activation === "relu" && y < 0 ? 0 : y);

/** y[k, i, j] = b[k] + sum over c, r, s of x[c, i t + r - p, j t + s - p] w[k, c, r, s]. */
export function conv(layer, x) {
  const [C, H, W] = x.shape, [K, , R, S] = layer.w.shape, { stride, pad } = layer;
  const high = H + 2 * pad, wide = W + 2 * pad, w = layer.w.data;
  let from = x.data;
  if (pad) {
    from = new Float32Array(C * high * wide);
    for (let c = 0; c < C; c++)
      for (let i = 0; i < H; i++)
        from.set(x.data.subarray((c * H + i) * W, (c * H + i + 1) * W),
          (c * high + i + pad) * wide + pad);
  }
  const h = Math.floor((high - R) / stride) + 1, v = Math.floor((wide - S) / stride) + 1;
  const y = new Float64Array(K * h * v);
  for (let k = 0; k < K; k++) {
    y.fill(layer.b.data[k], k * h * v, (k + 1) * h * v);
    for (let c = 0; c < C; c++)
      for (let r = 0; r < R; r++)
        for (let s = 0; s < S; s++) {
          const weight = w[((k * C + c) * R + r) * S + s];
          for (let i = 0; i < h; i++) {
            let at = (c * high + i * stride + r) * wide + s, to = (k * h + i) * v;
            for (let j = 0; j < v; j++, at += stride) y[to++] += weight * from[at];
          }
        }
  }
  return { data: Float32Array.from(y, (value) => relu(layer, value)), shape: [K, h, v] };
}

/** The largest of each window. */
export function pool({ size, stride }, x) {
  const [C, H, W] = x.shape;
  const h = Math.floor((H - size) / stride) + 1, v = Math.floor((W - size) / stride) + 1;
  const data = new Float32Array(C * h * v).fill(-Infinity);
  for (let c = 0, to = 0; c < C; c++)
    for (let i = 0; i < h; i++)
      for (let j = 0; j < v; j++, to++)
        for (let r = 0; r < size; r++)
          for (let s = 0; s < size; s++) {
            const value = x.data[(c * H + i * stride + r) * W + j * stride + s];
            if (value > data[to]) data[to] = value;
          }
  return { data, shape: [C, h, v] };
}

/** The largest number of each map. */
export function globalMax(_, x) {
  const [C, H, W] = x.shape;
  return {
    data: Float32Array.from({ length: C }, (_, c) =>
      x.data.subarray(c * H * W, (c + 1) * H * W).reduce((a, b) => Math.max(a, b), -Infinity)),
    shape: [C, 1, 1],
  };
}

/** y[k] = b[k] + sum over d of w[k, d] x[d]. */
export function dense(layer, x) {
  const [K, D] = layer.w.shape, w = layer.w.data, data = new Float32Array(K);
  for (let k = 0; k < K; k++) {
    let sum = layer.b.data[k];
    for (let d = 0; d < D; d++) sum += w[k * D + d] * x.data[d];
    data[k] = relu(layer, sum);
  }
  return { data, shape: [K, 1, 1] };
}

/** The window under a cell: numbers (0 outside, in the padding) and where it stands. */
function windowAt(x, map, row, column, R, S) {
  const [, H, W] = x.shape, inside = (i, j) => i >= 0 && j >= 0 && i < H && j < W;
  const grid = (value) => Array.from({ length: R }, (_, r) =>
    Array.from({ length: S }, (_, s) => value(row + r, column + s)));
  return {
    patch: grid((i, j) => (inside(i, j) ? x.data[(map * H + i) * W + j] : 0)),
    outside: grid((i, j) => !inside(i, j)),
    window: { map, row, column, height: R, width: S },
  };
}

function explainConv(layer, x, [k, i, j], below) {
  const [, C, R, S] = layer.w.shape, row = i * layer.stride - layer.pad, column = j * layer.stride - layer.pad;
  const parts = Array.from({ length: C }, (_, c) => {
    const seen = windowAt(x, c, row, column, R, S);
    const kernel = seen.patch.map((line, r) =>
      line.map((_, s) => layer.w.data[((k * C + c) * R + r) * S + s]));
    const products = seen.patch.map((line, r) => line.map((v, s) => v * kernel[r][s]));
    return { ...seen, kernel, products, sum: products.flat().reduce((a, b) => a + b, 0) };
  });
  const channels = parts.map((part) => part.sum), bias = layer.b.data[k];
  const sum = channels.reduce((a, b) => a + b, 0);
  return { ...parts[Math.min(below, C - 1)], channels, bias, sum, total: sum + bias,
    value: relu(layer, sum + bias) };
}

function explainMax(x, seen) {
  const flat = seen.patch.flat(), value = Math.max(...flat), first = flat.indexOf(value);
  const S = seen.patch[0].length;
  return { ...seen, value, largest: [Math.floor(first / S), first % S] };
}

function explainDense(layer, x, [k]) {
  const [, D] = layer.w.shape, [, H, W] = x.shape, weights = layer.w.data.subarray(k * D, (k + 1) * D);
  const all = Array.from(weights, (w, d) => ({ d, x: x.data[d], w, product: w * x.data[d] }));
  const sum = all.reduce((a, term) => a + term.product, 0), bias = layer.b.data[k];
  const terms = [...all].sort((a, b) => Math.abs(b.product) - Math.abs(a.product) || a.d - b.d)
    .slice(0, TOP)
    .map(({ d, ...term }) => ({ ...term, cell: [Math.floor(d / (H * W)), Math.floor(d / W) % H, d % W] }));
  const listed = terms.reduce((a, term) => a + term.product, 0);
  return { terms, others: D - terms.length, rest: sum - listed, bias, sum, total: sum + bias,
    value: relu(layer, sum + bias), weights: { data: weights, shape: x.shape } };
}

const act = (layer) => (layer.activation === "relu" ? ", ReLU" : "");
export const KINDS = {
  conv: {
    run: conv, explain: explainConv,
    title: (layer) => `conv ${layer.w.shape[2]}\u00a0\u00d7\u00a0${layer.w.shape[3]}${act(layer)}`,
  },
  pool: {
    run: pool,
    explain: (layer, x, [k, i, j]) => explainMax(x,
      windowAt(x, k, i * layer.stride, j * layer.stride, layer.size, layer.size)),
    title: (layer) => `max pool ${layer.size}\u00a0\u00d7\u00a0${layer.size}`,
  },
  global_max: {
    run: globalMax,
    explain: (layer, x, [k]) => explainMax(x, windowAt(x, k, 0, 0, x.shape[1], x.shape[2])),
    title: () => "global max pool",
  },
  dense: { run: dense, explain: explainDense, title: (layer) => `dense${act(layer)}` },
};

function kindOf(layer) {
  if (Object.hasOwn(KINDS, layer.kind)) return KINDS[layer.kind];
  throw new Error(`\u201c${layer.kind}\u201d is no kind of layer that the figure knows; ` +
    `there are ${Object.keys(KINDS).join(", ")}`);
}

/** The input and the output of every layer. */
export function forward(layers, picture) {
  const maps = [{ data: Float32Array.from(picture), shape: [1, SIDE, SIDE] }];
  for (const layer of layers) maps.push(kindOf(layer).run(layer, maps.at(-1)));
  return maps;
}

/** How the number at a cell [map, row, column] of layer n (from 1) came about. */
export const explain = (layers, maps, n, cell, below = 0) =>
  kindOf(layers[n - 1]).explain(layers[n - 1], maps[n - 1], cell, below);

export function softmax(logits) {
  const most = Math.max(...logits), e = Array.from(logits, (v) => Math.exp(v - most));
  const sum = e.reduce((a, b) => a + b, 0);
  return e.map((v) => v / sum);
}

/** The place of the largest number, [map, row, column]. */
export function strongest({ data, shape: [, H, W] }) {
  const at = data.reduce((best, v, k) => (v > data[best] ? k : best), 0);
  return [Math.floor(at / (H * W)), Math.floor(at / W) % H, at % W];
}

const clamp = (cell, shape) => cell.map((v, axis) => Math.min(Math.max(v, 0), shape[axis] - 1));

// ---------------------------------------------------------------- words

/** Whole percent; what is not quite all or nothing does not read so. */
export const shareText = (p) => (p < 0.005 ? "<1\u00a0%"
  : p >= 0.995 && p < 0.99995 ? ">99\u00a0%" : `${Math.round(100 * p)}\u00a0%`);

/** Two decimals, fewer for large numbers, three digits for small ones. */
export function numberText(value) {
  const size = Math.abs(value);
  const text = size < 5e-7 ? "0" : size < 0.01 ? value.toPrecision(2)
    : value.toFixed(size < 9.995 ? 2 : size < 99.95 ? 1 : 0);
  return text.replace(/-/g, "\u2212");
}

const cellText = (value) => value.toFixed(2).replace(/^-(?=0\.00$)/, "").replace("-", "\u2212");

/** "dense: 8 with 61 %; CNN: 3 with 99 %. The digit is a 3: dense is wrong." */
export function sentence(answers, label, empty) {
  const told = answers.map(({ name, shares }) => {
    const best = shares.indexOf(Math.max(...shares));
    return { name, best, text: `${name}: ${best} with ${shareText(shares[best])}` };
  });
  const list = `${told.map((one) => one.text).join("; ")}.`;
  if (empty) return `The board is empty; the networks answer all the same. ${list}`;
  if (label === null) return list;
  const wrong = told.filter((one) => one.best !== label).map((one) => `\u201c${one.name}\u201d`);
  const verdict = wrong.length === 0 ? (told.length > 1 ? "all are right" : "that is right")
    : wrong.length === told.length ? (told.length > 1 ? "all are wrong" : "that is wrong")
      : `${wrong.join(" and ")} ${wrong.length > 1 ? "are" : "is"} wrong`;
  return `${list} The digit is a ${label}: ${verdict}.`;
}

const where = (shape, [k, i, j]) => (shape[1] * shape[2] === 1 ? `unit ${k}`
  : shape[0] === 1 ? `row ${i}, column ${j}` : `map ${k}, row ${i}, column ${j}`);

const shapeText = ([C, H, W]) => (H * W === 1 ? `${C} numbers`
  : `${C === 1 ? "" : `${C} maps of `}${H} \u00d7 ${W}`);

// ---------------------------------------------------------------- drawing

export function diverging(t) {
  const at = 2 * Math.min(Math.max(t, -1), 1) + 2, k = Math.min(Math.floor(at), 3);
  return [0, 1, 2].map((c) =>
    Math.round(DIVERGING[k][c] + (at - k) * (DIVERGING[k + 1][c] - DIVERGING[k][c])));
}
export const grey = (t) => Array(3).fill(Math.round(255 * Math.min(Math.max(t, 0), 1)));
const rgb = (colour) => `rgb(${colour.join(" ")})`;
const ink = ([r, g, b]) => (0.299 * r + 0.587 * g + 0.114 * b > 117 ? "#000" : "#fff");

/** Where the maps of a layer stand, in pixels, when there is room for `room` pixels. */
export function layout([C, H, W], room) {
  const single = H * W === 1, gap = single ? 3 : 4;
  const columns = single ? Math.max(Math.floor((room + gap) / (24 + gap)), 1)
    : Math.max(H, W) >= 12 ? (room >= 480 ? 8 : 4) : (room >= 480 ? 16 : 8);
  const side = single ? 24 : Math.min(Math.floor((room - gap * (columns - 1)) / columns), 96);
  const used = Math.min(columns, C), rows = Math.ceil(C / columns);
  return { side, gap, columns, unit: side / Math.max(H, W),
    width: used * (side + gap) - gap, height: rows * (side + gap) - gap };
}

/** A block of cells, in pixels from the corner of the layer's picture. */
export function blockAt({ side, gap, columns, unit }, { map, row, column, height, width }) {
  return {
    left: (map % columns) * (side + gap) + column * unit,
    top: Math.floor(map / columns) * (side + gap) + row * unit,
    width: width * unit, height: height * unit,
  };
}

/** The cell at a place in pixels. */
export function cellAt({ side, gap, columns, unit }, shape, x, y) {
  const pitch = side + gap;
  const across = Math.min(Math.floor(x / pitch), columns - 1);
  const down = Math.min(Math.floor(y / pitch), Math.ceil(shape[0] / columns) - 1);
  return clamp([down * columns + across, Math.floor((y - down * pitch) / unit),
    Math.floor((x - across * pitch) / unit)], shape);
}

/** Smallest and largest number, and whether some are negative. */
export function range(data) {
  let low = Infinity, high = -Infinity;
  for (const v of data) {
    if (v < low) low = v;
    if (v > high) high = v;
  }
  return { low, high, signed: low < 0, scale: Math.max(Math.abs(low), Math.abs(high)) || 1 };
}

/** Colours of -1 to 1 in 511 steps, a pixel a number. */
const table = (colour) => new Uint32Array(Uint8Array.from(
  Array.from({ length: 511 }, (_, k) => [...colour((k - 255) / 255), 255]).flat()).buffer);
const TABLES = { grey: table(grey), signed: table(diverging) };
function toPixels(values, scale, colours) {
  const pixels = new Uint32Array(values.length), by = 255 / scale;
  for (let k = 0; k < pixels.length; k++)
    pixels[k] = colours[255 + Math.round(Math.min(Math.max(by * values[k], -255), 255))];
  return new Uint8ClampedArray(pixels.buffer);
}

function paint(canvas, map, place, sharp = 2) {
  const [C, H, W] = map.shape, { signed, scale } = range(map.data);
  const small = document.createElement("canvas");
  [small.width, small.height] = [W, H * C];
  const soft = small.getContext("2d"), image = soft.createImageData(W, H * C);
  image.data.set(toPixels(map.data, scale, signed ? TABLES.signed : TABLES.grey));
  soft.putImageData(image, 0, 0);
  [canvas.width, canvas.height] = [place.width * sharp, place.height * sharp];
  const pen = canvas.getContext("2d");
  pen.imageSmoothingEnabled = false;
  for (let c = 0; c < C; c++) {
    const b = blockAt(place, { map: c, row: 0, column: 0, height: H, width: W });
    pen.drawImage(small, 0, c * H, W, H, b.left * sharp, b.top * sharp, b.width * sharp, b.height * sharp);
    if (H * W > 1) continue;
    pen.strokeStyle = rgb(DIVERGING[2]); // or black and white cells vanish on the page
    pen.strokeRect(b.left * sharp + 0.5, b.top * sharp + 0.5, b.width * sharp - 1, b.height * sharp - 1);
    if (C > 10) continue;
    pen.fillStyle = ink((signed ? diverging : grey)(map.data[c] / scale)); // which digit it is
    pen.font = `600 ${14 * sharp}px sans-serif`;
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.fillText(String(c), (b.left + b.width / 2) * sharp, (b.top + b.height / 2) * sharp);
  }
}

function paintPicture(canvas, values, scale) {
  const pen = canvas.getContext("2d"), image = pen.createImageData(SIDE, SIDE);
  image.data.set(toPixels(values, scale, TABLES.grey));
  pen.putImageData(image, 0, 0);
}

// ---------------------------------------------------------------- figure

function h(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  if (["input", "button"].includes(tag) || "tabindex" in attributes)
    node.dataset.lmSuppressShortcuts = "true"; // or JupyterLab takes its keys
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}
const text = (node, words) => { if (node.textContent !== words) node.textContent = words; };
const button = (label, name = "") => h("button", { type: "button", class: `dl-button ${name}` }, label);
const place = (node, box) => Object.assign(node.style,
  Object.fromEntries(Object.entries(box).map(([name, value]) => [name, `${value}px`])));

function buildBoard(pictures, labels) {
  const canvas = () => h("canvas", { width: SIDE, height: SIDE, role: "img" });
  const drawn = canvas(), seen = canvas(), cursor = h("div", { class: "dl-cursor" });
  drawn.setAttribute("aria-hidden", "true");
  const board = h("div", { class: "dl-board", tabindex: "0", role: "application",
    "aria-label": "Drawing board. Arrow keys move the brush, Space inks a dot, Enter " +
      "puts the pen down or up, Delete erases." }, drawn, cursor);
  const window = h("div", { class: "dl-mark dl-window" });
  const examples = pictures.map((picture, n) => {
    const small = h("canvas", { width: SIDE, height: SIDE, "aria-hidden": "true" });
    paintPicture(small, picture, 255);
    const name = labels[n] === null ? `Example ${n}` : `Example digit ${labels[n]}`;
    return h("button", { type: "button", class: "dl-example", "aria-label": name }, small);
  });
  const erase = h("input", { type: "checkbox" }), centre = h("input", { type: "checkbox" });
  const check = (input, label) => h("label", { class: "dl-check" }, input, h("span", {}, label));
  const clear = button("Clear");
  clear.setAttribute("aria-label", "Clear the board");
  return {
    drawn, seen, cursor, board, window, examples, erase, centre, clear,
    row: h("div", { class: "dl-examples", role: "group", "aria-label": "Examples" }, ...examples),
    left: h("div", { class: "dl-panel" }, h("div", { class: "dl-title" }, h("b", {}, "board"), " draw here"),
      board, h("div", { class: "dl-tools" }, clear, check(erase, "erase"))),
    right: h("div", { class: "dl-panel" },
      h("div", { class: "dl-title" }, h("b", { class: "dl-x" }, "x"), " what they see"),
      h("div", { class: "dl-seen" }, seen),
      h("div", { class: "dl-tools" }, check(centre, "centre the ink as MNIST does"))),
  };
}

function buildMoves(id) {
  const names = { right: "Shift right", down: "Shift down", angle: "Turn", scale: "Scale" };
  const sliders = Object.entries(MOVES).map(([name, [min, max, step]]) => {
    const input = h("input", { type: "range", id: `${id}-${name}`, min, max, step });
    const value = h("output", { for: input.id, class: "dl-value" });
    return { name, input, value, node: h("div", { class: "dl-slide" },
      h("label", { for: input.id }, names[name]), input, value) };
  });
  const back = button("Move back"), reset = button("Reset"), note = h("span", { class: "dl-note dl-start" });
  return { sliders, back, reset, note, node: h("div", { class: "dl-moves" },
    ...sliders.map((slider) => slider.node), h("div", { class: "dl-tools" }, back, reset, note)) };
}

function buildAnswers(networks) {
  const cells = Array.from({ length: 10 }, () => networks.map(() => {
    const bar = h("span", { class: "dl-fill" }), words = h("span", { class: "dl-percent" });
    return { bar, words, node: h("td", {}, h("span", { class: "dl-bar" }, bar, words)) };
  }));
  const heads = cells.map((_, digit) => h("th", { scope: "row" }, String(digit)));
  const verdicts = networks.map(() => h("td", { class: "dl-verdict" }));
  const node = h("table", { class: "dl-answers" },
    h("caption", {}, "Shares of the ten digits"),
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, h("span", { class: "dl-spoken" }, "digit")),
      ...networks.map((net) => h("th", { scope: "col" }, net.name)))),
    h("tbody", {}, ...cells.map((row, digit) => h("tr", {}, heads[digit], ...row.map((cell) => cell.node)))),
    h("tfoot", {}, h("tr", {}, h("th", { scope: "row" }, "\u2192"), ...verdicts)));
  heads.at(-1).parentNode.classList.add("dl-last");
  return { cells, heads, verdicts, node };
}

function buildInside(id, networks) {
  const chooser = h("fieldset", { class: "dl-choice" }, h("legend", {}, "Inside"));
  const radios = networks.map((net) => {
    const input = h("input", { type: "radio", name: `${id}-network`, value: net.name });
    chooser.append(h("label", { class: "dl-chip" }, input, h("span", {}, net.name)));
    return input;
  });
  const stack = h("div", { class: "dl-stack" });
  const field = (name, label) => {
    const input = h("input", { type: "number", min: "0", step: "1", "aria-describedby": `${id}-fault` });
    return { name, input, node: h("label", { class: "dl-where" }, label, input) };
  };
  const fields = [field("map", "map"), field("row", "row"), field("column", "column")];
  const title = h("p", { class: "dl-work-title" }), fault = h("p", { class: "dl-fault", id: `${id}-fault`, "aria-live": "polite" });
  const body = h("div", { class: "dl-body" }), total = h("p", { class: "dl-total", "aria-live": "polite" });
  const work = h("div", { class: "dl-work" },
    h("div", { class: "dl-pick" }, title, ...fields.map((one) => one.node)), fault, body, total);
  const legend = h("p", { class: "dl-note" }, "Click a pixel of a map, or move there with the arrow keys, to see its sum. " +
    "Black is 0 and white the layer\u2019s largest number; where numbers are negative, orange is below 0, blue above.");
  return { legend, chooser, radios, stack, fields, title, fault, body, total, work };
}

/** One row for each map stack of the network, the input first. */
function buildLayers(net, maps) {
  return maps.map((map, n) => {
    const canvas = h("canvas", { role: "img" });
    const mark = h("div", { class: "dl-mark dl-cell" }), window = h("div", { class: "dl-mark dl-window" });
    const frame = h("div", { class: "dl-frame", ...(n ? { tabindex: "0", role: "group" } : {}) },
      canvas, window, mark);
    const name = n ? `${n} ${KINDS[net.layers[n - 1].kind].title(net.layers[n - 1])}` : "input x";
    const span = h("span", { class: "dl-note" });
    return { n, name, canvas, mark, window, frame, span, shape: map.shape,
      node: h("div", { class: "dl-layer" }, h("div", { class: "dl-name" }, h("b", {}, name),
        h("span", { class: "dl-note" }, shapeText(map.shape)), span), frame) };
  });
}

const grid = (name, values, look) => h("div", {
  class: `dl-grid dl-${name}`, role: "img", style: `--columns: ${values[0].length}`,
  "aria-label": `${name}: ${values.map((line) => line.map(cellText).join(", ")).join("; ")}`,
}, ...values.flatMap((line, r) => line.map((v, s) => {
  const node = h("span", {}, cellText(v)), { colour, name: extra } = look(v, r, s);
  if (colour) Object.assign(node.style, { background: rgb(colour), color: ink(colour) });
  if (extra) node.className = extra;
  return node;
})));
const term = (letter, words, node) => h("div", { class: "dl-term" },
  h("div", { class: "dl-label" }, h("b", {}, letter), ` ${words}`), node);
const sign = (words) => h("div", { class: "dl-sign", "aria-hidden": "true" }, words);

function drawConv(found, below, choose, listen) {
  const { patch, outside, kernel, products, channels } = found;
  const most = range(patch.flat()).scale, scale = range(kernel.flat()).scale;
  const from = channels.length > 1 ? `window in map ${below} below` : "window";
  const parts = [h("div", { class: "dl-terms" },
    term("x", from, grid("window", patch, (v, r, s) =>
      (outside[r][s] ? { name: "dl-outside" } : { colour: v < 0 ? diverging(v / most) : grey(v / most) }))),
    sign("\u00d7"), term("w", "kernel", grid("kernel", kernel, (v) => ({ colour: diverging(v / scale) }))),
    sign("="), term("x \u00b7 w", "products", grid("products", products, (v) => ({ name: v ? "" : "dl-zero" }))))];
  if (channels.length > 1) {
    const chips = channels.map((sum, c) => {
      const chip = h("button", { type: "button", class: "dl-channel", "aria-pressed": String(c === below) },
        h("span", {}, `map ${c}`), h("span", { class: "dl-number" }, cellText(sum)));
      listen(chip, "click", () => choose(c));
      return chip;
    });
    parts.push(h("p", { class: "dl-note" }, "Sum of the products of each map below; press one to see its products:"),
      h("div", { class: "dl-channels" }, ...chips));
  }
  return parts;
}

function drawMax({ patch, largest: [row, column], window }) {
  const { scale, signed } = range(patch.flat());
  return [h("div", { class: "dl-terms" },
    term("x", `window in map ${window.map} below; the largest number is framed`,
      grid("window", patch, (v, r, s) => ({
        colour: (signed ? diverging : grey)(v / scale),
        name: r === row && s === column ? "dl-largest" : "",
      }))))];
}

function drawDense({ terms, others, rest, bias, total, weights }) {
  const row = (name, ...values) => h("tr", {}, h("th", { scope: "row" }, name),
    ...values.map((v) => h("td", {}, v === "" ? "" : numberText(v))));
  const table = h("table", { class: "dl-sum" },
    h("caption", {}, "The largest terms of the sum"),
    h("thead", {}, h("tr", {}, ...["from below", "x", "w", "x \u00b7 w"].map((name) => h("th", { scope: "col" }, name)))),
    h("tbody", {}, ...terms.map((one) => row(where(weights.shape, one.cell), one.x, one.w, one.product)),
      row(`the other ${others}`, "", "", rest), row("bias b", "", "", bias)),
    h("tfoot", {}, row("sum", "", "", total)));
  const parts = [table];
  if (weights.shape[1] * weights.shape[2] > 1) {
    const canvas = h("canvas", { role: "img", "aria-label": `The unit\u2019s ${weights.data.length} weights, ` +
      "placed as what they are multiplied with" });
    const at = layout(weights.shape, weights.shape[0] === 1 ? 480 : 216);
    const side = weights.shape[0] === 1 ? { ...at, side: 168, unit: 168 / weights.shape[1], width: 168, height: 168 } : at;
    paint(canvas, weights, side);
    place(canvas, { width: side.width, height: side.height });
    const { low, high } = range(weights.data);
    parts.push(h("div", { class: "dl-term" }, h("div", { class: "dl-label" }, h("b", {}, "w"), " all its weights"), canvas,
      h("p", { class: "dl-note" }, `${numberText(low)} (orange) to ${numberText(high)} (blue)`)));
  }
  return parts;
}

function totalText(layer, found, name) {
  if (!("total" in found))
    return `${name}: the largest number of the window, ${numberText(found.value)}.`;
  const b = found.bias, sum = `${numberText(found.sum)} ${b < 0 ? "\u2212" : "+"} ${numberText(Math.abs(b))} (bias)`;
  const kept = layer.activation !== "relu" ? "" : `; ReLU ${found.total > 0 ? "keeps it" : "makes it 0"}: ` +
    numberText(found.value);
  return `${name}: sum of products ${sum} = ${numberText(found.total)}${kept}.`;
}

const STATE = ["example", "right", "down", "angle", "scale", "centred", "network", "layer", "cell", "below", "_drawing"];

function drawAnswers(view, board, status, { answers, empty }, label) {
  answers.forEach(({ shares }, n) => {
    const best = shares.indexOf(Math.max(...shares));
    shares.forEach((p, digit) => {
      const { bar, words, node } = view.cells[digit][n];
      bar.style.width = `${100 * p}%`;
      text(words, shareText(p));
      node.classList.toggle("dl-best", digit === best);
      node.classList.toggle("dl-none", p < 0.005);
    });
    const mark = label === null || empty ? "" : best === label ? " \u2713 right" : " \u2717 wrong";
    text(view.verdicts[n], `${best}${mark}`);
    view.verdicts[n].classList.toggle("dl-wrong", mark.includes("wrong"));
  });
  view.heads.forEach((head, digit) => head.classList.toggle("dl-true", digit === label));
  text(status, sentence(answers, label, empty));
  board.seen.setAttribute("aria-label",
    `What the networks see${label === null ? "" : `: a ${label}`}, 28 by 28 pixels`);
}

function drawMoves(view, s) {
  for (const { name, input, value } of view.sliders) {
    const words = moveText(s[name], name);
    input.value = String(s[name]);
    text(value, words);
    input.setAttribute("aria-valuetext", words);
  }
  const still = Object.entries(MOVES).every(([name, [, , , rest]]) => s[name] === rest);
  view.back.setAttribute("aria-disabled", String(still));
}

function drawLayers(layers, maps, room) {
  for (const one of layers) {
    const { low, high } = range(maps[one.n].data);
    one.place = layout(one.shape, room);
    place(one.frame, { width: one.place.width, height: one.place.height });
    paint(one.canvas, maps[one.n], one.place);
    const words = `${numberText(low)} to ${numberText(high)}`;
    text(one.span, words);
    one.canvas.setAttribute("aria-label", `${one.name}: ${shapeText(one.shape)}, from ${words}`);
  }
}

/** Marks the chosen pixel and, in the layer below, the window it comes from. */
function drawMarks(layers, at, found) {
  const [map, row, column] = at.cell;
  for (const one of layers) {
    one.node.classList.toggle("dl-chosen", one.n === at.layer);
    one.mark.hidden = one.n !== at.layer;
    one.window.hidden = one.n !== at.layer - 1 || !found.window;
    if (!one.mark.hidden) place(one.mark, blockAt(one.place, { map, row, column, height: 1, width: 1 }));
    if (!one.window.hidden) place(one.window, blockAt(one.place, found.window));
    if (one.n) one.frame.setAttribute("aria-label", `Layer ${one.name}, ${shapeText(one.shape)}` +
      (one.n === at.layer ? `; chosen: ${where(one.shape, at.cell)}` : "") +
      ". Arrow keys move the chosen pixel, Page Up and Page Down change the map.");
  }
}

function drawWork(view, layers, at, typing, chooseBelow, listen) {
  const layer = at.net.layers[at.layer - 1], { shape } = at.maps[at.layer];
  const found = explain(at.net.layers, at.maps, at.layer, at.cell, at.below);
  const vector = shape[1] * shape[2] === 1;
  drawMarks(layers, at, found);
  text(view.title, `Layer ${at.layer}, ${KINDS[layer.kind].title(layer)}`);
  view.fields.forEach(({ name, input, node }, axis) => {
    input.max = String(shape[axis] - 1);
    if (input.getAttribute("aria-invalid") !== "true" && input !== typing) input.value = String(at.cell[axis]);
    node.hidden = vector && axis > 0;
    node.firstChild.textContent = vector && !axis ? "unit" : name;
  });
  const held = view.body.contains(document.activeElement);
  view.body.replaceChildren(...(found.terms ? drawDense(found)
    : found.largest ? drawMax(found) : drawConv(found, at.below, chooseBelow, listen)));
  if (held) view.body.querySelectorAll(".dl-channel")[at.below]?.focus();
  const name = where(shape, at.cell);
  text(view.total, totalText(layer, found, name[0].toUpperCase() + name.slice(1)));
}

/** Clicks and keys on the maps of one layer; `act.chosen` says what is chosen now. */
function wireLayer(one, listen, act) {
  const point = (event) => {
    const box = one.frame.getBoundingClientRect();
    act.choose(one.n, cellAt(one.place, one.shape, event.clientX - box.left, event.clientY - box.top));
  };
  const vector = one.shape[1] * one.shape[2] === 1;
  listen(one.frame, "click", point);
  listen(one.frame, "pointermove", (event) => {
    if (event.buttons === 1 && event.pointerType === "mouse") point(event);
  });
  listen(one.frame, "keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { columns } = one.place;
    const step = {
      ArrowUp: vector ? [-columns, 0, 0] : [0, -1, 0], ArrowDown: vector ? [columns, 0, 0] : [0, 1, 0],
      ArrowLeft: vector ? [-1, 0, 0] : [0, 0, -1], ArrowRight: vector ? [1, 0, 0] : [0, 0, 1],
      PageUp: [-1, 0, 0], PageDown: [1, 0, 0], Enter: [0, 0, 0], " ": [0, 0, 0],
    }[event.key];
    if (!step) return;
    event.preventDefault();
    const at = act.chosen();
    if (at.layer !== one.n) return act.choose(one.n, strongest(at.maps[one.n]));
    const to = at.cell.map((v, axis) => v + step[axis]);
    if (to[0] >= 0 && to[0] < one.shape[0]) act.choose(one.n, to);
  });
}

function build(model, el) {
  const id = `cnn-dl-${Math.random().toString(36).slice(2)}`, labels = model.get("_labels");
  const { pictures, networks } = unpack(model.get("_pixels"), labels.length, model.get("_networks"));
  const board = buildBoard(pictures, labels), moves = buildMoves(id);
  const answers = buildAnswers(networks), inside = buildInside(id, networks);
  const status = h("p", { class: "dl-status", "aria-live": "polite" });
  text(moves.note, model.get("_note"));
  const root = h("div", { class: "cnn-digit-lab", role: "group" }, board.row,
    h("div", { class: "dl-main" }, board.left, board.right, answers.node), status, moves.node,
    h("div", { class: "dl-inside" }, inside.chooser, inside.legend, inside.stack, inside.work));
  el.append(root);
  return { labels, pictures, networks, board, moves, answers, inside, status, root };
}

function render({ model, el }) {
  const stop = new AbortController(); // removes every listener at the end
  const listen = (node, type, fn) => node.addEventListener(type, fn, { signal: stop.signal });
  const { labels, pictures, networks, board, moves, answers, inside, status, root } = build(model, el);
  let live = true, waiting = false, stroke = null, layers = [], room = 550, typing = null;
  const shown = {}; // what stands on the screen, so that only changes are drawn
  const now = () => Object.fromEntries(STATE.map((name) => [name, model.get(name)]));
  function change(values) {
    for (const [name, value] of Object.entries(values)) model.set(name, value);
    model.save_changes();
  }
  function later() { // once, however many traits have changed
    if (waiting) return;
    waiting = true;
    queueMicrotask(() => { waiting = false; draw(); });
  }
  const bytes = (s) => stroke ?? (s.example === null ? fromHex(s._drawing) : pictures[s.example]);

  /** What every network makes of the picture; computed anew only when it changes. */
  function compute(s) {
    const source = bytes(s), key = [s.right, s.down, s.angle, s.scale, s.centred, toHex(source)].join();
    if (key === shown.key) return false;
    const x = Float64Array.from(source, (v) => v / 255), seen = moved(s.centred ? centred(x) : x, s);
    const maps = networks.map((net) => forward(net.layers, seen));
    Object.assign(shown, { key, maps, empty: !source.some((v) => v > 0),
      answers: networks.map(({ name }, n) => ({ name, shares: softmax(maps[n].at(-1).data) })) });
    paintPicture(board.drawn, source, 255);
    paintPicture(board.seen, seen, 1);
    return true;
  }
  const indexOf = (name) => Math.max(networks.findIndex((net) => net.name === name), 0);
  /** Network, layer, cell and map below that are shown, all of them existing. */
  function chosen(s = now()) {
    const n = indexOf(s.network), net = networks[n], maps = shown.maps[n];
    const layer = Math.min(s.layer, net.layers.length);
    return { net, maps, layer, cell: clamp(s.cell, maps[layer].shape),
      below: Math.min(s.below, maps[layer - 1].shape[0] - 1) };
  }
  function forgive() {
    for (const { input } of inside.fields) input.removeAttribute("aria-invalid");
    text(inside.fault, "");
  }
  function choose(layer, cell, network = now().network) {
    forgive();
    const n = indexOf(network), maps = shown.maps[n], at = clamp(cell, maps[layer].shape);
    const { channels } = explain(networks[n].layers, maps, layer, at);
    const sizes = (channels ?? [0]).map(Math.abs);
    change({ network, layer, cell: at, below: sizes.indexOf(Math.max(...sizes)) });
  }

  function draw() {
    if (!live) return;
    const s = now(), fresh = compute(s), at = chosen(s);
    root.setAttribute("aria-label", model.get("alt"));
    drawAnswers(answers, board, status, shown, stroke || s.example === null ? null : labels[s.example]);
    board.examples.forEach((one, n) => one.setAttribute("aria-pressed", String(!stroke && n === s.example)));
    board.centre.checked = s.centred;
    drawMoves(moves, s);
    inside.radios.forEach((input) => { input.checked = input.value === at.net.name; });
    if (shown.net !== at.net) {
      layers = buildLayers(at.net, at.maps);
      for (const one of layers.slice(1)) wireLayer(one, listen, { choose, chosen });
      inside.stack.replaceChildren(...layers.map((one) => one.node));
    }
    if (fresh || shown.net !== at.net || shown.room !== room) drawLayers(layers, at.maps, room);
    Object.assign(shown, { net: at.net, room });
    drawWork(inside, layers, at, typing, (c) => change({ below: c }), listen);
  }

  wireBoard(board, listen, {
    bytes: () => bytes(now()),
    show: (drawn) => { stroke = drawn; later(); },
    commit: (drawn) => { stroke = null; change({ _drawing: toHex(drawn), example: null }); },
    stroking: () => stroke !== null,
  });
  const rest = Object.fromEntries(Object.entries(MOVES).map(([name, [, , , value]]) => [name, value]));
  board.examples.forEach((one, n) => listen(one, "click", () => change({ example: n })));
  listen(board.clear, "click", () => change({ _drawing: "", example: null, ...rest }));
  listen(board.centre, "change", () => change({ centred: board.centre.checked }));
  for (const { name, input } of moves.sliders)
    listen(input, "input", () => change({ [name]: Number(input.value) }));
  listen(moves.back, "click", () => change(rest));
  listen(moves.reset, "click", () => {
    stroke = typing = null;
    board.erase.checked = false;
    forgive();
    change(model.get("_start"));
    later(); // a bad entry is not in the model
  });
  for (const input of inside.radios)
    listen(input, "change", () =>
      choose(1, strongest(shown.maps[indexOf(input.value)][1]), input.value));
  wireFields(inside, listen, { chosen, choose, typing: (input) => { typing = input; } });

  const watched = [...STATE, "alt"];
  for (const name of watched) model.on(`change:${name}`, later);
  const look = new ResizeObserver(() => {
    const width = Math.floor(inside.stack.clientWidth - (root.clientWidth >= 600 ? 150 : 12));
    if (width > 0 && width !== room) { room = width; later(); }
  });
  look.observe(inside.stack);
  draw();
  return () => {
    live = false;
    stop.abort();
    look.disconnect();
    for (const name of watched) model.off(`change:${name}`, later);
    root.remove();
  };
}

/** A slider's value, with its sign where it is a shift or an angle. */
export function moveText(value, name) {
  if (name === "scale") return `\u00d7\u00a0${value.toFixed(2)}`;
  const sign = value > 0 ? "+" : value < 0 ? "\u2212" : "";
  return `${sign}${Math.round(Math.abs(value) * 100) / 100}${name === "angle" ? "\u00b0" : "\u00a0px"}`;
}

/** Pointer and keys draw; `act` shows a stroke while it lasts and keeps it at its end. */
function wireBoard(view, listen, act) {
  const { board, drawn, cursor, erase } = view;
  let last = null, pen = false, at = [14, 14];
  const where = (event) => {
    const box = drawn.getBoundingClientRect(); // without the board's border
    return [((event.clientY - box.top) / box.height) * SIDE, ((event.clientX - box.left) / box.width) * SIDE];
  };
  const dot = (from, to, rub) => brush(act.bytes(), from, to, rub);
  const showCursor = () => {
    Object.assign(cursor.style, { top: `${(100 * (at[0] - 1.5)) / SIDE}%`, left: `${(100 * (at[1] - 1.5)) / SIDE}%` });
    cursor.classList.toggle("dl-pen", pen);
  };
  listen(board, "pointerdown", (event) => {
    if (event.button !== 0 || last) return;
    event.preventDefault();
    board.focus({ preventScroll: true });
    board.setPointerCapture?.(event.pointerId);
    last = { id: event.pointerId, at: where(event) };
    at = last.at.map((v) => Math.min(Math.max(Math.floor(v), 0), SIDE - 1) + 0.5);
    showCursor();
    act.show(dot(last.at, last.at, erase.checked));
  });
  listen(board, "pointermove", (event) => {
    if (event.pointerId !== last?.id) return;
    const to = where(event);
    act.show(dot(last.at, to, erase.checked));
    last.at = to;
  });
  const end = (event) => {
    if (event.pointerId !== last?.id) return;
    last = null;
    if (act.stroking()) act.commit(act.bytes());
  };
  for (const type of ["pointerup", "pointercancel", "lostpointercapture"]) listen(board, type, end);
  listen(board, "blur", () => { pen = false; showCursor(); });
  listen(board, "keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || last) return;
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (!step && ![" ", "Enter", "Delete", "Backspace"].includes(event.key)) return;
    event.preventDefault();
    const from = at;
    if (step) at = at.map((v, axis) => Math.min(Math.max(v + step[axis], 0.5), SIDE - 0.5));
    if (event.key === "Enter") pen = !pen;
    showCursor();
    const rub = erase.checked || event.key === "Delete" || event.key === "Backspace";
    if (step ? pen : event.key !== "Enter" || pen) act.commit(dot(from, at, rub));
  });
  showCursor();
}

/** Map, row and column as numbers; a bad one is marked and stays. */
function wireFields(view, listen, act) {
  view.fields.forEach(({ node, input }, axis) => {
    listen(input, "input", () => {
      const at = act.chosen(), most = Number(input.max), value = Number(input.value);
      act.typing(input);
      if (input.value.trim() !== "" && Number.isInteger(value) && value >= 0 && value <= most)
        return act.choose(at.layer, at.cell.with(axis, value));
      input.setAttribute("aria-invalid", "true");
      text(view.fault, `The ${node.firstChild.textContent} must be a whole number from 0 to ${most}. ` +
        "The last good one still counts.");
    });
    listen(input, "blur", () => act.typing(null));
  });
}

export default { render };
