// KernelLearner: gradient descent finds a kernel from a picture and its response.
// A map is {data, height, width}, row by row; a kernel is flat, row by row.
// Formulas and limits as in kernel_learner.py.

export const RATES = [1e-4, 10];
export const TOO_MUCH = 1e12; // a run ends at the first step with a larger loss,
export const ENOUGH = 1e-16; // or, from step 1 on, with a smaller one than this
const TICK_MS = 40; // a step a tick; runs of more than 400 steps take several
const CALM_MS = 1000; // for readers who ask for less motion: twenty jumps a run
const NOTHING = 1e-9; // of the largest eigenvalue: what rounding leaves of a zero
const LITTLE = 1e-3; // of the largest eigenvalue: next to nothing
const DIVERGING = [
  [74, 26, 0], [168, 84, 16], [140, 140, 140], [112, 184, 232], [240, 248, 255],
];

// ---------------------------------------------------------------- arithmetic

/** The pictures by name, brightness from 0 to 1, from little-endian 16-bit numbers. */
export function unpack(buffer, shapes) {
  const bytes = buffer instanceof ArrayBuffer ? new DataView(buffer)
    : new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  const pictures = new Map();
  let at = 0;
  for (const [name, height, width] of shapes) {
    const data = new Float64Array(height * width);
    for (let k = 0; k < data.length; k++, at += 2)
      data[k] = bytes.getUint16(at, true) / 65535;
    pictures.set(name, { data, height, width });
  }
  return pictures;
}

/** y[i, j] = sum over r, s of x[i + r, j + s] w[r, s]; w has R rows, S columns. */
export function correlate(x, w, [R, S]) {
  const height = x.height - R + 1, width = x.width - S + 1;
  const data = new Float64Array(height * width);
  for (let k = 0; k < R * S; k++)
    for (let i = 0, at = 0; i < height; i++) {
      let from = (i + Math.floor(k / S)) * x.width + (k % S);
      for (let j = 0; j < width; j++) data[at++] += w[k] * x.data[from++];
    }
  return { data, height, width };
}

/** A = P'P / m, where the rows of P are the m patches of x: its mean products. */
export function gram(x, [R, S]) {
  const height = x.height - R + 1, width = x.width - S + 1, n = R * S;
  const A = Array.from({ length: n }, () => new Float64Array(n));
  const corner = (k) => Math.floor(k / S) * x.width + (k % S);
  for (let a = 0; a < n; a++)
    for (let b = a; b < n; b++) {
      let sum = 0;
      for (let i = 0; i < height; i++) {
        let p = corner(a) + i * x.width, q = corner(b) + i * x.width;
        for (let j = 0; j < width; j++) sum += x.data[p++] * x.data[q++];
      }
      A[a][b] = A[b][a] = sum / (height * width);
    }
  return A;
}

/** Turn the axes a and b of the symmetric M so that M[a][b] becomes 0. */
function rotate(M, a, b) {
  const theta = (M[b][b] - M[a][a]) / (2 * M[a][b]);
  const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.hypot(theta, 1));
  const c = 1 / Math.hypot(t, 1), s = t * c;
  for (const row of M) [row[a], row[b]] = [c * row[a] - s * row[b], s * row[a] + c * row[b]];
  for (let k = 0; k < M.length; k++)
    [M[a][k], M[b][k]] = [c * M[a][k] - s * M[b][k], s * M[a][k] + c * M[b][k]];
}

/** Eigenvalues of a symmetric matrix, rising: Jacobi's method. */
export function eigenvalues(matrix) {
  const M = matrix.map((row) => Float64Array.from(row)), n = M.length;
  const size = Math.hypot(...M.map((row) => Math.hypot(...row)));
  for (let sweep = 0; sweep < 60; sweep++) {
    let off = 0;
    for (let a = 0; a < n; a++)
      for (let b = a + 1; b < n; b++) {
        if (Math.abs(M[a][b]) <= 1e-18 * size) continue;
        off = Math.max(off, Math.abs(M[a][b]));
        rotate(M, a, b);
      }
    if (off <= 1e-15 * size) break;
  }
  return M.map((row, k) => row[k]).sort((a, b) => a - b);
}

/** Rates below 2 / (largest eigenvalue) converge; Infinity for a black picture. */
export const limit = (values) => (values.at(-1) > 0 ? 2 / values.at(-1) : Infinity);

