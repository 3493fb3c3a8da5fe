// The backward pass of a convolution before the reader's eyes, entry by entry.
//
// Pure functions first (node tests them with the numbers Python is tested with), then
// render. `state` below is an object of the synced traits: image (H, W), kernel (R, S),
// dy (H', W'), stride, padding, what ("dw", "dx" or "db"), entry ([row, column] or []),
// turn (false: the kernel is laid on δ without the half turn, which is wrong).

const TRAITS = ["image", "kernel", "dy", "stride", "padding", "what", "entry", "turn", "alt"];
export const WHAT = ["dw", "dx", "db"];
export const LIMITS = { stride: 3, padding: 3, value: 9999, products: 9, seen: 4 };

// ---- the mathematics

const range = (n) => Array.from({ length: Math.max(n, 0) }, (_, i) => i);
const table = (rows, cols, fn) => range(rows).map((i) => range(cols).map((j) => fn(i, j)));

// Sizes, all as [rows, columns]. `spread` is δ with stride − 1 zeros between its
// entries, `rest` the rows and columns at the end that no window reached, `ring` the
// zeros on each side, `field` all of it: what the kernel slides over for dx.
export function geometry({ image, kernel, stride, padding, what }) {
  const x = [image.length, image[0].length];
  const w = [kernel.length, kernel[0].length];
  const each = (fn) => [fn(0), fn(1)];
  const padded = each((a) => x[a] + 2 * padding);
  const room = each((a) => padded[a] - w[a]);
  const out = each((a) => (room[a] < 0 ? 0 : Math.floor(room[a] / stride) + 1));
  const spread = each((a) => (out[a] - 1) * stride + 1);
  const rest = each((a) => room[a] % stride);
  const ring = each((a) => w[a] - 1);
  const field = each((a) => spread[a] + rest[a] + 2 * ring[a]);
  const result = { dw: w, dx: x, db: [1, 1] }[what];
  const count = result[0] * result[1];
  return { x, w, padded, out, spread, rest, ring, field, result, count, fits: out[0] * out[1] > 0 };
}

// [row, column] or [] <-> place in reading order or −1
export const indexOf = ([i = -1, j], cols) => (i < 0 ? -1 : i * cols + j);
export const entryAt = (n, cols) => (n < 0 ? [] : [Math.floor(n / cols), n % cols]);

// δ in another shape: entries that still exist are kept, new ones are 1.
export const resize = (dy, [rows, cols]) => table(rows, cols, (i, j) => dy[i]?.[j] ?? 1);

// What stands at one place of the field: [m, n] of δ, or which kind of zero.
export function fieldCell(g, stride, i, j) {
  const at = [i - g.ring[0], j - g.ring[1]];
  const within = (size) => at.every((k, a) => k >= 0 && k < size[a]);
  if (within(g.spread))
    return at.every((k) => k % stride === 0) ? at.map((k) => k / stride) : "between";
  return within([g.spread[0] + g.rest[0], g.spread[1] + g.rest[1]]) ? "rest" : "ring";
}

// The products a·b of entry [i, j]; m, n say which δ takes part.
// dw: pixel times δ, one a output. dx: δ times weight, one for each output that saw the
// pixel (true weight w[r, c]; without the turn another one meets that δ). db: δ alone.
export function termsOf(state, [i, j], turn = true) {
  const { image, kernel, dy, stride, padding, what } = state;
  const g = geometry(state);
  const outputs = table(...g.out, (m, n) => ({ m, n })).flat();
  if (what === "db") return outputs.map(({ m, n }) => ({ m, n, a: dy[m][n], b: 1 }));
  if (what === "dw")
    return outputs.map(({ m, n }) => {
      const [row, col] = [m * stride + i - padding, n * stride + j - padding];
      return { m, n, row, col, a: image[row]?.[col] ?? 0, b: dy[m][n] };
    });
  return outputs.flatMap(({ m, n }) => {
    const [r, c] = [i + padding - m * stride, j + padding - n * stride];
    if (kernel[r]?.[c] === undefined) return [];
    const [u, v] = turn ? [r, c] : [g.ring[0] - r, g.ring[1] - c];
    return [{ m, n, r, c, u, v, a: dy[m][n], b: kernel[u][v] }];
  });
}

// Their sum; what only rounding left of it is nothing.
export function total(terms) {
  const products = terms.map(({ a, b }) => a * b);
  const sum = products.reduce((s, p) => s + p, 0);
  const size = products.reduce((s, p) => s + Math.abs(p), 0);
  return Math.abs(sum) <= 1e-12 * size ? 0 : sum;
}

