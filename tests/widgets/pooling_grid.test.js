// The pooling figure's pure functions, with the numbers that Python is tested with.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import * as pooling from "../../cnncourse/widgets/pooling_grid.js";

const shared = JSON.parse(
  readFileSync(new URL("pooling_grid_cases.json", import.meta.url), "utf8"));

function close(found, wanted) {
  assert.equal(found.length, wanted.length);
  found.forEach((v, n) => assert.ok(Math.abs(v - wanted[n]) < 1e-9, `${n}: ${v}, ${wanted[n]}`));
}

for (const one of shared.cases) {
  const { name, state } = one;
  const windows = pooling.windowsOf(state);
  const moved = pooling.windowsOf(state, pooling.shifted(state));
  test(`${name}: the numbers are an independent library's`, () => {
    close(windows.map((w) => w.y), one.output.flat());
    assert.deepEqual(pooling.geometry(state).out, [one.output.length, one.output[0].length]);
    close(pooling.shifted(state).flat(), one.shifted.flat());
    close(moved.map((w) => w.y), one.moved.flat());
    close(pooling.route(state).flat(), one.dx.flat());
  });
  test(`${name}: the sentences are Python's`, () => {
    assert.equal(pooling.windowText(state, windows[state.position]), one.window);
    assert.equal(pooling.windowText(state, moved[state.position], "y′"), one.after);
    assert.equal(pooling.shiftText(state), one.shift);
    assert.equal(pooling.routeText(state, windows[state.position]), one.route);
    assert.equal(pooling.cellText(state, state.cell), one.entry);
    assert.equal(pooling.gradientText(state), one.gradient);
    assert.equal(pooling.sizeText(state), one.size);
    assert.equal(pooling.leftOutText(state), one.left_out);
    assert.equal(pooling.misfitText(state), "");
  });
  test(`${name}: a shift by whole strides moves the output, edge apart`, () => {
    const { step, out } = pooling.geometry(state);
    for (const [a, b] of [[1, 0], [0, -1], [-1, 1]]) {
      const shift = [a * step, b * step];
      if (shift.some((n) => Math.abs(n) > pooling.LIMITS.shift)) continue;
      const there = pooling.windowsOf(state, pooling.shifted({ ...state, shift }));
      for (const { i, j, y } of windows) {
        const [row, col] = [i + a, j + b];
        if (row < 0 || row >= out[0] || col < 0 || col >= out[1]) continue;
        assert.ok(Math.abs(there[row * out[1] + col].y - y) < 1e-9, `${row}, ${col}`);
      }
    }
  });
  test(`${name}: a gradient loses nothing in max and avg, and size² times in sum`, () => {
    const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);
    const factor = state.mode === "sum" ? state.size ** 2 : 1;
    const whole = factor * sum(pooling.gradientOf(state));
    assert.ok(Math.abs(sum(pooling.route(state).flat()) - whole) < 1e-9);
  });
}

test("the output's size is the floor of a formula, 0 where the window is too large", () => {
  for (const [n, size, stride, out] of shared.sizes)
    assert.equal(pooling.outputSize(n, size, stride), out, `${n}, ${size}, ${stride}`);
});

test("a window that does not fit is said, with what fits", () => {
  for (const { state, sentence, size } of shared.misfits) {
    assert.equal(pooling.misfitText(state), sentence);
    assert.equal(pooling.sizeText(state), size);
    assert.deepEqual(pooling.windowsOf(state), []);
  }
});

test("numbers are written short, with a true minus sign", () => {
  for (const [value, text] of shared.numbers) assert.equal(pooling.formatNumber(value), text);
});

test("what is typed is read as a number, or not at all", () => {
  const fits = { "3": 3, " 2.5 ": 2.5, "2,5": 2.5, "1/4": 0.25, "−9999": -9999, "-0": 0, ".5": 0.5 };
  for (const [text, value] of Object.entries(fits))
    assert.equal(pooling.parseNumber(text), value, text);
  for (const text of ["", "x", "10000", "1/0", "1 2", "--1", "Infinity", "-"])
    assert.equal(pooling.parseNumber(text), null, text);
});

test("a gradient of another shape than the output counts as ones", () => {
  const state = { image: [[1, 2], [3, 4]], size: 1, stride: null, dy: [[5]] };
  assert.deepEqual(pooling.gradientOf(state), [1, 1, 1, 1]);
  assert.deepEqual(pooling.gradientOf({ ...state, dy: [[5, 6], [7, 8]] }), [5, 6, 7, 8]);
});