/** How many eigenvalues are 0, but for rounding. */
export const zeros = (values) =>
  values.filter((v) => v <= NOTHING * values.at(-1)).length;

/** All kernels and losses, up to `steps` or to a loss above TOO_MUCH or below ENOUGH. */
export function learn(A, target, start, lr, steps) {
  const kernels = [], losses = [];
  let w = Float64Array.from(start);
  for (let t = 0; t <= steps; t++) {
    const error = w.map((v, k) => v - target[k]);
    const dw = A.map((row) => row.reduce((sum, v, k) => sum + v * error[k], 0));
    kernels.push(w);
    losses.push(Math.max(dw.reduce((sum, v, k) => sum + v * error[k], 0) / 2, 0));
    if (losses[t] > TOO_MUCH || (t > 0 && losses[t] < ENOUGH)) break;
    w = w.map((v, k) => v - lr * dw[k]);
  }
  return { kernels, losses, last: losses.length - 1, stopped: losses.at(-1) > TOO_MUCH };
}

/** Smallest and largest value. */
export function range(map) {
  let low = Infinity, high = -Infinity;
  for (const v of map.data) {
    if (v < low) low = v;
    if (v > high) high = v;
  }
  return [low, high];
}

const largest = (map) => Math.max(...range(map).map(Math.abs));

/** The value at both ends of the colours: the largest of z, and of y at step 0. */
export function colourScale(z, first) {
  const scale = Math.max(largest(z), largest(first));
  return scale > 1e-9 ? scale : 1;
}

/** Index and size of the largest deviation of a kernel from the secret one. */
export function deviation(w, target) {
  let at = 0, most = -1;
  w.forEach((v, k) => {
    if (Math.abs(v - target[k]) > most) [at, most] = [k, Math.abs(v - target[k])];
  });
  return { at, most };
}

/** What to draw of a run for comparison: up to its first loss far above the run's own. */
export function comparable(losses, run) {
  const top = 10 * Math.max(...run.losses), n = losses.findIndex((loss) => loss > top);
  return losses.slice(0, Math.min(n < 0 ? Infinity : n, run.last) + 1);
}

/** Decades [low, high] of the loss axis, and the ones that get a label. */
export function lossAxis(losses) {
  const most = Math.max(...losses, 1e-15);
  const high = Math.ceil(Math.log10(most) - 1e-9) + 0; // no −0
  const least = Math.max(Math.min(...losses), 10 ** (high - 18), 1e-16);
  const low = Math.min(Math.floor(Math.log10(least) + 1e-9), high - 1);
  const every = Math.ceil((high - low) / 5);
  const ticks = [];
  for (let d = high; d >= low; d -= every) ticks.push(d);
  return { low, high, ticks };
}

/** Height of a loss on the axis: 0 at the top, 1 at the bottom, never outside. */
export function lossHeight(loss, { low, high }) {
  const at = loss > 0 ? (high - Math.log10(loss)) / (high - low) : 1;
  return Math.min(Math.max(at, 0), 1);
}

/** The curve as an SVG path in a box of 100 by 100 over the steps 0 to `last`. */
export function curve(losses, axis, last) {
  const every = Math.ceil(last / 500), points = [];
  const count = Math.min(losses.length - 1, last);
  for (let t = 0; t <= count; t += t < 20 ? 1 : every) points.push(t);
  if (points.at(-1) !== count) points.push(count);
  const place = (t) => `${((100 * t) / last).toFixed(2)},` +
    (100 * lossHeight(losses[t], axis)).toFixed(2);
  return `M${points.map(place).join("L")}`;
}

/** A number or a fraction such as 1/2; NaN for anything that is no learning rate. */
export function parseRate(text) {
  const parts = text.trim().replace(/,/g, ".").split("/");
  const number = /^\+?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i;
  if (parts.length > 2 || !parts.every((part) => number.test(part.trim()))) return NaN;
  const value = parts.length === 2 ? parts[0] / parts[1] : Number(parts[0]);
  return value >= RATES[0] && value <= RATES[1] ? value : NaN;
}

/** The slider counts powers of ten; its rates have three digits. */
export const rateAt = (power) =>
  Math.min(Math.max(Number((10 ** power).toPrecision(3)), RATES[0]), RATES[1]);

