// KernelPlayground: a picture, a kernel, the response, its ReLU, its maxima.
// A map is {data, height, width}, row by row. Formulas as in kernel_playground.py.

export const FREE = "free";
export const OWN = "your own";
export const LONGEST = 160; // pixels of the longer side of a picture of one's own
export const LIMIT = 100; // of a kernel's numbers
const MEGABYTES = 30;
const DIVERGING = [
  [74, 26, 0], [168, 84, 16], [140, 140, 140], [112, 184, 232], [240, 248, 255],
];

// ---------------------------------------------------------------- arithmetic

/** y[i, j] = sum over r, s of x[i + r, j + s] w[r, s], or null if w does not fit. */
export function correlate(x, kernel) {
  const rows = kernel.length, columns = kernel[0].length;
  const height = x.height - rows + 1, width = x.width - columns + 1;
  if (height < 1 || width < 1) return null;
  const data = new Float64Array(height * width);
  for (let r = 0; r < rows; r++)
    for (let s = 0; s < columns; s++) {
      const w = kernel[r][s];
      if (w === 0) continue;
      for (let i = 0, at = 0; i < height; i++) {
        let from = (i + r) * x.width + s;
        for (let j = 0; j < width; j++) data[at++] += w * x.data[from++];
      }
    }
  return { data, height, width };
}

export const relu = (y) => ({ ...y, data: y.data.map((v) => (v > 0 ? v : 0)) });

/** The largest of each 2 x 2 block; an odd last row or column is left out. */
export function maxPool(y) {
  const height = Math.floor(y.height / 2), width = Math.floor(y.width / 2);
  const data = new Float64Array(height * width);
  for (let i = 0, at = 0; i < height; i++)
    for (let j = 0; j < width; j++, at++) {
      const from = 2 * i * y.width + 2 * j, below = from + y.width;
      data[at] = Math.max(
        y.data[from], y.data[from + 1], y.data[below], y.data[below + 1]);
    }
  return { data, height, width };
}

/** Smallest and largest value; [0, 0] for an empty map. */
export function range(map) {
  let low = Infinity, high = -Infinity;
  for (const v of map.data) {
    if (v < low) low = v;
    if (v > high) high = v;
  }
  return map.data.length ? [low, high] : [0, 0];
}

/** Window, products and sum at one place of the response. */
export function arithmetic(x, kernel, [row, column]) {
  const patch = kernel.map((line, r) =>
    line.map((_, s) => x.data[(row + r) * x.width + column + s]));
  const products = patch.map((line, r) => line.map((v, s) => v * kernel[r][s]));
  return { patch, products, sum: products.flat().reduce((a, b) => a + b, 0) };
}

/** Place of the largest value, not in the outer rows and columns. */
export function strongest(map) {
  const top = Math.min(map.height >> 3, 8), left = Math.min(map.width >> 3, 8);
  let best = [top, left], most = -Infinity;
  for (let i = top; i < map.height - top; i++)
    for (let j = left; j < map.width - left; j++)
      if (map.data[i * map.width + j] > most) {
        most = map.data[i * map.width + j];
        best = [i, j];
      }
  return best;
}

export const kernelSum = (kernel) => kernel.flat().reduce((a, b) => a + b, 0);

/** Weights that add up to 1 keep brightness: the response is a picture too. */
export const givesPicture = (kernel) => Math.abs(kernelSum(kernel) - 1) < 1e-6;

/** The kernel with n rows and columns, padded with zeros or cut to its centre. */
export function resizeKernel(kernel, n) {
  const up = Math.floor((n - kernel.length) / 2);
  const left = Math.floor((n - kernel[0].length) / 2);
  const resized = Array.from({ length: n }, (_, r) =>
    Array.from({ length: n }, (_, s) => kernel[r - up]?.[s - left] ?? 0));
  const filled = (w) => w.flat().filter((v) => v !== 0).length;
  return { kernel: resized, cut: filled(kernel) - filled(resized) };
}

/** A number or a fraction such as 1/9; NaN for anything else. */
export function parseNumber(text) {
  const plain = text.trim().replace(/[\u2212\u2013]/g, "-").replace(/,/g, ".");
  const parts = plain.split("/");
  const number = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i;
  if (parts.length > 2 || !parts.every((part) => number.test(part.trim()))) return NaN;
  const value = parts.length === 2 ? parts[0] / parts[1] : Number(parts[0]);
  return Math.abs(value) <= LIMIT ? value + 0 : NaN;
}