export const valueAt = (state, entry, turn = true) => total(termsOf(state, entry, turn));
export const gradient = (state, turn = true) =>
  table(...geometry(state).result, (i, j) => valueAt(state, [i, j], turn));

export const differs = (a, b) => Math.abs(a - b) > 1e-9 * Math.max(1, Math.abs(a), Math.abs(b));

// Σ δ·y, the forward pass weighed with δ: it rises by an entry of the gradient where the
// number that the entry belongs to is raised by 1, because it is linear in each.
export function weighed({ image, kernel, dy, stride, padding }, bias = 0) {
  let sum = 0;
  dy.forEach((row, m) => row.forEach((d, n) => {
    let y = bias;
    kernel.forEach((weights, r) => weights.forEach((w, c) => {
      y += w * (image[m * stride + r - padding]?.[n * stride + c - padding] ?? 0);
    }));
    sum += d * y;
  }));
  return sum;
}

// [before, after] with the number of one entry raised by 1
export function nudge(state, [i, j]) {
  if (state.what === "db") return [weighed(state), weighed(state, 1)];
  const name = state.what === "dw" ? "kernel" : "image";
  const more = state[name].map((row, m) => row.map((v, n) => v + (m === i && n === j)));
  return [weighed(state), weighed({ ...state, [name]: more })];
}

// ---- the writing

function write(value, most, least) {
  const size = Math.abs(value);
  let text = size.toFixed(4).replace(/\.?0+$/, "");
  if (size >= most || (size > 0 && size < least))
    text = size.toExponential(1).replace(".0", "").replace("+", "").replace("-", "−");
  return value < 0 && text !== "0" ? `−${text}` : text;
}
// At most four decimals, a true minus sign, powers of ten only where they are needed.
export const formatNumber = (value) => write(value, 1e5, 1e-4);
const inFull = (value) => write(value, 1e15, 0);
const factor = (v) => (v < 0 ? `(${formatNumber(v)})` : formatNumber(v));
const rounded = (v) => differs(Number(formatNumber(v).replaceAll("−", "-")), v);

// Text of a cell -> number, or null if it is none that fits; 1/9 is one.
export function parseNumber(text) {
  const parts = text.trim().replaceAll("−", "-").replaceAll(",", ".").split(/\s*\/\s*/);
  const plain = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i;
  if (parts.length > 2 || !parts.every((part) => plain.test(part))) return null;
  const value = parts[0] / (parts[1] ?? 1);
  return Math.abs(value) <= LIMITS.value ? value + 0 : null; // −0 + 0 is 0
}

export const entryName = ({ what }, [i, j]) => (what === "db" ? "db" : `${what}[${i}, ${j}]`);
const numberName = ({ what }, [i, j]) => (what === "db" ? "b" : `${what[1]}[${i}, ${j}]`);

// "dw[0, 1] = 2·1 + 3·(−1) + 5·2 + 6·0.5 = 12", as parts [text, kind]; kind is "x",
// "w", "g" (gradient) or "". More than nine products are counted instead.
export function sumParts(state, entry) {
  const wrong = state.what === "dx" && !state.turn;
  const terms = termsOf(state, entry, !wrong);
  const [value, truth] = [total(terms), valueAt(state, entry)];
  const name = [entryName(state, entry), "g"];
  if (!terms.length) return [name, [" = 0: no output saw this pixel", ""]];
  const parts = wrong ? [["Without the turn: ", ""]] : [name, [" = ", ""]];
  const [first, second] = { dw: "xg", dx: "gw", db: "g" }[state.what];
  const things = state.what === "db" ? "entries" : "products";
  if (terms.length > LIMITS.products) parts.push([`the sum of ${terms.length} ${things}`, ""]);
  else
    terms.forEach(({ a, b }, n) => {
      if (n) parts.push([" + ", ""]);
      parts.push([factor(a), first]);
      if (second) parts.push(["·", ""], [factor(b), second]);
    });
  const inexact = [value, ...terms.flatMap(({ a, b }) => [a, b])].some(rounded);
  parts.push([inexact ? " ≈ " : " = ", ""], [formatNumber(value), "g"]);
  const verdict = differs(truth, value) ? "but the true gradient is" : "and the true gradient is";
  return wrong ? [...parts, [`, ${verdict} `, ""], [formatNumber(truth), "g"]] : parts;
}
export const sumText = (state, entry) => sumParts(state, entry).map(([text]) => text).join("");