// ---------------------------------------------------------------------- text

const minus = (text) => text.replace(/-/g, "\u2212");
const raised = (n) => [...String(n)].map((c) =>
  c === "-" ? "\u207b" : "\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079"[c]).join("");

export const powerText = (d) => `10${raised(d)}`;

/** Three digits; powers of ten below 0.001 and from 10 000. */
export function short(value, digits = 3) {
  const rounded = Number(value.toPrecision(digits));
  const size = Math.abs(rounded);
  if (size === 0) return "0";
  if (size >= 0.001 && size < 10000) return minus(String(rounded));
  const [mantissa, power] = rounded.toExponential().split("e");
  return `${minus(mantissa)} \u00d7 ${powerText(Number(power))}`;
}

/** A cell of a kernel: so many decimals, or 1.2e6 where that is too long. */
export function cellText(value, decimals) {
  if (Math.abs(value) >= 99.995) return minus(value.toExponential(1).replace("+", ""));
  const text = value.toFixed(decimals);
  return /[1-9]/.test(text) ? minus(text) : text.replace("-", "");
}

export const decimalsFor = (target) => (largest({ data: target }) < 0.995 ? 3 : 2);

/** The limit with as many digits as it takes to see on which side of it lr is. */
export function limitText(bound, lr) {
  for (let digits = 3; digits < 12; digits++) {
    const shown = Number(bound.toPrecision(digits));
    if (Math.sign(shown - lr) === Math.sign(bound - lr)) return short(bound, digits);
  }
  return short(bound);
}

/** What the largest eigenvalue says about the learning rate: [fact, verdict]. */
export function rateSentence(values, lr, run) {
  const bound = limit(values);
  if (bound === Infinity)
    return ["\u03bb_max = 0: the picture is black, and so is every response.",
      "No learning rate changes anything."];
  const fact = `\u03bb_max = ${short(values.at(-1))}: learning rates below ` +
    `2/\u03bb_max = ${limitText(bound, lr)} converge.`;
  if (lr < bound)
    return [fact, `${short(lr)} is below` + (run.losses.at(-1) < ENOUGH
      ? `; the run ends at step ${run.last}, with a loss under ${powerText(-16)}.` : ".")];
  if (run.losses.at(-1) <= run.losses[0])
    return [fact, `${short(lr)} is not below; here nothing grows in ${run.last} steps.`];
  return [fact, `${short(lr)} is above: the loss grows, the run diverges` +
    (run.stopped ? `; stopped at step ${run.last}, where it passed ${powerText(12)}.` : ".")];
}

/** What a step does to the error, in the two extreme directions. */
export function factorSentence(values, lr) {
  const factor = (v) => { // a factor that only looks like 1 gets more digits
    const f = 1 - lr * v;
    for (let digits = 3; digits < 9; digits++)
      if (Number(f.toPrecision(digits)) !== 1) return short(f, digits);
    return "1";
  };
  return "A step multiplies the error by 1 \u2212 lr \u00b7 \u03bb: by " +
    `${factor(values.at(-1))} along the direction of the largest \u03bb, by ` +
    `${factor(Math.max(values[0], 0))} along that of the smallest.`;
}

/** What the smallest eigenvalue says about the picture. */
export function pictureSentence(values, lr, steps) {
  const none = zeros(values), n = values.length;
  if (none === n) return "All eigenvalues are 0: the picture says nothing about the kernel.";
  if (none > 0)
    return `Smallest eigenvalue 0 (${none} of ${n} are 0): in ` +
      `${none === 1 ? "this direction" : "these directions"} the picture says nothing; ` +
      "the kernel cannot be identified.";
  const smallest = `Smallest eigenvalue ${plain(values[0])}: in this direction `;
  if (Math.abs(1 - lr * values.at(-1)) >= 1)
    return smallest + (values[0] < LITTLE * values.at(-1)
      ? "the picture says next to nothing."
      : "the picture says enough, but the learning rate is too large.");
  const left = Math.abs(1 - lr * values[0]) ** steps;
  const rest = left < 1e-4 ? "less than 0.01 %" : `${Number((100 * left).toPrecision(3))} %`;
  return smallest + (values[0] < LITTLE * values.at(-1)
    ? "the picture says next to nothing; " : "") +
    `${rest} of the error there is left after ${steps} steps.`;
}

