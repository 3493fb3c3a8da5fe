// Pooling windows on a small grid, and what a shift or a gradient does.
//
// Pure functions first (node tests them with the numbers Python is tested with), then
// render. `state` below is an object of the synced traits: image (H, W), size, stride
// (null: as size), mode, shift [down, right], view, dy (null: ones), position, cell.

const SETTINGS = ["size", "stride", "mode", "view"];
const TRAITS = ["image", ...SETTINGS, "shift", "dy", "position", "cell", "alt"];
export const LIMITS = {
  edge: [2, 12], // lowest and highest height and width of the input
  size: 6, // of a window, and of a stride
  shift: 6, // in one direction
  value: 9999, // largest size of a number in a cell
};
const LISTED = 16; // numbers of a window that are written out
const WINDOWS = 6; // windows of an input cell that are written out

const range = (n) => Array.from({ length: n }, (_, i) => i);
const near = (a, b, scale = 1) => Math.abs(a - b) <= 1e-9 * scale;

// ---------------------------------------------------------------- the mathematics

export const outputSize = (n, size, stride) =>
  (n < size ? 0 : Math.floor((n - size) / stride) + 1);

export function geometry({ image, size, stride }) {
  const step = stride ?? size;
  const [H, W] = [image.length, image[0].length];
  const out = [outputSize(H, size, step), outputSize(W, size, step)];
  return { H, W, step, out, count: out[0] * out[1] };
}

// The picture moved down and right (negative: up and left); zeros come in.
export const shifted = ({ image, shift: [down, right] }) =>
  image.map((row, i) => row.map((_, j) => image[i - down]?.[j - right] ?? 0));

// One object an output cell: its place, its window's corner and numbers, what it pools
// to, and the first maximum in reading order [row, column].
export function windowsOf(state, image = state.image) {
  const { step, out, count } = geometry(state);
  const { size, mode } = state;
  return range(count).map((n) => {
    const [i, j] = [Math.floor(n / out[1]), n % out[1]];
    const [top, left] = [i * step, j * step];
    const values = range(size * size).map((m) =>
      image[top + Math.floor(m / size)][left + (m % size)]);
    const best = values.indexOf(Math.max(...values));
    const sum = values.reduce((a, b) => a + b, 0);
    const y = { max: values[best], avg: sum / values.length, sum }[mode];
    const winner = [top + Math.floor(best / size), left + (best % size)];
    return { n, i, j, top, left, values, y, winner };
  });
}

// dy as a list, in reading order: ones until it is edited.
export function gradientOf(state) {
  const { out, count } = geometry(state);
  const { dy } = state;
  if (dy && dy.length === out[0] && dy[0].length === out[1]) return dy.flat();
  return range(count).map(() => 1);
}

const covers = ({ top, left }, size, i, j) =>
  top <= i && i < top + size && left <= j && j < left + size;
const won = ({ winner }, i, j) => winner[0] === i && winner[1] === j;

// The windows that an input cell is in, and those that send it a gradient.
function sources(state, cell, windows) {
  const { W } = geometry(state);
  const [i, j] = [Math.floor(cell / W), cell % W];
  const inside = windows.filter((w) => covers(w, state.size, i, j));
  return { i, j, inside, from: state.mode === "max" ? inside.filter((w) => won(w, i, j)) : inside };
}

function received(state, from) {
  const dy = gradientOf(state);
  const sum = from.reduce((total, w) => total + dy[w.n], 0);
  return state.mode === "avg" ? sum / state.size ** 2 : sum;
}

// The gradient of the input, (H, W).
export function route(state) {
  const { H, W } = geometry(state);
  const windows = windowsOf(state);
  return range(H).map((i) => range(W).map((j) =>
    received(state, sources(state, i * W + j, windows).from)));
}

// Output cells that differ once the picture is shifted, as a list of true and false.
export function changedCells(state) {
  const before = windowsOf(state);
  return windowsOf(state, shifted(state)).map((w, n) => !near(w.y, before[n].y));
}

// Rows and columns of the input that are in no window.
export function leftOut(state) {
  const { H, W, step, out } = geometry(state);
  return [[H, out[0]], [W, out[1]]].map(([n, m]) => {
    const seen = new Set(range(m).flatMap((i) => range(state.size).map((k) => i * step + k)));
    return range(n).filter((i) => !seen.has(i));
  });
}

// ------------------------------------------------------------------- the writing

