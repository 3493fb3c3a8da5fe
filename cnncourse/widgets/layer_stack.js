// A stack of layers: shapes, costs and receptive fields.
//
// Pure functions first (node tests them with the numbers Python is tested with), then
// render. A layer is { kind: "conv", kernels, size, stride, pad, dilation } or
// { kind: "pool", size, stride }; a shape is [channels, height, width]; `rows` is what
// walk() returns: the input's numbers, then those of every layer that fits.

const TRAITS = ["layers", "input_shape", "picture", "layer", "cell", "alt", "_own"];
export const MOST = 10; // layers
export const LIMITS = { // lowest, highest
  kernels: [1, 1024],
  size: [1, 15],
  stride: [1, 8],
  pad: [0, 7],
  dilation: [1, 8],
  channels: [1, 1024],
  height: [1, 512],
  width: [1, 512],
};
const KEYS = {
  input: ["channels", "height", "width"],
  conv: ["kernels", "size", "stride", "pad", "dilation"],
  pool: ["size", "stride"],
};
const conv = (kernels, size, more = {}) =>
  ({ kind: "conv", kernels, size, stride: 1, pad: 0, dilation: 1, ...more });
const pool = (size, stride = size) => ({ kind: "pool", size, stride });
export const PRESETS = [
  { name: "LeNet-like: conv 5 × 5, pool, conv 5 × 5, pool",
    layers: [conv(8, 5), pool(2), conv(16, 5), pool(2)] },
  { name: "three 3 × 3 convolutions", layers: [conv(1, 3), conv(1, 3), conv(1, 3)] },
  { name: "one 7 × 7 convolution", layers: [conv(1, 7)] },
  { name: "3 × 3 with dilation 1, 2, 4",
    layers: [1, 2, 4].map((dilation) => conv(1, 3, { dilation })) },
  { name: "the beginning of VGG",
    layers: [64, 64, 0, 128, 128, 0].map((k) => (k ? conv(k, 3, { pad: 1 }) : pool(2))) },
];

// ---------------------------------------------------------------- the mathematics

// Pixels that the spread-out window covers: d(k - 1) + 1.
export const windowSpan = ({ size, dilation = 1 }) => dilation * (size - 1) + 1;

// floor((n + 2p - span) / s) + 1; below 1 where the window does not fit
export const outputSize = (n, layer) =>
  Math.floor((n + 2 * (layer.pad ?? 0) - windowSpan(layer)) / layer.stride) + 1;

export function walk(shape, layers) {
  const rows = [{ shape, parameters: 0, multiplyAdds: 0, field: 1, jump: 1, start: 0,
    centre: 0 }];
  for (const layer of layers) {
    const last = rows.at(-1);
    const [C, ...sides] = last.shape;
    const [H, W] = sides.map((n) => outputSize(n, layer));
    if (H < 1 || W < 1) break;
    const K = layer.kind === "conv" ? layer.kernels : C;
    const weights = layer.kind === "conv" ? C * layer.size ** 2 : 0; // a kernel's
    const field = last.field + (windowSpan(layer) - 1) * last.jump;
    const start = last.start - (layer.pad ?? 0) * last.jump;
    rows.push({
      shape: [K, H, W],
      parameters: weights && K * (weights + 1),
      multiplyAdds: weights * K * H * W,
      field,
      jump: last.jump * layer.stride,
      start, // of output 0's field; centre is its middle
      centre: start + (field - 1) / 2,
    });
  }
  return rows;
}

export const totals = (rows) => ["parameters", "multiplyAdds"].map((name) =>
  rows.reduce((sum, row) => sum + row[name], 0));

// Which indices of each map, input first, lead to index `at` of layer n. Axis 1 is down,
// 2 across.
export function reach(rows, layers, n, axis, at) {
  const seen = [[at]];
  for (let l = n; l > 0; l--) {
    const { size, stride, pad = 0, dilation = 1 } = layers[l - 1];
    const taps = new Set();
    for (const i of seen[0])
      for (let t = 0; t < size; t++) {
        const place = i * stride + t * dilation - pad;
        if (place >= 0 && place < rows[l - 1].shape[axis]) taps.add(place);
      }
    seen.unshift([...taps].sort((a, b) => a - b));
  }
  return seen;
}

// First and last pixel of output i's field along one axis; padding counts too.
export const span = (row, i) => {
  const low = row.start + i * row.jump;
  return [low, low + row.field - 1];
};

// Neighbouring indices together, as [first, last].
export function runs(indices) {
  const found = [];
  for (const i of indices)
    if (found.at(-1)?.[1] === i - 1) found.at(-1)[1] = i;
    else found.push([i, i]);
  return found;
}

