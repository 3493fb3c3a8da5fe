// TrainingMonitor: the curves of a training, live while a kernel trains, then replayed.
// A run is what training_monitor.py sends: phase, why, stopping, history (lists of
// numbers, null for what is no number), batch [done, of], now, elapsed.
// Words and axes as in training_monitor_still.py.

const PLAY_MS = 6000; // a replay takes about so long, however long the training took
const TICK_MS = 50;
const CALM_MS = 1000; // for readers who ask for less motion
const APART = 11.5; // per cent of a panel's height that two words need
const DOTS = 40; // longer runs are drawn without dots

// --------------------------------------------------------------------- words

const minus = (text) => text.replace(/-/g, "\u2212");
const raised = (n) => [...String(n)].map((c) =>
  c === "-" ? "\u207b" : "\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079"[c]).join("");

/** Three digits; powers of ten below 0.001 and from 10 000. */
export function short(value, digits = 3) {
  const rounded = Number(value.toPrecision(digits));
  const size = Math.abs(rounded);
  if (size === 0) return "0";
  if (size >= 0.001 && size < 10000) return minus(String(rounded));
  const [mantissa, power] = rounded.toExponential().split("e");
  return `${minus(mantissa)} \u00d7 10${raised(Number(power))}`;
}

const two = (n) => String(n).padStart(2, "0");