// How the gradient comes about.
export function ruleText(state) {
  const { what, turn, stride, padding } = state;
  const left = geometry(state).rest.some(Boolean);
  if (what === "db") return "db = the sum of all δ: the bias is added to every output.";
  const spread = stride > 1 ? ` (stride ${stride}: zeros spread δ out)` : "";
  if (what === "dw")
    return `dw = x ⋆ δ, the valid cross-correlation: lay δ on x${spread}, multiply, ` +
      "add. Each place of δ gives one entry." + (left ? " What no window reached stays out." : "");
  if (!turn) return "Wrong on purpose: the kernel lies on δ as it is, without the half turn.";
  return `dx = δ ∗ w: put zeros round δ${spread}, turn w by half a turn, slide it over δ.` +
    (padding ? " The gradient of the padding is left out." : "");
}

// Why these products and no others.
export function whyText(state, entry) {
  const [terms, name] = [termsOf(state, entry), numberName(state, entry)];
  if (state.what === "db") return `Each of the ${terms.length} outputs holds b once.`;
  if (state.what === "dw")
    return `Each output used ${name} on one pixel: those are outlined, with their δ.`;
  if (!state.turn) {
    const wrong = gradient(state, false).flat();
    const bad = gradient(state).flat().filter((v, n) => differs(v, wrong[n])).length;
    if (!bad) return "Here no entry is wrong: with these numbers the turn changes nothing.";
    return `Without the turn ${bad} of ${wrong.length} entries are wrong.`;
  }
  if (!terms.length) return `No window reached ${name}, so no output used it.`;
  if (terms.length > LIMITS.seen)
    return `${name} was seen by ${terms.length} outputs; their δ lie under the window.`;
  const saw = terms.map(({ m, n, r, c }) => `y[${m}, ${n}] through w[${r}, ${c}]`);
  return `${name} was seen by ${saw.join(", by ")}.`;
}

export function checkText(state, entry) {
  const [before, after] = nudge(state, entry);
  return `Check: raise ${numberName(state, entry)} by 1, and the sum of δ·y goes from ` +
    `${inFull(before)} to ${inFull(after)}: by ${inFull(after - before)}.`;
}

// Which zeros stand round and in δ for dx.
export function zerosText(state) {
  const [{ ring: [a, b], rest }, { stride }] = [geometry(state), state];
  const parts = stride > 1 ? [`${stride - 1} between neighbours (stride − 1)`] : [];
  const sides = a === b ? `${a} on each side` : `${a} above and below, ${b} left and right`;
  if (a || b) parts.push(`${sides} (kernel − 1)`);
  if (rest[0] || rest[1])
    parts.push(`${rest[0]} more below and ${rest[1]} more right (the grid of stride 1)`);
  return parts.length ? `Zeros in δ: ${parts.join("; ")}.` : "";
}

// Why a padding cannot be; "" where it can.
export function misfitText(state) {
  const { w, padded, fits } = geometry(state);
  return fits ? "" : `Padding ${state.padding} does not fit: the kernel is ${w.join(" × ")}, ` +
    `the padded input only ${padded.join(" × ")}. The last good value still counts.`;
}

// ---- the figure

const STEP_MS = 900;
const LINES = ["rule", "sum", "why", "check"];
const WORDS = { image: "input x", kernel: "kernel w", dy: "δ" };
const BUTTONS = { dw: "dw (kernel)", dx: "dx (input)", db: "db (bias)" };
const MOVES = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

function h(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  // JupyterLab takes arrow keys from what has the focus, unless it says this itself
  if (/^(button|input|select)$/.test(tag)) node.dataset.lmSuppressShortcuts = "true";
  return node;
}
const button = (text) => h("button", { type: "button" }, text);
const longest = (texts) => texts.reduce((a, b) => (b.length > a.length ? b : a), "");

// A line of text with room for the longest it will hold.
function makeLine(kind) {
  const now = h("p", { class: "bs-now", "aria-live": kind === "sum" ? "polite" : "off" });
  const ghost = h("p", { class: "bs-ghost", "aria-hidden": "true" });
  return { node: h("div", { class: `bs-line bs-${kind}` }, ghost, now), now, ghost };
}