/** Two digits without powers of ten: 0.00007. */
export function plain(value) {
  if (value < 1e-7) return short(value, 2);
  return value >= 1 ? short(value)
    : value.toFixed(Math.min(1 - Math.floor(Math.log10(value)), 12));
}

/** Where a run stands: step, loss, and how far the kernel is from the secret one. */
export function stateSentence(run, t, target, [, S], scale) {
  const w = run.kernels[t], { at, most } = deviation(w, target);
  const decimals = decimalsFor(target);
  const fits = Math.sqrt(2 * run.losses[t]) < 0.01 * scale;
  const size = largest({ data: target }) || 1;
  const where = `Step ${t} of ${run.last}: loss ${short(run.losses[t])}. ` +
    `Largest deviation ${short(most)}, at w[${Math.floor(at / S)}, ${at % S}]: learned ` +
    `${cellText(w[at], decimals)}, secret ${cellText(target[at], decimals)}.`;
  if (fits && most > 0.1 * size)
    return `${where} The responses nearly agree, and yet the kernel is another one.`;
  return fits && most < 0.01 * size ? `${where} The kernel is found.` : where;
}

// -------------------------------------------------------------------- colour

/** Colour of t from -1 over 0 to 1: dark orange, grey, pale blue. */
export function diverging(t) {
  const at = 2 * Math.min(Math.max(t, -1), 1) + 2;
  const k = Math.min(Math.floor(at), 3);
  return [0, 1, 2].map((c) =>
    Math.round(DIVERGING[k][c] + (at - k) * (DIVERGING[k + 1][c] - DIVERGING[k][c])));
}

/** Colour of t from 0 to 1: black to white. */
export const grey = (t) => Array(3).fill(Math.round(255 * Math.min(Math.max(t, 0), 1)));

/** Draw a map on a canvas, a pixel a value, values divided by `scale`. */
function paint(canvas, map, colour, scale) {
  const pixels = new Uint8ClampedArray(4 * map.data.length).fill(255);
  map.data.forEach((v, k) => pixels.set(colour(v / scale), 4 * k));
  canvas.width = map.width;
  canvas.height = map.height;
  canvas.getContext("2d").putImageData(new ImageData(pixels, map.width, map.height), 0, 0);
}

// ------------------------------------------------------------------ elements

