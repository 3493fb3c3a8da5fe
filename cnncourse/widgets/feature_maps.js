// What each layer of a network makes of a picture, and the pixels behind each number.
//
// Pure functions first (node tests them with the numbers Python is tested with), then
// render. A layer below is {name, shape, dense, K, h, w, decimals, field, codes, peak,
// top, most, signed}: `codes` are whole numbers of 10^-decimals, map after map; `peak`
// and `top` are the largest size and the largest value of each map, in the same units.

const KEPT = ["layer", "map", "cell", "page", "shared", "strongest"];
const TRAITS = [...KEPT, "alt"];
export const PAGE = 64; // maps shown at a time
export const NEAR = -32768; // the code of a value that is not 0 and rounds to it
const CHIPS = 8; // more layers than this stand in a list
const DIVERGING = [
  [74, 26, 0], [168, 84, 16], [140, 140, 140], [112, 184, 232], [240, 248, 255],
];
const MINUS = "\u2212";

const range = (n) => Array.from({ length: n }, (_, i) => i);
const clamp = (n, most) => Math.max(0, Math.min(n, most));

// ---------------------------------------------------------------- numbers
const size = (code) => (code === NEAR ? 0.25 : Math.abs(code));
const number = (code) => (code === NEAR ? 0 : code);

/** The picture and the layers, from the bytes that Python sent. */
export function unpack(buffer, shape, layers) {
  const bytes = buffer instanceof ArrayBuffer ? new DataView(buffer)
    : new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  const [C, H, W] = shape;
  const count = C * H * W;
  const picture = { C, H, W, data: Uint8Array.from({ length: count }, (_, k) => bytes.getUint8(k)) };
  let at = count;
  const read = layers.map((about) => {
    const [K, h = 1, w = 1] = about.shape;
    const codes = new Int16Array(K * h * w);
    for (let k = 0; k < codes.length; k++, at += 2) codes[k] = bytes.getInt16(at, true);
    const maps = range(K).map((k) => codes.subarray(k * h * w, (k + 1) * h * w));
    const peak = maps.map((map) => map.reduce((most, v) => Math.max(most, size(v)), 0));
    const top = maps.map((map) => map.reduce((most, v) => Math.max(most, number(v)), -Infinity));
    return { ...about, dense: about.shape.length === 1, K, h, w, codes, peak, top,
      most: Math.max(...peak), signed: codes.some((v) => number(v) < 0) };
  });
  return { picture, layers: read };
}

export const codeAt = ({ codes, h, w, dense }, map, [i, j]) =>
  codes[dense ? map : (map * h + i) * w + j];

/** A code in digits: exact zeros are a bare 0, large and tiny numbers have an exponent. */
export function valueText(code, decimals) {
  if (code === 0) return "0";
  const signed = (text) => text.replaceAll("-", MINUS);
  if (decimals >= 0 && decimals <= 7)
    return signed((number(code) / 10 ** decimals).toFixed(decimals));
  if (code === NEAR) return signed(`0e${-decimals}`);
  const digits = String(Math.abs(code));
  const part = digits.length > 1 ? `.${digits.slice(1)}` : "";
  return signed(`${code < 0 ? "-" : ""}${digits[0]}${part}e${digits.length - 1 - decimals}`);
}

const sizeText = (layer, peak) =>
  valueText(peak > 0 && peak < 1 ? NEAR : peak, layer.decimals);

/** The maps' numbers as they stand: by number, or the strongest response first. */
export function order({ K, peak }, strongest) {
  const maps = range(K);
  return strongest ? maps.sort((a, b) => peak[b] - peak[a] || a - b) : maps;
}

/** The map that says most at a place. */
export function loudest(layer, cell) {
  const sizes = range(layer.K).map((map) => size(codeAt(layer, map, cell)));
  return sizes.indexOf(Math.max(...sizes));
}

// ---------------------------------------------------------------- receptive fields
/** First and last pixel that output i sees along one axis. */
export const spread = ([extent, jump, start], i) =>
  [start + jump * i, start + jump * i + extent - 1];

/** The part of a span within n pixels, [] if there is none, and how many are outside. */
export function clip([first, last], n) {
  const [from, to] = [Math.max(first, 0), Math.min(last, n - 1)];
  const inside = Math.max(to - from + 1, 0);
  return { inside: inside ? [from, to] : [], outside: last - first + 1 - inside };
}

/** The place of another layer that looks at about the same part of the picture. */
export function follow(cell, old, next) {
  return ["h", "w"].map((side, axis) => {
    const i = cell[axis];
    let at = ((i + 0.5) / old[side]) * next[side] - 0.5;
    if (old.field && next.field) {
      const [a, b] = spread(old.field, i);
      const [extent, jump, start] = next.field;
      at = ((a + b) / 2 - start - (extent - 1) / 2) / jump;
    }
    return clamp(Math.round(at), next[side] - 1);
  });
}

