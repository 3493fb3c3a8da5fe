// The pure functions of FeatureMaps, with the numbers that the Python test reads.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import * as fm from "../../cnncourse/widgets/feature_maps.js";

const cases = JSON.parse(readFileSync(new URL("feature_maps_cases.json", import.meta.url)));
const { net } = cases;

/** The traits that Python would send, at an odd offset in their buffer. */
function sent() {
  const names = Object.keys(net.layers);
  const shapeOf = (a) => (Array.isArray(a) ? [a.length, ...shapeOf(a[0])] : []);
  const numbers = names.flatMap((name) => net.codes[name]);
  const bytes = new DataView(new ArrayBuffer(1 + net.bytes.length + 2 * numbers.length), 1);
  net.bytes.forEach((v, k) => bytes.setUint8(k, v));
  numbers.forEach((v, k) => bytes.setInt16(net.bytes.length + 2 * k, v, true));
  const layers = names.map((name) => ({ name, shape: shapeOf(net.layers[name]),
    decimals: net.decimals[name], field: net.fields[name] ?? null }));
  return fm.unpack(bytes, [1, 3, 4], layers);
}
const { picture, layers } = sent();
const layer = (name) => layers.find((one) => one.name === name);

test("picture and codes come out of the bytes as they went in", () => {
  assert.deepEqual([...picture.data], net.bytes);
  for (const one of layers) assert.deepEqual([...one.codes], net.codes[one.name]);
  assert.deepEqual(layers.map(({ dense }) => dense), [false, false, true, true, false]);
  assert.deepEqual(layers.map(({ signed }) => signed), [true, true, false, true, true]);
});

test("peak and top are the largest size and value of each map", () => {
  const { peak, top } = layer("whole");
  assert.deepEqual([peak, top], [[3], [3]]);
  assert.deepEqual(layer("maps").peak[1], 0);
  assert.deepEqual(layer("big").peak, [5000, 0.25, 0, 1]);
});

for (const [code, decimals, text] of cases.values)
  test(`code ${code} with ${decimals} decimals is ${text}`, () =>
    assert.equal(fm.valueText(code, decimals), text));

for (const { field, cell, pixels: [H, W], text } of cases.fields)
  test(text, () => assert.equal(fm.fieldText(field, cell, { H, W }), text));

for (const [name, map, cell, said] of net.sentences)
  test(said, () => assert.equal(fm.sentence(layer(name), map, cell, picture), said));

test("the values below 0 that are the lowest are called so", () => {
  const one = layer("maps");
  const map = 0;
  const k = [...one.codes].slice(0, 20).indexOf(-one.peak[0]);
  if (k >= 0)
    assert.match(fm.sentence(one, map, [Math.floor(k / 5), k % 5], picture), /the lowest value/);
  const lone = { ...layer("whole"), codes: Int16Array.from([1, -4, 2, 0]), peak: [4], top: [2] };
  assert.match(fm.sentence(lone, 0, [0, 1], picture), /−4, the lowest value of this map\./);
  assert.match(fm.sentence(lone, 0, [1, 0], picture), /: 2, the largest value of this map\./);
});

for (const one of layers) {
  test(`${one.name}: order by strength, or by number`, () => {
    assert.deepEqual(fm.order(one, true), net.order[one.name]);
    assert.deepEqual(fm.order(one, false), net.order[one.name].toSorted((a, b) => a - b));
  });
  test(`${one.name}: ${net.zero_text[one.name]}`, () => {
    assert.equal(fm.zeroText(one), net.zero_text[one.name]);
    assert.deepEqual(one.peak.flatMap((v, k) => (v === 0 ? [k] : [])), net.zero[one.name]);
  });
}

test("counts of zero maps are worded for none, some and all", () => {
  const say = (peak, dense = false) => fm.zeroText({ K: peak.length, peak, dense });
  assert.equal(say([0, 0, 1]), "2 of 3 maps are zero everywhere.");
  assert.equal(say([0, 0]), "All 2 maps are zero everywhere.");
  assert.equal(say([0]), "The only map is zero everywhere.");
  assert.equal(say([1], true), "No number is zero.");
});

