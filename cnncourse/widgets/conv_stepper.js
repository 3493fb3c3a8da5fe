// A convolution computed before the reader's eyes, one output cell at a time.
//
// Pure functions first (node tests them with the numbers Python is tested with), then
// render. `state` below is an object of the synced traits: image (H, W) or (C, H, W),
// kernel likewise, stride, padding, dilation, bias, flip, position.

const SETTINGS = ["stride", "padding", "dilation", "bias", "flip"];
const TRAITS = ["image", "kernel", ...SETTINGS, "position", "alt"];
export const LIMITS = {
  image: 12, // largest height and width
  kernel: 7,
  channels: 3,
  stride: 6,
  dilation: 3,
  padding: 6,
  value: 9999, // largest size of a number in a cell
};

// ---------------------------------------------------------------- the mathematics

// (H, W) or (C, H, W) -> (C, H, W)
export const channels = (a) => (Array.isArray(a[0]?.[0]) ? a : [a]);

// Rows and columns that the spread-out kernel covers: d(k - 1) + 1.
export const kernelSpan = (k, dilation) => dilation * (k - 1) + 1;

// Zeros [before, after] along one axis. "same" keeps ceil(n / stride) outputs; an odd
// zero goes below and to the right, as in TensorFlow.
export function padAmounts(n, k, stride, padding, dilation) {
  const span = kernelSpan(k, dilation);
  if (padding === "valid") return [0, 0];
  if (padding === "full") return [span - 1, span - 1];
  if (padding !== "same") return [padding, padding];
  const total = Math.max((Math.ceil(n / stride) - 1) * stride + span - n, 0);
  return [Math.floor(total / 2), Math.ceil(total / 2)];
}

// floor((n + before + after - span) / stride) + 1, and 0 where the kernel does not fit
export function outputSize(n, k, stride, [before, after], dilation) {
  const room = n + before + after - kernelSpan(k, dilation);
  return room < 0 ? 0 : Math.floor(room / stride) + 1;
}

export function geometry(state) {
  const { stride, padding, dilation } = state;
  const x = channels(state.image);
  const w = channels(state.kernel);
  const [C, H, W] = [x.length, x[0].length, x[0][0].length];
  const [R, S] = [w[0].length, w[0][0].length];
  const rows = padAmounts(H, R, stride, padding, dilation); // [top, bottom]
  const cols = padAmounts(W, S, stride, padding, dilation); // [left, right]
  const span = [kernelSpan(R, dilation), kernelSpan(S, dilation)];
  const padded = [H + rows[0] + rows[1], W + cols[0] + cols[1]];
  const out = [
    outputSize(H, R, stride, rows, dilation),
    outputSize(W, S, stride, cols, dilation),
  ];
  return { x, w, C, H, W, R, S, rows, cols, span, padded, out, count: out[0] * out[1] };
}

export const clampPosition = (position, count) =>
  Math.max(-1, Math.min(position ?? -1, count - 1));

// The products of one output cell: per channel, kernel row by kernel row. i and j are
// the row and column in the input; outside it (inside: false) stands a zero.
export function windowAt(state, position) {
  const { x, w, C, H, W, R, S, rows, cols, out } = geometry(state);
  const top = Math.floor(position / out[1]) * state.stride - rows[0];
  const left = (position % out[1]) * state.stride - cols[0];
  const terms = [];
  for (let c = 0; c < C; c++)
    for (let r = 0; r < R; r++)
      for (let s = 0; s < S; s++) {
        const i = top + r * state.dilation;
        const j = left + s * state.dilation;
        const inside = i >= 0 && i < H && j >= 0 && j < W;
        const a = inside ? x[c][i][j] : 0;
        const b = state.flip ? w[c][R - 1 - r][S - 1 - s] : w[c][r][s];
        terms.push({ c, r, s, i, j, inside, x: a, w: b, product: a * b });
      }
  return terms;
}

export const total = (terms, bias) => terms.reduce((sum, t) => sum + t.product, bias);

export function convolve(state) {
  const { out } = geometry(state);
  return Array.from({ length: out[0] }, (_, i) =>
    Array.from({ length: out[1] }, (_, j) =>
      total(windowAt(state, i * out[1] + j), state.bias)));
}