export const clampCell = (cell, [, H, W]) =>
  [Math.max(0, Math.min(cell?.[0] ?? 0, H - 1)), Math.max(0, Math.min(cell?.[1] ?? 0, W - 1))];

// The output cell of a row whose field's middle is nearest to a place of the input
// (rows and columns from 0 at the upper left corner of the first pixel).
export const nearestCell = (row, [y, x]) =>
  clampCell([y, x].map((v) => Math.round((v - 0.5 - row.centre) / row.jump)), row.shape);

export const sameStack = (a, b) => a.length === b.length && a.every((layer, n) =>
  KEYS[layer.kind].every((key) => layer[key] === b[n][key]) && layer.kind === b[n].kind);

// The stacks to choose from, and which is there now. An edited one is not in the list:
// it stands as "Custom" until the reader chooses another.
export function choices(layers, own, start) {
  const all = [...PRESETS];
  if (!all.some((p) => sameStack(p.layers, start)))
    all.unshift({ name: "as given on this page", layers: start });
  own.forEach((stack, n) => all.push({ name: `Custom ${n + 1}`, layers: stack }));
  let now = all.findIndex((p) => sameStack(p.layers, layers));
  if (now < 0) now = all.push({ name: "Custom", layers, free: true }) - 1;
  return { all, now };
}

// ------------------------------------------------------------------- the writing

// Thousands separators, at most one decimal, a true minus sign.
export function formatNumber(value) {
  const [whole, part] = String(Math.round(Math.abs(value) * 10) / 10).split(".");
  const text = whole.replace(/\B(?=(\d{3})+$)/g, ",") + (part ? `.${part}` : "");
  return value < 0 ? `−${text}` : text;
}
const num = formatNumber;

export function layerText(layer) {
  const text = `${layer.kind} ${layer.size} × ${layer.size}`;
  if (layer.kind === "pool") return `${text}, stride ${layer.stride}`;
  const more = [["stride", 1], ["pad", 0], ["dilation", 1]]
    .filter(([key, usual]) => layer[key] !== usual).map(([key]) => `, ${key} ${layer[key]}`);
  return `${text}, ${num(layer.kernels)} kernel${layer.kernels === 1 ? "" : "s"}${more.join("")}`;
}

export const shapeText = (shape) => shape.map(num).join(" × ");

// Which layer does not fit and why; "" where all do.
export function misfitText(rows, layers) {
  const n = rows.length;
  if (n > layers.length) return "";
  const [, H, W] = rows.at(-1).shape;
  const covers = windowSpan(layers[n - 1]);
  const p = layers[n - 1].pad ?? 0;
  const padded = p ? `, with padding ${H + 2 * p} × ${W + 2 * p}` : "";
  return `Layer ${n} does not fit: its window covers ${covers} × ${covers} pixels, ` +
    `only ${H} × ${W} are left${padded}.`;
}

const spanText = (name, [low, high]) =>
  low === high ? `${name} ${num(low)}` : `${name}s ${num(low)} to ${num(high)}`;

// What one output cell sees of the input, in one to three sentences.
export function fieldText(rows, layers, n, cell) {
  const row = rows[n];
  const spans = [];
  const outside = [];
  let inside = 1;
  let seen = 1;
  ["row", "column"].forEach((name, axis) => {
    const [low, high] = span(row, cell[axis]);
    spans.push(spanText(name, [low, high]));
    const within = Math.max(Math.min(high, rows[0].shape[axis + 1] - 1) - Math.max(low, 0) + 1, 0);
    if (row.field > within) outside.push(`${num(row.field - within)} of the ${name}s`);
    inside *= within;
    seen *= reach(rows, layers, n, axis + 1, cell[axis])[0].length;
  });
  const who = n ? `Output (${cell[0]}, ${cell[1]}) of layer ${n}`
    : `Pixel (${cell[0]}, ${cell[1]}) of the input`;
  let text = `${who} sees ${spans.join(" and ")} of the input: ` +
    `${num(row.field)} × ${num(row.field)} pixel${row.field > 1 ? "s" : ""}`;
  if (outside.length) {
    const one = outside.length === 1 && outside[0].startsWith("1 of");
    text += `, ${outside.join(" and ")} ${one ? "lies" : "lie"} outside, in the padding`;
  }
  if (!seen) return `${text}. No pixel of the input reaches it.`;
  if (seen === inside) return `${text}.`;
  return `${text}. Of the ${num(inside)} pixels inside the input only ${num(seen)} ` +
    "can change it; the others are stepped over.";
}