/** What a cell of the kernel shows, at most six characters: 2, -0.5, 1/9, 0.123. */
export function kernelText(value) {
  const signed = (text) => text.replace("-", "\u2212");
  if (Math.abs(value * 100 - Math.round(value * 100)) < 1e-9)
    return signed(String(Math.round(value * 100) / 100 + 0));
  const size = Math.abs(value);
  for (let d = 3; d <= 64 && size < 10; d++)
    if (Math.abs(value * d - Math.round(value * d)) < 1e-9)
      return signed(`${Math.round(value * d)}/${d}`);
  return signed(value.toFixed(size < 1 ? 3 : size < 10 ? 2 : 1));
}

/** Two decimals, fewer for large numbers, with a true minus sign. */
export function numberText(value) {
  const size = Math.abs(value);
  const text = value.toFixed(size < 9.995 ? 2 : size < 99.95 ? 1 : 0);
  return (/[1-9]/.test(text) ? text : text.replace("-", "")).replace("-", "\u2212");
}

/** As numberText, with three significant digits below 0.01; rounding errors are 0. */
export function sumText(value) {
  const size = Math.abs(value);
  return size < 1e-9 || size >= 0.01 ? numberText(value)
    : value.toPrecision(3).replace(/-/g, "\u2212");
}

/** What the kernel does where the picture is flat. */
export function sumSentence(kernel) {
  const sum = kernelSum(kernel), near = (v) => Math.abs(sum - v) < 1e-9;
  const flat = near(0)
    ? "a flat area becomes 0, however bright it is"
    : near(1)
      ? "a flat area keeps its brightness"
      : near(-1)
        ? "a flat area of brightness v becomes \u2212v, and the ReLU makes that 0"
        : `a flat area of brightness v becomes ${kernelText(sum)} v` +
          (sum < 0 ? ", and the ReLU makes that 0" : "");
  return `The kernel\u2019s numbers add up to ${near(0) ? 0 : kernelText(sum)}: ${flat}.`;
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

/** The map as RGBA bytes, its values divided by `scale`. */
export function paint(map, colour, scale) {
  const steps = Array.from({ length: 511 }, (_, k) => [...colour((k - 255) / 255), 255]);
  const table = new Uint32Array(Uint8Array.from(steps.flat()).buffer); // a pixel a number
  const pixels = new Uint32Array(map.data.length), by = scale > 0 ? 255 / scale : 0;
  for (let k = 0; k < pixels.length; k++)
    pixels[k] = table[255 + Math.round(Math.min(Math.max(by * map.data[k], -255), 255))];
  return new Uint8ClampedArray(pixels.buffer);
}

/** RGBA bytes to brightness from 0 to 255 (ITU-R BT.601 weights). */
export function toGrey(rgba) {
  const bytes = new Uint8Array(rgba.length / 4);
  for (let k = 0; k < bytes.length; k++)
    bytes[k] = Math.round(
      0.299 * rgba[4 * k] + 0.587 * rgba[4 * k + 1] + 0.114 * rgba[4 * k + 2]);
  return bytes;
}

/** Width and height with the longer side at most `longest`, none below 1. */
export function fitSize(width, height, longest = LONGEST) {
  const by = Math.min(1, longest / Math.max(width, height));
  return [width, height].map((n) => Math.max(1, Math.round(n * by)));
}

const toMap = (bytes, height, width) =>
  ({ data: Float64Array.from(bytes, (v) => v / 255), height, width });

/** The given pictures by name, from the bytes that Python sent. */
export function unpack(buffer, shapes) {
  const bytes = buffer instanceof ArrayBuffer ? new Uint8Array(buffer)
    : new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  const pictures = new Map();
  let at = 0;
  for (const [name, height, width] of shapes) {
    pictures.set(name, toMap(bytes.subarray(at, at + height * width), height, width));
    at += height * width;
  }
  return pictures;
}

// ------------------------------------------------------ pictures of one's own

const own = new Map(); // key (trait _own) -> map; shared by the views, sent nowhere

function shrink(source, width, height) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = fitSize(width, height);
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  pen.fillStyle = "#fff"; // what is transparent counts as white
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.imageSmoothingQuality = "high";
  pen.drawImage(source, 0, 0, canvas.width, canvas.height);
  const { data } = pen.getImageData(0, 0, canvas.width, canvas.height);
  return toMap(toGrey(data), canvas.height, canvas.width);
}