// ------------------------------------------------------------------- the writing

// At most four decimals, a true minus sign, powers of ten only where they are needed.
export function formatNumber(value) {
  const size = Math.abs(value);
  let text = size.toFixed(4);
  if (size >= 1e5 || (size > 0 && size < 1e-4))
    text = size.toExponential(1).replace(".0", "").replace("+", "").replace("-", "−");
  else text = text.replace(/\.?0+$/, "");
  return value < 0 ? `−${text}` : text;
}

// Text of a cell -> number, or null if it is none that fits.
export function parseNumber(text) {
  const plain = text.trim().replace("−", "-");
  const number = String.raw`\d*[.,]?\d+(?:e[-+]?\d+)?|\d+[.,]`;
  const match = plain.match(new RegExp(`^([-+]?)(${number})(?:\\s*/\\s*(${number}))?$`, "i"));
  if (!match) return null;
  const [, sign, above, below = "1"] = match;
  const value = Number(above.replace(",", ".")) / Number(below.replace(",", "."));
  if (!Number.isFinite(value) || value > LIMITS.value) return null;
  return sign === "-" && value !== 0 ? -value : value;
}

const rounded = (value) => {
  const shown = Number(formatNumber(value).replaceAll("−", "-"));
  return Math.abs(shown - value) > 1e-9 * Math.max(1, Math.abs(value));
};
const factor = (v) => (v < 0 ? `(${formatNumber(v)})` : formatNumber(v));
const signed = (v) => (v < 0 ? ` − ${formatNumber(-v)}` : ` + ${formatNumber(v)}`);

// "y[0, 0] = 1·1 + 2·2 + 5·3 + 6·4 = 44", as parts [text, kind]; kind is "x", "w", "y"
// or "". More than nine products: one sum a channel instead.
export function sumParts(state, position) {
  const { out, C } = geometry(state);
  const terms = windowAt(state, position);
  const row = Math.floor(position / out[1]);
  const y = total(terms, state.bias);
  const parts = [[`y[${row}, ${position % out[1]}]`, "y"], [" = ", ""]];
  const inexact = [y, ...terms.flatMap((t) => [t.x, t.w])];
  if (terms.length <= 9) {
    terms.forEach((t, n) => {
      if (n) parts.push([" + ", ""]);
      parts.push([factor(t.x), "x"], ["·", ""], [factor(t.w), "w"]);
    });
  } else {
    const sums = channelSums(terms, C);
    inexact.push(...sums);
    const over = C > 1 ? `${C} channels: ` : `${terms.length} products: `;
    const each = sums.map((v, c) => (c ? signed(v) : formatNumber(v))).join("");
    parts.push([`sum over ${over}${C > 1 || state.bias ? each : ""}`, ""]);
    if (C === 1 && !state.bias) return [...parts, [formatNumber(y), "y"]];
  }
  if (state.bias) parts.push([`${signed(state.bias)} (bias)`, ""]);
  return [...parts, [inexact.some(rounded) ? " ≈ " : " = ", ""], [formatNumber(y), "y"]];
}

export const channelSums = (terms, C) =>
  Array.from({ length: C }, (_, c) => total(terms.filter((t) => t.c === c), 0));

export const sumText = (state, position) =>
  sumParts(state, position).map(([text]) => text).join("");

// "⌊(4 + 2·0 − 2)/1⌋ + 1 = 3" along one axis; below 1 where the kernel does not fit
export function sizeText(n, k, stride, [before, after], dilation) {
  const pad = before === after ? `2·${before}` : `${before} + ${after}`;
  const span = dilation === 1 ? k : `(${dilation}·(${k} − 1) + 1)`;
  const room = n + before + after - kernelSpan(k, dilation);
  const size = formatNumber(Math.floor(room / stride) + 1);
  return `⌊(${n} + ${pad} − ${span})/${stride}⌋ + 1 = ${size}`;
}

// The same in words.
export const sizeRule = (dilation) =>
  "output = ⌊(input + padding − " +
  `${dilation === 1 ? "kernel" : "(dilation·(kernel − 1) + 1)"})/stride⌋ + 1`;