// How layer n gets its numbers: [name, formula] pairs with the numbers put in.
export function workings(rows, layers, n) {
  const row = rows[n];
  if (!n) return [
    ["field", "1: a pixel sees itself"],
    ["jump", "1: neighbours are one pixel apart"],
  ];
  const layer = layers[n - 1];
  const last = rows[n - 1];
  const [C, ...sides] = last.shape;
  const { kind, size: k, stride: s, pad: p = 0, dilation: d = 1 } = layer;
  const covers = d === 1 ? k : `(${d}·(${k} − 1) + 1)`;
  const lines = ["height", "width"].map((name, axis) => [name,
    `⌊(${sides[axis]} + 2·${p} − ${covers})/${s}⌋ + 1 = ${num(outputSize(sides[axis], layer))}`]);
  if (!row) return lines;
  const [K, H, W] = row.shape;
  const step = d === 1 ? `(${k} − 1)` : `${d}·(${k} − 1)`;
  lines.push(
    ["field", `${num(last.field)} + ${step}·${num(last.jump)} = ${num(row.field)}`],
    ["jump", `${num(last.jump)}·${s} = ${num(row.jump)}`]);
  if (kind === "pool") return [...lines, ["parameters", "0: pooling has no weights"]];
  return [...lines,
    ["parameters", `${num(K)}·(${num(C)}·${k}·${k} + 1) = ${num(row.parameters)}`],
    ["multiply-adds", `${num(C)}·${k}·${k}·${num(K)}·${H}·${W} = ${num(row.multiplyAdds)}`]];
}

// ---------------------------------------------------------------------- the figure

const SIDE = 280; // of a panel, in pixels of the screen
const CELL = 40; // of the largest cell of a map
const THUMB = [12, 34]; // of the smallest and the largest map in the table
const HEADS = ["Layer", "Map", "Output", "Parameters", "Multiply-adds", "Field", "Jump",
  "First centre"];
const FACTS = ["output", "parameters", "multiplyAdds", "field", "jump", "centre"];

function h(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  // JupyterLab takes arrow keys from what has the focus, unless it says this itself
  if (/^(button|input|select)$/.test(tag)) node.dataset.lmSuppressShortcuts = "true";
  return node;
}
function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}
const button = (text, name = "ls-button") => h("button", { type: "button", class: name }, text);
const range = (n) => Array.from({ length: n }, (_, i) => i);
const box = (x, y, width, height) => `M${x} ${y}h${width}v${height}h${-width}z`;
const put = (node, attributes) => {
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
};
const say = (node, text) => { // a live region repeats itself when it is set again
  if (node.textContent !== text) node.textContent = text;
};

// The rectangles in which rows and columns of two index lists meet, as one path. Gaps too
// fine to be seen, where a pixel of the input has under two of the screen, are closed.
function blocks(rows, cols, unit) {
  const [down, across] = unit < 2
    ? [rows, cols].map((all) => [[all[0], all.at(-1)]]) : [rows, cols].map(runs);
  return down.flatMap(([top, bottom]) => across.map(([left, right]) =>
    box(left, top, right - left + 1, bottom - top + 1))).join("");
}

// Where a run of cells of a map begins and how long it is, widened to be seen.
function visible(indices, most, least) {
  const length = Math.min(most, Math.max(least, indices.at(-1) - indices[0] + 1));
  const middle = (indices[0] + indices.at(-1) + 1) / 2;
  return [Math.max(0, Math.min(middle - length / 2, most - length)), length];
}

// Lines between cells of `unit` pixels, thinned out where they would run together.
function gridPath(H, W, unit) {
  let step = 1;
  while (step * unit < 6) step *= 2;
  const places = (n) => [...range(Math.ceil(n / step)).map((i) => i * step), n];
  return places(W).map((j) => `M${j} 0v${H}`).join("") +
    places(H).map((i) => `M0 ${i}h${W}`).join("");
}

function buildTable() {
  const body = h("tbody");
  const lines = range(MOST + 1).map((n) => {
    const pick = h("button", { type: "button", class: "ls-pick" });
    const size = svg("path", { class: "ls-size" });
    const seen = svg("path", { class: "ls-seen" });
    const thumb = svg("svg", { class: "ls-thumb", role: "img" }, size, seen);
    const cells = FACTS.map(() => h("td", { class: "ls-fact" }));
    const tr = h("tr", { class: "ls-line" }, h("th", { scope: "row", class: "ls-name" }, pick),
      h("td", { class: "ls-fact" }, thumb), ...cells);
    body.append(tr);
    return { n, tr, pick, thumb, size, seen, cells };
  });
  const sums = [0, 1].map(() => h("td", { class: "ls-fact" }));
  const total = h("th", { scope: "row", class: "ls-name" });
  const table = h("table", { class: "ls-table" },
    h("thead", {}, h("tr", {}, ...HEADS.map((name) => h("th", { scope: "col" }, name)))),
    body,
    h("tfoot", {}, h("tr", {}, total, h("td", {}), h("td", {}), ...sums,
      h("td", {}), h("td", {}), h("td", {}))));
  const scroll = h("div", { class: "ls-scroll", role: "group", "aria-label": "Table of the layers" },
    table);
  const about = h("p", { class: "ls-about" },
    h("b", {}, "Field"), ": pixels of the input, in each direction, that one output sees. ",
    h("b", {}, "Jump"), ": pixels from one output's field to the next one's. ",
    h("b", {}, "First centre"), ": the middle of output (0, 0)'s field; rows and columns are " +
    "counted from 0. ", h("b", {}, "Map"), ": the output's size, and the part of it that leads " +
    "to the chosen output.");
  return { node: h("div", { class: "ls-layers" }, scroll, about), scroll, lines, sums, total };
}