// Everything that stays while panels come and go.
function makeParts() {
  const id = `cnn-${Math.random().toString(36).slice(2)}`;
  const choose = Object.fromEntries(WHAT.map((what) => [what, button(BUTTONS[what])]));
  const select = (name, from) => h("select", { id: `${id}-${name}`, "data-name": name },
    ...range(LIMITS[name] + 1 - from).map((n) => h("option", {}, String(n + from))));
  const selects = { stride: select("stride", 1), padding: select("padding", 0) };
  const turn = h("input", { type: "checkbox", id: `${id}-turn` });
  const label = (control, text) =>
    h("div", { class: "bs-field" }, h("label", { for: control.id }, text), control);
  const lines = Object.fromEntries(LINES.map((kind) => [kind, makeLine(kind)]));
  const parts = {
    choose, selects, turn, lines,
    stage: h("div", { class: "bs-stage" }), turnField: label(turn, "turn the kernel"),
    message: h("p", { class: "bs-message", role: "status" }),
    back: button("Back"), play: button("Play"), step: button("Step"), reset: button("Reset"),
    where: h("span", { class: "bs-where" }),
  };
  parts.root = h("div", { class: "cnn-backprop-stepper", role: "group" },
    h("div", { class: "bs-bar bs-choose", role: "group", "aria-label": "gradient" },
      ...Object.values(choose)),
    lines.rule.node, parts.stage, lines.sum.node, lines.why.node, lines.check.node, parts.message,
    h("div", { class: "bs-bar bs-steps" }, parts.back, parts.play, parts.step, parts.where, parts.reset),
    h("div", { class: "bs-bar bs-settings" }, label(selects.stride, "stride"),
      label(selects.padding, "padding"), parts.turnField));
  return parts;
}

// A titled grid. `cell(i, j)` makes each cell's content; a small label follows it.
function makePanel(kind, [rows, cols], name, note, cell) {
  const cells = table(rows, cols, (i, j) => h("div", { class: "bs-cell", role: "gridcell" },
    cell(i, j), h("span", { class: "bs-tap", "aria-hidden": "true" })));
  const grid = h("div", { class: "bs-grid", role: "grid", "aria-label": `${name}, ${note}` },
    ...cells.map((row) => h("div", { class: "bs-row", role: "row" }, ...row)));
  const window = h("div", { class: "bs-window", "aria-hidden": "true", hidden: "" });
  const title = h("div", { class: "bs-title" }, h("b", {}, name), h("span", {}, note));
  const scroll = h("div", { class: "bs-scroll" }, h("div", { class: "bs-frame" }, grid, window));
  const node = h("div", { class: `bs-panel bs-${kind}`, style: `--cols: ${cols}` }, title, scroll);
  return { node, title, scroll, cells, window };
}

const makeInput = (trait, i, j) => h("input", {
  type: "text", inputmode: "decimal", autocomplete: "off", spellcheck: "false", tabindex: "-1",
  "aria-label": `${WORDS[trait]}[${i}, ${j}]`, "data-trait": trait, "data-i": i, "data-j": j,
});
const zero = (kind) => h("span", { class: `bs-zero bs-${kind}` }, "0");

function makePanels(state, g) {
  const { padding, stride, what } = state;
  const by = (size, grown) =>
    size.join(" × ") + (grown ? `, with zeros ${grown.join(" × ")}` : "");
  const x = makePanel("x", g.padded, "input x", by(g.x, padding && g.padded), (i, j) => {
    const [row, col] = [i - padding, j - padding];
    const inside = row >= 0 && row < g.x[0] && col >= 0 && col < g.x[1];
    return inside ? makeInput("image", row, col) : zero("ring");
  });
  const w = makePanel("w", g.w, "kernel w", by(g.w), (i, j) => makeInput("kernel", i, j));
  const field = what === "dx" && g.field;
  const d = makePanel("d", field || g.out, "δ = ∂L/∂y", by(g.out, field), (i, j) => {
    const at = field ? fieldCell(g, stride, i, j) : [i, j];
    return Array.isArray(at) ? makeInput("dy", ...at) : zero(at);
  });
  const result = makePanel("r", g.result, `${what} = ∂L/∂${what[1]}`, by(g.result), (i, j) =>
    h("button", { type: "button", class: "bs-entry", "data-i": i, "data-j": j }));
  const laid = makePanel("t", g.w, "on δ", "the kernel as it lies there", () => h("span"));
  if (what === "dx") w.node.append(laid.node);
  return { x, w, d, result, laid };
}

// Where a grid is wider than its place, keep the columns at work in sight.
function reveal({ scroll, cells, sight }) {
  if (!sight) return;
  const [a, b] = sight.map((column) => (column * scroll.scrollWidth) / cells[0].length);
  if (a < scroll.scrollLeft || b > scroll.scrollLeft + scroll.clientWidth)
    scroll.scrollLeft = Math.max(0, a - 8);
}