// Why there is no output, and what would give one; "" where the kernel fits.
export function misfitText(state) {
  const { R, S, H, W, span, padded, count } = geometry(state);
  if (count) return "";
  const spread = state.dilation > 1
    ? `The ${R} × ${S} kernel with dilation ${state.dilation} covers ${span[0]} × ${span[1]} cells`
    : `The kernel is ${R} × ${S}`;
  const zeros = padded[0] > H ? ` with its zeros` : "";
  const need = Math.ceil(Math.max(span[0] - H, span[1] - W) / 2);
  return `${spread}, the input${zeros} only ${padded[0]} × ${padded[1]}: it does not fit. ` +
    "Padding “same” or “full” fits" +
    (need <= LIMITS.padding ? `, or at least ${need} on each side` : "") +
    (state.dilation > 1 ? ", or perhaps a smaller dilation." : ".");
}

// What is wrong with the sizes, "" if nothing: Python checks first, this is for pages.
export function checkSizes(state) {
  for (const name of ["image", "kernel"]) {
    const a = channels(state[name]);
    const [c, h, w] = [a.length, a[0].length, a[0][0]?.length ?? 0];
    if (!h || !w || h > LIMITS[name] || w > LIMITS[name] || c > LIMITS.channels)
      return `The ${name} is ${c} × ${h} × ${w}; up to ${LIMITS.channels} × ` +
        `${LIMITS[name]} × ${LIMITS[name]} fits.`;
  }
  const [c, k] = [channels(state.image).length, channels(state.kernel).length];
  return c === k ? "" : `The image has ${c} channels, the kernel ${k}; they must be equal.`;
}

// ---------------------------------------------------------------------- the figure

const STEP_MS = 700;

function h(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  // JupyterLab takes arrow keys from what has the focus, unless it says this itself
  if (/^(button|input|select)$/.test(tag)) node.dataset.lmSuppressShortcuts = "true";
  return node;
}
const longest = (texts) => texts.reduce((a, b) => (b.length > a.length ? b : a), "");
const range = (n) => Array.from({ length: n }, (_, i) => i);

// A titled grid of rows × cols cells. `cell(i, j)` makes each one's content.
function makePanel(kind, rows, cols, label, ideal, cell) {
  const grid = h("div", { class: "cs-grid", role: "grid", "aria-label": label });
  const cells = range(rows).map((i) => {
    const row = h("div", { class: "cs-row", role: "row" });
    const made = range(cols).map((j) => h("div", { class: "cs-cell", role: "gridcell" },
      ...cell(i, j)));
    row.append(...made);
    grid.append(row);
    return made;
  });
  const title = h("div", { class: "cs-title" });
  const frame = h("div", { class: "frame" }, grid);
  const scroll = h("div", { class: "scroll" }, frame);
  const node = h("div", { class: `cs-panel ${kind}` }, title, scroll);
  node.style.setProperty("--cols", cols);
  node.style.setProperty("--ideal", ideal);
  return { node, title, scroll, frame, grid, cells };
}

// Where a grid is wider than the screen, keep columns a to b of it in sight.
function reveal({ scroll, cells }, a, b) {
  const unit = scroll.scrollWidth / (cells[0]?.length || 1);
  if (a * unit < scroll.scrollLeft || b * unit > scroll.scrollLeft + scroll.clientWidth)
    scroll.scrollLeft = Math.max(0, a * unit - 8);
}

// An operator and what it applies to stay on one line.
const after = (op, node) =>
  h("div", { class: "after" }, h("span", { class: "op", "aria-hidden": "true" }, op), node);

// One tab stop a grid: the arrow keys go from cell to cell.
function rove(items, i, j) {
  items.flat().forEach((item) => item && (item.tabIndex = -1));
  if (items[i]?.[j]) items[i][j].tabIndex = 0;
}

