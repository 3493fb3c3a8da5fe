// The stepper's pure functions, with the numbers that Python is tested with.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import * as stepper from "../../cnncourse/widgets/backprop_stepper.js";

const shared = JSON.parse(
  readFileSync(new URL("backprop_stepper_cases.json", import.meta.url), "utf8"));
const close = (a, b) => assert.ok(Math.abs(a - b) < 1e-9, `${a} is not ${b}`);
const example = { ...shared.cases[0].state, turn: true };
const turned = (k) => k.map((row) => [...row].reverse()).reverse();

for (const c of shared.cases) {
  const state = { ...c.state, turn: true };
  const truth = { dw: c.dw, dx: c.dx, db: [[c.db]] };

  test(`${c.name}: all three gradients are PyTorch's`, () => {
    for (const what of stepper.WHAT) {
      const found = stepper.gradient({ ...state, what });
      assert.deepEqual(found.map((row) => row.length), truth[what].map((row) => row.length));
      found.flat().forEach((v, n) => close(v, truth[what].flat()[n]));
    }
  });

  test(`${c.name}: raising any number by 1 changes Σ δ·y by its gradient`, () => {
    for (const what of stepper.WHAT)
      truth[what].forEach((row, i) => row.forEach((v, j) => {
        const [before, after] = stepper.nudge({ ...state, what }, [i, j]);
        close(after - before, v);
      }));
  });

  test(`${c.name}: the sentences`, () => {
    assert.equal(stepper.sumText(state, state.entry), c.sentence);
    assert.equal(stepper.ruleText(state), c.rule);
    if (c.unturned)
      assert.equal(stepper.sumText({ ...state, turn: false }, state.entry), c.unturned);
  });

  test(`${c.name}: δ between its zeros, read with the turned kernel, gives dx`, () => {
    const g = stepper.geometry({ ...state, what: "dx" });
    const { kernel, stride, padding, dy } = state;
    assert.deepEqual(g.field, [0, 1].map((a) => g.padded[a] + g.w[a] - 1));
    const field = Array.from({ length: g.field[0] }, (_, i) =>
      Array.from({ length: g.field[1] }, (_, j) => {
        const at = stepper.fieldCell(g, stride, i, j);
        return Array.isArray(at) ? dy[at[0]][at[1]] : 0;
      }));
    c.dx.forEach((row, i) => row.forEach((v, j) => {
      let sum = 0;
      turned(kernel).forEach((weights, u) => weights.forEach((w, k) => {
        sum += w * field[i + padding + u][j + padding + k];
      }));
      close(sum, v);
    }));
  });

  test(`${c.name}: without the turn it is the gradient of the turned kernel`, () => {
    const dx = { ...state, what: "dx" };
    const wrong = stepper.gradient(dx, false).flat();
    const other = stepper.gradient({ ...dx, kernel: turned(state.kernel) }).flat();
    wrong.forEach((v, n) => close(v, other[n]));
  });
}

test("the three kinds of zeros stand where they should", () => {
  const state = { image: [[1, 2, 3, 4, 5, 6]], kernel: [[1, 1, 1]], stride: 2, padding: 0,
    what: "dx" };
  const g = stepper.geometry(state);
  const row = Array.from({ length: g.field[1] }, (_, j) => stepper.fieldCell(g, 2, 0, j));
  assert.deepEqual(row, ["ring", "ring", [0, 0], "between", [0, 1], "rest", "ring", "ring"]);
  assert.equal(stepper.zerosText(state), "Zeros in δ: 1 between neighbours (stride − 1); " +
    "0 above and below, 2 left and right (kernel − 1); " +
    "0 more below and 1 more right (the grid of stride 1).");
});

test("the outputs that saw a pixel are named with the weight", () => {
  const dx = { ...example, what: "dx" };
  assert.equal(stepper.whyText(dx, [0, 1]),
    "x[0, 1] was seen by y[0, 0] through w[0, 1], by y[0, 1] through w[0, 0].");
  assert.equal(stepper.whyText({ ...dx, turn: false }, [0, 1]),
    "Without the turn 9 of 9 entries are wrong.");
  const even = { ...dx, turn: false, kernel: [[1, 2], [2, 1]] };
  assert.match(stepper.whyText(even, [0, 1]), /no entry is wrong/);
  assert.match(stepper.whyText({ ...dx, image: [[1, 2]], kernel: [[1]], dy: [[3]], stride: 2 },
    [0, 1]), /No window reached x\[0, 1\]/);
});

test("the check line says what the sum does", () => {
  assert.equal(stepper.checkText(example, [0, 1]), "Check: raise w[0, 1] by 1, and the sum " +
    "of δ·y goes from 162.5 to 174.5: by 12.");
});

test("δ keeps the entries that still exist and gets 1 for new ones", () => {
  assert.deepEqual(stepper.resize([[2, 3], [4, 5]], [1, 3]), [[2, 3, 1]]);
});

test("a padding too small for the kernel is named with both sizes", () => {
  const state = { ...example, image: [[1, 2]], kernel: [[1], [1], [1]], padding: 0 };
  assert.match(stepper.misfitText(state), /Padding 0 does not fit.* 3 × 1.* 1 × 2/);
  assert.equal(stepper.misfitText({ ...state, padding: 1 }), "");
});

test("places and entries lead to each other", () => {
  for (let n = -1; n < 6; n++) assert.equal(stepper.indexOf(stepper.entryAt(n, 3), 3), n);
  assert.deepEqual(stepper.entryAt(5, 3), [1, 2]);
});

test("numbers are written short, with a true minus sign", () => {
  for (const [value, text] of shared.numbers)
    assert.equal(stepper.formatNumber(value), text);
});

test("entries that are numbers are read, others are refused", () => {
  for (const [text, value] of shared.entries)
    assert.equal(stepper.parseNumber(text), value, JSON.stringify(text));
});