// Room for a number: the type shrinks before the cell grows.
const fit = (node, text) => node.style.setProperty("--n", Math.max(text.length, 1));
function room(panel, texts) {
  const { length } = longest(texts);
  panel.node.style.setProperty("--need", `${length > 7 ? 7.5 * length : length > 5 ? 44 : 32}px`);
}

function writeInputs(panel, values, faults) {
  room(panel, values.flat().map(formatNumber));
  for (const input of panel.node.querySelectorAll("input")) {
    const value = values[input.dataset.i][input.dataset.j];
    const text = formatNumber(value);
    fit(input.parentNode, text);
    input.classList.toggle("bs-nought", value === 0);
    if (faults.has(input)) continue;
    input.removeAttribute("aria-invalid");
    if (input.matches(":focus") && "shown" in input.dataset) continue; // stays as typed
    input.value = input.dataset.shown = text;
  }
}

function tap(cell, number) {
  cell.lastChild.textContent = number === null ? "" : `×${formatNumber(number)}`;
  cell.classList.toggle("bs-in", number !== null);
  fit(cell.lastChild, cell.lastChild.textContent);
}

function placeWindow({ window }, size, at) {
  window.hidden = !at;
  ["row", "col", "rows", "width"].forEach((name, n) =>
    at && window.style.setProperty(`--${name}`, [...at, ...size][n]));
}

// dw: δ lies on x, from the pixel that the entry's weight meets first.
function drawOnInput({ x }, state, g, entry) {
  const on = state.what === "dw" && entry;
  x.cells.forEach((row, i) => row.forEach((cell, j) => {
    const at = on && [i - entry[0], j - entry[1]];
    const inside = on && at.every((k, a) => k >= 0 && k < g.spread[a]);
    const real = inside && at.every((k) => k % state.stride === 0);
    tap(cell, inside ? (real ? state.dy[at[0] / state.stride][at[1] / state.stride] : 0) : null);
    cell.classList.toggle("bs-between", Boolean(inside && !real));
    cell.classList.toggle("bs-chosen", state.what === "dx" &&
      i - state.padding === entry?.[0] && j - state.padding === entry[1]);
  }));
  placeWindow(x, g.spread, on ? entry : null);
  const first = entry?.[1] + (on ? 0 : state.padding);
  x.sight = entry && [first, first + (on ? g.spread[1] : 1)];
}

// dx: the kernel, turned or not, lies on δ between its zeros.
function drawOnDelta({ d, laid }, state, g, entry) {
  const { kernel, padding, what, turn } = state;
  const weight = (u, v) => (turn ? kernel[g.ring[0] - u][g.ring[1] - v] : kernel[u][v]);
  const at = what === "dx" && entry ? [entry[0] + padding, entry[1] + padding] : null;
  d.cells.forEach((row, i) => row.forEach((cell, j) => {
    const [u, v] = at ? [i - at[0], j - at[1]] : [-1, -1];
    const inside = u >= 0 && u < g.w[0] && v >= 0 && v < g.w[1];
    tap(cell, inside ? weight(u, v) : null);
    if (what !== "dx") cell.classList.toggle("bs-in", Boolean(entry));
  }));
  placeWindow(d, g.w, at);
  d.window.classList.toggle("bs-wrong", !turn);
  laid.title.textContent = turn ? "turned 180°" : "not turned";
  laid.cells.forEach((row, u) => row.forEach((cell, v) => {
    cell.firstChild.textContent = formatNumber(weight(u, v));
    fit(cell, cell.textContent);
  }));
  d.sight = at && [at[1], at[1] + g.w[1]];
}

function drawResult({ result }, state, g, entry, mark) {
  const truth = gradient(state).flat();
  const wrongly = state.what === "dx" && !state.turn;
  const values = wrongly ? gradient(state, false).flat() : truth;
  const texts = values.map(formatNumber);
  room(result, [...texts, ...(wrongly ? truth.map((v) => `≠ ${formatNumber(v)}`) : [])]);
  const at = indexOf(entry ?? [], g.result[1]);
  result.cells.flat().forEach((cell, n) => {
    const b = cell.firstChild;
    const done = n <= mark;
    const bad = done && differs(values[n], truth[n]);
    const name = entryName(state, [b.dataset.i, b.dataset.j]);
    b.textContent = done ? texts[n] : "";
    cell.lastChild.textContent = bad ? `≠ ${formatNumber(truth[n])}` : "";
    fit(cell, texts[n]);
    fit(cell.lastChild, cell.lastChild.textContent);
    const but = bad ? `, but the true gradient is ${formatNumber(truth[n])}` : "";
    b.setAttribute("aria-label", name + (done ? ` is ${texts[n]}${but}` : ", not computed yet"));
    b.className = `bs-entry${done ? " bs-done" : ""}${n === at ? " bs-at" : ""}` +
      (bad ? " bs-bad" : "");
    b.tabIndex = n === Math.max(at, 0) ? 0 : -1;
    b.setAttribute("aria-current", String(n === at));
  });
  result.sight = entry && [entry[1], entry[1] + 1];
}