// At most `places` decimals and a true minus sign.
export function formatNumber(value, places = 4) {
  const size = Math.abs(value);
  let text = size.toFixed(places).replace(/\.?0+$/, "");
  if (size > 0 && size < 10 ** -places) text = size.toExponential(0).replace("-", "−");
  return value < 0 ? `−${text}` : text;
}
const short = (value) => formatNumber(value, 2); // in a grid

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

const sumOf = (numbers) => numbers.map((v, n) => {
  if (!n) return formatNumber(v);
  return v < 0 ? ` − ${formatNumber(-v)}` : ` + ${formatNumber(v)}`;
}).join("");
// " = ", or " ≈ " where a number is written rounded
const equals = (numbers) => (numbers.every((v) =>
  near(Number(formatNumber(v).replaceAll("−", "-")), v, 1 + Math.abs(v))) ? " = " : " ≈ ");
const counted = (n, noun) => `${n} ${noun}${n === 1 ? "" : "s"}`;

// "y[0, 1] = max(3, 8, 1, 4) = 8"; name is y, or y′ for the shifted picture
export function windowText(state, { i, j, top, left, values, y }, name = "y") {
  const count = values.length;
  const head = `${name}[${i}, ${j}] = `;
  const end = equals([y, ...values]) + formatNumber(y);
  if (count === 1) return `${head}x${name.slice(1)}[${top}, ${left}]${end}`;
  const many = `${count} numbers`;
  if (state.mode === "max") {
    const listed = values.map((v) => formatNumber(v)).join(", ");
    return head + (count <= LISTED ? `max(${listed})` : `max of ${many}`) + end;
  }
  const over = count <= LISTED ? sumOf(values) : `sum of ${many}`;
  return head + (state.mode === "avg" ? `(${over})/${count}` : over) + end;
}

// "down by 2 and left by 1"; with a unit "down by 2 cells"
export function shiftWords([down, right], unit = "") {
  return [[down, "down", "up"], [right, "right", "left"]].filter(([n]) => n)
    .map(([n, more, less]) => {
      const by = unit ? counted(Math.abs(n), unit) : Math.abs(n);
      return `${n > 0 ? more : less} by ${by}`;
    }).join(" and ");
}

// How many output cells the shift changed, and whether the output moved along.
export function shiftText(state) {
  const { step, out, count } = geometry(state);
  const { shift } = state;
  if (!shift[0] && !shift[1]) return "Not shifted yet: the arrows move the picture by one cell.";
  const changed = changedCells(state).filter(Boolean).length;
  const text = `Shifted ${shiftWords(shift)}: ${changed} of ${counted(count, "output cell")} changed.`;
  if (!changed) return `${text} For this picture and this shift the output is invariant.`;
  if (shift.some((n) => n % step))
    return `${text} The shift is not a multiple of the stride ${step}: the output need not move along.`;
  const steps = shift.map((n) => n / step);
  if (steps.some((n, axis) => Math.abs(n) >= out[axis]))
    return `${text} The old output has moved out of the grid.`;
  return `${text} The output moved ${shiftWords(steps, "cell")}: equivariant, apart from ` +
    "what comes in at the edge.";
}

// Where the gradient of one output cell goes.
export function routeText(state, { n, i, j, values, winner }) {
  const dy = gradientOf(state)[n];
  const count = values.length;
  const name = `dy[${i}, ${j}] = ${formatNumber(dy)}`;
  if (count === 1) return `${name} goes to x[${winner.join(", ")}], the only cell of the window.`;
  if (state.mode === "sum") return `${name} goes to each cell of the window, undivided.`;
  if (state.mode === "avg") {
    const share = dy / count;
    return `${name} is shared out: ${formatNumber(dy)}/${count}${equals([dy, share])}` +
      `${formatNumber(share)} for each cell of the window.`;
  }
  const ties = values.filter((v) => v === Math.max(...values)).length;
  const tied = ties > 1 ? `, the first of ${ties} equal ones` : "";
  return `${name} goes to the maximum, x[${winner.join(", ")}]${tied}; the others get 0.`;
}