function buildEditor(id) {
  const title = h("b", { class: "ls-title" });
  const fields = {};
  for (const name of new Set(Object.values(KEYS).flat())) {
    const [min, max] = LIMITS[name];
    const input = h("input", { type: "number", min, max, step: "1", id: `${id}-${name}` });
    const node = h("div", { class: "ls-field" }, h("label", { for: input.id }, name), input);
    fields[name] = { name, input, node };
  }
  const tools = {
    conv: button("Add convolution"),
    pool: button("Add pooling"),
    up: button("Move up"),
    down: button("Move down"),
    remove: button("Remove"),
  };
  const message = h("p", { class: "ls-message", role: "status" });
  const lines = range(6).map(() => h("div", { class: "ls-working" }, h("span"), h("span")));
  // the buttons stand above the table: what they add must not push them away
  const bar = h("div", { class: "ls-bar" }, ...Object.values(tools));
  const node = h("div", { class: "ls-editor" },
    h("div", { class: "ls-bar ls-fields" }, title, ...Object.values(fields).map((f) => f.node)),
    message,
    h("div", { class: "ls-workings" }, ...lines));
  return { node, bar, title, fields, tools, message, lines };
}

function buildPanels(id) {
  const line = (name, more = {}) =>
    svg("path", { class: `ls-${name}`, "vector-effect": "non-scaling-stroke", ...more });
  const make = (name, ...shapes) => {
    const drawing = svg("svg", { class: "ls-drawing", "aria-hidden": "true" }, ...shapes);
    const sheet = h("div", { class: `ls-sheet ls-${name}` }, drawing);
    const title = h("div", { class: "ls-title" });
    return { sheet, drawing, title };
  };
  const [grid, tint, all, inner, halo, dots, spot] = ["grid", "tint", "all", "inner", "halo", "dots",
    "spot"].map((name) => line(name));
  const input = make("input", grid, tint, all, inner, halo, dots, spot);
  const canvas = h("canvas", { class: "ls-canvas", "aria-hidden": "true" });
  input.sheet.prepend(canvas);
  const [cells, here] = ["grid", "here"].map((name) => line(name));
  const map = make("map", cells, here);
  map.drawing.setAttribute("preserveAspectRatio", "none");
  const press = h("button", { type: "button", class: "ls-press" }, map.sheet);
  const legend = h("p", { class: "ls-legend" });
  const slider = (name) => {
    const control = h("input", { type: "range", min: "0", step: "1", id: `${id}-at-${name}` });
    const value = h("span", { class: "ls-value", "aria-hidden": "true" });
    const node = h("div", { class: "ls-field ls-slide" },
      h("label", { for: control.id }, name), control, value);
    return { control, value, node };
  };
  const slides = [slider("row"), slider("column")];
  const frame = (...content) => h("div", { class: "ls-frame" }, ...content);
  const node = h("div", { class: "ls-panels" },
    h("div", { class: "ls-panel" }, input.title, frame(input.sheet)),
    h("div", { class: "ls-panel" }, map.title, frame(press)));
  const choose = h("div", { class: "ls-bar" }, h("span", { class: "ls-which" }, "Output"),
    ...slides.map((s) => s.node));
  const misfit = h("span", { class: "ls-misfit" });
  const field = h("span");
  const sentence = h("p", { class: "ls-sentence", "aria-live": "polite" }, misfit, field);
  return { node, choose, input, canvas, grid, tint, all, inner, halo, dots, spot, map, press, cells,
    here, legend, slides, sentence, misfit, field };
}

// ---- drawing: what each part shows of a state

