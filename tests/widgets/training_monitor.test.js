// The pure functions of TrainingMonitor, with the numbers that the Python test reads.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import * as tm from "../../cnncourse/widgets/training_monitor.js";

const cases = JSON.parse(
  readFileSync(new URL("training_monitor_cases.json", import.meta.url)));
const close = (a, b, what) =>
  assert.ok(Math.abs(a - b) <= 1e-9 * Math.max(1, Math.abs(b)), `${what}: ${a}, not ${b}`);

for (const c of cases.runs)
  test(`the sentences are Python's: ${c.name}`, () => {
    assert.equal(tm.phaseWords(c.run, c.epochs), c.phase);
    assert.deepEqual(tm.findings(c.run.history), c.findings);
    assert.equal(tm.best(c.run.history), c.best);
  });

for (const c of cases.axes)
  test(`the axis is Python's: ${c.name}`, () => {
    const axis = (c.kind === "loss" ? tm.lossAxis : tm.accuracyAxis)(c.values);
    assert.equal(axis.log, c.log);
    close(axis.low, c.ends[0], "low");
    close(axis.high, c.ends[1], "high");
    assert.deepEqual(axis.ticks.map(([, label]) => label), c.labels);
    for (const v of c.values)
      if (v !== null) assert.ok(tm.height(v, axis) >= 0 && tm.height(v, axis) <= 1);
  });

test("times, shares and the epochs' labels are Python's", () => {
  for (const [seconds, words] of cases.clock) assert.equal(tm.clock(seconds), words);
  for (const [share, words] of cases.percent) assert.equal(tm.percent(share), words);
  for (const [epochs, labels] of cases.epochs)
    assert.deepEqual(tm.epochTicks(epochs), labels);
});

test("the best epoch so far looks at no later one", () => {
  const history = { val_loss: [0.5, null, 0.3, 0.4] };
  assert.deepEqual([0, 1, 2, 3, 4].map((n) => tm.best(history, n)), [0, 1, 1, 3, 3]);
});

test("a line has a gap where a value is no number, and dots stand alone", () => {
  const axis = { low: 0, high: 1, log: false };
  assert.equal(tm.line([1, 0.5, null, 0.5], 4, axis),
    "M25.00,0.00L50.00,50.00M100.00,50.00");
  assert.equal(tm.dots([1, null, 0], 4, axis), "M25.00,0.00h0M75.00,100.00h0");
  assert.equal(tm.line([], 4, axis), "");
});

test("a log axis puts each decade at the same distance", () => {
  const axis = { low: -2, high: 2, log: true };
  [0.01, 0.1, 1, 10, 100].forEach((v, k) => close(tm.height(v, axis), k / 4, `${v}`));
});

test("a replay keeps the times of the training", () => {
  const times = [2, 3, 9];
  assert.deepEqual(tm.progress(times, 0), { done: 0, part: 0 });
  assert.deepEqual(tm.progress(times, 1), { done: 0, part: 0.5 });
  assert.deepEqual(tm.progress(times, 2), { done: 1, part: 0 });
  assert.deepEqual(tm.progress(times, 6), { done: 2, part: 0.5 });
  assert.deepEqual(tm.progress(times, 9), { done: 3, part: 0 });
});

test("without times, or with all of them zero, epochs last alike", () => {
  assert.deepEqual(tm.endings({ loss: [1, 1, 1], seconds: [] }), [1, 2, 3]);
  assert.deepEqual(tm.endings({ loss: [1, 1], seconds: [0, 0] }), [1, 2]);
  assert.deepEqual(tm.endings({ loss: [1, 1], seconds: [3, 5] }), [3, 5]);
});

test("the time left counts the part of an epoch that is done", () => {
  const history = { loss: [1], seconds: [10] };
  const run = { phase: "training", history, batch: [0, 0], elapsed: 10, stopping: false };
  close(tm.timeLeft(run, 5), 40, "after one of five");
  close(tm.timeLeft({ ...run, batch: [50, 100], elapsed: 15 }, 5), 35, "after one and a half");
  assert.equal(tm.timeLeft({ ...run, elapsed: null }, 5), null);
  assert.equal(tm.timeLeft({ ...run, history: { loss: [] }, elapsed: 3 }, 5), null);
  assert.equal(tm.timeWords(run, 5), "10 s so far, about 40 s left");
  assert.equal(tm.timeWords({ ...run, stopping: true }, 5), "10 s so far");
  assert.equal(tm.timeWords({ ...run, phase: "done" }, 5), "10 s in all, 10 s an epoch");
  assert.equal(tm.timeWords({ ...run, phase: "done", history: { loss: [1], seconds: [] } }, 5), "");
});

test("two words at the ends of lines are kept apart and inside", () => {
  for (const [a, b] of [[10, 60], [60, 10], [50, 50], [50, 52], [52, 50], [0, 1], [100, 100]]) {
    const [c, d] = tm.apart(a, b);
    assert.ok(Math.abs(c - d) >= 11 && Math.min(c, d) >= 0 && Math.max(c, d) <= 100);
    if (a !== b) assert.equal(Math.sign(c - d), Math.sign(a - b), "their order stays");
  }
  assert.deepEqual(tm.apart(10, 60), [10, 60]);
});

test("a panel is told to those who do not see it", () => {
  assert.equal(tm.describe("loss", [0.9, 0.1], [0.8, null]),
    "loss over the epochs: training from 0.9 to 0.1, validation from 0.8 to 0.8");
  assert.equal(tm.describe("accuracy", [0.5, 0.75], []),
    "accuracy over the epochs: training from 50.00 % to 75.00 %");
  assert.equal(tm.describe("loss", [], []), "loss over the epochs: nothing yet");
});