// The expanded sum of one entry of dx.
export function cellText(state, cell, windows = windowsOf(state)) {
  const { i, j, inside, from } = sources(state, cell, windows);
  const head = `dx[${i}, ${j}] = `;
  const it = `x[${i}, ${j}]`;
  if (!inside.length) return `${head}0: ${it} is in no window.`;
  const [many, area] = [inside.length > 1, state.size ** 2];
  const of = many ? `its ${inside.length} windows` : "its window";
  const tied = inside.some((w) => !won(w, i, j) && Math.max(...w.values) === state.image[i][j]);
  const best = tied ? "first maximum" : "maximum";
  if (!from.length) return `${head}0: ${it} is not the ${best} of ${many ? "any of " : ""}${of}.`;
  const dy = gradientOf(state);
  const numbers = from.map((w) => dy[w.n]);
  const several = from.length > 1;
  const listed = from.length <= WINDOWS;
  let left = from.map((w) => `dy[${w.i}, ${w.j}]`).join(" + ");
  let right = sumOf(numbers);
  if (!listed) {
    left = `sum of dy over ${from.length} windows`;
    right = formatNumber(numbers.reduce((a, b) => a + b, 0));
  }
  if (state.mode === "avg") {
    left = several ? `(${left})/${area}` : `${left}/${area}`;
    right = several && listed ? `(${right})/${area}` : `${right}/${area}`;
  }
  let text = head + left;
  if (several || state.mode === "avg") text += ` = ${right}`;
  const value = received(state, from);
  const end = equals([value, ...numbers]) + formatNumber(value);
  if (!text.endsWith(end)) text += end;
  if (state.mode !== "max") return `${text}: ${it} is in ${counted(inside.length, "window")}.`;
  const which = from.length === inside.length ? of : `${from.length} of ${of}`;
  return `${text}: ${it} is the ${best} of ${which}.`;
}

// What the mode does with the gradient, for all cells.
export function gradientText(state) {
  const { H, W } = geometry(state);
  if (state.mode !== "max") {
    const share = state.mode === "avg" ? `dy/${state.size ** 2}` : "all of dy";
    return `Each cell gets ${share} from every window that it is in.`;
  }
  const winners = new Set(windowsOf(state).map((w) => String(w.winner)));
  return `${H * W - winners.size} of ${H * W} input cells are no window's maximum: they get 0.`;
}

// "Output height ⌊(6 − 2)/2⌋ + 1 = 3, width ⌊(6 − 2)/2⌋ + 1 = 3."
export function sizeText(state) {
  const { H, W, step } = geometry(state);
  const parts = [["height", H], ["width", W]].map(([name, n]) =>
    `${name} ⌊(${n} − ${state.size})/${step}⌋ + 1 = ` +
      formatNumber(Math.floor((n - state.size) / step) + 1));
  return `Output ${parts.join(", ")}.`;
}

// "Row 6 and column 6 are in no window (hatched): …"
export function leftOutText(state) {
  const { H, W, step, out } = geometry(state);
  const lost = leftOut(state);
  const names = ["row", "column"].map((noun, axis) =>
    `${noun}${lost[axis].length > 1 ? "s" : ""} ${lost[axis].join(", ")}`);
  const text = names.filter((_, axis) => lost[axis].length).join(" and ");
  if (!text) return "Every row and column is in a window.";
  const ends = out.map((m) => (m - 1) * step + state.size); // the last window's
  const why = [];
  if (H > ends[0] || W > ends[1]) why.push("one more window would run over the border");
  if (lost.some((which, axis) => which.some((i) => i < ends[axis])))
    why.push("the stride is larger than the window");
  return `${text[0].toUpperCase()}${text.slice(1)} ${lost.flat().length === 1 ? "is" : "are"} ` +
    `in no window (hatched): ${why.join(", and ")}.`;
}

// Why there is no output, and what fits; "" where there is one.
export function misfitText(state) {
  const { H, W, count } = geometry(state);
  return count ? "" : `A window of ${state.size} × ${state.size} does not fit an input of ` +
    `${H} × ${W}: no output. A size up to ${Math.min(H, W)} fits.`;
}

// ---------------------------------------------------------------------- the figure

function h(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  // JupyterLab takes arrow keys from what has the focus, unless it says this itself
  if (/^(button|input|select)$/.test(tag)) node.dataset.lmSuppressShortcuts = "true";
  return node;
}
// "x[1, 2]" and "= 8" stay on one line.
const unbroken = (text) => text.replace(/(\[\d+,) (?=\d+\])|([=≈]) /g, "$1$2\u00a0");
const longest = (texts) => texts.reduce((a, b) => (b.length > a.length ? b : a), "");

// One tab stop a grid: the arrow keys go from cell to cell.
function rove(items, i, j) {
  items.flat().forEach((item) => (item.tabIndex = -1));
  if (items[i]?.[j]) items[i][j].tabIndex = 0;
}