function drawTable(view, s, rows, seen, n) {
  const largest = Math.max(...rows.flatMap((row) => row.shape.slice(1)));
  for (const line of view.lines) {
    line.tr.hidden = line.n > s.layers.length;
    if (line.tr.hidden) continue;
    const row = rows[line.n];
    const words = line.n ? `${line.n} ${layerText(s.layers[line.n - 1])}` : "input";
    line.pick.textContent = words.replaceAll(" × ", "\u00a0×\u00a0").replace(" kern", "\u00a0kern")
      .replaceAll(/(stride|pad|dilation) /g, "$1\u00a0");
    line.pick.setAttribute("aria-pressed", String(line.n === s.layer));
    line.tr.classList.toggle("ls-chosen", line.n === s.layer);
    line.tr.classList.toggle("ls-bad", !row);
    const facts = row
      ? { ...row, output: shapeText(row.shape) }
      : { output: line.n === rows.length ? "does not fit" : "" };
    FACTS.forEach((name, k) => {
      const cost = name === "parameters" || name === "multiplyAdds";
      const value = facts[name];
      line.cells[k].textContent = value === undefined || (cost && !line.n) ? ""
        : typeof value === "number" ? num(value) : value;
    });
    line.thumb.style.display = row ? "" : "none";
    if (!row) continue;
    const [, H, W] = row.shape;
    const side = THUMB[0] + ((THUMB[1] - THUMB[0]) * Math.max(H, W)) / largest;
    const unit = side / Math.max(H, W);
    put(line.thumb, { viewBox: `0 0 ${W} ${H}`, width: Math.max(3, W * unit), height: Math.max(3, H * unit) });
    put(line.size, { d: box(0, 0, W, H) });
    const [down, across] = [seen[0][line.n] ?? [], seen[1][line.n] ?? []];
    const lit = down.length && across.length;
    const [y, high] = visible(down, H, 4 / unit);
    const [x, wide] = visible(across, W, 4 / unit);
    put(line.seen, { d: lit ? box(x, y, wide, high) : "" });
    put(line.thumb, { "aria-label": !lit ? `${H} × ${W} cells`
      : `${H} × ${W} cells, ${down.length} × ${across.length} of them lead to the chosen output` });
  }
  const sums = totals(rows);
  view.sums.forEach((cell, k) => (cell.textContent = num(sums[k])));
  view.total.textContent = rows.length > s.layers.length ? "all layers" : "layers that fit";
}

function drawEditor(view, s, rows, faults, typing) {
  const n = s.layer;
  const layer = n ? s.layers[n - 1] : { kind: "input" };
  const [channels, height, width] = s.input_shape;
  const values = n ? layer : { channels, height, width };
  view.title.textContent = n ? `Layer ${n}, ${layer.kind}` : "Input";
  for (const { name, input, node } of Object.values(view.fields)) {
    node.hidden = !KEYS[layer.kind].includes(name);
    if (node.hidden || faults.has(input) || typing === input) continue;
    input.removeAttribute("aria-invalid");
    input.value = String(values[name]);
  }
  const full = s.layers.length >= MOST;
  const off = { conv: full, pool: full, up: n < 2, down: !n || n === s.layers.length, remove: !n };
  for (const [name, tool] of Object.entries(view.tools))
    tool.setAttribute("aria-disabled", String(off[name])); // keeps the focus
  const lines = n > rows.length ? [] : workings(rows, s.layers, n);
  view.lines.forEach((line, k) => {
    line.firstChild.textContent = lines[k]?.[0] ?? "";
    line.lastChild.textContent = lines[k]?.[1] ?? "";
  });
}

function paint(canvas, picture, H, W) {
  const fits = picture?.length === H && picture[0].length === W;
  canvas.hidden = !fits;
  if (!fits) return false;
  [canvas.width, canvas.height] = [W, H];
  const pen = canvas.getContext("2d");
  const image = pen.createImageData(W, H);
  picture.flat().forEach((v, k) => image.data.set([255 * v, 255 * v, 255 * v, 255], 4 * k));
  pen.putImageData(image, 0, 0);
  return true;
}

// Room round the input for all that any layer sees outside it, the same for every cell.
function overhang(rows, [, H, W]) {
  const most = rows.flatMap((row) => [H, W].map((n, k) => {
    const end = span(row, row.shape[k + 1] - 1)[1];
    return Math.max(-row.start, end - n + 1, 0);
  }));
  return Math.min(Math.max(...most), Math.ceil(Math.max(H, W) / 2));
}