async function fromFile(file) {
  if (!file.type.startsWith("image/"))
    throw new Error(`\u201c${file.name}\u201d is not a picture; the figure is as it was.`);
  if (file.size > MEGABYTES * 2 ** 20)
    throw new Error(
      `\u201c${file.name}\u201d has more than ${MEGABYTES} megabytes; take a smaller picture.`);
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    throw new Error(
      `\u201c${file.name}\u201d cannot be read as a picture; PNG and JPEG always work.`);
  }
  try {
    return shrink(bitmap, bitmap.width, bitmap.height);
  } finally {
    bitmap.close();
  }
}

const CAMERA = {
  NotAllowedError: "The camera was not allowed, so no picture was taken.",
  NotFoundError: "No camera was found on this device.",
  NotReadableError: "The camera is busy: another program uses it.",
};

/** One still frame; the camera is off again before the promise settles. */
async function fromCamera(live) {
  if (!navigator.mediaDevices?.getUserMedia)
    throw new Error("The browser gives this page no camera (it must come from https).");
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({
      video: { width: { ideal: 640 } }, audio: false,
    });
    const video = document.createElement("video");
    video.muted = video.playsInline = true;
    video.srcObject = stream;
    await video.play();
    await new Promise((done) => setTimeout(done, 300)); // first frames are dark
    return live() ? shrink(video, video.videoWidth, video.videoHeight) : null;
  } catch (error) {
    throw new Error(CAMERA[error.name] ?? "The camera gave no picture.");
  } finally {
    stream?.getTracks().forEach((track) => track.stop());
  }
}

// -------------------------------------------------------------------- figure

