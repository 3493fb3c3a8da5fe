// The stepper's pure functions, with the numbers that Python is tested with.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import * as stepper from "../../cnncourse/widgets/conv_stepper.js";

const shared = JSON.parse(
  readFileSync(new URL("conv_stepper_cases.json", import.meta.url), "utf8"));

for (const { name, state, pads, shape, output, position, sentence, size } of shared.cases) {
  test(`${name}: zeros and sizes`, () => {
    const g = stepper.geometry(state);
    assert.deepEqual([g.rows, g.cols], pads);
    if (output.length) assert.deepEqual(g.out, shape);
    else assert.equal(g.count, 0);
    const { stride, dilation } = state;
    assert.equal(stepper.sizeText(g.H, g.R, stride, g.rows, dilation), size);
  });
  if (!output.length) {
    test(`${name}: the sentence names both sizes and what fits`, () => {
      assert.equal(stepper.misfitText(state), sentence);
    });
    continue;
  }
  test(`${name}: outputs and the written sum`, () => {
    const y = stepper.convolve(state).flat();
    output.flat().forEach((v, n) => assert.ok(Math.abs(v - y[n]) < 1e-9, `${n}: ${y[n]}`));
    assert.equal(stepper.sumText(state, position), sentence);
    assert.equal(stepper.misfitText(state), "");
  });
  test(`${name}: a window meets the kernel in order and zeros outside`, () => {
    const g = stepper.geometry(state);
    for (let n = 0; n < g.count; n++) {
      const terms = stepper.windowAt(state, n);
      assert.equal(terms.length, g.C * g.R * g.S);
      for (const t of terms) {
        const inside = t.i >= 0 && t.i < g.H && t.j >= 0 && t.j < g.W;
        assert.equal(t.x, inside ? g.x[t.c][t.i][t.j] : 0);
        assert.equal(t.inside, inside);
        assert.ok(t.i >= -g.rows[0] && t.i < g.H + g.rows[1]);
      }
    }
  });
}

test("numbers are written short, with a true minus sign", () => {
  for (const [value, text] of shared.numbers)
    assert.equal(stepper.formatNumber(value), text);
});

test("entries that are numbers are read, others are refused", () => {
  for (const [text, value] of shared.entries)
    assert.equal(stepper.parseNumber(text), value, JSON.stringify(text));
});

test("a position is clamped to the output, -1 is none", () => {
  assert.equal(stepper.clampPosition(8, 4), 3);
  assert.equal(stepper.clampPosition(-5, 4), -1);
  assert.equal(stepper.clampPosition(null, 4), -1);
  assert.equal(stepper.clampPosition(2, 0), -1);
});

test("sizes beyond the limits are named", () => {
  const state = { image: [[1, 2]], kernel: [[1]] };
  const wide = [Array(13).fill(1)];
  assert.equal(stepper.checkSizes(state), "");
  assert.match(stepper.checkSizes({ ...state, image: wide }), /image is 1 × 1 × 13/);
  assert.match(stepper.checkSizes({ ...state, kernel: [Array(8).fill(1)] }), /kernel/);
  assert.match(stepper.checkSizes({ ...state, image: [] }), /image is 1 × 0 × 0/);
  assert.match(stepper.checkSizes({ ...state, image: [[[1]], [[1]]] }),
    /2 channels, the kernel 1/);
});

test("a result that had to be rounded is not called equal", () => {
  const state = { image: [[1, 1]], kernel: [[0.1, 0.2]], stride: 1, padding: "valid",
    dilation: 1, bias: 0, flip: false };
  assert.equal(stepper.sumText(state, 0), "y[0, 0] = 1·0.1 + 1·0.2 = 0.3");
  const third = { ...state, kernel: [[1 / 3, 0]] };
  assert.equal(stepper.sumText(third, 0), "y[0, 0] = 1·0.3333 + 1·0 ≈ 0.3333");
});