function drawInput(view, s, rows, seen, n, cell) {
  const row = rows[n];
  const [, H, W] = s.input_shape;
  const margin = overhang(rows, s.input_shape);
  const [tall, wide] = [H + 2 * margin, W + 2 * margin];
  const unit = SIDE / Math.max(tall, wide);
  const style = view.input.sheet.style;
  style.width = `${(100 * wide) / Math.max(tall, wide)}%`;
  style.aspectRatio = `${wide} / ${tall}`;
  view.input.sheet.classList.toggle("ls-padded", margin > 0);
  put(view.input.drawing, { viewBox: `${-margin} ${-margin} ${wide} ${tall}` });
  const painted = paint(view.canvas, s.picture, H, W);
  Object.assign(view.canvas.style, { left: `${(100 * margin) / wide}%`, top: `${(100 * margin) / tall}%`,
    width: `${(100 * W) / wide}%`, height: `${(100 * H) / tall}%` });
  view.grid.classList.toggle("ls-empty", !painted);
  put(view.grid, { d: painted ? box(0, 0, W, H) : `${box(0, 0, W, H)}${gridPath(H, W, unit)}` });
  const [down, across] = [seen[0][0], seen[1][0]];
  put(view.tint, { d: down.length && across.length ? blocks(down, across, unit) : "" });
  const spans = cell.map((i) => span(row, i));
  const [[top, bottom], [left, right]] = spans;
  const out = top < 0 || left < 0 || bottom >= H || right >= W;
  put(view.all, { d: out ? box(left, top, right - left + 1, bottom - top + 1) : "" });
  const [y, x] = [Math.max(top, 0), Math.max(left, 0)];
  const [height, width] = [Math.min(bottom, H - 1) - y + 1, Math.min(right, W - 1) - x + 1];
  put(view.inner, { d: height > 0 && width > 0 ? box(x, y, width, height) : "" });
  const middle = (i) => span(row, i)[0] + row.field / 2;
  const dotted = n > 0 && row.jump * unit >= 18; // else they hide the picture
  const dots = !dotted ? "" : range(row.shape[1]).flatMap((i) => range(row.shape[2]).map((j) =>
    `M${middle(j)} ${middle(i)}h0`)).join("");
  put(view.halo, { d: dots });
  put(view.dots, { d: dots });
  put(view.spot, { d: `M${middle(cell[1])} ${middle(cell[0])}h0` });
  view.input.title.replaceChildren(h("b", {}, "input"), ` ${H} × ${W} pixels`);
  const key = (name, text) => h("span", { class: "ls-key" }, h("i", { class: `ls-swatch ls-${name}` }), text);
  const note = s.picture && !painted
    ? ` The picture is ${s.picture.length} × ${s.picture[0].length}: another input shows as a grid.` : "";
  view.legend.replaceChildren(
    key("k-field", "what the output sees"), " ", key("k-spot", "its centre"), " ",
    ...(dotted ? [key("k-dots", `other outputs' centres, ${num(row.jump)} pixel${row.jump === 1 ? "" : "s"} apart`), " "] : []),
    ...(margin ? [key("k-pad", "outside the input")] : []), note);
}

function drawMap(view, s, rows, n, cell) {
  const [K, H, W] = rows[n].shape;
  const most = Math.max(H, W);
  const side = Math.min(SIDE, CELL * most);
  const { sheet, drawing, title } = view.map;
  const [wide, tall] = [W, H].map((n) => Math.max(n, most / 10)); // no slivers
  view.press.style.width = `${(100 * side * wide) / most / SIDE}%`;
  sheet.style.aspectRatio = `${wide} / ${tall}`;
  put(drawing, { viewBox: `0 0 ${W} ${H}` });
  put(view.cells, { d: box(0, 0, W, H) + gridPath(H, W, side / most) });
  const [y, high] = visible([cell[0]], H, (6 * most) / side);
  const [x, broad] = visible([cell[1]], W, (6 * most) / side);
  put(view.here, { d: box(x, y, broad, high) });
  title.replaceChildren(h("b", {}, n ? `output of layer ${n}` : "input"),
    ` ${shapeText([K, H, W])}`);
  view.press.setAttribute("aria-label",
    `${n ? `Output of layer ${n}` : "Input"}, ${H} × ${W} cells, chosen: row ${cell[0]}, ` +
    `column ${cell[1]}. Arrow keys choose another.`);
  view.slides.forEach(({ control, value }, axis) => {
    const top = [H, W][axis] - 1;
    control.max = String(top);
    control.value = String(cell[axis]);
    control.setAttribute("aria-valuetext", `${cell[axis]}, from 0 to ${top}`);
    value.textContent = `${cell[axis]} (0 to ${top})`;
    value.style.minWidth = `${2 * String(top).length + 6}ch`;
  });
}

function drawChooser(select, s, start) {
  const { all, now } = choices(s.layers, s._own, start);
  const names = all.map((entry) => entry.name);
  if (names.join("\n") !== [...select.options].map((o) => o.textContent).join("\n"))
    select.replaceChildren(...names.map((name, n) => h("option", { value: String(n) }, name)));
  select.value = String(now);
}

// ---- what the reader does: each part gets `act`, which changes the model and says so

function wireTable(view, listen, act) {
  for (const { n, tr, pick } of view.lines) {
    listen(tr, "click", () => act.choose(n));
    listen(pick, "keydown", (event) => {
      const to = { ArrowUp: n - 1, ArrowDown: n + 1 }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      if (!view.lines[to] || view.lines[to].tr.hidden) return;
      view.lines[to].pick.focus();
      act.choose(to);
    });
  }
}