// A titled grid. `make(i, j)` makes what a cell holds; `role` is grid, or table where
// nothing in it can take the focus.
function makePanel(kind, rows, cols, [name, more], make, role = "grid") {
  const label = `${name} ${more}`.trim();
  const grid = h("div", { class: "pg-grid", role, "aria-label": label });
  const items = range(rows).map((i) => range(cols).map((j) => make(i, j)));
  const cells = items.map((row) => row.map((item) =>
    h("div", { class: "pg-cell", role: role === "grid" ? "gridcell" : "cell" }, item)));
  grid.append(...cells.map((row) => h("div", { class: "pg-row", role: "row" }, ...row)));
  const frame = h("div", { class: "pg-frame" }, grid);
  const scroll = h("div", { class: "pg-scroll" }, frame);
  const title = h("div", { class: "pg-title" }, h("b", {}, name), ` ${more}`);
  const node = h("div", { class: `pg-panel pg-${kind}` }, title, scroll);
  const window = h("div", { class: "pg-window", "aria-hidden": "true" });
  frame.append(window);
  return { node, grid, frame, scroll, cells, items, window };
}

// Where a grid is wider than the screen, keep columns a to b of it in sight.
function reveal({ scroll, cells }, a, b) {
  const unit = scroll.scrollWidth / (cells[0]?.length || 1);
  if (a * unit < scroll.scrollLeft || b * unit > scroll.scrollLeft + scroll.clientWidth)
    scroll.scrollLeft = Math.max(0, a * unit - 8);
}

// Buttons in a grid: a click chooses one, the arrow keys go to the next and choose it.
function choosers(items, pick) {
  const cols = items[0]?.length;
  items.flat().forEach((item, n) => {
    item.addEventListener("click", () => pick(n));
    item.addEventListener("keydown", (event) => {
      const at = n % cols;
      const moves = {
        ArrowLeft: at > 0 && n - 1, ArrowRight: at < cols - 1 && n + 1,
        ArrowUp: n - cols, ArrowDown: n + cols,
        Home: 0, End: items.flat().length - 1,
      };
      if (!(event.key in moves)) return;
      event.preventDefault();
      const to = moves[event.key];
      if (to === false || !items.flat()[to]) return;
      pick(to);
      items.flat()[to].focus();
    });
  });
}

// Entries that do not fit are marked and said; the last good number keeps counting.
function makeJudge(message) {
  const faults = new Map(); // control -> sentence
  const say = () => (message.textContent = [...faults.values()].at(-1) ?? "");
  return {
    has: (control) => faults.has(control),
    judge(control, sentence) {
      faults.delete(control);
      if (sentence) faults.set(control, sentence);
      if (sentence) control.setAttribute("aria-invalid", "true");
      else control.removeAttribute("aria-invalid");
      say();
    },
    forget(controls) {
      controls.forEach((control) => faults.delete(control));
      say();
    },
  };
}
const numberSentence = (text) =>
  `${text.trim() ? `“${text.trim().slice(0, 10)}”` : "An empty cell"} does not fit: ` +
  `a number from −${LIMITS.value} to ${LIMITS.value} does, or 1/9. The last good one counts.`;

// A number entry in a grid. What is typed counts as soon as it can be read; whether it
// fits is judged when the entry is over. Arrow keys leave it, Escape takes it back.
function editor(label, { get, put, move, focused }, { judge, has }) {
  const input = h("input", {
    type: "text", inputmode: "decimal", autocomplete: "off", spellcheck: "false",
    tabindex: "-1", "aria-label": label,
  });
  let before = null; // the number that Escape brings back
  let fresh = false;
  const open = () => {
    input.value = String(get()).replace("-", "−"); // all digits while editing
    input.dataset.shown = input.value;
  };
  const accept = (final) => {
    if (final && input.value === input.dataset.shown) return judge(input, "");
    const number = parseNumber(input.value);
    if (final || number !== null) judge(input, number === null ? numberSentence(input.value) : "");
    if (number === null) return;
    input.dataset.shown = input.value; // this text has been counted
    before ??= get();
    if (number !== get()) put(number);
  };
  input.addEventListener("input", () => accept(false));
  input.addEventListener("focus", () => {
    focused(input);
    before = null;
    fresh = true;
    if (!has(input)) open();
    input.select();
  });
  input.addEventListener("click", () => {
    if (fresh) input.select();
    fresh = false;
  });
  input.addEventListener("blur", () => {
    accept(true);
    if (!has(input)) input.value = short(get());
  });
  input.addEventListener("keydown", (event) => {
    const { key } = event;
    const { selectionStart: a, selectionEnd: b, value } = input;
    const all = a === 0 && b === value.length;
    let to = null;
    if (key === "Escape") {
      judge(input, "");
      if (before !== null) put(before);
      before = null;
      open();
      input.select();
    } else if (key === "Enter") {
      accept(true);
      before = null;
      to = [1, 0];
    } else if (key === "ArrowUp") to = [-1, 0];
    else if (key === "ArrowDown") to = [1, 0];
    else if (key === "ArrowLeft" && (all || b === 0)) to = [0, -1];
    else if (key === "ArrowRight" && (all || a === value.length)) to = [0, 1];
    if (!to) return;
    event.preventDefault();
    move(...to);
  });
  return input;
}

