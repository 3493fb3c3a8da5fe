// The pure functions of KernelPlayground, with the numbers that the Python test reads.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import * as kp from "../../cnncourse/widgets/kernel_playground.js";

const cases = JSON.parse(
  readFileSync(new URL("kernel_playground_cases.json", import.meta.url)));

const map = (rows, divide = 1) => ({
  data: Float64Array.from(rows.flat(), (v) => v / divide),
  height: rows.length,
  width: rows[0]?.length ?? 0,
});

function assertClose(found, wanted, what) {
  const [a, b] = [[found].flat(2), [wanted].flat(2)];
  assert.equal(a.length, b.length, `${what}: number of values`);
  a.forEach((v, k) =>
    assert.ok(Math.abs(v - b[k]) < 1e-12, `${what}, value ${k}: ${v} is not ${b[k]}`));
}

for (const c of cases.maps) {
  test(`response, ReLU, maxima and sum agree with the oracle: ${c.name}`, () => {
    const x = map(c.picture, 255);
    const y = kp.correlate(x, c.kernel);
    assert.deepEqual([y.height, y.width], [c.response.length, c.response[0].length]);
    assertClose([...y.data], c.response, "response");
    assertClose([...kp.relu(y).data], c.response.flat().map((v) => Math.max(v, 0)), "ReLU");
    const p = kp.maxPool(kp.relu(y));
    assert.deepEqual([p.height, p.width], [y.height >> 1, y.width >> 1]);
    assertClose([...p.data], c.pooled, "pooled");
    assertClose(kp.range(y), c.range, "range");
    const one = kp.arithmetic(x, c.kernel, c.pixel);
    assertClose(one.products, c.products, "products");
    assertClose(one.sum, c.response[c.pixel[0]][c.pixel[1]], "sum");
  });
}

test("a kernel larger than the picture has no response", () => {
  assert.equal(kp.correlate(map([[1, 2], [3, 4]]), Array(3).fill([1, 1, 1])), null);
});

test("a map of one row has no 2 x 2 block, and an empty map the range 0", () => {
  const p = kp.maxPool(map([[1, 2, 3]]));
  assert.equal(p.data.length, 0);
  assert.deepEqual(kp.range(p), [0, 0]);
});

test("the strongest place is the largest value away from the border", () => {
  const y = { data: new Float64Array(24 * 24), height: 24, width: 24 };
  y.data[0] = 9;
  y.data[5 * 24 + 7] = 4;
  y.data[9 * 24 + 9] = -8;
  assert.deepEqual(kp.strongest(y), [5, 7]);
});

for (const [text, value] of cases.numbers)
  test(`"${text}" is read as ${value}`, () => assert.equal(kp.parseNumber(text), value));

for (const text of cases.no_numbers)
  test(`"${text}" is not taken for a number`, () =>
    assert.ok(Number.isNaN(kp.parseNumber(text))));

test("a kernel's number is shown short, as a fraction where it is one", () => {
  const shown = [2, -0.5, 0, -0, 1 / 9, -2 / 7, 1 / 25, 0.12345, -1e-12, -98.123, 611 / 64]
    .map(kp.kernelText);
  assert.deepEqual(shown,
    ["2", "−0.5", "0", "0", "1/9", "−2/7", "0.04", "0.123", "0", "−98.1", "611/64"]);
});

test("what a cell shows is read back as the same number where it is short", () => {
  for (const v of [2, -0.5, 1 / 9, -2 / 7, 0.04])
    assert.equal(kp.parseNumber(kp.kernelText(v)), v);
});

test("sums keep to five characters and a true minus sign", () => {
  assert.deepEqual([1 / 3, -3.456, 9.999, -123.4, -0.001, 2500].map(kp.numberText),
    ["0.33", "−3.46", "10.0", "−123", "0.00", "2500"]);
});

test("a small sum keeps three digits, and what rounding left counts as 0", () => {
  assert.deepEqual([0.00392, -0.001234, 1e-4, 0.01, 0, -1e-15, -3.456].map(kp.sumText),
    ["0.00392", "−0.00123", "0.000100", "0.01", "0.00", "0.00", "−3.46"]);
});

test("weights that add up to 1 give a picture", () => {
  assert.ok(kp.givesPicture(Array(3).fill(Array(3).fill(1 / 9))));
  assert.ok(kp.givesPicture([[2, -1]]));
  assert.ok(!kp.givesPicture([[1, -1]]));
  assert.ok(!kp.givesPicture([[1.001]]));
});