function drawLines({ lines }, state, g, entry) {
  const all = range(g.count).map((n) => entryAt(n, g.result[1]));
  const put = ({ now, ghost }, text, parts = [entry ? text(entry) : ""]) => {
    ghost.textContent = longest(all.map(text));
    now.replaceChildren(...parts);
  };
  const rule = (s) => ruleText(s) + (s.what === "dx" && s.turn ? ` ${zerosText(s)}` : "");
  // the turn changes the rule and must not move the grids below it
  put(lines.rule, () => longest([true, false].map((turn) => rule({ ...state, turn }))),
    [rule(state)]);
  put(lines.sum, (e) => sumText(state, e), entry
    ? sumParts(state, entry).map(([text, kind]) =>
      kind ? h("span", { class: `bs-term-${kind}` }, text) : text)
    : ["Nothing is computed yet: press Step, or choose an entry."]);
  const same = state.what === "dx" && !state.turn && whyText(state, [0, 0]);
  put(lines.why, (e) => same || whyText(state, e)); // costly and the same for all
  put(lines.check, (e) => checkText(state, e));
}

function drawControls(parts, state, g, at) {
  for (const what of WHAT) parts.choose[what].setAttribute("aria-pressed", what === state.what);
  for (const name of ["stride", "padding"]) parts.selects[name].value = String(state[name]);
  parts.turn.checked = state.turn;
  parts.turnField.classList.toggle("bs-off", state.what !== "dx");
  // not .disabled, which would drop the focus to the page
  parts.back.setAttribute("aria-disabled", at < 0);
  parts.step.setAttribute("aria-disabled", at >= g.count - 1);
  parts.where.textContent = `entry ${at + 1} of ${g.count}`;
}

// One tab stop a grid: the arrow keys go from cell to cell.
function rove(panel, input) {
  for (const other of panel.querySelectorAll("input")) other.tabIndex = other === input ? 0 : -1;
}

// The numbers of the grids: counted as they are typed, judged when the entry is over.
function editing({ model, parts: { message }, commit, step: { pause } }) {
  const faults = new Map(); // input -> sentence
  let [before, fresh] = [null, false]; // before: the number that Escape brings back
  const say = (words) => (message.textContent = words || ([...faults.values()].at(-1) ?? ""));
  const judge = (input, sentence) => {
    faults.delete(input);
    if (sentence) faults.set(input, sentence);
    if (sentence) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
    say();
  };
  const sentence = (text) =>
    `${text.trim() ? `“${text.trim().slice(0, 10)}”` : "An empty cell"} does not fit: ` +
    `a number from −${LIMITS.value} to ${LIMITS.value} does, or 1/9. The last good one counts.`;
  const valueOf = ({ dataset: { trait, i, j } }) => model.get(trait)[i]?.[j];
  const show = (input) => // all digits while editing
    (input.value = input.dataset.shown = String(valueOf(input)).replace("-", "−"));
  const put = ({ dataset: { trait, i, j } }, number) => {
    const next = structuredClone(model.get(trait));
    next[i][j] = number;
    commit({ [trait]: next });
  };
  const accept = (input, final) => {
    if (final && input.value === input.dataset.shown) return judge(input, "");
    const number = parseNumber(input.value);
    if (final || number !== null) judge(input, number === null ? sentence(input.value) : "");
    if (number === null) return;
    input.dataset.shown = input.value; // this text has been counted
    before ??= valueOf(input);
    if (number !== valueOf(input)) put(input, number);
  };
  const enter = (input) => {
    pause();
    rove(input.closest(".bs-panel"), input);
    before = null;
    fresh = true;
    if (!faults.has(input)) show(input);
    input.select();
  };
  const leave = (input) => {
    if (!input.isConnected || valueOf(input) === undefined) return;
    accept(input, true);
    if (!faults.has(input)) input.value = input.dataset.shown = formatNumber(valueOf(input));
  };
  const undo = (input) => {
    judge(input, "");
    if (before !== null) put(input, before);
    enter(input);
  };
  const key = (event, input) => {
    if (event.key === "Escape") return undo(input);
    const { selectionStart: a, selectionEnd: b, value: { length } } = input;
    const all = a === 0 && b === length;
    if (event.key === "Enter") (accept(input, true), (before = null));
    let move = event.key === "Enter" ? [1, 0] : MOVES[event.key];
    if (event.key === "ArrowLeft" && !all && b !== 0) move = null;
    if (event.key === "ArrowRight" && !all && a !== length) move = null;
    if (!move) return;
    event.preventDefault();
    const { i, j } = input.dataset;
    input.closest(".bs-panel").querySelector(
      `input[data-i="${Number(i) + move[0]}"][data-j="${Number(j) + move[1]}"]`)?.focus();
  };
  const click = (input) => (fresh && input.select(), (fresh = false)); // a click drops it
  const forget = () => (faults.clear(), say());
  const type = (input) => (pause(), accept(input, false));
  return { faults, say, enter, leave, key, click, forget, type };
}

