// The pure functions of KernelLearner, with the numbers that the Python test reads.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import * as kl from "../../cnncourse/widgets/kernel_learner.js";

const cases = JSON.parse(
  readFileSync(new URL("kernel_learner_cases.json", import.meta.url)));

const map = (rows, divide = 1) => ({
  data: Float64Array.from(rows.flat(), (v) => v / divide),
  height: rows.length,
  width: rows[0].length,
});
const shapeOf = (c) => [c.kernel.length, c.kernel[0].length];

function assertClose(found, wanted, what, tolerance = 1e-12) {
  const [a, b] = [[...found], [...wanted]];
  assert.equal(a.length, b.length, `${what}: number of values`);
  a.forEach((v, k) => assert.ok(
    Math.abs(v - b[k]) <= tolerance * Math.max(1, Math.abs(b[k])),
    `${what}, value ${k}: ${v} is not ${b[k]}`));
}

for (const c of cases.pictures) {
  const x = map(c.picture, 65535), shape = shapeOf(c), target = c.kernel.flat();
  test(`response and matrix agree with the loops: ${c.name}`, () => {
    const z = kl.correlate(x, target, shape);
    assert.deepEqual([z.height, z.width], [c.target.length, c.target[0].length]);
    assertClose(z.data, c.target.flat(), "target");
    kl.gram(x, shape).forEach((row, a) => assertClose(row, c.gram[a], `row ${a} of A`));
  });
  test(`eigenvalues agree with numpy: ${c.name}`, () => {
    assertClose(kl.eigenvalues(c.gram), c.eigenvalues, "eigenvalues");
  });
  test(`kernels and losses agree with descent on the pixels: ${c.name}`, () => {
    const A = kl.gram(x, shape);
    const run = kl.learn(A, target, c.start.flat(), c.lr, c.steps);
    assert.equal(run.last, c.losses.length - 1);
    assertClose(run.losses, c.losses, "losses", 1e-9);
    run.kernels.forEach((w, t) => assertClose(w, c.kernels[t], `kernel ${t}`, 1e-9));
    assert.equal(run.stopped, c.name === "diverges");
  });
}

test("a matrix of 25 rows has the trace and the squares of its eigenvalues", () => {
  const x = map(Array.from({ length: 20 }, (_, i) =>
    Array.from({ length: 23 }, (_, j) => ((7 * i * i + 3 * j * j + 5 * i * j) % 17) / 17)));
  const A = kl.gram(x, [5, 5]), values = kl.eigenvalues(A);
  const sum = (list) => list.reduce((a, b) => a + b, 0);
  assertClose([sum(values)], [sum(A.map((row, k) => row[k]))], "trace");
  assertClose([sum(values.map((v) => v * v))],
    [sum(A.map((row) => sum([...row].map((v) => v * v))))], "squares");
  assert.deepEqual(values, [...values].sort((a, b) => a - b));
});

test("a diagonal matrix, one of a single number and zeros are their own answer", () => {
  assert.deepEqual(kl.eigenvalues([[3, 0], [0, -1]]), [-1, 3]);
  assert.deepEqual(kl.eigenvalues([[2]]), [2]);
  assert.deepEqual(kl.eigenvalues([[0, 0], [0, 0]]), [0, 0]);
});

test("on either side of the limit the loss falls and grows", () => {
  const c = cases.pictures[0], values = c.eigenvalues, target = c.kernel.flat();
  const last = (by) => {
    const lr = by * kl.limit(values);
    return kl.learn(c.gram, target, c.start.flat(), lr, 4000).losses.at(-1);
  };
  assert.ok(last(0.99) < 1e-6);
  assert.ok(last(1.01) > 1);
  assert.equal(kl.limit([0, 0]), Infinity);
});

test("pictures come back from 16 bits, also from the middle of a buffer", () => {
  const bytes = Uint8Array.from([9, 9, 9, 0, 0, 255, 255, 1, 0, 0, 1]);
  const view = new DataView(bytes.buffer, 3);
  const found = kl.unpack(view, [["a", 1, 2], ["b", 2, 1]]);
  assert.deepEqual([...found.get("a").data], [0, 1]);
  assert.deepEqual([...found.get("b").data], [1 / 65535, 256 / 65535]);
  assert.deepEqual([found.get("b").height, found.get("b").width], [2, 1]);
});

test("numbers are written as Python's still picture writes them", () => {
  for (const [value, wanted] of cases.short) assert.equal(kl.short(value), wanted);
  for (const [value, decimals, wanted] of cases.cells)
    assert.equal(kl.cellText(value, decimals), wanted);
});

test("a learning rate is read from digits, a comma, a fraction; nothing else", () => {
  for (const [text, wanted] of [["0.5", 0.5], [" 0,25 ", 0.25], ["1/2", 0.5], ["1e-3", 0.001]])
    assert.equal(kl.parseRate(text), wanted);
  for (const text of ["", "abc", "0", "-1", "11", "0.00001", "1/0", "1/2/3", "0x1", "Infinity"])
    assert.ok(Number.isNaN(kl.parseRate(text)), text);
});

test("the slider stays within the rates that Python takes", () => {
  assert.equal(kl.rateAt(-4), 1e-4);
  assert.equal(kl.rateAt(1), 10);
  assert.equal(kl.rateAt(-0.3), 0.501);
});