// Radio buttons that look like one switch.
function makeSwitch(id, name, label, options) {
  const radios = Object.entries(options).map(([value, text]) => {
    const input = h("input", { type: "radio", name: `${id}-${name}`, value });
    return { input, node: h("label", { class: "pg-option" }, input, h("span", {}, text)) };
  });
  const node = h("div", { class: "pg-field", role: "radiogroup", "aria-label": label },
    h("span", { class: "pg-name" }, label),
    h("div", { class: "pg-switch" }, ...radios.map((r) => r.node)));
  return { node, inputs: radios.map((r) => r.input) };
}

function makeSelect(id, name, options) {
  const select = h("select", { id: `${id}-${name}` },
    ...options.map(([value, text]) => h("option", { value }, text)));
  return { select, node: h("div", { class: "pg-field" },
    h("label", { for: select.id, class: "pg-name" }, name), select) };
}

const ARROWS = { left: ["←", 0, -1], up: ["↑", -1, 0], down: ["↓", 1, 0], right: ["→", 0, 1] };

// What stays while the grids are rebuilt.
function makeShell() {
  const id = `cnn-${Math.random().toString(36).slice(2)}`;
  const button = (text, label = text) => {
    const node = h("button", { type: "button" }, text);
    if (label !== text) node.setAttribute("aria-label", label);
    return node;
  };
  const sizes = range(LIMITS.size).map((n) => [String(n + 1), String(n + 1)]);
  const view = makeSwitch(id, "view", "show", { shift: "a shift", gradient: "the gradient" });
  const mode = makeSwitch(id, "mode", "pool by", { max: "max", avg: "avg", sum: "sum" });
  const size = makeSelect(id, "size", sizes);
  const stride = makeSelect(id, "stride", [["", "= size"], ...sizes]);
  const arrows = Object.fromEntries(Object.entries(ARROWS).map(([name, [text]]) =>
    [name, button(text, `Shift ${name}`)]));
  const unshift = button("Back", "Shift back to the start");
  const ones = button("All 1");
  const reset = button("Reset");
  const shiftBar = h("div", { class: "pg-bar", role: "group", "aria-label": "shift" },
    h("span", { class: "pg-name" }, "shift"), ...Object.values(arrows), unshift);
  const gradientBar = h("div", { class: "pg-bar" },
    h("span", { class: "pg-name" }, "edit dy below, or"), ones);
  const lines = range(3).map(() => ({
    ghost: h("p", { class: "pg-ghost", "aria-hidden": "true" }), text: h("p") }));
  const said = h("div", { class: "pg-said", "aria-live": "polite" },
    ...lines.map(({ ghost, text }) => h("div", { class: "pg-line" }, ghost, text)));
  const message = h("p", { class: "pg-message", role: "status" });
  const rule = h("p", { class: "pg-rule" });
  const before = h("div", { class: "pg-grids" });
  const after = h("div", { class: "pg-grids" });
  const root = h("div", { class: "cnn-pooling-grid", role: "group" },
    h("div", { class: "pg-stage" },
      h("div", { class: "pg-pair" },
        h("div", { class: "pg-bar" }, mode.node),
        h("div", { class: "pg-bar" }, size.node, stride.node), before),
      h("div", { class: "pg-pair" },
        h("div", { class: "pg-bar" }, view.node, reset), shiftBar, gradientBar, after)),
    said, rule, message);
  return { root, view, mode, size: size.select, stride: stride.select, arrows, unshift, ones,
    reset, shiftBar, gradientBar, lines, message, rule, before, after };
}