// Which entry comes next, which stay computed, and playing.
function stepping(fig) {
  const count = () => geometry(fig.state()).count;
  // Back takes computed entries back: `done` is the last that stays.
  const goTo = (to, done = fig.mark) => {
    const cols = geometry(fig.state()).result[1];
    if (to < -1 || to >= count()) return;
    fig.commit({ entry: entryAt(to, cols) }, Math.max(done, to));
  };
  const pause = () => {
    clearInterval(fig.timer);
    fig.timer = null;
    fig.parts.play.textContent = "Play";
    fig.parts.lines.sum.now.setAttribute("aria-live", "polite");
  };
  const toggle = () => {
    if (fig.timer) return pause();
    fig.parts.lines.sum.now.setAttribute("aria-live", "off"); // too fast to be read out
    fig.parts.play.textContent = "Pause";
    const last = () => fig.at() >= count() - 1;
    goTo(...(last() ? [0, 0] : [fig.at() + 1]));
    fig.timer = setInterval(() => (goTo(fig.at() + 1), last() && pause()), STEP_MS);
    if (last()) pause();
  };
  const key = (event, { dataset: { i, j } }) => {
    const cols = geometry(fig.state()).result[1];
    const ends = { Home: 0, End: count() - 1 };
    const [down, right] = MOVES[event.key] ?? [NaN, NaN]; // past a row's end: the next row
    const to = ends[event.key] ?? (Number(i) + down) * cols + Number(j) + right;
    if (Number.isNaN(to)) return;
    event.preventDefault();
    if (to < 0 || to >= count()) return;
    pause();
    goTo(to);
    fig.view.result.cells.flat()[to].firstChild.focus();
  };
  return { goTo, pause, toggle, key };
}

// The controls below the picture and the choice above it.
function wireControls(fig, listen) {
  const { parts, step, edit } = fig;
  listen(parts.back, "click", () => (step.pause(), step.goTo(fig.at() - 1, fig.at() - 1)));
  listen(parts.step, "click", () => (step.pause(), step.goTo(fig.at() + 1)));
  listen(parts.play, "click", step.toggle);
  for (const what of WHAT) listen(parts.choose[what], "click", () => fig.choose(what));
  listen(parts.turn, "change", () => (step.pause(), fig.commit({ turn: parts.turn.checked })));
  for (const [name, select] of Object.entries(parts.selects))
    listen(select, "change", () => {
      step.pause();
      const next = { ...fig.state(), [name]: Number(select.value) };
      const wrong = misfitText(next);
      if (wrong) select.value = fig.model.get(name);
      else fig.commit({ [name]: next[name], dy: resize(next.dy, geometry(next).out) });
      edit.say(wrong);
    });
  listen(parts.reset, "click", () => {
    step.pause();
    edit.forget();
    fig.memory = {};
    const start = structuredClone(fig.model.get("_start"));
    fig.commit(start, indexOf(start.entry, geometry(start).result[1]));
  });
}

// One listener a kind of event for all cells, because cells come and go.
function wireStage(fig, listen) {
  const { parts: { stage }, edit, step } = fig;
  const on = (event, input, entry) => listen(stage, event, (e) => {
    if (e.target.matches("input")) input?.(e.target, e);
    if (e.target.matches(".bs-entry")) entry?.(e.target, e);
  });
  on("focusin", edit.enter);
  on("focusout", edit.leave);
  on("input", edit.type);
  on("keydown", (input, e) => edit.key(e, input), (entry, e) => step.key(e, entry));
  on("click", edit.click, ({ dataset: { i, j } }) => {
    step.pause();
    step.goTo(indexOf([Number(i), Number(j)], geometry(fig.state()).result[1]));
  });
}