function h(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

const QUIET = { "data-lm-suppress-shortcuts": "true" }; // JupyterLab's keys stay off
const button = (text) => h("button", { type: "button", class: "kl-button", ...QUIET }, text);

/** Turn a button off or on; it keeps the focus either way. */
function enable(node, on) {
  if (on) node.removeAttribute("aria-disabled");
  else node.setAttribute("aria-disabled", "true");
}

/** A picture with a title above and its range below. */
function makePanel(kind, title, rest) {
  const canvas = h("canvas", { role: "img" });
  const size = h("span", { class: "kl-size" });
  const ends = h("p", { class: "kl-note" });
  const node = h("div", { class: `kl-panel kl-${kind}` },
    h("p", { class: "kl-title" }, h("strong", {}, title), rest, size),
    h("div", { class: "kl-frame" }, canvas), ends);
  return {
    node,
    draw(map, colour, scale, words = "") {
      const least = colour === grey ? 5e-4 : 1e-12; // brightness needs no powers of ten
      paint(canvas, map, colour, scale);
      const [low, high] = range(map).map((v) => short(Math.abs(v) < least ? 0 : v, 2));
      ends.textContent = `${low} to ${high}${words}`;
      size.textContent = ` ${map.height} \u00d7 ${map.width}`;
      canvas.setAttribute("aria-label", `${title}${rest}, ${map.height} by ${map.width} ` +
        `pixels, from ${low} to ${high}${words}`);
    },
  };
}

/** A kernel as a table of numbers. */
function makeKernel(kind, title, [R, S]) {
  const cells = Array.from({ length: R * S }, () => h("td"));
  const rows = Array.from({ length: R }, (_, r) =>
    h("tr", {}, ...cells.slice(r * S, (r + 1) * S)));
  const node = h("table", { class: `kl-kernel kl-${kind}` },
    h("caption", {}, title), h("tbody", {}, ...rows));
  return {
    node,
    draw(w, decimals, mark = -1) {
      cells.forEach((cell, k) => {
        cell.textContent = cellText(w[k], decimals);
        cell.classList.toggle("kl-far", k === mark);
      });
    },
  };
}

/** The loss curve on a log axis; a press on it goes to that step. */
function makePlot() {
  const line = svg("path", { class: "kl-line" });
  const other = svg("path", { class: "kl-other" });
  const grid = svg("path", { class: "kl-lines" });
  const box = svg("svg", {
    viewBox: "0 0 100 100", preserveAspectRatio: "none", "aria-hidden": "true",
  }, grid, other, line);
  const now = h("div", { class: "kl-now" }, h("span", { class: "kl-dot" }));
  const area = h("div", { class: "kl-area", role: "img" }, box, now);
  const labels = h("div", { class: "kl-labels", "aria-hidden": "true" });
  const legend = h("p", { class: "kl-legend" });
  const ends = h("p", { class: "kl-steps", "aria-hidden": "true" },
    h("span", {}, "0"), h("span", {}, "step"), h("span"));
  const node = h("div", { class: "kl-plot" }, legend, labels, area, ends);
  let axis = null;
  return {
    node, area,
    drawRun(run, reference, words) {
      const shown = reference ? comparable(reference.losses, run) : [];
      axis = lossAxis([...run.losses, ...shown]);
      line.setAttribute("d", curve(run.losses, axis, run.last));
      other.setAttribute("d", reference ? curve(shown, axis, run.last) : "");
      const height = (d) => 100 * lossHeight(10 ** d, axis);
      grid.setAttribute("d", axis.ticks.map((d) => `M0,${height(d)}H100`).join(""));
      labels.replaceChildren(...axis.ticks.map((d) => {
        const label = h("span", {}, powerText(d));
        label.style.top = `${height(d)}%`;
        return label;
      }));
      legend.replaceChildren(h("strong", {}, "loss L"), ", log axis ",
        ...(reference ? [h("span", { class: "kl-key" }), words] : []));
      ends.lastChild.textContent = String(run.last);
      area.setAttribute("aria-label", `Loss over the steps: from ${short(run.losses[0])} ` +
        `at step 0 to ${short(run.losses.at(-1))} at step ${run.last}`);
    },
    drawStep(run, t) {
      now.style.left = `${(100 * t) / run.last}%`;
      now.firstChild.style.top = `${100 * lossHeight(run.losses[t], axis)}%`;
    },
  };
}

/** A control with its label. */
function field(text, control, ...more) {
  control.id = `cnn-${Math.random().toString(36).slice(2)}`;
  return h("div", { class: "kl-field" }, h("label", { for: control.id }, text), control, ...more);
}

/** All that the figure shows; nothing here knows the model. */
function build(shape, names) {
  const panels = {
    x: makePanel("x", "x", ", picture"),
    z: makePanel("z", "z", ", target"),
    y: makePanel("y", "y", ", response"),
    d: makePanel("d", "y \u2212 z", ", difference"),
  };
  const bar = h("canvas", { "aria-hidden": "true" });
  const low = h("span"), high = h("span");
  const controls = {
    choice: h("select", QUIET, ...names.map((name) => h("option", { value: name }, name))),
    rate: h("input", { type: "range", step: "0.01", ...QUIET,
      min: Math.log10(RATES[0]), max: Math.log10(RATES[1]) }),
    lr: h("input", { type: "text", inputmode: "decimal", autocomplete: "off", ...QUIET }),
    step: h("input", { type: "range", min: "0", step: "1", "aria-label": "step", ...QUIET }),
    back: button("Back"), play: button("Play"), next: button("Step"), reset: button("Reset"),
  };
  controls.play.classList.add("kl-play");
  controls.lr.setAttribute("aria-label", "learning rate, number");
  const mark = h("span", { class: "kl-limit", "aria-hidden": "true" },
    h("span", {}, "2/\u03bb_max"));
  const rate = field("learning rate", controls.rate, controls.lr);
  rate.classList.add("kl-rates");
  const track = h("div", { class: "kl-track" }, mark);
  controls.rate.replaceWith(track);
  track.prepend(controls.rate);
  const kernels = {
    target: makeKernel("target", "secret kernel", shape),
    learned: makeKernel("learned", "learned w", shape),
  };
  const plot = makePlot();
  const text = (name) => h("p", { class: name });
  const parts = {
    status: text("kl-status"), fault: text("kl-fault"), fact: h("span"),
    verdict: h("strong"), factor: text("kl-factor"), picture: text("kl-says"),
  };
  parts.status.setAttribute("aria-live", "polite");
  parts.fault.setAttribute("role", "status");
  const root = h("div", { class: "cnn-kernel-learner", role: "group" },
    h("div", { class: "kl-row" }, field("picture", controls.choice), rate),
    parts.fault,
    h("div", { class: "kl-panels" }, ...Object.values(panels).map((panel) => panel.node)),
    h("p", { class: "kl-scale" }, "z, y, y \u2212 z: ", low, bar, high),
    h("div", { class: "kl-main" },
      h("div", { class: "kl-left" },
        h("div", { class: "kl-kernels" }, kernels.target.node, kernels.learned.node),
        h("div", { class: "kl-buttons" },
          controls.back, controls.play, controls.next, controls.reset)),
      h("div", { class: "kl-run" }, plot.node, controls.step)),
    parts.status,
    h("div", { class: "kl-facts" },
      h("p", { class: "kl-rate" }, parts.fact, " ", parts.verdict), parts.factor, parts.picture));
  paint(bar, { data: Float64Array.from({ length: 65 }, (_, k) => k / 32 - 1),
    height: 1, width: 65 }, diverging, 1);
  return { root, panels, controls, kernels, plot, parts, mark, low, high };
}

// -------------------------------------------------------------------- render

function render({ model, el }) {
  const shape = [model.get("kernel").length, model.get("kernel")[0].length];
  const target = model.get("kernel").flat(), first = model.get("start").flat();
  const steps = model.get("steps"), start = model.get("_start");
  const pictures = unpack(model.get("_pixels"), model.get("_shapes"));
  const view = build(shape, [...pictures.keys()]);
  const { controls, parts, panels, plot } = view;
  const stop = new AbortController();
  const listen = (node, event, fn) =>
    node.addEventListener(event, fn, { signal: stop.signal });
  el.append(view.root);

  let known = {}; // what the chosen picture says
  let run = null;
  let drawn = ""; // the run drawn last
  let timer = null;
  let frame = 0;

  function lookAt(name) {
    if (known.name === name) return;
    const x = pictures.get(name), A = gram(x, shape), z = correlate(x, target, shape);
    const scale = colourScale(z, correlate(x, first, shape));
    known = { name, x, A, z, scale, values: eigenvalues(A) };
    known.reference = learn(A, target, first, start.lr, steps);
    panels.x.draw(x, grey, 1);
    panels.z.draw(z, diverging, scale);
    [view.low.textContent, view.high.textContent] = [-scale, scale].map((v) => short(v));
  }

  function drawRun(name, lr) {
    lookAt(name);
    const key = JSON.stringify([name, lr]);
    if (key === drawn) return;
    drawn = key;
    const { A, values, reference } = known;
    run = learn(A, target, first, lr, steps);
    const shown = lr === start.lr ? null : reference;
    plot.drawRun(run, shown, `with learning rate ${short(start.lr)}`);
    controls.step.max = run.last;
    [parts.fact.textContent, parts.verdict.textContent] = rateSentence(values, lr, run);
    parts.verdict.classList.toggle("kl-bad", lr >= limit(values));
    parts.factor.textContent = factorSentence(values, lr);
    parts.picture.textContent = pictureSentence(values, lr, run.last);
    const [low, high] = RATES.map(Math.log10), bound = Math.log10(limit(values));
    view.mark.hidden = !(bound >= low && bound <= high);
    view.mark.style.setProperty("--at", (bound - low) / (high - low));
    controls.rate.value = Math.log10(lr);
    controls.rate.setAttribute("aria-valuetext", short(lr));
    if (document.activeElement !== controls.lr) showRate(lr);
  }

  function showRate(lr) {
    controls.lr.value = Number(lr.toPrecision(6));
    judge(true);
  }

  const at = () => Math.min(model.get("step"), run.last);

  function draw() {
    drawRun(model.get("choice"), model.get("lr"));
    const t = at(), w = run.kernels[t], { x, z, scale } = known;
    const y = correlate(x, w, shape);
    const clipped = (map) => (largest(map) > 1.005 * scale ? ", clipped" : "");
    panels.y.draw(y, diverging, scale, clipped(y));
    const d = { ...y, data: y.data.map((v, k) => v - z.data[k]) };
    panels.d.draw(d, diverging, scale, clipped(d));
    const decimals = decimalsFor(target);
    view.kernels.target.draw(target, decimals);
    view.kernels.learned.draw(w, decimals, deviation(w, target).at);
    plot.drawStep(run, t);
    parts.status.textContent = stateSentence(run, t, target, shape, scale);
    controls.choice.value = known.name;
    controls.step.value = t;
    controls.step.setAttribute("aria-valuetext", `step ${t}, loss ${short(run.losses[t])}`);
    enable(controls.back, t > 0);
    enable(controls.next, t < run.last);
    view.root.setAttribute("aria-label", model.get("alt"));
  }
  const later = () => { frame ||= requestAnimationFrame(() => { frame = 0; draw(); }); };

  function commit(values) {
    for (const [name, value] of Object.entries(values)) model.set(name, value);
    if (!timer) model.save_changes(); // while playing, only the end is saved
  }

  function judge(good) {
    if (good) controls.lr.removeAttribute("aria-invalid");
    else controls.lr.setAttribute("aria-invalid", "true");
    parts.fault.textContent = good ? "" : `\u201c${controls.lr.value.slice(0, 12)}\u201d is no ` +
      `learning rate from ${RATES[0]} to ${RATES[1]}; ${short(model.get("lr"))} still counts.`;
  }

  // ---- play
  function pause() {
    if (!timer) return;
    clearInterval(timer);
    timer = null;
    controls.play.textContent = "Play";
    parts.status.setAttribute("aria-live", "polite");
    model.save_changes();
  }
  function play() {
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const stride = Math.max(1, Math.ceil(run.last / (calm ? 20 : 400)));
    parts.status.setAttribute("aria-live", "off"); // a screen reader could not keep up
    controls.play.textContent = "Pause";
    const from = at() < run.last ? at() : 0;
    timer = setInterval(() => {
      const t = Math.min(at() + stride, run.last);
      commit({ step: t });
      if (t === run.last) pause();
    }, calm ? CALM_MS : TICK_MS);
    commit({ step: from });
  }
  const go = (t) => (pause(), commit({ step: Math.min(Math.max(t, 0), run.last) }));
  listen(controls.play, "click", () => (timer ? pause() : play()));
  listen(controls.back, "click", () => go(at() - 1));
  listen(controls.next, "click", () => go(at() + 1));
  listen(controls.step, "input", () => go(Number(controls.step.value)));
  const point = (event) => {
    const box = plot.area.getBoundingClientRect();
    go(Math.round((run.last * (event.clientX - box.left)) / box.width));
  };
  listen(plot.area, "pointerdown", (event) => {
    if (event.button !== 0) return;
    plot.area.setPointerCapture(event.pointerId);
    point(event);
  });
  listen(plot.area, "pointermove", (event) => {
    if (plot.area.hasPointerCapture(event.pointerId)) point(event);
  });

  // ---- picture and learning rate
  listen(controls.choice, "change", () => (pause(), commit({ choice: controls.choice.value })));
  listen(controls.rate, "input", () => {
    pause();
    const lr = rateAt(Number(controls.rate.value));
    showRate(lr);
    commit({ lr });
  });
  listen(controls.lr, "input", () => {
    pause();
    const lr = parseRate(controls.lr.value);
    if (!Number.isNaN(lr)) commit({ lr });
    judge(!Number.isNaN(lr));
  });
  listen(controls.lr, "keydown", (event) => {
    if (event.key === "Escape") showRate(model.get("lr"));
  });
  listen(controls.lr, "blur", () => {
    if (!Number.isNaN(parseRate(controls.lr.value))) showRate(model.get("lr"));
  });
  listen(controls.reset, "click", () => {
    pause();
    showRate(start.lr);
    commit({ ...start });
  });

  const watched = ["choice", "lr", "step", "alt"];
  for (const name of watched) model.on(`change:${name}`, later);
  draw();

  return () => {
    pause(); // saves the step it had come to
    cancelAnimationFrame(frame);
    stop.abort();
    for (const name of watched) model.off(`change:${name}`, later);
    view.root.remove();
  };
}

export default { render };