test("the rate's verdict follows the exact limit, not the rounded one", () => {
  const values = [0.08, 2.3624126], run = { losses: [1, 0.5], last: 1, stopped: false };
  assert.match(kl.rateSentence(values, 0.5, run).join(" "),
    /^λ_max = 2\.36: learning rates below 2\/λ_max = 0\.847 converge\. 0\.5 is below\.$/);
  const above = kl.rateSentence(values, 0.847, { ...run, losses: [1, 2] }).join(" ");
  assert.match(above, /2\/λ_max = 0\.8466 converge\. 0\.847 is above: the loss grows/);
  assert.match(kl.rateSentence(values, 5, { losses: [1, 2e12], last: 7, stopped: true })[1],
    /diverges; stopped at step 7, where it passed 10¹²/);
  assert.match(kl.rateSentence([0, 0], 1, run)[0], /black/);
  assert.match(kl.rateSentence(values, 0.5, { losses: [1, 9e-17], last: 435 })[1],
    /^0\.5 is below; the run ends at step 435, with a loss under 10⁻¹⁶\.$/);
});

test("the smallest eigenvalue is put into words", () => {
  const says = (values, lr = 0.5, steps = 400) => kl.pictureSentence(values, lr, steps);
  assert.match(says([0.079, 2.36]), /0\.079: .* less than 0\.01 % .* after 400 steps/);
  assert.match(says([0.00007, 2.3]),
    /eigenvalue 0\.000070: .* next to nothing; 98\.6 % .* after 400 steps/);
  assert.match(says([-2e-16, 1e-17, 3.55]), /0 \(2 of 3 are 0\).*cannot be identified/);
  assert.match(says([0, 3.55]), /in this direction the picture says nothing/);
  assert.match(says([0, 0]), /nothing about the kernel/);
  assert.match(says([0.079, 2.36], 1), /learning rate is too large/);
});

test("a factor near 1 keeps the digits that tell it from 1", () => {
  const text = kl.factorSentence([0.00036, 2], 0.9);
  assert.match(text, /by −0\.8 along .* by 0\.9997 along/);
});

test("a kernel that fits without being the secret one is called so", () => {
  const run = { kernels: [[1, 0]], losses: [1e-12], last: 0 };
  assert.match(kl.stateSentence(run, 0, [0, 1], [1, 2], 1),
    /Largest deviation 1, at w\[0, 0\]: learned 1\.00, secret 0\.00\. .* another one/);
  assert.match(kl.stateSentence(run, 0, [1, 0.001], [1, 2], 1), /The kernel is found/);
  assert.doesNotMatch(kl.stateSentence({ ...run, losses: [0.1] }, 0, [0, 1], [1, 2], 1),
    /another|found/);
});

test("the loss axis holds every loss, and its labels are few", () => {
  for (const losses of [[0.27, 1e-15], [0.3, 2e13], [1, 1], [0, 0], [1e-3, 0], [5e18, 1]]) {
    const axis = kl.lossAxis(losses);
    assert.ok(axis.low < axis.high && axis.ticks.length <= 7, JSON.stringify(axis));
    assert.equal(axis.ticks[0], axis.high);
    for (const loss of losses) {
      const at = kl.lossHeight(loss, axis);
      assert.ok(at >= 0 && at <= 1);
    }
  }
  assert.deepEqual(kl.lossAxis([1, 1e-10]).ticks, [0, -2, -4, -6, -8, -10]);
  assert.equal(kl.lossHeight(1e-5, { low: -10, high: 0 }), 0.5);
});

test("a run for comparison that explodes does not flatten the run itself", () => {
  const run = { losses: [0.3, 0.1, 0.01, 1e-5], last: 3 };
  const wild = [0.3, 2, 40, 800, 2e4, 1e12];
  assert.deepEqual(kl.comparable(wild, run), [0.3, 2, 40]);
  const axis = kl.lossAxis([...run.losses, ...kl.comparable(wild, run)]);
  assert.deepEqual([axis.low, axis.high], [-5, 2]);
  // a tame one is kept as far as the run goes, a short one whole
  assert.deepEqual(kl.comparable([0.3, 0.2, 0.1, 0.05, 0.01], run), [0.3, 0.2, 0.1, 0.05]);
  assert.deepEqual(kl.comparable([0.3, 1e-17], run), [0.3, 1e-17]);
  assert.deepEqual(kl.comparable([0, 0], { losses: [0, 0], last: 1 }), [0, 0]);
});

test("the curve runs from the first to the last step and stays short", () => {
  const losses = Array.from({ length: 5001 }, (_, t) => 0.99 ** t);
  const axis = kl.lossAxis(losses), path = kl.curve(losses, axis, 5000);
  assert.match(path, /^M0\.00,0\.00L/);
  assert.match(path, /L100\.00,\d+\.\d\d$/);
  assert.ok(path.split("L").length < 600);
  assert.doesNotMatch(kl.curve([1, 0], kl.lossAxis([1, 0]), 1), /NaN|Infinity/);
});

test("colours are those of the ends, zero is grey, and beyond the ends nothing changes", () => {
  assert.deepEqual(kl.diverging(0), [140, 140, 140]);
  assert.deepEqual(kl.diverging(-1), kl.diverging(-9));
  assert.deepEqual(kl.diverging(1), [240, 248, 255]);
  assert.equal(kl.colourScale({ data: [-2, 1] }, { data: [0.5] }), 2);
  assert.equal(kl.colourScale({ data: [0, 1e-17] }, { data: [0] }), 1);
});
