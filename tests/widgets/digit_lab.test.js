// The pure functions of DigitLab, with the numbers that the Python test reads.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import * as dl from "../../cnncourse/widgets/digit_lab.js";

const cases = JSON.parse(readFileSync(new URL("digit_lab_cases.json", import.meta.url)));
const picture = (value) => Float64Array.from({ length: 784 }, (_, k) => value(Math.floor(k / 28), k % 28));
const inBlock = (i, j) => i >= 5 && i <= 20 && j >= 8 && j <= 17;
const x = picture((i, j) => (inBlock(i, j) ? ((7 * i + 3 * j + i * j) % 11) / 10 : 0));
const small = picture((i, j) =>
  (i >= 2 && i < 7 && j >= 20 && j < 23 ? x[(i + 4) * 28 + j - 11] : 0));
const line = picture((i, j) => (i === 25 && j >= 1 && j < 27 ? 1 : 0));
const pictures = { x, small, line };

function close(found, wanted, room = 1e-9) {
  assert.equal(found.length, wanted.length);
  wanted.forEach((v, k) => assert.ok(Math.abs(found[k] - v) <= room * Math.max(1, Math.abs(v)),
    `${k}: ${found[k]} is not ${v}`));
}
function agrees(y, { sums, row }) {
  const sum = (f) => y.reduce((a, v, k) => a + f(v, Math.floor(k / 28), k % 28), 0);
  close([sum((v) => v), sum((v, i) => v * i), sum((v, i, j) => v * j), sum((v) => v * v)], sums);
  close([...y.slice(13 * 28, 14 * 28)], row);
}

for (const c of cases.moved)
  test(`a picture moved agrees with the oracle: ${JSON.stringify(c.move)}`, () =>
    agrees(dl.moved(x, c.move), c));

for (const c of cases.centred)
  test(`ink is centred as the oracle does: ${c.name}`, () => agrees(dl.centred(pictures[c.picture]), c));

test("centring what is centred changes nothing, and an empty board stays empty", () => {
  const once = dl.centred(x);
  close([...dl.centred(once)], [...once]);
  assert.equal(dl.centred(new Float64Array(784)).some((v) => v !== 0), false);
});

const array = (w) => ({
  data: Float32Array.from(w.flat(9)),
  shape: w[0].length ? [w.length, w[0].length, ...(w[0][0].length ? [w[0][0].length, w[0][0][0].length] : [])] : [w.length],
});
const input = { data: Float32Array.from(cases.input.flat(9)), shape: [2, 6, 7] };
for (const c of cases.layers) {
  const layer = { ...c.layer, ...(c.w ? { w: array(c.w), b: array(c.b) } : {}) };
  test(`a layer agrees with the oracle: ${c.name}`, () => {
    const y = dl.KINDS[layer.kind].run(layer, input);
    assert.deepEqual(y.shape, [c.y.length, c.y[0].length, c.y[0][0].length]);
    close([...y.data], c.y.flat(9), 1e-6);
  });
  test(`what explains a number leads to that number: ${c.name}`, () => {
    const y = dl.KINDS[layer.kind].run(layer, input), [K, H, W] = y.shape;
    for (let k = 0; k < K; k++)
      for (let i = 0; i < H; i++)
        for (let j = 0; j < W; j++) {
          const found = dl.explain([layer], [input], 1, [k, i, j], 1);
          close([found.value], [y.data[(k * H + i) * W + j]], 1e-6);
          if (found.channels) close([found.channels.reduce((a, b) => a + b) + found.bias], [found.total], 1e-12);
          if (found.products) close([found.products.flat().reduce((a, b) => a + b)], [found.channels[1]], 1e-12);
          if (found.largest) assert.equal(found.patch[found.largest[0]][found.largest[1]], found.value);
          if (found.terms) {
            close([found.terms.reduce((a, t) => a + t.product, 0) + found.rest + found.bias], [found.total], 1e-9);
            const sizes = found.terms.map((t) => Math.abs(t.product));
            assert.deepEqual(sizes, [...sizes].sort((a, b) => b - a));
          }
        }
  });
}

test("a window over the edge shows zeros there and says which are outside", () => {
  const c = cases.layers.find((one) => one.layer.pad === 1);
  const found = dl.explain([{ ...c.layer, w: array(c.w), b: array(c.b) }], [input], 1, [0, 0, 0]);
  assert.deepEqual(found.outside, [[true, true], [true, false], [true, false]]);
  assert.deepEqual(found.patch[0], [0, 0]);
  assert.deepEqual(found.window, { map: 0, row: -1, column: -1, height: 3, width: 2 });
});

for (const [bits, value] of cases.halves)
  test(`the half ${bits.toString(16)} is ${value}`, () => assert.equal(dl.half(bits), value));