// The four grids: x and y on the left; x′ and y′, or dx and dy, on the right.
function makeGrids(s, g, parts, acts) {
  const dims = [`${g.H} × ${g.W}`, g.count ? `${g.out[0]} × ${g.out[1]}` : "none"];
  const text = () => h("span");
  const pick = () => h("button", { type: "button", tabindex: "-1" });
  const entry = (name) => (i, j) => acts.editor(name, i, j);
  const gradient = s.view === "gradient";
  const x = makePanel("x", g.H, g.W, ["input x", dims[0]], entry("image"));
  const y = makePanel("y", ...g.out, ["output y", dims[1]], pick);
  const x2 = gradient
    ? makePanel("d", g.H, g.W, ["gradient dx", "of the input"], pick)
    : makePanel("x", g.H, g.W, ["shifted x′", ""], text, "table");
  const y2 = gradient
    ? makePanel("d", ...g.out, ["gradient dy", "of the output"], entry("dy"))
    : makePanel("y", ...g.out, ["output y′", "dashed: changed"], pick);
  choosers(y.items, acts.choose);
  choosers(gradient ? x2.items : y2.items, gradient ? acts.cell : acts.choose);
  const ops = range(2).map(() => h("div", { class: "pg-op", "aria-hidden": "true" }));
  for (const panel of gradient ? [x, y, x2, y2] : [x, y, y2]) rove(panel.items, 0, 0);
  if (!g.count) for (const panel of [y, y2]) panel.grid.remove();
  parts.before.replaceChildren(x.node, ops[0], y.node);
  parts.after.replaceChildren(x2.node, ops[1], y2.node);
  for (const pair of [parts.before, parts.after]) pair.style.setProperty("--cols", g.W);
  return { x, y, x2, y2, ops };
}

// Numbers into the cells of a grid; entries being typed or faulty stay as they are.
function write({ items, cells, node }, values, faulty) {
  const texts = values.map((row) => row.map(short));
  const most = Math.max(...values.flat().map(Math.abs), 1e-12);
  const { length } = longest(texts.flat());
  node.style.setProperty("--need", `${length > 3 ? 8 * length + 10 : 0}px`);
  items.forEach((row, i) => row.forEach((item, j) => {
    const cell = cells[i][j];
    cell.style.setProperty("--tone", (Math.abs(values[i][j]) / most).toFixed(3));
    cell.classList.toggle("pg-nought", values[i][j] === 0);
    if (item.tagName !== "INPUT") return void (item.textContent = texts[i][j]);
    if (faulty(item)) return;
    item.removeAttribute("aria-invalid");
    if (item.matches(":focus") && "shown" in item.dataset) return;
    item.value = item.dataset.shown = texts[i][j];
  }));
}

// The frame round size × size cells; none without a place.
function outline({ window }, place, size = 1) {
  window.hidden = !place;
  if (!place) return;
  window.style.setProperty("--row", place.top);
  window.style.setProperty("--col", place.left);
  window.style.setProperty("--span", size);
}

const grid2d = (list, cols) => range(list.length / cols || 0).map((i) =>
  list.slice(i * cols, (i + 1) * cols));

// Lattice of windows, cells in no window, and the winner of the chosen one.
function drawInput(panel, s, g, w, lost) {
  const lattice = g.step >= s.size;
  panel.cells.forEach((row, i) => row.forEach((cell, j) => {
    const out = lost[0].includes(i) || lost[1].includes(j);
    cell.classList.toggle("pg-out", out);
    cell.classList.toggle("pg-top", lattice && i > 0 && i % g.step === 0 && !lost[1].includes(j));
    cell.classList.toggle("pg-left", lattice && j > 0 && j % g.step === 0 && !lost[0].includes(i));
    cell.classList.toggle("pg-won", Boolean(w) && s.mode === "max" && won(w, i, j));
  }));
  outline(panel, w, s.size);
}

// The chosen cell of a grid of buttons, with names for a screen reader.
function drawButtons(items, at, name) {
  items.flat().forEach((item, n) => {
    item.setAttribute("aria-label", name(n, item));
    item.classList.toggle("pg-now", n === at);
    if (n === at) item.setAttribute("aria-current", "true");
    else item.removeAttribute("aria-current");
  });
  const cols = items[0]?.length ?? 1;
  if (items.length) rove(items, Math.floor(at / cols), at % cols);
}