// ---------------------------------------------------------------- words
const signed = (n) => String(n).replace("-", MINUS);
const plural = (n, word) => `${n} ${word}${n === 1 ? "" : "s"}`;

const lines = ([a, b], word) =>
  (a === b ? `${word} ${signed(a)}` : `${word}s ${signed(a)} to ${signed(b)}`);

/** What an output sees, in words. */
export function fieldText(field, cell, { H, W }) {
  const spans = cell.map((i) => spread(field, i));
  const cuts = [clip(spans[0], H), clip(spans[1], W)];
  const extent = field[0];
  const where = `${lines(spans[0], "row")} and ${lines(spans[1], "column")} of the picture`;
  const sees = extent === 1 ? `It sees one pixel, ${where}`
    : `It sees ${extent} × ${extent} pixels, ${where}`;
  if (cuts.some(({ inside }) => !inside.length))
    return `${sees}: all of it outside the picture, in the padding.`;
  const lost = cuts.map(({ outside }, axis) =>
    (outside ? `${outside} of the ${axis ? "columns" : "rows"}` : "")).filter(Boolean);
  const many = lost.length > 1 || cuts.some(({ outside }) => outside > 1);
  return lost.length
    ? `${sees}: ${lost.join(" and ")} ${many ? "lie" : "lies"} outside it, in the padding.`
    : `${sees}.`;
}

const tail = (layer, map, code) => {
  if (code === NEAR) return ", not 0 but too small for these digits";
  const [top, peak, of] = layer.dense
    ? [Math.max(...layer.top), layer.most, "of this layer"]
    : [layer.top[map], layer.peak[map], "of this map"];
  if (!peak) return layer.dense ? "" : ", as everywhere in this map";
  if (code > 0 && code === top) return `, the largest value ${of}`;
  return code < 0 && -code === peak ? `, the lowest value ${of}` : "";
};

/** The chosen value: where it stands, how large it is, and what it sees. */
export function sentence(layer, map, cell, picture) {
  const code = codeAt(layer, map, cell);
  const value = valueText(code, layer.decimals) + tail(layer, map, code);
  if (layer.dense) return `Number ${map} of ${layer.name} is ${value}.`;
  const said = `Map ${map} of ${layer.name} at row ${cell[0]}, column ${cell[1]}: ${value}.`;
  return layer.field ? `${said} ${fieldText(layer.field, cell, picture)}` : said;
}

/** Words that take as much room as any sentence on these layers. */
export function roomiest(layers, picture) {
  const longest = (texts) => texts.reduce((a, b) => (b.length > a.length ? b : a), "");
  return longest(layers.map((layer) => {
    const { K, h, w, decimals, most } = layer;
    const value = longest([-Math.ceil(most), NEAR].map((code) => valueText(code, decimals)));
    const corners = [[0, 0], [0, w - 1], [h - 1, 0], [h - 1, w - 1], [h >> 1, w >> 1]];
    const field = layer.field
      ? longest(corners.map((cell) => fieldText(layer.field, cell, picture))) : "";
    return `Map ${K - 1} of ${layer.name} at row ${h - 1}, column ${w - 1}: ${value}, ` +
      `not 0 but too small for these digits. ${field}`;
  }));
}

/** How many maps are 0 everywhere. */
export function zeroText({ K, peak, dense }) {
  const zero = peak.filter((v) => v === 0).length;
  const [noun, where] = dense ? ["number", "zero"] : ["map", "zero everywhere"];
  if (!zero) return `No ${noun} is ${where}.`;
  if (zero === K) return K === 1 ? `The only ${noun} is ${where}.` : `All ${K} ${noun}s are ${where}.`;
  return `${zero} of ${plural(K, noun)} ${zero === 1 ? "is" : "are"} ${where}.`;
}

/** Whole numbers from 0 to most; NaN for anything else. */
export function readPlace(text, most) {
  const value = /^\s*\d{1,4}\s*$/.test(text) ? Number(text) : NaN;
  return value <= most ? value : NaN;
}

// ---------------------------------------------------------------- colours
/** Colour of t from -1 over 0 to 1: dark orange, grey, pale blue. */
export function diverging(t) {
  const at = 2 * Math.min(Math.max(t, -1), 1) + 2;
  const k = Math.min(Math.floor(at), 3);
  return [0, 1, 2].map((c) =>
    Math.round(DIVERGING[k][c] + (at - k) * (DIVERGING[k + 1][c] - DIVERGING[k][c])));
}

const grey = (t) => Array(3).fill(Math.round(255 * t));
const scaleOf = (layer, map, shared) => (shared ? layer.most : layer.peak[map]) || 1;