function wireEditor(view, listen, act) {
  const { tools } = view;
  const guard = (tool, fn, why) => listen(tool, "click", () =>
    (tool.getAttribute("aria-disabled") === "true" ? act.tell(why(act.state())) : fn(act.state())));
  const full = () => `${MOST} layers are the most. Remove one first.`;
  const none = () => "Choose a layer first: the input is always there.";
  const insert = (layer) => ({ layers, layer: n }) => {
    const next = [...layers.slice(0, n), layer, ...layers.slice(n)];
    const kind = layer.kind === "conv" ? "a convolution" : "a pooling";
    act.edit({ layers: next, layer: n + 1 }, `Layer ${n + 1} is new: ${kind}.`);
  };
  guard(tools.conv, insert(conv(8, 3)), full);
  guard(tools.pool, insert(pool(2)), full);
  guard(tools.remove, ({ layers, layer: n }) =>
    act.edit({ layers: layers.filter((_, k) => k !== n - 1), layer: Math.min(n, layers.length - 1) },
      `Layer ${n} is removed.`), none);
  const move = (by) => ({ layers, layer: n }) => {
    const next = [...layers];
    [next[n - 1], next[n - 1 + by]] = [next[n - 1 + by], next[n - 1]];
    act.edit({ layers: next, layer: n + by }, `Layer ${n} is now layer ${n + by}.`);
  };
  guard(tools.up, move(-1), ({ layer: n }) => (n ? "It is the first layer." : none()));
  guard(tools.down, move(1), ({ layer: n }) => (n ? "It is the last layer." : none()));
  for (const { name, input } of Object.values(view.fields)) {
    const read = () => {
      const value = Number(input.value);
      const [low, high] = LIMITS[name];
      return input.value !== "" && Number.isInteger(value) && value >= low && value <= high
        ? value : null;
    };
    const settle = () => {
      act.typing(null);
      act.judge(input, read() === null ? `The ${name} must be a whole number from ` +
        `${LIMITS[name][0]} to ${LIMITS[name][1]}. The last good value still counts.` : "");
      if (read() !== null) act.number(name, read());
    };
    listen(input, "input", () => {
      act.typing(input);
      if (read() === null) return;
      act.judge(input, "");
      act.number(name, read());
    });
    listen(input, "change", settle);
    listen(input, "blur", () => act.typing() === input && settle());
  }
}

function wirePanels(view, listen, act) {
  const place = (event, drawing) => { // in units of the drawing: [down, across]
    const at = drawing.getBoundingClientRect();
    const { x, y, width, height } = drawing.viewBox.baseVal;
    return [y + ((event.clientY - at.y) / at.height) * height,
      x + ((event.clientX - at.x) / at.width) * width];
  };
  const point = (node, drawing, choose) => {
    const go = (event) => act.point(choose(place(event, drawing)));
    listen(node, "pointerdown", (event) => event.button === 0 && go(event));
    listen(node, "pointermove", (event) => event.buttons === 1 && event.pointerType === "mouse" && go(event));
  };
  point(view.press, view.map.drawing, (at) => () => at.map(Math.floor));
  point(view.input.sheet, view.input.drawing, (at) => (row) => nearestCell(row, at));
  listen(view.press, "keydown", (event) => {
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1],
      Home: [-1e4, -1e4], End: [1e4, 1e4] }[event.key];
    if (!step) return;
    event.preventDefault();
    act.point((_, cell) => cell.map((i, axis) => i + step[axis]));
  });
  view.slides.forEach(({ control }, axis) => listen(control, "input", () =>
    act.point((_, cell) => cell.with(axis, Number(control.value)))));
}