test("a packed network gives the shares that Keras gives", () => {
  const { weights, layers, shares } = cases.network;
  const bytes = Uint8Array.from([...new Uint8Array(784).fill(7), ...Buffer.from(weights, "hex")]);
  const shifted = new Uint8Array(bytes.length + 3); // a view that starts elsewhere
  shifted.set(bytes, 3);
  const view = new DataView(shifted.buffer, 3);
  const { pictures: [grey], networks: [net] } = dl.unpack(view, 1, [{ name: "small", layers }]);
  assert.equal(grey[783], 7);
  const given = [x, dl.centred(small), line, dl.moved(x, { right: 4, down: -3, angle: 20, scale: 1.1 })];
  given.forEach((one, n) =>
    shares[n].forEach((p, k) => {
      const found = dl.softmax(dl.forward(net.layers, one).at(-1).data);
      assert.ok(Math.abs(found[k] - p) < 1e-5, `picture ${n}, class ${k}: ${found[k]} is not ${p}`);
    }));
});

test("a kind of layer that is not known is refused by name", () => {
  const layers = [{ kind: "capsule" }];
  assert.throws(() => dl.unpack(new Uint8Array(784).buffer, 1, [{ name: "n", layers }]), /“capsule” is no kind.*conv, pool/);
  assert.throws(() => dl.forward([{ kind: "toString" }], x), /no kind of layer/);
});

test("softmax bears large logits", () => close(dl.softmax([1000, 1000, 0]), [0.5, 0.5, 0]));

test("the brush inks a line, only adds, and rubs out again", () => {
  const board = new Uint8Array(784), at = (b, i, j) => b[i * 28 + j];
  const drawn = dl.brush(board, [5.5, 5.5], [5.5, 15.5]);
  assert.equal(board.some((v) => v), false, "the board given is not touched");
  for (let j = 5; j <= 15; j++) assert.equal(at(drawn, 5, j), Math.round(255 * 1));
  assert.equal(at(drawn, 6, 10), Math.round(255 * 0.7));
  assert.equal(at(drawn, 8, 10), 0);
  assert.equal(at(drawn, 5, 18), 0);
  assert.deepEqual(dl.brush(drawn, [5.5, 7], [5.5, 9]), drawn);
  assert.equal(dl.brush(drawn, [5.5, 3], [5.5, 18], true).some((v) => v), false);
  const dot = dl.brush(board, [9.5, 9.5], [9.5, 9.5]);
  assert.equal(at(dot, 10, 10), Math.round(255 * (1.7 - Math.SQRT2)));
  assert.equal(dl.brush(dot, [9.5, 9.5], [9.5, 9.5], true).some((v) => v), false);
  assert.deepEqual(dl.fromHex(dl.toHex(drawn)), drawn);
  assert.equal(dl.fromHex("").some((v) => v), false);
});

for (const [p, words] of cases.shares)
  test(`a share of ${p} reads ${words}`, () =>
    assert.equal(dl.shareText(p).replace("\u00a0", " "), words));

test("the sentence names every answer and who is wrong", () => {
  const shares = (best, p) => Array.from({ length: 10 }, (_, k) => (k === best ? p : (1 - p) / 9));
  const told = (...a) => dl.sentence(...a).replaceAll("\u00a0", " ");
  const two = [{ name: "dense", shares: shares(8, 0.61) }, { name: "CNN", shares: shares(3, 0.99) }];
  assert.equal(told(two, 3), "dense: 8 with 61 %; CNN: 3 with 99 %. The digit is a 3: “dense” is wrong.");
  assert.match(told(two, 5), /all are wrong/);
  assert.match(told([two[1]], 3), /that is right/);
  assert.match(told([two[1]], 4), /that is wrong/);
  assert.equal(told(two, null), "dense: 8 with 61 %; CNN: 3 with 99 %.");
  assert.match(told(two, null, true), /^The board is empty/);
});

test("numbers and moves are written with true minus signs and no false zero", () => {
  assert.deepEqual([0, -0.5, 0.00312, -12.34, 123.4, 1e-9].map(dl.numberText),
    ["0", "−0.50", "0.0031", "−12.3", "123", "0"]);
  assert.deepEqual([[3, "right"], [-45, "angle"], [0, "down"], [0.6, "scale"]].map(([v, n]) => dl.moveText(v, n).replace("\u00a0", " ")),
    ["+3 px", "−45°", "0 px", "× 0.60"]);
});

test("a place on the screen leads to the cell drawn there", () => {
  for (const shape of [[8, 24, 24], [32, 7, 7], [64, 1, 1], [1, 28, 28]])
    for (const room of [230, 332, 554]) {
      const at = dl.layout(shape, room);
      assert.ok(at.width <= room, `${shape} in ${room}: ${at.width}`);
      for (let k = 0; k < shape[0]; k++) {
        const cell = [k, shape[1] - 1, k % shape[2]];
        const box = dl.blockAt(at, { map: k, row: cell[1], column: cell[2], height: 1, width: 1 });
        assert.deepEqual(dl.cellAt(at, shape, box.left + box.width / 2, box.top + box.height / 2), cell);
      }
    }
  assert.deepEqual(dl.cellAt(dl.layout([3, 4, 4], 300), [3, 4, 4], 9999, 9999), [2, 3, 3]);
});