function h(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  if (["input", "button"].includes(tag) || "tabindex" in attributes)
    node.dataset.lmSuppressShortcuts = ""; // or JupyterLab takes its arrow keys
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

const rgb = (colour) => `rgb(${colour.join(" ")})`;
const ink = ([r, g, b]) => (0.299 * r + 0.587 * g + 0.114 * b > 117 ? "#000" : "#fff");
const gradient = (colours) => `linear-gradient(to right, ${colours.map(rgb).join(", ")})`;
const BARS = {
  diverging: gradient(DIVERGING),
  grey: gradient([[0, 0, 0], [255, 255, 255]]),
};

function render({ model, el }) {
  const id = `cnn-kp-${Math.random().toString(36).slice(2)}`; // names the radio groups
  const stop = new AbortController(); // removes every listener at the end
  const on = (node, type, handler) =>
    node.addEventListener(type, handler, { signal: stop.signal });
  const given = unpack(model.get("_pixels"), model.get("_shapes"));
  const past = []; // kernels to go back to
  let live = true, frame = 0, hover = null, editing = null, remembered = false;
  let maps = null;
  const drawn = {}; // what stands on the screen

  // --- build
  const group = (label, kind) => h("fieldset", { class: `kp-choice kp-${kind}` },
    h("legend", {}, label));
  const pictureChoice = group("Picture", "pictures");
  const kernelChoice = group("Kernel", "kernels");
  const radios = { picture: new Map(), kernel_name: new Map(), size: new Map() };
  function radio(parent, kind, value, text) {
    const input = h("input", { type: "radio", name: `${id}-${kind}`, value });
    const label = h("label", { class: "kp-chip" }, input, h("span", {}, text));
    radios[kind].set(value, input);
    parent.append(label);
    return { input, label };
  }
  for (const name of given.keys()) {
    on(radio(pictureChoice, "picture", name, name).input, "change",
      () => choosePicture(name));
  }
  const ownRadio = radio(pictureChoice, "picture", OWN, OWN);
  on(ownRadio.input, "change", () => choosePicture(OWN));
  const file = h("input", { type: "file", accept: "image/*", class: "kp-file" });
  const fileLabel = h("label", { class: "kp-button" }, file,
    h("span", {}, "Open a picture\u2026"));
  const camera = h("button", { type: "button", class: "kp-button" }, "Use the camera");
  const bring = h("div", { class: "kp-bring" }, fileLabel, camera,
    h("span", { class: "kp-note" },
      "or drop or paste one here. It stays in this browser; nothing is sent."));
  function buildNames(kernels) {
    for (const input of radios.kernel_name.values()) input.parentNode.remove();
    radios.kernel_name.clear();
    for (const name of [...Object.keys(kernels), FREE])
      on(radio(kernelChoice, "kernel_name", name, name).input, "change",
        () => chooseKernel(name));
  }

  const panels = [
    ["input", "brightness"],
    ["response", "window \u00d7 kernel"],
    ["ReLU", "below 0 becomes 0"],
    ["pooled", "2 \u00d7 2 maxima"],
  ].map(([name, note]) => {
    const canvas = h("canvas", { role: "img" });
    const mark = h("div", { class: "kp-mark" });
    const frameBox = h("div", {
      class: "kp-frame", tabindex: "0", role: "group",
      "aria-label": `${name}; arrow keys move the marked pixel`,
    }, canvas, mark);
    const size = h("span", { class: "kp-size" });
    const text = h("span", { class: "kp-text" });
    const bar = h("div", { class: "kp-bar" });
    const ends = h("div", { class: "kp-ends", "aria-hidden": "true" });
    const node = h("div", { class: `kp-panel kp-${name.toLowerCase()}` },
      h("div", { class: "kp-title" }, h("strong", {}, name), " ", size),
      frameBox, bar, ends, text, h("span", { class: "kp-note" }, note));
    on(frameBox, "pointermove", (event) => point(event, false));
    on(frameBox, "pointerdown", (event) => point(event, true));
    on(frameBox, "pointerleave", () => { hover = null; later(); });
    on(frameBox, "keydown", step);
    return { name, canvas, mark, frameBox, size, text, bar, ends, node };
  });

  const row = h("input", { type: "number", min: "0", step: "1", class: "kp-place" });
  const column = h("input", { type: "number", min: "0", step: "1", class: "kp-place" });
  for (const input of [row, column]) {
    on(input, "change", typePlace);
    on(input, "keydown", (event) => { if (event.key === "Enter") typePlace(event); });
  }
  const windowGrid = h("div", { class: "kp-grid kp-window", role: "img" });
  const kernelGrid = h("div", { class: "kp-grid kp-kernel", role: "group" });
  const productGrid = h("div", { class: "kp-grid kp-products", role: "img" });
  const term = (name, grid, sub) => h("div", { class: "kp-term" },
    h("div", { class: "kp-label" }, h("strong", {}, name), ` ${sub}`), grid);
  const sign = (text) => h("div", { class: "kp-sign", "aria-hidden": "true" }, text);
  const results = ["sum", "ReLU", "max"].map((name) => {
    const swatch = h("span", { class: "kp-swatch", "aria-hidden": "true" });
    const value = h("span", { class: "kp-value" });
    const note = h("span", { class: "kp-note" });
    return {
      swatch, value, note,
      node: h("div", { class: "kp-result" }, swatch,
        h("span", { class: "kp-name" }, name), value, note),
    };
  });
  const work = h("div", { class: "kp-work" },
    h("div", { class: "kp-where" },
      h("span", {}, "At"), h("label", {}, "row ", row), h("label", {}, "column ", column),
      h("span", { class: "kp-note" }, "click, or use the arrow keys")),
    h("div", { class: "kp-terms" },
      term("x", windowGrid, "window"), sign("\u00d7"),
      term("w", kernelGrid, "kernel, editable"),
      h("div", { class: "kp-equals" }, sign("="),
        term("x \u00b7 w", productGrid, "products"))),
    h("div", { class: "kp-results" }, ...results.map((result) => result.node)));
  const sizes = group("Size", "sizes");
  for (const n of [3, 5])
    on(radio(sizes, "size", String(n), `${n} \u00d7 ${n}`).input, "change",
      () => chooseSize(n));
  const undo = h("button", { type: "button", class: "kp-button" }, "Undo");
  const reset = h("button", { type: "button", class: "kp-button" }, "Reset");
  const flat = h("p", { class: "kp-flat" });
  const status = h("p", { class: "kp-status", "aria-live": "polite" });
  const spoken = h("p", { class: "kp-spoken", "aria-live": "polite" });
  const root = h("div", {
    class: "cnn-kernel-playground", role: "group", "aria-label": model.get("alt"),
  },
    h("div", { class: "kp-body" },
      kernelChoice,
      h("div", { class: "kp-main" }, ...panels.map((panel) => panel.node), work,
        h("div", { class: "kp-tools" }, sizes, undo, reset, flat)),
      status,
      h("div", { class: "kp-source" }, pictureChoice, bring), spoken));
  el.append(root);

  // --- what the reader does
  function change(values) {
    for (const [name, value] of Object.entries(values)) model.set(name, value);
    model.save_changes();
  }
  /** Not `disabled`, which would take the keyboard focus away. */
  const enable = (control, yes) => control.setAttribute("aria-disabled", String(!yes));
  const state = () => JSON.stringify([
    ...["picture", "_own", "kernel"].map((name) => model.get(name)),
    hover ?? model.get("pixel")]);
  let said = ""; // the state of which the status speaks
  const say = (text, wrong = false) => {
    said = state();
    status.textContent = text;
    status.classList.toggle("kp-wrong", wrong);
  };
  const fit = ([i, j], y = maps?.y) => (y
    ? [Math.min(Math.max(i, 0), y.height - 1), Math.min(Math.max(j, 0), y.width - 1)]
    : [0, 0]);
  const shownPlace = () => fit(hover ?? model.get("pixel"));

  function remember() {
    past.push({ kernel: model.get("kernel"), kernel_name: model.get("kernel_name") });
    if (past.length > 100) past.shift();
  }
  /** Set the kernel; the window's centre stays where it is. */
  function setKernel(kernel, name) {
    const before = model.get("kernel"), [i, j] = model.get("pixel");
    const shift = (n, m) => -Math.floor((m - n) / 2); // as resizeKernel pads
    const y = correlate(maps.x, kernel);
    const values = { kernel, kernel_name: name };
    if (name === FREE) values._free = kernel;
    if (before.length !== kernel.length || before[0].length !== kernel[0].length)
      values.pixel = fit([
        i + shift(before.length, kernel.length),
        j + shift(before[0].length, kernel[0].length)], y);
    change(values);
  }
  function chooseKernel(name) {
    remember();
    editing = null;
    say("");
    const kernel = name === FREE
      ? model.get("_free") ?? model.get("kernel") : model.get("kernels")[name];
    setKernel(kernel, name);
  }
  function chooseSize(n) {
    remember();
    const { kernel, cut } = resizeKernel(model.get("kernel"), n);
    setKernel(kernel, FREE);
    say(cut === 0 ? `The kernel is ${n} \u00d7 ${n} now.`
      : `${cut} ${cut === 1 ? "number that was" : "numbers that were"} not 0 did not fit ` +
        `into ${n} \u00d7 ${n}; Undo brings ${cut === 1 ? "it" : "them"} back.`);
  }
  on(undo, "click", () => {
    if (past.length === 0) return;
    const { kernel, kernel_name } = past.pop();
    setKernel(kernel, kernel_name);
    say(`Back to ${kernel_name === FREE ? "the kernel before" : kernel_name}.`);
  });
  on(reset, "click", () => {
    past.length = 0;
    hover = editing = null;
    const start = model.get("_start");
    const kernel_name = start.kernel_name in model.get("kernels") ? start.kernel_name : FREE;
    change({ ...start, kernel_name, _own: "", _free: null });
    say("Everything is as it was at the start.");
  });

  function choosePicture(name, more = {}) {
    const x = name === OWN ? own.get(more._own ?? model.get("_own")) : given.get(name);
    const y = x && correlate(x, model.get("kernel"));
    hover = null;
    change({ ...more, picture: name, pixel: y ? strongest(y) : [0, 0] });
  }
  async function bringIn(promise) {
    try {
      const x = await promise;
      if (!live || !x) return;
      const key = Math.random().toString(36).slice(2);
      own.set(key, x);
      choosePicture(OWN, { _own: key });
      say(`Your picture, in grey, ${x.height} \u00d7 ${x.width} pixels; ` +
        "it stays in this browser.");
    } catch (error) {
      if (live) say(error.message, true);
    }
  }
  const firstFile = (list) => [...(list?.files ?? [])][0];
  on(file, "change", () => {
    if (file.files[0]) bringIn(fromFile(file.files[0]));
    file.value = "";
  });
  on(camera, "click", async () => {
    if (camera.ariaDisabled === "true") return;
    enable(camera, false);
    say("Waiting for the camera\u2026");
    await bringIn(fromCamera(() => live));
    enable(camera, true);
  });
  on(root, "dragover", (event) => {
    if (![...event.dataTransfer.types].includes("Files")) return;
    event.preventDefault();
    event.stopPropagation();
    root.classList.add("kp-over");
  });
  on(root, "dragleave", () => root.classList.remove("kp-over"));
  on(root, "drop", (event) => {
    root.classList.remove("kp-over");
    if (!firstFile(event.dataTransfer)) return;
    event.preventDefault();
    event.stopPropagation();
    bringIn(fromFile(firstFile(event.dataTransfer)));
  });
  on(root, "paste", (event) => {
    if (!firstFile(event.clipboardData)) return;
    event.preventDefault();
    event.stopPropagation();
    bringIn(fromFile(firstFile(event.clipboardData)));
  });

  function point(event, keep) {
    if (!maps?.y) return;
    const box = event.currentTarget.getBoundingClientRect();
    const { x, kernel } = maps, side = Math.max(x.height, x.width);
    const at = (client, start, length, n, size) =>
      Math.floor(((client - start) / length) * side - (side - n) / 2)
        - Math.floor((size - 1) / 2);
    const place = fit([
      at(event.clientY, box.top, box.height, x.height, kernel.length),
      at(event.clientX, box.left, box.width, x.width, kernel[0].length)]);
    if (keep || (event.buttons && event.pointerType !== "mouse")) {
      keepPlace(place);
    } else {
      hover = place;
      later();
    }
  }
  function keepPlace(place) {
    hover = null;
    change({ pixel: place });
    spoken.textContent = `Row ${place[0]}, column ${place[1]}: sum ` +
      `${sumText(maps.y.data[place[0] * maps.y.width + place[1]])}.`;
  }
  function step(event) {
    const move = {
      ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1],
    }[event.key];
    if (!move || !maps?.y || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const far = event.shiftKey ? 10 : 1, [i, j] = shownPlace();
    keepPlace(fit([i + far * move[0], j + far * move[1]]));
  }
  function typePlace(event) {
    const input = event.currentTarget, value = Number(input.value);
    const most = Number(input.max), word = input === row ? "row" : "column";
    const good = input.value.trim() !== "" && Number.isInteger(value)
      && value >= 0 && value <= most;
    input.setAttribute("aria-invalid", String(!good));
    if (!good) {
      say(`The ${word} must be a whole number from 0 to ${most}; the place stays.`, true);
      return;
    }
    say("");
    keepPlace([Number(row.value), Number(column.value)]);
  }

  // --- the kernel's cells: one tab stop, arrow keys between them
  let cells = [];
  function buildCells(kernel) {
    const columns = kernel[0].length;
    kernelGrid.style.setProperty("--columns", columns);
    for (const grid of [windowGrid, productGrid]) {
      grid.style.setProperty("--columns", columns);
      grid.replaceChildren(...kernel.flat().map(() => h("span", { "aria-hidden": "true" })));
    }
    cells = kernel.flatMap((line, r) => line.map((_, s) => {
      const input = h("input", {
        type: "text", autocomplete: "off", spellcheck: "false",
        "aria-label": `w[${r}, ${s}]`, tabindex: r + s === 0 ? "0" : "-1",
      });
      on(input, "focus", () => {
        editing = input;
        remembered = false;
        cells.forEach((cell) => { cell.tabIndex = cell === input ? 0 : -1; });
        if (input.getAttribute("aria-invalid") !== "true") {
          const value = model.get("kernel")[r][s];
          if (parseNumber(kernelText(value)) !== value) input.value = String(value);
        }
        input.select();
      });
      on(input, "blur", () => {
        editing = null;
        if (input.getAttribute("aria-invalid") !== "true")
          input.value = kernelText(model.get("kernel")[r][s]);
      });
      on(input, "input", () => edit(input, r, s, false));
      on(input, "change", () => edit(input, r, s, true));
      on(input, "keydown", (event) => moveCell(event, input, r, s));
      return input;
    }));
    kernelGrid.replaceChildren(...cells);
  }
  function edit(input, r, s, finished) {
    const old = model.get("kernel"), value = parseNumber(input.value);
    if (Number.isNaN(value)) {
      if (!finished) return;
      input.setAttribute("aria-invalid", "true");
      say(`w[${r}, ${s}]: \u201c${input.value}\u201d is not a number from \u2212${LIMIT} to ` +
        `${LIMIT} (1/9 is one); the kernel keeps ${kernelText(old[r][s])}.`, true);
      return;
    }
    input.removeAttribute("aria-invalid");
    if (value === old[r][s]) return;
    say("");
    if (!remembered) remember();
    remembered = true;
    setKernel(old.map((line, i) =>
      line.map((v, j) => (i === r && j === s ? value : v))), FREE);
  }
  function moveCell(event, input, r, s) {
    const columns = model.get("kernel")[0].length, rows = model.get("kernel").length;
    const all = input.selectionStart === 0 && input.selectionEnd === input.value.length;
    const atStart = all || input.selectionEnd === 0;
    const atEnd = all || input.selectionStart === input.value.length;
    const to = {
      ArrowUp: [r - 1, s], ArrowDown: [r + 1, s], Enter: [r, s],
      ArrowLeft: atStart ? [r, s - 1] : null, ArrowRight: atEnd ? [r, s + 1] : null,
    }[event.key];
    if (event.key === "Escape") {
      input.value = kernelText(model.get("kernel")[r][s]);
      input.removeAttribute("aria-invalid");
      say("");
      input.select();
    }
    if (!to) return;
    event.preventDefault();
    edit(input, r, s, true);
    const [i, j] = to;
    if (i >= 0 && j >= 0 && i < rows && j < columns) cells[i * columns + j].focus();
    if (event.key === "Enter") input.select();
  }

  // --- draw
  const later = () => { frame ||= requestAnimationFrame(() => { frame = 0; draw(); }); };

  function show(panel, map, inset, colour, scale, note = "the kernel") {
    const { canvas } = panel, { x } = maps, side = Math.max(x.height, x.width);
    canvas.hidden = !map || map.data.length === 0;
    if (!canvas.hidden) {
      canvas.width = map.width;
      canvas.height = map.height;
      canvas.getContext("2d").putImageData(
        new ImageData(paint(map, colour, scale), map.width, map.height), 0, 0);
      const per = (n) => `${(100 * n) / side}%`, by = panel.name === "pooled" ? 2 : 1;
      Object.assign(canvas.style, {
        left: per((side - x.width) / 2 + inset[1]), top: per((side - x.height) / 2 + inset[0]),
        width: per(map.width * by), height: per(map.height * by),
      });
    }
    const size = map ? `${map.height} \u00d7 ${map.width}` : "";
    const text = canvas.hidden ? `no room for ${note}`
      : `from ${range(map).map(numberText).join(" to ")}`;
    panel.size.textContent = size;
    panel.text.textContent = text;
    canvas.setAttribute("aria-label", `${panel.name}, ${size} pixels, ${text}`);
    const ends = colour === diverging
      ? [numberText(-scale), "0", numberText(scale)] : ["0", scale === 1 ? "1" : numberText(scale)];
    panel.ends.replaceChildren(...ends.map((text) => h("span", {}, text)));
    panel.bar.style.background = BARS[colour === diverging ? "diverging" : "grey"];
  }

  function drawMaps(x, kernel) {
    const y = correlate(x, kernel);
    maps = { x, y, kernel, a: y && relu(y), p: y && maxPool(relu(y)) };
    const inset = [(kernel.length - 1) / 2, (kernel[0].length - 1) / 2];
    const picture = givesPicture(kernel), colour = picture ? grey : diverging;
    const scale = picture ? 1 : y ? Math.max(...range(y).map(Math.abs)) : 0;
    const most = picture ? 1 : y ? range(maps.a)[1] : 0;
    Object.assign(maps, { colour, scale, most });
    show(panels[0], x, [0, 0], grey, 1);
    show(panels[1], y, inset, colour, scale);
    show(panels[2], maps.a, inset, grey, most);
    show(panels[3], maps.p, inset, grey, most, y ? "a 2 \u00d7 2 block" : "the kernel");
    root.classList.toggle("kp-small", !y);
    root.classList.toggle("kp-large", kernel[0].length > 3);
    if (!y)
      say(`This picture has ${x.height} \u00d7 ${x.width} pixels: a kernel of ` +
        `${kernel.length} \u00d7 ${kernel[0].length} does not fit into it anywhere.`, true);
  }

  function drawPlace() {
    const { x, y, kernel, p } = maps;
    root.classList.toggle("kp-hover", hover !== null);
    for (const panel of panels) panel.mark.hidden = !y;
    if (!y) return;
    const [i, j] = shownPlace();
    const R = kernel.length, S = kernel[0].length, side = Math.max(x.height, x.width);
    const top = (side - x.height) / 2, left = (side - x.width) / 2;
    const pi = i >> 1, pj = j >> 1, pooled = pi < p.height && pj < p.width;
    const place = (panel, r, s, height, width) => Object.assign(panel.mark.style, {
      top: `${(100 * (top + r + height / 2)) / side}%`,
      left: `${(100 * (left + s + width / 2)) / side}%`,
      height: `${(100 * height) / side}%`, width: `${(100 * width) / side}%`,
    });
    place(panels[0], i, j, R, S);
    for (const panel of panels.slice(1, 3)) place(panel, i + (R - 1) / 2, j + (S - 1) / 2, 1, 1);
    place(panels[3], 2 * pi + (R - 1) / 2, 2 * pj + (S - 1) / 2, 2, 2);
    panels[3].mark.hidden = !pooled;

    for (const [input, value, most] of [[row, i, y.height - 1], [column, j, y.width - 1]]) {
      input.max = most;
      input.value = value;
      input.removeAttribute("aria-invalid");
    }
    const { patch, products, sum } = arithmetic(x, kernel, [i, j]);
    patch.flat().forEach((v, k) => {
      const cell = windowGrid.children[k], colour = grey(v);
      cell.textContent = numberText(v);
      cell.style.background = rgb(colour);
      cell.style.color = ink(colour);
    });
    products.flat().forEach((v, k) => {
      const cell = productGrid.children[k];
      cell.textContent = numberText(v);
      cell.className = v === 0 ? "kp-zero" : "";
    });
    const lines = (grid) => grid.map((line) => line.map(numberText).join(", ")).join("; ");
    windowGrid.setAttribute("aria-label", `window: ${lines(patch)}`);
    productGrid.setAttribute("aria-label", `products: ${lines(products)}`);
    const kept = Math.max(sum, 0);
    const fill = (k, value, colour, note) => {
      results[k].value.textContent = value;
      results[k].swatch.style.background = colour;
      results[k].note.textContent = note;
    };
    fill(0, sumText(sum), rgb(maps.colour(maps.scale ? sum / maps.scale : 0)),
      `at [${i}, ${j}]`);
    fill(1, sumText(kept), rgb(grey(maps.most ? kept / maps.most : 0)),
      sum > 1e-9 ? "positive: kept" : sum < -1e-9 ? "negative: becomes 0" : "zero stays 0");
    if (pooled) {
      const four = [0, 1].flatMap((r) => [0, 1].map((s) =>
        maps.a.data[(2 * pi + r) * y.width + 2 * pj + s]));
      const best = p.data[pi * p.width + pj];
      fill(2, sumText(best), rgb(grey(maps.most ? best / maps.most : 0)),
        `of ${four.map(sumText).join(", ")}`);
    } else fill(2, "\u2013", "transparent", "left over at the edge");
  }

  function draw() {
    if (!live) return;
    const kernel = model.get("kernel"), name = model.get("kernel_name");
    const mine = own.get(model.get("_own"));
    let picture = model.get("picture");
    if (picture === OWN && !mine) {
      picture = given.keys().next().value;
      say(`A picture of one\u2019s own stays in the window that opened it; here is the ${picture}.`);
    }
    const x = picture === OWN ? mine : given.get(picture);
    root.setAttribute("aria-label", model.get("alt"));
    if (drawn.kernels !== model.get("kernels")) {
      drawn.kernels = model.get("kernels");
      buildNames(drawn.kernels);
    }
    if (drawn.x !== x || drawn.kernel !== kernel) {
      if (!maps || maps.kernel.length !== kernel.length
        || maps.kernel[0].length !== kernel[0].length) buildCells(kernel);
      drawMaps(x, kernel);
      drawn.x = x;
      drawn.kernel = kernel;
      kernel.flat().forEach((v, k) => {
        if (cells[k] === editing) return;
        cells[k].value = kernelText(v);
        cells[k].removeAttribute("aria-invalid");
      });
      flat.textContent = sumSentence(kernel);
    }
    kernelGrid.setAttribute("aria-label",
      `kernel ${name}, ${kernel.length} by ${kernel[0].length}; ` +
      "arrow keys move between its numbers");
    ownRadio.label.hidden = !mine;
    radios.picture.forEach((input, value) => { input.checked = value === picture; });
    radios.kernel_name.forEach((input, value) => { input.checked = value === name; });
    radios.size.forEach((input, value) => {
      input.checked = kernel.length === +value && kernel[0].length === +value;
    });
    enable(undo, past.length > 0);
    drawPlace();
    const unread = cells.some((cell) => cell.getAttribute("aria-invalid") === "true");
    if (maps.y && !unread && said !== state()) say("");
  }

  const watched = ["picture", "kernels", "kernel", "kernel_name", "pixel", "_own", "alt"];
  for (const name of watched) model.on(`change:${name}`, later);
  draw();

  return () => {
    live = false;
    cancelAnimationFrame(frame);
    stop.abort();
    for (const name of watched) model.off(`change:${name}`, later);
    root.remove();
  };
}

export default { render };