function render({ model, el }) {
  const clean = [];
  const listen = (node, event, fn) => {
    node.addEventListener(event, fn);
    clean.push(() => node.removeEventListener(event, fn));
  };
  const state = () => Object.fromEntries(TRAITS.map((name) => [name, model.get(name)]));
  const place = (s = state()) => clampPosition(s.position, geometry(s).count);

  // ---- what stays
  const id = `cnn-${Math.random().toString(36).slice(2)}`;
  const stage = h("div", { class: "stage" });
  const products = h("div", { class: "products" });
  const sum = h("p", { class: "now", "aria-live": "polite" });
  const ghost = h("p", { class: "ghost", "aria-hidden": "true" });
  const message = h("p", { class: "message", role: "status" });
  const sizes = h("p", { class: "sizes" });
  const button = (text) => h("button", { type: "button" }, text);
  const back = button("Back");
  const play = button("Play");
  const step = button("Step");
  const reset = button("Reset");
  const scrub = h("input", { type: "range", min: "-1", step: "1", id: `${id}-at` });
  const where = h("span", { "aria-hidden": "true" }); // the slider's value says it too
  const field = (name, text, control) => {
    control.id = `${id}-${name}`;
    return h("div", { class: "field" }, h("label", { for: control.id }, text), control);
  };
  const whole = (max) => h("input", { type: "number", min: "1", max, step: "1" });
  const select = h("select", {}, ...["valid", "same", "full", ...range(LIMITS.padding + 1)]
    .map((p) => h("option", { value: p }, String(p))));
  const controls = {
    stride: whole(LIMITS.stride),
    padding: select,
    dilation: whole(LIMITS.dilation),
    bias: h("input", { type: "text", inputmode: "decimal", autocomplete: "off" }),
    flip: h("input", { type: "checkbox" }),
  };
  const root = h("div", {
    class: "cnn-conv-stepper", role: "group",
  },
    stage,
    h("div", { class: "sum" }, products, h("div", { class: "line" }, ghost, sum)),
    message,
    h("div", { class: "bar" }, back, play, step,
      h("div", { class: "field scrub" }, h("label", { for: scrub.id }, "Position"),
        where, scrub),
      reset),
    h("div", { class: "bar settings" },
      field("stride", "stride", controls.stride),
      field("padding", "padding", controls.padding),
      field("dilation", "dilation", controls.dilation),
      field("bias", "bias", controls.bias),
      field("flip", "flip (true convolution)", controls.flip)),
    sizes);
  el.append(root);
  clean.push(() => root.remove());

  // ---- changes go to the model; draw() follows
  let busy = false;
  let timer = null;
  let seen = null; // position drawn last
  let mark = -1; // last output cell computed: looking back at an earlier one keeps it
  function commit(values, done = mark) {
    busy = true;
    const next = { ...state(), ...values };
    const fits = clampPosition(next.position, geometry(next).count);
    if (geometry(next).count) values = { ...values, position: fits };
    for (const [name, value] of Object.entries(values)) model.set(name, value);
    model.save_changes();
    busy = false;
    const { count } = geometry(state());
    seen = place();
    mark = Math.max(count ? Math.min(done, count - 1) : done, seen);
    draw();
  }
  function pause() {
    clearInterval(timer);
    timer = null;
    play.textContent = "Play";
    sum.setAttribute("aria-live", "polite");
  }
  // Back and the slider take computed cells back: done is the last that stays.
  function goTo(position, done = mark) {
    const { count } = geometry(state());
    const to = clampPosition(position, count);
    if (count && (to !== place() || done !== mark)) commit({ position: to }, done);
  }
  function toggle() {
    if (timer) return pause();
    const { count } = geometry(state());
    if (!count) return;
    sum.setAttribute("aria-live", "off"); // a screen reader could not keep up
    play.textContent = "Pause";
    if (place() < count - 1) goTo(place() + 1);
    else goTo(0, 0);
    timer = setInterval(() => {
      const last = geometry(state()).count - 1;
      if (place() < last) goTo(place() + 1);
      if (place() >= last) pause();
    }, STEP_MS);
  }
  clean.push(pause);
  listen(back, "click", () => (pause(), goTo(place() - 1, place() - 1)));
  listen(step, "click", () => (pause(), goTo(place() + 1)));
  listen(play, "click", toggle);
  listen(scrub, "input", () => (pause(), goTo(Number(scrub.value), Number(scrub.value))));
  listen(scrub, "keydown", (event) => {
    if (event.key !== " ") return;
    event.preventDefault(); // a range has no use of its own for Space
    toggle();
  });
  listen(reset, "click", () => {
    pause();
    typing = null;
    faults.clear();
    const start = model.get("_start");
    commit({ ...start }, start.position);
  });

  // ---- entries that do not fit are marked and said; the last good value keeps computing
  const faults = new Map(); // control -> sentence
  function judge(control, sentence) {
    faults.delete(control);
    if (sentence) faults.set(control, sentence);
    if (sentence) control.setAttribute("aria-invalid", "true");
    else control.removeAttribute("aria-invalid");
    message.textContent = [...faults.values()].at(-1) ?? "";
  }
  const numberSentence = (text) =>
    `${text.trim() ? `“${text.trim().slice(0, 10)}”` : "An empty cell"} does not fit: ` +
    `a number from −${LIMITS.value} to ${LIMITS.value} does, or 1/9. The last good one counts.`;
  // What is typed counts as soon as it can be read, and stays as typed; whether it fits
  // is judged when the entry is over.
  let typing = null;
  function typed(name, read, sentence) {
    const control = controls[name];
    listen(control, "input", () => {
      pause();
      typing = control;
      const value = read(control.value);
      if (value === null) return;
      judge(control, "");
      commit({ [name]: value });
    });
    const settle = () => {
      pause();
      typing = null;
      const value = read(control.value);
      judge(control, value === null ? sentence(control.value) : "");
      if (value !== null) commit({ [name]: value });
    };
    listen(control, "change", settle);
    listen(control, "blur", () => typing === control && settle());
  }
  for (const name of ["stride", "dilation"])
    typed(name, (text) => {
      const value = Number(text);
      return Number.isInteger(value) && value >= 1 && value <= LIMITS[name] ? value : null;
    }, () => `The ${name} must be a whole number from 1 to ${LIMITS[name]}. ` +
      "The last good value still counts.");
  typed("bias", parseNumber, numberSentence);
  listen(select, "change", () => {
    pause();
    commit({ padding: /^\d/.test(select.value) ? Number(select.value) : select.value });
  });
  listen(controls.flip, "change", () => (pause(), commit({ flip: controls.flip.checked })));

  // ---- grids, rebuilt only when their shape changes
  let shape = "";
  let built = [];
  let view = { x: [], w: [], products: [] }; // x: [channel], w: [channel], products: [channel], y

  function editor(name, c, i, j, inputs) {
    const input = h("input", {
      type: "text", inputmode: "decimal", autocomplete: "off", spellcheck: "false",
      "aria-label": `${name === "image" ? "input x" : "kernel w"}` +
        `[${geometry(state()).C > 1 ? `${c}, ` : ""}${i}, ${j}]`,
    });
    const value = () => channels(model.get(name))[c][i][j];
    const put = (number) => {
      const old = model.get(name);
      const next = structuredClone(channels(old));
      next[c][i][j] = number;
      commit({ [name]: Array.isArray(old[0][0]) ? next : next[0] });
    };
    let before = null; // the number that Escape brings back
    const accept = (final = true) => {
      if (final && input.value === input.dataset.shown) return judge(input, "");
      const number = parseNumber(input.value);
      if (final || number !== null)
        judge(input, number === null ? numberSentence(input.value) : "");
      if (number === null) return;
      input.dataset.shown = input.value; // this text has been counted
      before ??= value();
      if (number !== value()) put(number);
    };
    let fresh = false;
    input.addEventListener("input", () => (pause(), accept(false)));
    input.addEventListener("focus", () => {
      pause();
      rove(inputs, i, j);
      before = null;
      fresh = true;
      if (!faults.has(input)) {
        input.value = String(value()).replace("-", "−"); // all digits while editing
        input.dataset.shown = input.value;
      }
      input.select();
    });
    input.addEventListener("click", () => {
      if (fresh) input.select();
      fresh = false;
    });
    input.addEventListener("blur", () => {
      accept();
      if (!faults.has(input)) input.value = formatNumber(value());
    });
    input.addEventListener("keydown", (event) => {
      const { key } = event;
      const { selectionStart: a, selectionEnd: b } = input;
      const all = a === 0 && b === input.value.length;
      let to = null;
      if (key === "Escape") {
        judge(input, "");
        if (before !== null) put(before);
        before = null;
        input.value = input.dataset.shown = String(value()).replace("-", "−");
        input.select();
      } else if (key === "Enter") {
        accept();
        before = null;
        to = [i + 1, j];
      } else if (key === "ArrowUp") to = [i - 1, j];
      else if (key === "ArrowDown") to = [i + 1, j];
      else if (key === "ArrowLeft" && (all || b === 0)) to = [i, j - 1];
      else if (key === "ArrowRight" && (all || a === input.value.length)) to = [i, j + 1];
      if (!to) return;
      event.preventDefault();
      inputs[to[0]]?.[to[1]]?.focus();
    });
    return input;
  }

  function build(g) {
    built.forEach((node) => node.remove());
    for (const control of [...faults.keys()])
      if (stage.contains(control)) faults.delete(control);
    message.textContent = [...faults.values()].at(-1) ?? "";
    view = { x: [], w: [], products: [] };
    const columns = h("div", { class: "channels" });
    const many = g.C > 1;
    const wide = Math.max(g.padded[1], g.out[1]);
    const ideal = wide > 7 ? "36px" : wide > 5 ? "38px" : g.C > 2 ? "40px" : "44px";
    stage.classList.toggle("many", many);
    stage.classList.toggle("middle", wide > 5 && wide <= 7);
    stage.classList.toggle("large", wide > 7);
    products.classList.toggle("large", wide > 7);
    products.replaceChildren();
    for (let c = 0; c < g.C; c++) {
      const at = many ? `[${c}]` : "";
      const xs = range(g.H).map(() => []);
      const x = makePanel("x", ...g.padded, `input x${at}`, ideal, (i, j) => {
        const [row, col] = [i - g.rows[0], j - g.cols[0]];
        const tap = h("span", { class: "tap", "aria-hidden": "true" });
        const inside = row >= 0 && row < g.H && col >= 0 && col < g.W;
        if (inside) xs[row][col] = editor("image", c, row, col, xs);
        return [inside ? xs[row][col] : h("span", { class: "zero" }, "0"), tap];
      });
      x.inputs = xs;
      x.window = h("div", { class: "window", "aria-hidden": "true" });
      x.frame.append(x.window);
      const ws = range(g.R).map(() => []);
      const w = makePanel("w", g.R, g.S, `kernel w${at}`, ideal, (i, j) => [
        (ws[i][j] = editor("kernel", c, i, j, ws))]);
      w.inputs = ws;
      const grown = g.padded[0] > g.H || g.padded[1] > g.W;
      x.title.append(h("b", {}, `input x${at}`), ` ${g.H} × ${g.W}`,
        grown ? `, with zeros ${g.padded[0]} × ${g.padded[1]}` : "");
      w.turned = h("div", { class: "turned" }, "laid on turned by 180°");
      w.title.append(h("b", {}, `kernel w${at}`),
        h("span", { class: "dims" }, ` ${g.R} × ${g.S}`));
      w.node.append(w.turned); // the grid is the one to edit: never turned
      const channel = h("div", { class: "channel" }, x.node, after("⋆", w.node));
      w.sign = channel.querySelector(".op"); // ⋆ correlates, ∗ convolves
      columns.append(channel);
      if (g.C * g.R * g.S > 9) {
        const p = makePanel("p", g.R, g.S, `products${at}`, "36px", () => [h("span")]);
        (many ? channel : products).append(p.node);
        view.products.push(p);
      }
      rove(xs, 0, 0);
      rove(ws, 0, 0);
      view.x.push(x);
      view.w.push(w);
    }
    const ys = range(g.out[0]).map(() => []);
    const y = makePanel("y", ...g.out, "output y", ideal, (i, j) => [
      (ys[i][j] = h("button", { type: "button", tabindex: "-1" }))]);
    y.buttons = ys;
    y.title.append(h("b", {}, "output y"), g.count ? ` ${g.out[0]} × ${g.out[1]}` : " none");
    ys.flat().forEach((b, n) => {
      b.addEventListener("click", () => (pause(), goTo(n)));
      b.addEventListener("keydown", (event) => {
        const moves = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -g.out[1], ArrowDown: g.out[1] };
        let to = n + (moves[event.key] ?? NaN);
        if (event.key === "Home") to = 0;
        if (event.key === "End") to = g.count - 1;
        if (Number.isNaN(to)) return;
        event.preventDefault();
        if (to < 0 || to >= g.count) return;
        pause();
        goTo(to);
        ys.flat()[to].focus();
      });
    });
    view.y = y;
    if (!g.count) y.grid.remove();
    built = [columns, after("=", y.node)];
    stage.append(...built);
  }

  // Widths that no step changes: room for the longest number a grid will ever show.
  // Up to six characters fit any cell in smaller type, and −0.1111 all but the smallest:
  // editing moves nothing then.
  const room = (panel, texts, seven = 49) => {
    const { length } = longest(texts);
    const need = length > 7 ? 7 * length : length > 6 ? seven : 32;
    panel.node.style.setProperty("--need", `${need}px`);
  };
  const fit = (node, text) => node.style.setProperty("--n", Math.max(text.length, 1));

  function draw() {
    if (busy) return;
    const s = state();
    root.setAttribute("aria-label", s.alt);
    const wrong = checkSizes(s);
    root.classList.toggle("broken", Boolean(wrong));
    if (wrong) {
      message.textContent = wrong;
      return;
    }
    const g = geometry(s);
    const key = JSON.stringify([g.C, g.H, g.W, g.R, g.S, g.rows, g.cols, g.out]);
    if (key !== shape) build(g);
    const moved = key === shape;
    shape = key;
    const at = place(s);
    if (at !== seen) mark = seen = at; // moved from Python or in another view
    const terms = at < 0 ? [] : windowAt(s, at);
    const all = range(g.count).map((n) => windowAt(s, n));

    // input, window and kernel
    const weights = g.w.flat(2).map(formatNumber);
    view.x.forEach((panel, c) => {
      room(panel, [...g.x.flat(2).map(formatNumber), ...weights], 40);
      room(view.w[c], weights, 40);
      write(panel.inputs, g.x[c]);
      write(view.w[c].inputs, g.w[c]);
      const taps = new Map(terms.filter((t) => t.c === c)
        .map((t) => [`${t.i + g.rows[0]},${t.j + g.cols[0]}`, t]));
      panel.cells.forEach((row, i) => row.forEach((cell, j) => {
        const tap = taps.get(`${i},${j}`);
        cell.classList.toggle("in", Boolean(tap));
        cell.classList.toggle("pad", cell.firstChild.className === "zero");
        cell.lastChild.textContent = tap ? `×${formatNumber(tap.w)}` : "";
        fit(cell.lastChild, cell.lastChild.textContent);
      }));
      view.w[c].sign.textContent = s.flip ? "∗" : "⋆";
      view.w[c].turned.classList.toggle("off", !s.flip);
      panel.window.hidden = at < 0;
      panel.window.classList.toggle("still", !moved);
      if (at >= 0) {
        const style = panel.window.style;
        style.setProperty("--row", Math.floor(at / g.out[1]) * s.stride);
        style.setProperty("--col", (at % g.out[1]) * s.stride);
        style.setProperty("--rows", g.span[0]);
        style.setProperty("--width", g.span[1]);
      }
    });

    // output: what is computed so far
    const values = all.map((t) => formatNumber(total(t, s.bias)));
    room(view.y, values);
    rove(view.y.buttons, Math.max(0, Math.floor(at / g.out[1])), Math.max(0, at) % g.out[1]);
    view.y.buttons.flat().forEach((b, n) => {
      const name = `y[${Math.floor(n / g.out[1])}, ${n % g.out[1]}]`;
      b.textContent = n <= mark ? values[n] : "";
      fit(b.parentNode, values[n]);
      b.setAttribute("aria-label",
        n <= mark ? `${name} is ${values[n]}` : `${name}, not computed yet`);
      b.classList.toggle("done", n <= mark);
      b.classList.toggle("now", n === at);
      if (n === at) b.setAttribute("aria-current", "true");
      else b.removeAttribute("aria-current");
      b.classList.toggle("zero-value", values[n] === "0");
    });

    // products of a large window, one grid a channel
    const sums = channelSums(terms, g.C);
    view.products.forEach((panel, c) => {
      room(panel, all.flat().map((t) => formatNumber(t.product)));
      panel.title.textContent = "products" + (at < 0 ? "" : `, sum ${formatNumber(sums[c])}`);
      terms.filter((t) => t.c === c).forEach((t) => {
        const text = formatNumber(t.product);
        panel.cells[t.r][t.s].firstChild.textContent = text;
        fit(panel.cells[t.r][t.s], text);
      });
      if (at < 0) panel.cells.flat().forEach((cell) => (cell.firstChild.textContent = ""));
    });

    // the sum in words and numbers
    const misfit = misfitText(s);
    ghost.textContent = misfit || longest(range(g.count).map((n) => sumText(s, n)));
    sum.classList.toggle("misfit", Boolean(misfit));
    if (misfit) sum.replaceChildren(misfit);
    else if (at < 0) sum.replaceChildren("Nothing is computed yet: press Step, or choose an output cell.");
    else sum.replaceChildren(...sumParts(s, at).map(([text, kind]) =>
      kind ? h("span", { class: `term-${kind}` }, text) : text));

    // controls
    scrub.max = String(Math.max(g.count - 1, 0));
    scrub.value = String(at);
    scrub.setAttribute("aria-valuetext", at < 0 ? "nothing computed yet"
      : `output cell ${at + 1} of ${g.count}`);
    // not .disabled, which would drop the focus to the page
    for (const [control, off] of [[back, at < 0], [step, at >= g.count - 1], [play, !g.count]])
      control.setAttribute("aria-disabled", String(off));
    scrub.disabled = !g.count;
    where.textContent = `${at + 1} of ${g.count}`;
    where.style.minWidth = `${2 * String(g.count).length + 3}ch`;
    for (const name of SETTINGS) {
      const control = controls[name];
      if (faults.has(control) || typing === control) continue;
      control.removeAttribute("aria-invalid");
      if (name === "flip") control.checked = s.flip;
      else if (name === "bias") control.value = formatNumber(s.bias);
      else control.value = String(s[name]);
    }
    if (!faults.size) message.textContent = "";
    look();
    sizes.replaceChildren(
      h("span", {}, sizeRule(s.dilation)),
      h("span", {}, "height ", h("b", {}, sizeText(g.H, g.R, s.stride, g.rows, s.dilation))),
      h("span", {}, "width ", h("b", {}, sizeText(g.W, g.S, s.stride, g.cols, s.dilation))));
  }

  // Grids wider than the screen scroll: the cells at work stay in sight, and where no cell
  // can take the focus the scroll area does. Needs a place in the document: see below.
  function look() {
    const s = state();
    if (checkSizes(s)) return;
    const g = geometry(s);
    const at = place(s);
    if (at >= 0) {
      const col = at % g.out[1];
      reveal(view.y, col, col + 1);
      for (const panel of view.x) reveal(panel, col * s.stride, col * s.stride + g.span[1]);
    }
    for (const { scroll } of view.products)
      scroll.tabIndex = scroll.scrollWidth > scroll.clientWidth ? 0 : -1;
  }

  function write(inputs, values) {
    inputs.forEach((row, i) => row.forEach((input, j) => {
      const v = values[i][j];
      input.parentNode.classList.toggle("nought", v === 0);
      fit(input.parentNode, formatNumber(v));
      if (faults.has(input)) return;
      input.removeAttribute("aria-invalid");
      if (input.matches(":focus") && "shown" in input.dataset) return;
      input.value = formatNumber(v);
      input.dataset.shown = input.value;
    }));
  }

  for (const name of TRAITS) model.on(`change:${name}`, draw);
  clean.push(() => TRAITS.forEach((name) => model.off(`change:${name}`, draw)));
  draw();
  const watch = new ResizeObserver(look); // also tells when the figure enters the page
  watch.observe(root);
  clean.push(() => watch.disconnect());
  return () => clean.reverse().forEach((undo) => undo());
}

export default { render };