/** A time in words: 0.42 s, 7.3 s, 48 s, 2 min 05 s, 1 h 03 min. */
export function clock(seconds) {
  if (seconds < 0.9995) return `${(Math.floor(100 * seconds + 0.5) / 100).toFixed(2)} s`;
  if (seconds < 9.95) return `${(Math.floor(10 * seconds + 0.5) / 10).toFixed(1)} s`;
  const whole = Math.floor(seconds + 0.5);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  const minutes = Math.floor(seconds / 60 + 0.5);
  return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`;
}

/** A share from 0 to 1 in percent, two decimals, halves upwards. */
export const percent = (share) =>
  `${(Math.floor(10000 * share + 0.5) / 100).toFixed(2)} %`;

/** The epoch with the lowest validation loss, from 1; 0 without one. */
export function best(history, upto = Infinity) {
  let found = 0;
  history.val_loss.slice(0, upto).forEach((v, i) => {
    if (v !== null && (!found || v < history.val_loss[found - 1])) found = i + 1;
  });
  return found;
}

/** Where the training stands, in one sentence. */
export function phaseWords(run, epochs) {
  const { seconds, loss } = run.history, n = loss.length;
  const time = n && seconds.length ? `, at ${clock(seconds[n - 1])}` : "";
  if (run.phase === "waiting") return `Training has not begun; epochs to come: ${epochs}.`;
  if (run.phase === "training")
    return `Epoch ${Math.min(n + 1, epochs)} of ${epochs} is running.` +
      (run.stopping ? " The training stops after it." : "");
  if (run.phase === "done" && n >= epochs)
    return `Finished: ${n} of ${epochs} epochs` +
      `${seconds.length ? ` in ${clock(seconds[n - 1])}` : ""}.`;
  if (run.phase === "done") return `Finished early, after epoch ${n} of ${epochs}${time}.`;
  if (run.phase === "stopped")
    return `Stopped on request after epoch ${n} of ${epochs}${time}.`;
  const why = run.why ? `: ${run.why}` : ".";
  if (n === 0) return `Stopped before the first of ${epochs} epochs was complete${why}`;
  return `Stopped after epoch ${n} of ${epochs}${time}${why}`;
}

/** What the curves say: divergence, the best epoch, and what came after it. */
export function findings(history) {
  const said = [];
  for (const [name, words] of [["loss", "loss"], ["val_loss", "validation loss"]]) {
    const bad = history[name].indexOf(null) + 1;
    if (!bad) continue;
    said.push(`${name === "loss" ? `Diverged in epoch ${bad}: the` : "The"} ${words} ` +
      `of epoch ${bad} is no number.`);
    break;
  }
  const top = best(history);
  if (!top) return said;
  const { loss, val_loss: held, val_accuracy: shares } = history;
  const share = shares.length ? shares[top - 1] : null;
  said.push(`Lowest validation loss: ${short(held[top - 1])} in epoch ${top}` +
    `${share === null ? "" : ` (validation accuracy ${percent(share)})`}.`);
  const most = Math.max(...shares.filter((v) => v !== null));
  if (share !== null && percent(most) !== percent(share))
    said.push(`Highest validation accuracy: ${percent(most)} in epoch ` +
      `${shares.indexOf(most) + 1}.`);
  const n = held.length;
  const ends = [loss[top - 1], loss[n - 1], held[top - 1], held[n - 1]];
  if (!ends.includes(null) && ends[1] < ends[0] && ends[3] > ends[2]) {
    const [a, b, c, d] = ends.map((v) => short(v));
    said.push(`From there to epoch ${n} the training loss fell from ${a} to ${b}, the ` +
      `validation loss rose from ${c} to ${d}: a sign of overfitting.`);
  }
  return said;
}

/** Seconds still to go, if all epochs take alike; null while nothing is known. */
export function timeLeft(run, epochs) {
  const [done, of] = run.batch, begun = run.history.loss.length + (of ? done / of : 0);
  if (!begun || run.elapsed === null) return null;
  return (run.elapsed / begun) * Math.max(epochs - begun, 0);
}

/** Time so far and time left, in words. */
export function timeWords(run, epochs) {
  const { loss, seconds } = run.history;
  if (run.phase === "training") {
    const left = timeLeft(run, epochs);
    if (left === null) return "";
    const last = run.stopping ? "" : `, about ${clock(left)} left`;
    return `${clock(run.elapsed)} so far${last}`;
  }
  if (!seconds.length) return "";
  return `${clock(seconds.at(-1))} in all, ${clock(seconds.at(-1) / loss.length)} an epoch`;
}

// ---------------------------------------------------------------------- axes

/** The next of ... 0.1, 0.2, 0.5, 1, 2, 5, 10 ... that is not below step. */
export function nice(step) {
  const power = 10 ** Math.floor(Math.log10(step) + 1e-9);
  return power * [1, 2, 5, 10].find((k) => k * power >= step * (1 - 1e-9));
}

const numbers = (values) => values.filter((v) => v !== null && v !== undefined);

/** From 0 up, or powers of ten where the losses differ by more than a hundredfold. */
export function lossAxis(values) {
  const known = values.length && numbers(values).length ? numbers(values) : [1];
  const most = Math.max(...known, 0), bottom = Math.min(...known);
  const least = Math.min(...known.filter((v) => v > 0));
  if (bottom > 0 && most > 100 * least) {
    const low = Math.floor(Math.log10(least) + 1e-9);
    const high = Math.max(Math.ceil(Math.log10(most) - 1e-9), low + 1);
    const every = Math.ceil((high - low) / 5), ticks = [];
    for (let d = low; d <= high; d += every)
      ticks.push([(d - low) / (high - low), short(10 ** d)]);
    return { low, high, log: true, note: ", log axis", ticks };
  }
  const step = nice((most - Math.min(bottom, 0) || 1) / 4);
  const low = step * Math.floor(Math.min(bottom, 0) / step + 1e-9) + 0;
  const count = Math.max(Math.ceil((most - low) / step - 1e-9), 1);
  const ticks = Array.from({ length: count + 1 }, (_, k) => [k / count, short(low + k * step)]);
  return { low, high: low + step * count, log: false, note: "", ticks };
}

/** Up to 100 %, from a round number not above the least share. */
export function accuracyAxis(values) {
  const known = numbers(values).length ? numbers(values) : [0];
  const span = 1 - Math.min(...known), step = nice(Math.max(span, 0.002) / 4);
  const count = Math.max(Math.ceil(span / step - 1e-9), 1);
  const digits = Math.max(0, -Math.floor(Math.log10(100 * step) + 1e-9));
  const ticks = Array.from({ length: count + 1 }, (_, k) =>
    [k / count, `${(100 * (1 - (count - k) * step)).toFixed(digits)} %`]);
  return { low: 1 - count * step, high: 1, log: false, note: "", ticks };
}

/** At most six round epochs that get a label. */
export function epochTicks(epochs) {
  const every = Math.max(1, Math.round(nice(epochs / 6))), ticks = [];
  for (let n = every; n <= epochs; n += every) ticks.push(n);
  return ticks.length ? ticks : [epochs];
}

/** Where a value stands on an axis: 0 at the bottom, 1 at the top. */
export function height(value, axis) {
  const v = axis.log ? Math.log10(value) : value;
  return Math.min(Math.max((v - axis.low) / (axis.high - axis.low), 0), 1);
}

// -------------------------------------------------------------------- curves

const place = (i, value, epochs, axis) =>
  `${((100 * (i + 1)) / epochs).toFixed(2)},${(100 * (1 - height(value, axis))).toFixed(2)}`;

/** A line in a box of 100 by 100, with a gap where a value is no number. */
export function line(values, epochs, axis) {
  let path = "", pen = "M";
  values.forEach((v, i) => {
    if (v === null) pen = "M";
    else {
      path += pen + place(i, v, epochs, axis);
      pen = "L";
    }
  });
  return path;
}

/** A dot for each value; the line's caps make them round or square. */
export const dots = (values, epochs, axis) => values.map((v, i) =>
  (v === null ? "" : `M${place(i, v, epochs, axis)}h0`)).join("");

/** How far a replay is after t seconds of training: whole epochs, and of the next. */
export function progress(times, t) {
  const done = times.filter((s) => s <= t + 1e-9).length;
  if (done === times.length) return { done, part: 0 };
  const from = done ? times[done - 1] : 0;
  return { done, part: Math.max(t - from, 0) / (times[done] - from) };
}

/** When each epoch ended; without times all epochs last alike. */
export const endings = (history) => (history.seconds.length && history.seconds.at(-1) > 0
  ? history.seconds : history.loss.map((_, i) => i + 1));

/** Heights in per cent for two words, not closer than they can be read. */
export function apart(a, b) {
  if (Math.abs(a - b) >= APART) return [a, b];
  const middle = Math.min(Math.max((a + b) / 2, APART / 2), 100 - APART / 2);
  const half = (a < b ? -APART : APART) / 2;
  return [middle + half, middle - half];
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
const button = (text, name) =>
  h("button", { type: "button", class: `tm-button ${name}`, ...QUIET }, text);

/** Turn a control off or on; it keeps the focus either way. */
function enable(node, on) {
  if (on) node.removeAttribute("aria-disabled");
  else node.setAttribute("aria-disabled", "true");
}

/** A bar with its words. */
function makeBar(name, label) {
  const fill = h("span", { class: "tm-fill" });
  const bar = h("div", {
    class: "tm-bar", role: "progressbar", "aria-label": label, "aria-valuemin": 0,
  }, fill);
  const words = h("span", { class: "tm-words" });
  return {
    node: h("div", { class: `tm-meter ${name}` }, words, bar),
    draw(text, done, of) {
      words.textContent = text;
      fill.style.width = `${of ? (100 * done) / of : 0}%`;
      bar.setAttribute("aria-valuemax", of);
      bar.setAttribute("aria-valuenow", Math.floor(done));
      bar.setAttribute("aria-valuetext", text);
    },
  };
}

/** The axes of the loss or of the accuracy, and two lines with their words. */
function makePanel(name, makeAxis) {
  const path = (kind) => svg("path", { class: `tm-${kind}` });
  const grid = path("lines"), bad = path("bad");
  const train = path("train"), trainDots = path("round");
  const held = path("held"), heldDots = path("square");
  const box = svg("svg", {
    viewBox: "0 0 100 100", preserveAspectRatio: "none", "aria-hidden": "true",
  }, grid, bad, train, trainDots, held, heldDots);
  const span = (kind, ...children) => h("span", { class: `tm-${kind}` }, ...children);
  const words = [span("word", "training"), span("word", "validation")];
  const star = span("best", span("flag")), now = span("now"), live = span("live");
  const area = h("div", { class: "tm-area", role: "img" }, box, star, now, live, ...words);
  const labels = h("div", { class: "tm-labels", "aria-hidden": "true" });
  const ticks = h("div", { class: "tm-ticks", "aria-hidden": "true" });
  const title = h("p", { class: "tm-name" });
  const none = span("none");
  area.append(none);
  const node = h("div", { class: "tm-panel" }, title, labels, area, ticks,
    h("p", { class: "tm-axis", "aria-hidden": "true" }, "epoch"));
  const put = (element, x, y) => {
    element.hidden = x === null;
    if (x !== null) [element.style.left, element.style.top] = [`${x}%`, `${y}%`];
  };
  return {
    node, area,
    /** Lines up to the epoch `upto`; marks at `mark` (best) and `at` (chosen), or 0. */
    draw(run, epochs, { upto, mark, at }) {
      const { history } = run, all = [history[name], history[`val_${name}`]];
      const ring = run.phase === "training" ? run.now[name] ?? null : null;
      const axis = makeAxis([...all[0], ...all[1], ring]);
      const [one, other] = all.map((values) => values.slice(0, upto));
      train.setAttribute("d", line(one, epochs, axis));
      held.setAttribute("d", line(other, epochs, axis));
      const dotted = epochs <= DOTS;
      trainDots.setAttribute("d", dotted ? dots(one, epochs, axis) : "");
      heldDots.setAttribute("d", dotted ? dots(other, epochs, axis) : "");
      const gone = new Set([one, other].flatMap((values) =>
        values.flatMap((v, i) => (v === null ? [i + 1] : []))));
      bad.setAttribute("d", [...gone].map((n) => `M${(100 * n) / epochs},0V100`).join(""));
      grid.setAttribute("d", axis.ticks.map(([t]) => `M0,${100 * (1 - t)}H100`).join(""));
      labels.replaceChildren(...axis.ticks.map(([t, text]) => {
        const label = h("span", {}, text);
        label.style.top = `${100 * (1 - t)}%`;
        return label;
      }));
      ticks.replaceChildren(...epochTicks(epochs).map((n) => {
        const label = h("span", {}, n);
        label.style.left = `${(100 * n) / epochs}%`;
        return label;
      }));
      title.replaceChildren(h("strong", {}, name), axis.note);
      const ends = [one, other].map((values) => {
        const i = values.findLastIndex((v) => v !== null);
        return i < 0 ? null : [(100 * (i + 1)) / epochs, 100 * (1 - height(values[i], axis))];
      });
      if (ends[0] && ends[1])
        [ends[0][1], ends[1][1]] = apart(ends[0][1], ends[1][1]);
      ends.forEach((end, k) => put(words[k], ...(end ?? [null])));
      put(star, mark ? (100 * mark) / epochs : null, 0);
      star.firstChild.textContent = `best: ${mark}`;
      put(now, at ? (100 * at) / epochs : null, 0);
      const [done, of] = run.batch, n = history.loss.length;
      const x = of ? Math.min((100 * (n + done / of)) / epochs, 100) : null;
      put(live, ring === null ? null : x, ring === null ? 0 : 100 * (1 - height(ring, axis)));
      none.textContent = all[0].length || ring !== null ? ""
        : history.loss.length ? `no ${name} was recorded` : "nothing yet";
      area.setAttribute("aria-label", describe(name, one, other));
    },
  };
}

/** A panel in words, for those who do not see it. */
export function describe(name, train, held) {
  const said = name === "loss" ? (v) => short(v) : percent;
  const part = (word, values) => {
    const known = numbers(values);
    if (!known.length) return [];
    return [`${word} from ${said(known[0])} to ${said(known.at(-1))}`];
  };
  const parts = [...part("training", train), ...part("validation", held)];
  return `${name} over the epochs: ${parts.join(", ") || "nothing yet"}`;
}

/** The four numbers of an epoch. */
function makeTable() {
  const cells = {}, row = (word, key) => {
    const tds = [key, `val_${key}`].map((name) => (cells[name] = h("td")));
    return h("tr", {}, h("th", { scope: "row" }, word), ...tds);
  };
  const caption = h("caption");
  const node = h("table", { class: "tm-table" }, caption,
    h("thead", {}, h("tr", {}, h("td"),
      ...["training", "validation"].map((word) => h("th", { scope: "col" }, word)))),
    h("tbody", {}, row("loss", "loss"), row("accuracy", "accuracy")));
  return {
    node,
    draw(history, k) {
      const time = k && history.seconds.length ? `, at ${clock(history.seconds[k - 1])}` : "";
      caption.textContent = k ? `epoch ${k}${time}` : "no epoch yet";
      for (const [name, cell] of Object.entries(cells)) {
        const v = history[name][k - 1];
        cell.textContent = v === undefined ? "\u2013" : v === null ? "no number"
          : name.endsWith("loss") ? short(v) : percent(v);
      }
    },
  };
}

/** All that the figure shows; nothing here knows the model. */
function build(live) {
  const panels = {
    loss: makePanel("loss", lossAxis), accuracy: makePanel("accuracy", accuracyAxis),
  };
  const bars = {
    epochs: makeBar("tm-epochs", "epochs"), batches: makeBar("tm-batches", "batches"),
  };
  const controls = {
    stop: button("Stop after this epoch", "tm-stop"), replay: button("Replay", "tm-play"),
    reset: button("Reset", "tm-reset"),
    epoch: h("input", { type: "range", min: "0", step: "1", "aria-label": "epoch", ...QUIET }),
  };
  const text = (name, tag = "p") => h(tag, { class: name });
  const parts = { title: text("tm-title"), phase: text("tm-phase"), time: text("tm-time"),
    says: text("tm-says", "div"), hint: text("tm-hint") };
  parts.phase.setAttribute("aria-live", "polite");
  parts.hint.setAttribute("role", "status");
  const table = makeTable();
  controls.stop.hidden = !live;
  bars.batches.node.hidden = !live;
  parts.hint.hidden = !live;
  const root = h("div", { class: "cnn-training-monitor", role: "group" },
    parts.title, parts.phase,
    h("div", { class: "tm-meters" }, bars.epochs.node, bars.batches.node), parts.time,
    h("div", { class: "tm-panels" }, ...Object.values(panels).map((panel) => panel.node)),
    h("div", { class: "tm-below" },
      h("div", { class: "tm-left" }, controls.epoch,
        h("div", { class: "tm-buttons" }, controls.stop, controls.replay, controls.reset),
        parts.hint), table.node),
    parts.says);
  return { root, panels, bars, controls, parts, table };
}

// -------------------------------------------------------------------- render

function render({ model, el }) {
  // JupyterLab has a widget manager and a kernel; the website has neither
  const live = Boolean(model.widget_manager);
  const view = build(live);
  const { controls, parts, panels, bars, table } = view;
  const stop = new AbortController();
  const listen = (node, event, fn) =>
    node.addEventListener(event, fn, { signal: stop.signal });
  el.append(view.root);

  let timer = null; // of a replay
  let replay = null; // {t, done, part}: how far the curves are drawn; also while paused
  let asked = -1; // epochs that were done when Stop was pressed
  let lost = false; // the kernel is gone
  let frame = 0;

  const count = () => model.get("_run").history.loss.length;
  const chosen = () => Math.min(model.get("_shown") || count(), count());

  /** The run; on the website, or without its kernel, an unfinished one has stopped. */
  function current() {
    const run = model.get("_run");
    return run.phase === "training" && (!live || lost)
      ? { ...run, phase: "broken", batch: [0, 0], now: {},
        why: lost ? "the kernel is gone." : "" } : run;
  }

  function drawProgress(run, epochs) {
    const n = count(), busy = run.phase === "training", [done, of] = run.batch;
    if (replay) {
      const times = endings(run.history), real = run.history.seconds.length > 0;
      bars.epochs.draw(`epoch ${Math.min(replay.done + (replay.part > 0), n)} of ${epochs}`,
        replay.done + replay.part, epochs);
      parts.phase.textContent = real
        ? `Replay: ${clock(replay.t)} of ${clock(times.at(-1))} of training.`
        : `Replay: epoch ${replay.done} of ${n}.`;
    } else {
      bars.epochs.draw(`${n} of ${epochs} epochs done`, n + (of ? done / of : 0), epochs);
      parts.phase.textContent = phaseWords(run, epochs);
    }
    bars.batches.draw(busy && of ? `batch ${done} of ${of}` : "no batch runs", done, of || 1);
    parts.time.textContent = timeWords(run, epochs);
  }

  function drawStop(run) {
    const open = (run.phase === "waiting" || run.phase === "training") && !lost;
    const late = asked >= 0 && open && !run.stopping && count() > asked + 1;
    enable(controls.stop, open && asked < 0 && !run.stopping);
    controls.stop.hidden = !live;
    parts.hint.textContent = !open || (asked < 0 && !run.stopping) ? ""
      : late ? "This notebook does not pass the stop on while a cell runs; Kernel \u2192 " +
        "Interrupt stops it at once."
      : run.stopping ? "Heard: this epoch is the last." : "Sent to the kernel.";
  }

  function draw() {
    const run = current(), epochs = model.get("epochs"), n = count();
    const upto = replay ? replay.done : n, k = replay ? replay.done : chosen();
    const at = replay || k === n ? 0 : k;
    for (const panel of Object.values(panels))
      panel.draw(run, epochs, { upto, mark: best(run.history, upto), at });
    drawProgress(run, epochs);
    drawStop(run);
    table.draw(run.history, k);
    parts.title.textContent = model.get("title");
    parts.title.hidden = !model.get("title");
    const said = run.phase === "waiting" ? [] : findings(run.history);
    parts.says.classList.toggle("tm-later", replay !== null); // a replay does not tell
    parts.says.replaceChildren(...said.map((sentence) => h("p", {}, sentence)));
    controls.epoch.min = n ? 1 : 0;
    controls.epoch.max = n;
    controls.epoch.value = k;
    controls.epoch.setAttribute("aria-valuetext", k ? `epoch ${k} of ${n}, ` +
      `${table.node.innerText ?? ""}`.replace(/\s+/g, " ").trim() : "no epoch yet");
    controls.epoch.style.setProperty("--end", n / epochs);
    enable(controls.epoch, n > 0);
    enable(controls.replay, n > 0 && run.phase !== "training");
    controls.replay.textContent = timer ? "Pause" : replay ? "Go on" : "Replay";
    view.root.setAttribute("aria-label", model.get("alt"));
    view.root.dataset.phase = run.phase;
  }
  const later = () => { frame ||= requestAnimationFrame(() => { frame = 0; draw(); }); };

  // ---- replay: what is shown stays in the browser, the kernel is not asked
  function pause() {
    clearInterval(timer);
    timer = null;
    parts.phase.setAttribute("aria-live", "polite");
  }
  function leave() {
    pause();
    replay = null;
  }
  function show(k) {
    leave();
    model.set("_shown", k >= count() ? 0 : Math.max(k, 1));
    draw();
  }
  function play() {
    const times = endings(model.get("_run").history), total = times.at(-1);
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const begun = performance.now() - (replay ? (PLAY_MS * replay.t) / total : 0);
    replay ??= { t: 0, ...progress(times, 0) };
    parts.phase.setAttribute("aria-live", "off"); // a screen reader could not keep up
    timer = setInterval(() => {
      const t = Math.min(((performance.now() - begun) / PLAY_MS) * total, total);
      replay = { t, ...progress(times, t) };
      if (t === total) leave();
      model.set("_shown", replay ? Math.max(replay.done, 1) : 0);
      draw();
    }, calm ? CALM_MS : TICK_MS);
    draw();
  }
  listen(controls.replay, "click", () => {
    if (controls.replay.getAttribute("aria-disabled")) return;
    if (timer) {
      pause();
      draw();
    } else play();
  });
  listen(controls.reset, "click", () => show(count()));
  listen(controls.epoch, "input", () => show(Number(controls.epoch.value)));
  for (const { area } of Object.values(panels)) {
    const point = (event) => {
      const box = area.getBoundingClientRect();
      const k = Math.round((model.get("epochs") * (event.clientX - box.left)) / box.width);
      if (count()) show(Math.min(Math.max(k, 1), count()));
    };
    listen(area, "pointerdown", (event) => {
      if (event.button !== 0) return;
      area.setPointerCapture(event.pointerId);
      point(event);
    });
    listen(area, "pointermove", (event) => {
      if (area.hasPointerCapture(event.pointerId)) point(event);
    });
  }

  // ---- stop: a message, not a trait, so that nothing is set while the kernel trains
  listen(controls.stop, "click", () => {
    if (controls.stop.getAttribute("aria-disabled")) return;
    asked = count();
    model.send({ stop: true });
    draw();
  });
  const moved = () => {
    if (timer && model.get("_shown") !== Math.max(replay.done, 1)) leave();
    later();
  };
  const news = () => {
    lost = false;
    const { phase } = model.get("_run");
    if (phase === "training") leave();
    if ((phase !== "training" && phase !== "waiting") || count() < asked) asked = -1;
    later();
  };
  const comm = () => { // JupyterLab says so when the kernel goes or comes back
    lost = model.get("_run").phase === "training";
    later();
  };

  const watched = { "change:_run": news, "change:_shown": moved, "change:epochs": later,
    "change:title": later, "change:alt": later, ...(live ? { comm_live_update: comm } : {}) };
  for (const [event, fn] of Object.entries(watched)) model.on(event, fn);
  draw();

  return () => {
    clearInterval(timer);
    cancelAnimationFrame(frame);
    stop.abort();
    for (const [event, fn] of Object.entries(watched)) model.off(event, fn);
    view.root.remove();
  };
}

export default { render };