/** A map as RGBA bytes, on its own scale or on that of its layer. */
export function paint(layer, map, shared) {
  const { codes, h, w } = layer;
  const scale = scaleOf(layer, map, shared);
  const colour = layer.signed ? diverging : grey;
  const rgba = new Uint8ClampedArray(4 * h * w);
  for (let k = 0; k < h * w; k++)
    rgba.set([...colour(number(codes[map * h * w + k]) / scale), 255], 4 * k);
  return rgba;
}

/** Columns for so many maps in so many pixels. */
export const columnsFor = (count, width) =>
  Math.max(1, Math.min(count <= 4 ? 2 : count <= 36 ? Math.ceil(Math.sqrt(count)) : 8,
    Math.floor(width / 52)));

// ---------------------------------------------------------------- building
function h(tag, attributes = {}, ...children) {
  const node = tag === "svg" || tag === "path"
    ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  if (["input", "button", "select"].includes(tag) || "tabindex" in attributes)
    node.dataset.lmSuppressShortcuts = "true"; // or JupyterLab takes its keys
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

const button = (text, label = text) =>
  h("button", { type: "button", class: "fm-button", "aria-label": label }, text);

function put(canvas, rgba, height, width) {
  canvas.width = width;
  canvas.height = height;
  canvas.getContext("2d").putImageData(new ImageData(rgba, width, height), 0, 0);
}

function paintPicture(canvas, { C, H, W, data }) {
  const rgba = new Uint8ClampedArray(4 * H * W);
  for (let k = 0; k < H * W; k++)
    rgba.set([...[0, 1, 2].map((c) => data[(C === 3 ? c * H * W : 0) + k]), 255], 4 * k);
  put(canvas, rgba, H, W);
}

/** The choice of a layer: buttons in a row, or a list when there are many. */
function makeChoice(id, layers) {
  const about = ({ shape, name }) => [name, shape.join(" × ")];
  if (layers.length > CHIPS) {
    const select = h("select", { id: `${id}-layer` }, ...layers.map((layer, n) =>
      h("option", { value: n }, about(layer).join(", "))));
    const node = h("div", { class: "fm-choice" },
      h("label", { class: "fm-name", for: `${id}-layer` }, "Layer"), select);
    return { node, inputs: [select], pick: (n) => { select.value = String(n); } };
  }
  const inputs = layers.map((layer, n) =>
    h("input", { type: "radio", name: `${id}-layer`, value: n }));
  const chips = layers.map((layer, n) => {
    const [name, shape] = about(layer);
    return h("label", { class: "fm-chip" }, inputs[n], h("span", {}, name), " ",
      h("span", { class: "fm-soft" }, shape));
  });
  const node = h("fieldset", { class: "fm-choice" }, h("legend", { class: "fm-name" }, "Layer"), ...chips);
  return { node, inputs, pick: (n) => inputs.forEach((input, k) => { input.checked = k === n; }) };
}

/** A canvas with a frame over it. */
function makeSheet(kind, attributes = {}) {
  const canvas = h("canvas", { role: "img" });
  const marks = ["black", "white", "hue"].map((name) => h("path", { class: `fm-mark fm-${name}` }));
  const cut = h("path", { class: "fm-mark fm-cut" });
  const drawing = h("svg", { class: "fm-drawing", preserveAspectRatio: "none", "aria-hidden": "true" },
    ...marks, cut);
  const sheet = h("div", { class: `fm-sheet fm-${kind}`, ...attributes }, canvas, drawing);
  const title = h("p", { class: "fm-title" });
  const box = h("div", { class: "fm-box" }, sheet);
  const node = h("div", { class: "fm-panel" }, title, box);
  return { node, box, sheet, canvas, drawing, marks, cut, title };
}

function makeItem() {
  const canvas = h("canvas", { "aria-hidden": "true" });
  const name = h("span", { class: "fm-number" });
  const fill = h("span", { class: "fm-fill" });
  const track = h("span", { class: "fm-track" }, fill);
  const value = h("span", { class: "fm-value" });
  const nil = h("span", { class: "fm-nil", "aria-hidden": "true" }, "zero");
  return { node: h("button", { type: "button", class: "fm-item", tabindex: "-1" }, name, canvas, nil, track, value),
    canvas, name, nil, fill, track, value };
}

function makeEntry(id, name) {
  const input = h("input", { id: `${id}-${name}`, type: "text", inputmode: "numeric",
    autocomplete: "off", class: "fm-entry" });
  const label = h("label", { for: `${id}-${name}` }, name);
  return { node: h("span", { class: "fm-field" }, label, input), input, label };
}

function makeSwitch(text) {
  const input = h("input", { type: "checkbox" });
  return { node: h("label", { class: "fm-switch" }, input, h("span", {}, text)), input };
}

function makeShell(net) {
  const id = `cnn-fm-${Math.random().toString(36).slice(2)}`;
  const choice = makeChoice(id, net.layers);
  const reset = button("Reset");
  const [ghost, said] = [h("p", { class: "fm-ghost", "aria-hidden": "true" }),
    h("p", { class: "fm-sentence", "aria-live": "polite" })];
  const picture = makeSheet("input");
  const map = makeSheet("map", { tabindex: "0", role: "group" });
  const none = h("p", { class: "fm-none" }, "These numbers have no rows and columns.");
  map.box.append(none);
  const [bar, ends, note] = ["fm-scale", "fm-ends", "fm-soft fm-note"].map((name) => h("div", { class: name }));
  const key = h("div", { class: "fm-key" }, bar, ends, note);
  map.node.append(key);
  const legend = h("p", { class: "fm-soft fm-legend" });
  picture.node.append(legend);
  const entries = Object.fromEntries(["map", "row", "column"].map((name) => [name, makeEntry(id, name)]));
  const shared = makeSwitch("one scale for the layer");
  const strongest = makeSwitch("strongest first");
  const [back, on] = [button("‹", "Page before"), button("›", "Page after")];
  const which = h("span", { class: "fm-which" });
  const pager = h("div", { class: "fm-pager" }, back, which, on);
  const count = h("p", { class: "fm-title fm-count" });
  const zero = h("p", { class: "fm-soft fm-zero" });
  const maps = h("div", { class: "fm-maps", role: "group" });
  const scroll = h("div", { class: "fm-scroll" }, maps);
  const message = h("p", { class: "fm-message", role: "status" });
  const vector = h("svg", { class: "fm-bars", preserveAspectRatio: "none", "aria-hidden": "true" },
    ...["fm-rest", "fm-here", "fm-axis", "fm-pin"].map((name) => h("path", { class: name })));
  const about = h("p", { class: "fm-title" });
  const [high, low] = [h("span"), h("span")];
  const column = h("div", { class: "fm-vector" }, about,
    h("div", { class: "fm-chart" }, h("div", { class: "fm-axes", "aria-hidden": "true" }, high, low), vector));
  const root = h("div", { class: "cnn-feature-maps", role: "group" },
    h("div", { class: "fm-head" }, choice.node, reset),
    h("div", { class: "fm-said" }, ghost, said),
    h("div", { class: "fm-stage" },
      h("div", { class: "fm-left" }, picture.node, map.node,
        h("div", { class: "fm-entries" }, ...Object.values(entries).map(({ node }) => node), message)),
      h("div", { class: "fm-right" },
        h("div", { class: "fm-over" }, h("div", {}, count, zero), pager),
        h("div", { class: "fm-tools" }, strongest.node, shared.node), scroll)),
    column);
  return { root, choice, reset, ghost, said, picture, map, none, bar, ends, note, key, legend, entries,
    shared, strongest, back, on, which, pager, count, zero, maps, scroll, message, vector, about, high, low, column };
}

// ---------------------------------------------------------------- drawing
const rgb = (colour) => `rgb(${colour.join(" ")})`;
const ramp = (colours) => `linear-gradient(to right, ${colours.map(rgb).join(", ")})`;

/** A frame round rows a to b and columns c to d; cut sides are dashed, not solid. */
function frame({ marks, cut }, [a, b], [c, d], cuts = [false, false, false, false]) {
  const [top, bottom, left, right] = [a, b + 1, c, d + 1];
  const sides = [`M${left} ${top}H${right}`, `M${left} ${bottom}H${right}`,
    `M${left} ${top}V${bottom}`, `M${right} ${top}V${bottom}`];
  const solid = sides.filter((_, k) => !cuts[k]).join("");
  const whole = `M${left} ${top}H${right}V${bottom}H${left}Z`;
  for (const mark of marks) mark.setAttribute("d", cuts.some(Boolean) ? solid : whole);
  cut.setAttribute("d", sides.filter((_, k) => cuts[k]).join(""));
}

const unframe = ({ marks, cut }) => [...marks, cut].forEach((mark) => mark.setAttribute("d", ""));

function drawField(parts, net, layer, cell) {
  const { H, W } = net.picture;
  parts.picture.drawing.setAttribute("viewBox", `0 0 ${W} ${H}`);
  unframe(parts.picture);
  let label = `picture, ${H} × ${W} pixels`;
  parts.legend.textContent = "";
  if (!layer.field) return parts.picture.canvas.setAttribute("aria-label", label);
  const spans = cell.map((i) => spread(layer.field, i));
  const cuts = [clip(spans[0], H), clip(spans[1], W)];
  const shown = cuts.every(({ inside }) => inside.length);
  const sides = [spans[0][0] < 0, spans[0][1] >= H, spans[1][0] < 0, spans[1][1] >= W];
  if (shown) frame(parts.picture, cuts[0].inside, cuts[1].inside, sides);
  if (shown) label += `, framed: rows ${cuts[0].inside.join(" to ")}, columns ${cuts[1].inside.join(" to ")}`;
  parts.picture.canvas.setAttribute("aria-label", label);
  parts.legend.textContent = !shown ? "no frame: all of it is padding"
    : sides.some(Boolean) ? "dashed side: it goes on in the padding" : "framed: what the value sees";
}

function drawMap(parts, layer, map, cell, s, painted) {
  const { h: rows, w: columns, K, dense } = layer;
  parts.map.title.textContent = dense ? "" : `map ${map}: ${rows} × ${columns}`;
  parts.map.sheet.hidden = dense;
  parts.none.hidden = !dense;
  parts.key.classList.toggle("fm-blank", dense);
  const key = `${layer.name}/${map}/${s.shared}`;
  if (dense) return;
  if (painted.map !== key) {
    painted.map = key;
    put(parts.map.canvas, paint(layer, map, s.shared), rows, columns);
    const end = sizeText(layer, s.shared ? layer.most : layer.peak[map]);
    const texts = layer.signed ? (end === "0" ? ["0"] : [MINUS + end, "0", end]) : end === "0" ? ["0"] : ["0", end];
    parts.ends.replaceChildren(...texts.map((text) => h("span", {}, text)));
    parts.bar.style.background = ramp(layer.signed ? DIVERGING : [[0, 0, 0], [255, 255, 255]]);
    parts.note.textContent = `${layer.signed ? "orange below 0, blue above" : "black is 0"}; ` +
      (s.shared ? "one scale for all maps" : "each map has its own scale");
    parts.map.canvas.setAttribute("aria-label", `map ${map} of ${K}, ${rows} × ${columns}`);
  }
  parts.map.sheet.setAttribute("aria-label", `map ${map}; arrow keys move the chosen cell`);
  parts.map.drawing.setAttribute("viewBox", `0 0 ${columns} ${rows}`);
  frame(parts.map, [cell[0], cell[0]], [cell[1], cell[1]]);
}

/** The values of all maps at the chosen place. */
function drawVector(parts, layer, map, cell) {
  const { K, most, dense, signed: both, decimals } = layer;
  parts.column.classList.toggle("fm-blank", dense);
  if (dense) return;
  const [rest, here, axis, pin] = parts.vector.children;
  const zero = both ? 50 : 100;
  const bar = (k) => {
    const length = (number(codeAt(layer, k, cell)) / (most || 1)) * (both ? 50 : 100);
    return length ? `M${k + 0.1} ${zero}h0.8v${-length}h-0.8z` : "";
  };
  parts.vector.setAttribute("viewBox", `0 -2 ${K} 112`);
  rest.setAttribute("d", range(K).filter((k) => k !== map).map(bar).join(""));
  here.setAttribute("d", bar(map));
  axis.setAttribute("d", `M0 ${zero}h${K}`);
  const wide = Math.max(1, K / 60);
  pin.setAttribute("d", `M${map + 0.5} 102l${wide / 2} 8h${-wide}z`);
  const end = sizeText(layer, most);
  parts.high.textContent = end;
  parts.low.textContent = both && most ? MINUS + end : "0";
  const value = valueText(codeAt(layer, map, cell), decimals);
  parts.about.textContent = `row ${cell[0]}, column ${cell[1]} in ` +
    (K === 1 ? `the only map: ${value}` : `all ${K} maps, ▲ map ${map}: ${value}`);
}

/** One map, or one number, of the page shown. */
function drawItem(item, layer, map, s, chosen, repaint) {
  const { dense, decimals, peak, most, signed: both } = layer;
  const zero = peak[map] === 0;
  if (repaint) {
    item.name.textContent = String(map);
    item.nil.hidden = dense || !zero;
    item.canvas.hidden = dense;
    item.track.hidden = item.value.hidden = !dense;
    if (dense) {
      const value = number(layer.codes[map]) / (most || 1);
      const unit = both ? 50 : 100;
      item.fill.style.left = `${(both ? 50 : 0) + Math.min(value, 0) * unit}%`;
      item.fill.style.width = `${Math.abs(value) * unit}%`;
      item.value.textContent = valueText(layer.codes[map], decimals);
    } else put(item.canvas, paint(layer, map, s.shared), layer.h, layer.w);
    item.node.setAttribute("aria-label", dense ? `number ${map}: ${item.value.textContent}`
      : `map ${map}, ${zero ? "zero everywhere" : `strongest response ${sizeText(layer, peak[map])}`}`);
  }
  item.node.classList.toggle("fm-now", chosen);
  if (chosen) item.node.setAttribute("aria-current", "true");
  else item.node.removeAttribute("aria-current");
}

function drawControls(parts, net, layer, s, faults) {
  parts.choice.pick(net.layers.indexOf(layer));
  parts.shared.input.checked = s.shared;
  parts.strongest.input.checked = s.strongest;
  const [K, noun] = [layer.K, layer.dense ? "number" : "map"];
  const pages = Math.ceil(K / PAGE);
  parts.pager.classList.toggle("fm-blank", pages === 1);
  parts.pager.hidden = net.layers.every((one) => one.K <= PAGE);
  parts.which.textContent = `${s.page + 1} of ${pages}`;
  parts.back.setAttribute("aria-disabled", String(s.page === 0)); // keeps the focus
  parts.on.setAttribute("aria-disabled", String(s.page === pages - 1));
  parts.count.textContent = layer.dense ? `${plural(K, noun)} of ${layer.name}`
    : `${plural(K, noun)} of ${layer.name}, ${layer.h} × ${layer.w}${K > 1 ? " each" : ""}`;
  parts.zero.textContent = zeroText(layer);
  parts.shared.node.classList.toggle("fm-blank", layer.dense);
  parts.entries.map.label.textContent = noun;
  const values = { map: s.map, row: s.cell[0], column: s.cell[1] };
  for (const [name, { node, input }] of Object.entries(parts.entries)) {
    node.classList.toggle("fm-blank", layer.dense && name !== "map");
    if (faults.has(input)) continue;
    if (input !== input.getRootNode().activeElement || Number(input.value) !== values[name])
      input.value = String(values[name]);
  }
}

// ---------------------------------------------------------------- the figure
function render({ model, el }) {
  const clean = [];
  const listen = (node, event, fn) => {
    node.addEventListener(event, fn);
    clean.push(() => node.removeEventListener(event, fn));
  };
  const net = unpack(model.get("_pixels"), model.get("_shape"), model.get("_layers"));
  const layerOf = (name) => net.layers.find((layer) => layer.name === name) ?? net.layers[0];
  const parts = makeShell(net);
  const { root } = parts;
  const items = range(Math.min(PAGE, Math.max(...net.layers.map(({ K }) => K)))).map(makeItem);
  parts.maps.append(...items.map(({ node }) => node));
  el.append(root);
  clean.push(() => root.remove());
  const faults = new Map(); // entry -> what is wrong with it
  const painted = {};
  let busy = false;
  let hover = null; // {map, cell} under the mouse
  let shown = []; // the maps on the page

  function state() {
    const s = Object.fromEntries(TRAITS.map((name) => [name, model.get(name)]));
    const layer = layerOf(s.layer);
    s.map = clamp(s.map, layer.K - 1);
    s.page = clamp(s.page, Math.ceil(layer.K / PAGE) - 1);
    if (!layer.dense) s.cell = s.cell.map((i, axis) => clamp(i, [layer.h, layer.w][axis] - 1));
    return s;
  }

  function commit(values) {
    hover = null;
    const next = { ...state(), ...values };
    if (!("page" in values) && ("map" in values || "layer" in values || "strongest" in values))
      next.page = Math.floor(order(layerOf(next.layer), next.strongest).indexOf(next.map) / PAGE);
    busy = true;
    for (const name of KEPT)
      if (JSON.stringify(next[name]) !== JSON.stringify(model.get(name))) model.set(name, next[name]);
    model.save_changes();
    busy = false;
    draw();
  }

  function chooseLayer(name) {
    const [old, next] = [layerOf(state().layer), layerOf(name)];
    let { cell } = state();
    if (next === old) return;
    if (!next.dense) cell = old.dense ? cell.map((i, axis) => clamp(i, [next.h, next.w][axis] - 1))
      : follow(cell, old, next);
    forget();
    commit({ layer: name, cell, map: loudest(next, cell) });
  }

  /** The cell of a layer under the pointer. */
  function under(event, node) {
    const { h: rows, w: columns } = layerOf(state().layer);
    const box = node.getBoundingClientRect();
    const at = (client, start, length, n) => clamp(Math.floor(((client - start) / (length || 1)) * n), n - 1);
    return [at(event.clientY, box.top, box.height, rows), at(event.clientX, box.left, box.width, columns)];
  }

  const look = (map, cell) => { hover = { map, cell }; drawPlace(); };
  const leave = () => { if (hover) { hover = null; drawPlace(); } };

  // ---- the maps: one tab stop, arrow keys between them
  const itemOf = (event) => items.findIndex(({ node }) => node.contains(event.target));
  listen(parts.maps, "pointermove", (event) => {
    const n = itemOf(event);
    if (event.pointerType === "touch" || n < 0 || layerOf(state().layer).dense) return;
    look(shown[n], under(event, items[n].canvas));
  });
  listen(parts.maps, "pointerleave", leave);
  listen(parts.maps, "click", (event) => {
    const n = itemOf(event);
    if (n < 0) return;
    forget();
    const layer = layerOf(state().layer);
    const near = event.detail === 0 || layer.dense; // a key, or no place to point at
    commit({ map: shown[n], cell: near ? state().cell : under(event, items[n].canvas) });
  });
  listen(parts.maps, "keydown", (event) => {
    const n = itemOf(event);
    const s = state();
    const { K } = layerOf(s.layer);
    const across = getComputedStyle(parts.maps).gridTemplateColumns.split(" ").length;
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -across, ArrowDown: across,
      Home: -n, End: shown.length - 1 - n, PageUp: -PAGE, PageDown: PAGE }[event.key];
    if (step === undefined || n < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const to = s.page * PAGE + n + step;
    if (to < 0 || to >= K) return;
    forget();
    commit({ map: order(layerOf(s.layer), s.strongest)[to] });
    items[to % PAGE].node.focus();
  });

  // ---- the chosen map: point, or move with the arrow keys
  listen(parts.map.sheet, "pointermove", (event) => {
    const cell = under(event, parts.map.canvas);
    if (event.pointerType === "touch" || event.buttons) commit({ cell });
    else look(state().map, cell);
  });
  listen(parts.map.sheet, "pointerdown", (event) => {
    forget();
    commit({ cell: under(event, parts.map.canvas) });
  });
  listen(parts.map.sheet, "pointerleave", leave);
  listen(parts.map.sheet, "keydown", (event) => {
    const { h: rows, w: columns } = layerOf(state().layer);
    const far = event.shiftKey ? 5 : 1;
    const [i, j] = state().cell;
    const to = { ArrowUp: [i - far, j], ArrowDown: [i + far, j], ArrowLeft: [i, j - far],
      ArrowRight: [i, j + far], Home: [i, 0], End: [i, columns - 1] }[event.key];
    if (!to || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    forget();
    commit({ cell: [clamp(to[0], rows - 1), clamp(to[1], columns - 1)] });
  });
  listen(parts.vector, "click", (event) => {
    const box = parts.vector.getBoundingClientRect();
    const { K } = layerOf(state().layer);
    forget();
    commit({ map: clamp(Math.floor(((event.clientX - box.left) / box.width) * K), K - 1) });
  });

  // ---- numbers typed: taken while they are typed, kept and marked if they do not fit
  const mostOf = (name) => {
    const { K, h: rows, w: columns } = layerOf(state().layer);
    return { map: K, row: rows, column: columns }[name] - 1;
  };
  function judge(input, fault) {
    if (fault) faults.set(input, fault);
    else faults.delete(input);
    if (fault) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
    parts.message.textContent = [...faults.values()].at(-1) ?? "";
  }
  const forget = () => Object.values(parts.entries).forEach(({ input }) => judge(input, ""));
  for (const [name, { input, label }] of Object.entries(parts.entries)) {
    listen(input, "input", () => {
      const most = mostOf(name);
      const value = readPlace(input.value, most);
      const word = label.textContent;
      judge(input, Number.isNaN(value)
        ? `${word}: “${input.value}” is not a whole number from 0 to ${most}.` : "");
      if (Number.isNaN(value)) return;
      const [i, j] = state().cell;
      commit(name === "map" ? { map: value } : { cell: name === "row" ? [value, j] : [i, value] });
    });
    listen(input, "keydown", (event) => {
      const step = { ArrowUp: 1, ArrowDown: -1, Escape: 0 }[event.key];
      if (step === undefined) return;
      event.preventDefault();
      judge(input, "");
      const s = state();
      const at = clamp({ map: s.map, row: s.cell[0], column: s.cell[1] }[name] + step, mostOf(name));
      input.value = String(at);
      commit(name === "map" ? { map: at } : { cell: name === "row" ? [at, s.cell[1]] : [s.cell[0], at] });
    });
    listen(input, "blur", () => { if (!faults.has(input)) draw(); });
  }

  // ---- layers, switches, pages
  for (const input of parts.choice.inputs)
    listen(input, "change", () => chooseLayer(net.layers[Number(input.value)].name));
  for (const name of ["shared", "strongest"])
    listen(parts[name].input, "change", () => commit({ [name]: parts[name].input.checked }));
  for (const [node, step] of [[parts.back, -1], [parts.on, 1]])
    listen(node, "click", () => {
      if (node.getAttribute("aria-disabled") !== "true") commit({ page: state().page + step });
    });
  listen(parts.reset, "click", () => {
    forget();
    commit({ ...model.get("_start") });
  });

  // ---- drawing
  function drawPlace() {
    const s = state();
    const layer = layerOf(s.layer);
    const { map, cell } = hover ?? s;
    parts.said.setAttribute("aria-live", hover ? "off" : "polite");
    const text = sentence(layer, map, cell, net.picture);
    if (parts.said.textContent !== text) parts.said.textContent = text;
    drawField(parts, net, layer, cell);
    drawMap(parts, layer, map, cell, s, painted);
    drawVector(parts, layer, map, cell);
  }

  function draw() {
    if (busy) return;
    const s = state();
    const layer = layerOf(s.layer);
    root.setAttribute("aria-label", s.alt);
    const key = JSON.stringify([s.layer, s.page, s.shared, s.strongest]);
    const repaint = painted.page !== key;
    painted.page = key;
    shown = order(layer, s.strongest).slice(s.page * PAGE, (s.page + 1) * PAGE);
    parts.maps.classList.toggle("fm-list", layer.dense);
    parts.maps.classList.toggle("fm-both", layer.signed);
    if (layer.dense) {
      const digits = range(layer.K).map((k) => valueText(layer.codes[k], layer.decimals).length);
      parts.maps.style.setProperty("--digits", `${Math.max(...digits)}ch`);
    }
    parts.maps.setAttribute("aria-label", layer.dense ? "numbers; arrow keys choose one"
      : "maps; arrow keys choose one");
    const stop = Math.max(shown.indexOf(s.map), 0);
    items.forEach((item, n) => {
      item.node.hidden = n >= shown.length;
      item.node.tabIndex = n === stop ? 0 : -1;
      if (n < shown.length) drawItem(item, layer, shown[n], s, shown[n] === s.map, repaint);
      else item.node.removeAttribute("aria-current");
    });
    drawControls(parts, net, layer, s, faults);
    drawPlace();
    arrange();
    const now = `${key}/${s.map}`;
    if (painted.now !== now) reveal(items[stop].node);
    painted.now = now;
  }

  // The chosen map stays in sight where the maps scroll; the page stays where it is.
  function reveal(node) {
    const [box, own] = [parts.scroll.getBoundingClientRect(), node.getBoundingClientRect()];
    if (own.top < box.top) parts.scroll.scrollTop -= box.top - own.top + 4;
    else if (own.bottom > box.bottom) parts.scroll.scrollTop += own.bottom - box.bottom + 4;
  }

  // Columns for the width, and room for the tallest layer, so that nothing moves.
  function arrange() {
    const width = parts.maps.clientWidth;
    if (!width) return;
    const layer = layerOf(state().layer);
    const across = ({ K, dense }) => (dense ? (K > 32 && width > 440 ? 4 : K > 16 ? 2 : 1)
      : columnsFor(Math.min(K, PAGE), width));
    const tall = (one) => {
      const [n, columns] = [Math.min(one.K, PAGE), across(one)];
      const cell = one.dense ? 28 : 28 + ((width + 6) / columns - 12) * (one.h / one.w);
      return Math.ceil(n / columns) * cell + 8;
    };
    parts.map.sheet.style.setProperty("--shape", `${layer.w} / ${layer.h}`);
    const { H, W } = net.picture;
    parts.map.sheet.style.setProperty("--part", Math.min(1, (layer.w / layer.h) * (H / W)));
    parts.maps.style.setProperty("--columns", across(layer));
    parts.maps.style.setProperty("--shape", `${layer.w} / ${layer.h}`);
    const room = Math.ceil(Math.max(...net.layers.map(tall)));
    parts.scroll.style.setProperty("--room", `${room}px`);
  }

  const { H, W } = net.picture;
  paintPicture(parts.picture.canvas, net.picture);
  parts.picture.title.textContent = `picture ${H} × ${W}`;
  parts.ghost.textContent = roomiest(net.layers, net.picture);
  for (const { box } of [parts.picture, parts.map]) box.style.setProperty("--shape", `${W} / ${H}`);
  parts.picture.sheet.style.setProperty("--shape", `${W} / ${H}`);
  const redraw = () => {
    if (busy) return;
    hover = null;
    draw();
  };
  for (const name of TRAITS) model.on(`change:${name}`, redraw);
  clean.push(() => TRAITS.forEach((name) => model.off(`change:${name}`, redraw)));
  redraw();
  const watch = new ResizeObserver(arrange); // also tells when the figure enters the page
  watch.observe(parts.maps);
  clean.push(() => watch.disconnect());
  return () => clean.reverse().forEach((undo) => undo());
}

export default { render };