// Panels are made anew only where their shapes change.
function build(fig, state, g) {
  const { parts, edit } = fig;
  const shape = JSON.stringify([state.what, state.stride, state.padding, g.x, g.w]);
  parts.stage.classList.toggle("bs-still", shape !== fig.shape);
  if (shape === fig.shape) return;
  fig.shape = shape;
  fig.view = makePanels(state, g);
  const { x, w, d, result } = fig.view;
  parts.stage.replaceChildren(x.node, w.node, d.node, result.node);
  parts.stage.dataset.what = state.what;
  const most = Math.max(g.padded[1], g.result[1], d.cells[0].length);
  const all = g.padded[1] + g.w[1] + d.cells[0].length + g.result[1];
  const small = most > 8 || all > 16; // then all four grids still stand in one row
  parts.root.style.setProperty("--ideal", small ? "34px" : most > 6 ? "40px" : "44px");
  parts.root.style.setProperty("--gap", small ? "14px" : "24px");
  edit.forget();
  for (const { node } of [x, w, d]) rove(node, node.querySelector("input"));
}

function draw(fig) {
  if (fig.busy) return;
  const { parts, edit } = fig;
  const state = fig.state();
  parts.root.setAttribute("aria-label", state.alt);
  const g = geometry(state);
  if (!g.fits) return; // half of a change from elsewhere: the other half follows
  build(fig, state, g);
  const { view } = fig;
  const at = fig.at();
  if (fig.seen !== `${state.what} ${at}`) fig.mark = at; // moved from elsewhere
  fig.seen = `${state.what} ${at}`;
  const entry = at < 0 ? null : state.entry;
  for (const [key, name] of [["x", "image"], ["w", "kernel"], ["d", "dy"]])
    writeInputs(view[key], state[name], edit.faults);
  view.w.cells.forEach((row, i) => row.forEach((cell, j) => cell.classList.toggle("bs-chosen",
    state.what === "dw" && entry?.[0] === i && entry[1] === j)));
  drawOnInput(view, state, g, entry);
  drawOnDelta(view, state, g, entry);
  drawResult(view, state, g, entry, fig.mark);
  drawLines(parts, state, g, entry);
  drawControls(parts, state, g, at);
  Object.values(view).forEach(reveal);
}

function render({ model, el }) {
  const parts = makeParts();
  const clean = [() => parts.root.remove()];
  const listen = (node, event, fn) => {
    node.addEventListener(event, fn);
    clean.push(() => node.removeEventListener(event, fn));
  };
  // mark: the last entry computed; looking back at an earlier one keeps it
  const fig = { model, parts, mark: -1, memory: {} };
  fig.state = () => {
    const state = Object.fromEntries(TRAITS.map((name) => [name, model.get(name)]));
    const { out, result } = geometry(state);
    const [i = -1, j] = state.entry;
    if (i >= result[0] || j >= result[1]) state.entry = [];
    return { ...state, dy: resize(state.dy, out) };
  };
  fig.at = () => indexOf(fig.state().entry, geometry(fig.state()).result[1]);
  fig.commit = (values, mark = fig.mark) => {
    fig.busy = true;
    for (const [name, value] of Object.entries(values)) model.set(name, value);
    model.save_changes();
    fig.busy = false;
    fig.mark = mark;
    fig.seen = `${model.get("what")} ${fig.at()}`;
    draw(fig);
  };
  fig.step = stepping(fig);
  fig.edit = editing(fig);
  // Each gradient remembers where the reader was.
  fig.choose = (what) => {
    fig.step.pause();
    const state = fig.state();
    if (what === state.what) return;
    fig.memory[state.what] = { at: fig.at(), mark: fig.mark };
    const [rows, cols] = geometry({ ...state, what }).result;
    const middle = Math.floor((rows * cols - 1) / 2);
    const { at, mark } = fig.memory[what] ?? { at: middle, mark: middle };
    fig.commit({ what, entry: entryAt(at, cols) }, mark);
  };
  clean.push(fig.step.pause);
  wireControls(fig, listen);
  wireStage(fig, listen);
  const redraw = () => draw(fig);
  for (const name of TRAITS) model.on(`change:${name}`, redraw);
  clean.push(() => TRAITS.forEach((name) => model.off(`change:${name}`, redraw)));
  el.append(parts.root);
  draw(fig);
  // tells also when the figure enters the page, before which nothing has a size
  const watch = new ResizeObserver(() => Object.values(fig.view ?? {}).forEach(reveal));
  watch.observe(parts.root);
  clean.push(() => watch.disconnect());
  return () => clean.reverse().forEach((undo) => undo());
}

export default { render };