test("the loudest map at a place has the largest size there", () => {
  const a = net.layers.maps;
  for (const [i, j] of [[0, 0], [2, 3], [3, 4]]) {
    const sizes = a.map((map) => Math.abs(map[i][j]));
    assert.equal(fm.loudest(layer("maps"), [i, j]), sizes.indexOf(Math.max(...sizes)));
  }
});

test("a span is clipped to the picture and what is outside is counted", () => {
  assert.deepEqual(fm.spread([5, 2, -2], 3), [4, 8]);
  assert.deepEqual(fm.clip([4, 8], 28), { inside: [4, 8], outside: 0 });
  assert.deepEqual(fm.clip([-2, 2], 28), { inside: [0, 2], outside: 2 });
  assert.deepEqual(fm.clip([-9, 40], 28), { inside: [0, 27], outside: 22 });
  assert.deepEqual(fm.clip([-3, -2], 28), { inside: [], outside: 2 });
});

test("another layer is entered at the same part of the picture", () => {
  const conv = { h: 28, w: 28, field: [5, 1, -2] };
  const pool = { h: 14, w: 14, field: [6, 2, -2] };
  const deep = { h: 7, w: 7, field: [16, 4, -6] };
  assert.deepEqual(fm.follow([23, 14], conv, pool), [11, 7]);
  assert.deepEqual(fm.follow([11, 7], pool, deep), [5, 3]);
  assert.deepEqual(fm.follow([0, 27], conv, deep), [0, 6]);
  assert.deepEqual(fm.follow([5, 3], deep, { h: 28, w: 28, field: null }), [22, 14]);
  for (let i = 0; i < 14; i++) { // the centres are never further apart than half a jump
    const [k] = fm.follow([i, i], pool, deep);
    const centre = (field, n) => (fm.spread(field, n)[0] + fm.spread(field, n)[1]) / 2;
    const gap = Math.abs(centre(deep.field, k) - centre(pool.field, i));
    assert.ok(gap <= 2 || k === 0 || k === 6, `row ${i} goes to ${k}, ${gap} pixels away`);
  }
});

test("maps are grey from 0, or coloured on both sides of grey", () => {
  const plain = { ...layer("big"), dense: false, K: 2, h: 1, w: 2, peak: [5000, 1], most: 5000 };
  assert.deepEqual([...fm.paint(plain, 0, false)], [255, 255, 255, 255, 0, 0, 0, 255]);
  assert.deepEqual([...fm.paint(plain, 1, false)].slice(4, 7), [255, 255, 255]);
  assert.deepEqual([...fm.paint(plain, 1, true)].slice(4, 7), [0, 0, 0]); // 1 of 5000
  const both = layer("whole"); // 1, −2, 3, 0
  const at = (k) => [...fm.paint(both, 0, false)].slice(4 * k, 4 * k + 3);
  assert.deepEqual(at(2), fm.diverging(1));
  assert.deepEqual(at(1), fm.diverging(-2 / 3));
  assert.deepEqual(at(3), [140, 140, 140]);
});

test("a map of zeros is painted evenly, not divided by 0", () => {
  const rgba = [...fm.paint(layer("maps"), 1, false)];
  assert.deepEqual(new Set(rgba.filter((_, k) => k % 4 === 0)), new Set([140]));
});

test("columns fit the width and never fall below one", () => {
  assert.deepEqual([1, 4, 9, 10, 32, 37, 64].map((n) => fm.columnsFor(n, 700)),
    [2, 2, 3, 4, 6, 8, 8]);
  assert.equal(fm.columnsFor(64, 290), 5);
  assert.equal(fm.columnsFor(64, 20), 1);
});

for (const [text, most, value] of [["7", 9, 7], [" 0 ", 9, 0], ["9", 9, 9], ["10", 9, NaN],
  ["-1", 9, NaN], ["1.5", 9, NaN], ["", 9, NaN], ["x", 9, NaN], ["1e1", 99, NaN]])
  test(`"${text}" among 0 to ${most} is ${value}`, () => assert.equal(fm.readPlace(text, most), value));

test("the roomiest sentence is at least as long as any other", () => {
  const room = fm.roomiest(layers, picture).length;
  for (const one of layers)
    for (let map = 0; map < one.K; map++)
      for (let i = 0; i < one.h; i++)
        for (let j = 0; j < one.w; j++)
          assert.ok(fm.sentence(one, map, [i, j], picture).length <= room);
});