function render({ model, el }) {
  const clean = [];
  const listen = (node, event, fn) => {
    node.addEventListener(event, fn);
    clean.push(() => node.removeEventListener(event, fn));
  };
  const state = () => {
    const s = Object.fromEntries(TRAITS.map((name) => [name, model.get(name)]));
    return { ...s, layer: Math.max(0, Math.min(s.layer, s.layers.length)) };
  };

  const id = `cnn-${Math.random().toString(36).slice(2)}`;
  const select = h("select", { id: `${id}-stack` });
  const reset = button("Reset");
  const table = buildTable();
  const editor = buildEditor(id);
  const panels = buildPanels(id);
  const root = h("div", { class: "cnn-layer-stack", role: "group" },
    h("div", { class: "ls-bar" },
      h("div", { class: "ls-field ls-stack" }, h("label", { for: select.id }, "Stack"), select), reset),
    panels.node, panels.legend, panels.choose, panels.sentence, editor.bar, table.node,
    editor.node);
  el.append(root);
  clean.push(() => root.remove());

  let busy = false;
  let typing = null; // the entry that is being typed
  const faults = new Map(); // entry -> sentence
  function commit(values) {
    busy = true;
    const next = { ...state(), ...values };
    next.layer = Math.min(next.layer, next.layers.length);
    const rows = walk(next.input_shape, next.layers);
    const cell = clampCell(next.cell, rows[Math.min(next.layer, rows.length - 1)].shape);
    for (const [name, value] of Object.entries({ ...values, layer: next.layer, cell }))
      model.set(name, value);
    model.save_changes();
    busy = false;
    draw();
  }
  const tell = (text) => {
    editor.message.classList.toggle("ls-fault", faults.size > 0);
    say(editor.message, text);
  };
  const forget = () => {
    typing = null;
    faults.clear();
    tell("");
  };
  const act = {
    state,
    tell,
    typing: (input) => (input === undefined ? typing : (typing = input)),
    judge(input, text) {
      faults.delete(input);
      if (text) faults.set(input, text);
      if (text) input.setAttribute("aria-invalid", "true");
      else input.removeAttribute("aria-invalid");
      tell([...faults.values()].at(-1) ?? "");
    },
    edit(values, text) {
      forget();
      commit(values);
      tell(text);
    },
    number(name, value) {
      const s = state();
      if (!s.layer) {
        const shape = s.input_shape.with(KEYS.input.indexOf(name), value);
        return commit({ input_shape: shape });
      }
      commit({ layers: s.layers.with(s.layer - 1, { ...s.layers[s.layer - 1], [name]: value }) });
    },
    choose(n) {
      if (n === state().layer) return;
      forget();
      const s = state();
      const rows = walk(s.input_shape, s.layers);
      const from = rows[Math.min(s.layer, rows.length - 1)];
      const to = rows[Math.min(n, rows.length - 1)];
      // the output that looks at the same place of the input
      const middle = s.cell.map((i) => from.centre + i * from.jump + 0.5);
      commit({ layer: n, cell: nearestCell(to, middle) });
    },
    point(where) {
      const s = state();
      const rows = walk(s.input_shape, s.layers);
      const row = rows[Math.min(s.layer, rows.length - 1)];
      const cell = clampCell(where(row, clampCell(s.cell, row.shape)), row.shape);
      if (cell.join() !== clampCell(s.cell, row.shape).join()) commit({ cell });
    },
  };
  wireTable(table, listen, act);
  wireEditor(editor, listen, act);
  wirePanels(panels, listen, act);
  listen(select, "change", () => {
    const s = state();
    const { all, now } = choices(s.layers, s._own, model.get("_start").layers);
    const { layers } = all[Number(select.value)];
    const fits = walk(s.input_shape, layers).length - 1;
    const keep = all[now].free ? { _own: [...s._own, s.layers] } : {};
    const rows = walk(s.input_shape, layers);
    act.edit({ layers, layer: fits, cell: rows[fits].shape.slice(1).map((n) => n >> 1), ...keep },
      keep._own ? `Your stack is kept as “Custom ${keep._own.length}”.` : "");
  });
  listen(reset, "click", () => act.edit({ ...model.get("_start"), _own: [] }, ""));

  let shown = null; // layer whose entries stand in the editor
  function draw() {
    if (busy) return;
    const s = state();
    if (shown !== s.layer) forget(); // also when chosen from Python or another view
    shown = s.layer;
    const rows = walk(s.input_shape, s.layers);
    const n = Math.min(s.layer, rows.length - 1);
    const cell = clampCell(s.cell, rows[n].shape);
    const seen = [1, 2].map((axis) => reach(rows, s.layers, n, axis, cell[axis - 1]));
    root.setAttribute("aria-label", s.alt);
    drawChooser(select, s, model.get("_start").layers);
    drawTable(table, s, rows, seen, n);
    drawEditor(editor, s, rows, faults, typing);
    drawInput(panels, s, rows, seen, n, cell);
    drawMap(panels, s, rows, n, cell);
    const misfit = misfitText(rows, s.layers);
    say(panels.misfit, misfit && `${misfit} `);
    say(panels.field, fieldText(rows, s.layers, n, cell));
  }
  const look = () => { // a table that scrolls can be scrolled with the keys
    const { scroll } = table;
    scroll.tabIndex = scroll.scrollWidth > scroll.clientWidth ? 0 : -1;
  };

  for (const name of TRAITS) model.on(`change:${name}`, draw);
  clean.push(() => TRAITS.forEach((name) => model.off(`change:${name}`, draw)));
  draw();
  const watch = new ResizeObserver(look);
  watch.observe(root);
  clean.push(() => watch.disconnect());
  return () => clean.reverse().forEach((undo) => undo());
}

export default { render };