// The right-hand grids in the view of a shift.
function drawShift(view, s, g, at, lost, faulty) {
  const moved = shifted(s);
  const windows = windowsOf(s, moved);
  const old = windowsOf(s);
  const changed = changedCells(s);
  write(view.x2, moved, faulty);
  drawInput(view.x2, s, g, windows[at], lost);
  write(view.y2, grid2d(windows.map((w) => w.y), g.out[1]), faulty);
  drawButtons(view.y2.items, at, (n) => `y′[${windows[n].i}, ${windows[n].j}] is ` +
    `${formatNumber(windows[n].y)}, ` +
    (changed[n] ? `changed from ${formatNumber(old[n].y)}` : "unchanged"));
  view.y2.cells.flat().forEach((cell, n) => cell.classList.toggle("pg-changed", changed[n]));
  const both = [...old.map((w) => windowText(s, w)), ...windows.map((w) => windowText(s, w, "y′"))];
  const count = "999".slice(0, String(g.count).length);
  return [
    [windowText(s, old[at]), longest(both)],
    [windowText(s, windows[at], "y′"), longest(both)],
    [shiftText(s), `Shifted down by 6 and right by 6: ${count} of ${g.count} output cells ` +
      "changed. The output moved down by 6 cells and right by 6 cells: equivariant, apart " +
      "from what comes in at the edge."],
  ];
}

// The right-hand grids in the view of the gradient.
function drawGradient(view, s, g, at, lost, faulty) {
  const windows = windowsOf(s);
  const dx = route(s);
  write(view.x2, dx, faulty);
  drawInput(view.x2, { ...s, mode: "" }, g, windows[at], lost);
  drawButtons(view.x2.items, s.cell, (n) => {
    const [i, j] = [Math.floor(n / g.W), n % g.W];
    return `dx[${i}, ${j}] is ${formatNumber(dx[i][j])}`;
  });
  write(view.y2, grid2d(gradientOf(s), g.out[1]), faulty);
  outline(view.y2, { top: windows[at].i, left: windows[at].j });
  const cellTexts = range(g.H * g.W).map((cell) => cellText(s, cell, windows));
  const first = (w) => `${windowText(s, w)}. ${routeText(s, w)}`;
  return [
    [first(windows[at]), longest(windows.map(first))],
    [cellTexts[s.cell], longest(cellTexts)],
    [gradientText(s), gradientText(s)],
  ];
}

function drawControls(parts, s, faults) {
  for (const name of ["view", "mode"])
    parts[name].inputs.forEach((input) => (input.checked = input.value === s[name]));
  parts.size.value = String(s.size);
  parts.stride.value = s.stride === null ? "" : String(s.stride);
  const gradient = s.view === "gradient";
  parts.shiftBar.hidden = gradient;
  parts.gradientBar.hidden = !gradient;
  // not .disabled, which would drop the focus to the page
  for (const [name, [, down, right]] of Object.entries(ARROWS)) {
    const far = Math.abs(s.shift[0] + down) > LIMITS.shift ||
      Math.abs(s.shift[1] + right) > LIMITS.shift;
    parts.arrows[name].setAttribute("aria-disabled", String(far));
  }
  parts.unshift.setAttribute("aria-disabled", String(!s.shift[0] && !s.shift[1]));
  parts.ones.setAttribute("aria-disabled", String(s.dy === null && !faults));
}