test("growing a kernel pads it with zeros and shrinking it keeps its centre", () => {
  const three = [[1, 2, 3], [4, 5, 6], [7, 8, 9]];
  const five = kp.resizeKernel(three, 5);
  assert.equal(five.cut, 0);
  assert.deepEqual(five.kernel[1], [0, 1, 2, 3, 0]);
  assert.deepEqual(five.kernel[4], [0, 0, 0, 0, 0]);
  assert.deepEqual(kp.resizeKernel(five.kernel, 3), { kernel: three, cut: 0 });
});

test("a kernel with even sides grows by the odd row below and to the right", () => {
  assert.deepEqual(kp.resizeKernel([[1, 2], [3, 4]], 3).kernel,
    [[1, 2, 0], [3, 4, 0], [0, 0, 0]]);
});

test("what shrinking a kernel cuts off is counted", () => {
  const five = Array.from({ length: 5 }, () => [1, 0, 2, 0, 0]);
  const { kernel, cut } = kp.resizeKernel(five, 3);
  assert.deepEqual(kernel, Array(3).fill([0, 2, 0]));
  assert.equal(cut, 7);
});

test("the sum of a kernel tells what becomes of a flat area", () => {
  const says = (sum) => kp.sumSentence([[sum, 1], [-1, 0]]);
  assert.match(says(0), /add up to 0: a flat area becomes 0/);
  assert.match(says(1), /add up to 1: a flat area keeps its brightness/);
  assert.match(says(-1), /add up to −1: .* becomes −v, and the ReLU makes that 0/);
  assert.match(says(2.5), /becomes 2\.5 v\.$/);
  assert.match(says(-3), /becomes −3 v, and the ReLU/);
  assert.match(kp.sumSentence(Array(3).fill(Array(3).fill(1 / 9))), /keeps/);
});

for (const [t, colour] of cases.colours)
  test(`a response of ${t} of the largest has colour ${colour}`, () =>
    assert.deepEqual(kp.diverging(t), colour));

test("lightness alone orders the responses from most negative to most positive", () => {
  const light = ([r, g, b]) => 0.2126 * r + 0.7152 * g + 0.0722 * b;
  for (let t = -1; t < 1; t += 0.05)
    assert.ok(light(kp.diverging(t + 0.05)) > light(kp.diverging(t)), `at ${t}`);
});

test("zero is painted mid grey whatever the range, and an all-zero map too", () => {
  const bytes = kp.paint(map([[-2, 0, 8]]), kp.diverging, 8);
  assert.deepEqual([...bytes.slice(4, 8)], [140, 140, 140, 255]);
  assert.deepEqual([...bytes.slice(8, 12)], [240, 248, 255, 255]);
  assert.deepEqual([...kp.paint(map([[0]]), kp.diverging, 0)], [140, 140, 140, 255]);
});

test("colour becomes brightness by the usual weights", () => {
  const rgba = [255, 255, 255, 255, 255, 0, 0, 255, 0, 255, 0, 255, 0, 0, 255, 255];
  assert.deepEqual([...kp.toGrey(rgba)], [255, 76, 150, 29]);
});

test("a picture of one's own is made to fit and never enlarged", () => {
  assert.deepEqual(kp.fitSize(640, 480), [160, 120]);
  assert.deepEqual(kp.fitSize(4000, 10), [160, 1]);
  assert.deepEqual(kp.fitSize(20, 30), [20, 30]);
});

test("pictures are cut from the bytes in the order of their shapes", () => {
  const bytes = Uint8Array.of(9, 9, 255, 0, 51, 102, 153, 204, 255);
  const shapes = [["a", 1, 2], ["b", 2, 2], ["c", 1, 1]];
  for (const buffer of [
    new DataView(bytes.buffer, 2), bytes.slice(2).buffer, bytes.subarray(2),
  ]) {
    const found = kp.unpack(buffer, shapes);
    assert.deepEqual([...found.keys()], ["a", "b", "c"]);
    assertClose([...found.get("b").data], [0.2, 0.4, 0.6, 0.8], "b");
    assert.deepEqual([found.get("b").height, found.get("c").data[0]], [2, 1]);
  }
});