function render({ model, el }) {
  const clean = [];
  const listen = (node, event, fn) => {
    node.addEventListener(event, fn);
    clean.push(() => node.removeEventListener(event, fn));
  };
  const state = () => {
    const s = Object.fromEntries(TRAITS.map((name) => [name, model.get(name)]));
    const { H, W, count } = geometry(s);
    s.position = Math.max(0, Math.min(s.position, count - 1));
    s.cell = Math.max(0, Math.min(s.cell, H * W - 1));
    return s;
  };
  const parts = makeShell();
  const { root } = parts;
  el.append(root);
  clean.push(() => root.remove());
  const faults = makeJudge(parts.message);
  let busy = false;
  let shape = "";
  let view = null;

  // ---- changes go to the model; draw() follows
  function commit(values) {
    busy = true;
    const old = state();
    const next = { ...old, ...values };
    const [a, b] = [geometry(old), geometry(next)];
    if (String(a.out) !== String(b.out) && !("position" in values)) {
      next.dy = null; // it belonged to another output
      const [i, j] = [Math.floor(old.position / (a.out[1] || 1)), old.position % (a.out[1] || 1)];
      const clamp = (n, m) => Math.max(0, Math.min(n, m - 1));
      next.position = clamp(i, b.out[0]) * b.out[1] + clamp(j, b.out[1]);
    }
    for (const name of TRAITS)
      if (next[name] !== model.get(name)) model.set(name, next[name]);
    model.save_changes();
    busy = false;
    draw();
  }
  const acts = {
    choose: (position) => commit({ position }),
    cell: (cell) => commit({ cell }),
    editor(name, i, j) {
      const label = `${name === "image" ? "input x" : "gradient dy"}[${i}, ${j}]`;
      const items = () => (name === "image" ? view.x.items : view.y2.items);
      const grid = () => (name === "image" ? model.get("image")
        : grid2d(gradientOf(state()), geometry(state()).out[1]));
      return editor(label, {
        get: () => grid()[i][j],
        put(number) {
          const next = structuredClone(grid());
          next[i][j] = number;
          commit({ [name]: next });
        },
        move: (down, right) => items()[i + down]?.[j + right]?.focus(),
        focused() { // an entry of x is also a choice of dx
          rove(items(), i, j);
          const { W } = geometry(state());
          if (name === "image" && model.get("view") === "gradient") commit({ cell: i * W + j });
        },
      }, faults);
    },
  };

  for (const name of ["view", "mode"])
    for (const input of parts[name].inputs)
      listen(input, "change", () => commit({ [name]: input.value }));
  listen(parts.size, "change", () => commit({ size: Number(parts.size.value) }));
  listen(parts.stride, "change", () =>
    commit({ stride: parts.stride.value ? Number(parts.stride.value) : null }));
  for (const [name, [, down, right]] of Object.entries(ARROWS))
    listen(parts.arrows[name], "click", () => {
      const [a, b] = model.get("shift");
      const to = [a + down, b + right];
      if (to.every((n) => Math.abs(n) <= LIMITS.shift)) commit({ shift: to });
    });
  listen(parts.unshift, "click", () => commit({ shift: [0, 0] }));
  const dyEntries = () => (state().view === "gradient" ? view.y2.items.flat() : []);
  listen(parts.ones, "click", () => {
    faults.forget(dyEntries());
    commit({ dy: null });
  });
  listen(parts.reset, "click", () => {
    faults.forget([...view.x.items.flat(), ...dyEntries()]);
    commit({ ...model.get("_start") });
  });

  function draw() {
    if (busy) return;
    const s = state();
    const g = geometry(s);
    root.setAttribute("aria-label", s.alt);
    const key = JSON.stringify([g.H, g.W, g.out, s.view]);
    const still = key !== shape;
    if (still) {
      if (view) faults.forget([...view.x.items.flat(), ...view.y2.items.flat()]);
      view = makeGrids(s, g, parts, acts);
    }
    shape = key;
    root.classList.toggle("pg-large", g.W > 8);
    root.classList.toggle("pg-still", still);
    const lost = leftOut(s);
    const at = s.position;
    const windows = windowsOf(s);
    write(view.x, s.image, faults.has);
    drawInput(view.x, s, g, windows[at], lost);
    write(view.y, grid2d(windows.map((w) => w.y), g.out[1]), faults.has);
    drawButtons(view.y.items, at, (n) =>
      `y[${windows[n].i}, ${windows[n].j}] is ${formatNumber(windows[n].y)}`);
    const gradient = s.view === "gradient";
    const over = `${s.mode} of each ${s.size} × ${s.size} window, stride ${g.step}`;
    view.ops[0].textContent = `↓ ${over}`;
    view.ops[1].textContent = gradient ? "↑ back to the input" : "↓ the same windows";
    let lines = [[misfitText(s), misfitText(s)], ["", ""], ["", ""]];
    if (g.count)
      lines = (gradient ? drawGradient : drawShift)(view, s, g, at, lost, faults.has);
    else {
      write(view.x2, gradient ? s.image.map((row) => row.map(() => 0)) : shifted(s), faults.has);
      drawInput(view.x2, s, g, undefined, lost);
      for (const panel of [view.y, view.y2]) outline(panel);
    }
    parts.lines.forEach(({ ghost, text }, n) => {
      const [words, room] = [lines[n][0], longest(lines[n])].map(unbroken);
      ghost.textContent = room;
      if (text.textContent !== words) text.textContent = words;
    });
    parts.rule.textContent = `${sizeText(s)} ${leftOutText(s)}`;
    drawControls(parts, s, dyEntries().some(faults.has));
    look();
  }

  // Grids wider than the screen scroll: the cells at work stay in sight.
  function look() {
    const s = state();
    const { out, step, count } = geometry(s);
    if (!count) return;
    const col = s.position % out[1];
    for (const panel of [view.x, view.x2]) reveal(panel, col * step, col * step + s.size);
    for (const panel of [view.y, view.y2]) reveal(panel, col, col + 1);
    const { scroll, grid } = view.x2; // a table has no cell that takes the focus
    const wide = grid.getAttribute("role") === "table" && scroll.scrollWidth > scroll.clientWidth;
    scroll.tabIndex = wide ? 0 : -1;
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
