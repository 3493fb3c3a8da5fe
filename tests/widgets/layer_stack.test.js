// The layer stack's pure functions, with the numbers that Python is tested with.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import * as stack from "../../cnncourse/widgets/layer_stack.js";

const shared = JSON.parse(
  readFileSync(new URL("layer_stack_cases.json", import.meta.url), "utf8"));
const find = (name) => shared.cases.find((one) => one.name === name);

for (const { name, input_shape, layers, table, cell, sentence, misfit } of shared.cases) {
  const rows = stack.walk(input_shape, layers);
  test(`${name}: shapes, costs and fields`, () => {
    const got = rows.slice(1).map(({ multiplyAdds, ...row }) =>
      ({ ...row, multiply_adds: multiplyAdds }));
    assert.deepEqual(got, table);
  });
  test(`${name}: the sentences`, () => {
    assert.equal(stack.fieldText(rows, layers, rows.length - 1, cell), sentence);
    assert.equal(stack.misfitText(rows, layers), misfit);
  });
  test(`${name}: what leads to an output lies in its field and touches both ends`, () => {
    rows.forEach((row, n) => [1, 2].forEach((axis) => {
      for (let at = 0; at < row.shape[axis]; at++) {
        const seen = stack.reach(rows, layers, n, axis, at)[0];
        const [low, high] = stack.span(row, at);
        assert.ok(seen.every((i) => i >= Math.max(low, 0) && i <= high));
        if (low >= 0 && high < rows[0].shape[axis])
          assert.deepEqual([seen[0], seen.at(-1)], [low, high]);
      }
    }));
  });
  test(`${name}: the middle of a field finds its output again`, () => {
    rows.forEach((row) => {
      for (let i = 0; i < Math.min(row.shape[1], row.shape[2]); i++) {
        const middle = row.centre + i * row.jump + 0.5; // from the edge of the first pixel
        assert.deepEqual(stack.nearestCell(row, [middle, middle]), [i, i]);
      }
      assert.deepEqual(stack.nearestCell(row, [-1e6, 1e6]), [0, row.shape[2] - 1]);
    });
  });
}

test("the presets are the stacks that the cases count", () => {
  assert.equal(stack.PRESETS.length, 5);
  shared.presets.forEach((name, n) =>
    assert.deepEqual(stack.PRESETS[n].layers, find(name).layers));
});

test("three 3 × 3 have the field of one 7 × 7, with fewer weights and products", () => {
  const [three, one] = ["three 3 × 3", "one 7 × 7"].map((name) =>
    stack.walk(find(name).input_shape, find(name).layers));
  assert.equal(three.at(-1).field, one.at(-1).field);
  assert.deepEqual([stack.totals(three), stack.totals(one)], [[30, 15624], [50, 23716]]);
});

test("the workings end in the table's numbers", () => {
  for (const { input_shape, layers, table } of shared.cases) {
    const rows = stack.walk(input_shape, layers);
    table.forEach((row, n) => {
      const lines = Object.fromEntries(stack.workings(rows, layers, n + 1));
      const ends = { height: row.shape[1], width: row.shape[2], field: row.field,
        jump: row.jump };
      if (layers[n].kind === "conv") Object.assign(ends,
        { parameters: row.parameters, "multiply-adds": row.multiply_adds });
      for (const [name, value] of Object.entries(ends)) {
        const [sum, result] = lines[name].replaceAll(",", "").split(" = ");
        assert.equal(Number(result), value, lines[name]);
        const code = sum.replaceAll("·", "*").replaceAll("−", "-")
          .replace("⌊", "Math.floor(").replace("⌋", ")");
        assert.equal(new Function(`return ${code}`)(), value, lines[name]);
      }
    });
  }
  const tight = find("a window too large");
  const rows = stack.walk(tight.input_shape, tight.layers);
  assert.deepEqual(stack.workings(rows, tight.layers, 3),
    [["height", "⌊(4 + 2·0 − 5)/1⌋ + 1 = 0"], ["width", "⌊(3 + 2·0 − 5)/1⌋ + 1 = −1"]]);
});

test("an edited stack is Custom until it is left, then it is kept by number", () => {
  const lenet = stack.PRESETS[0].layers;
  const mine = lenet.with(0, { ...lenet[0], size: 4 });
  assert.equal(stack.choices(lenet, [], lenet).now, 0);
  assert.equal(stack.choices(lenet, [], lenet).all.length, 5);
  const edited = stack.choices(mine, [], lenet);
  assert.deepEqual([edited.all[edited.now].name, edited.now], ["Custom", 5]);
  const left = stack.choices(lenet, [mine], lenet);
  assert.deepEqual([left.now, left.all.at(-1).name], [0, "Custom 1"]);
  const given = stack.choices(mine, [], mine);
  assert.deepEqual([given.now, given.all[0].name], [0, "as given on this page"]);
});

test("stacks are the same only with the same kinds and numbers in the same order", () => {
  const [a, b] = stack.PRESETS[0].layers;
  assert.ok(stack.sameStack([a, b], [{ ...a }, { ...b }]));
  assert.ok(!stack.sameStack([a, b], [b, a]));
  assert.ok(!stack.sameStack([a], [a, b]));
  assert.ok(!stack.sameStack([a], [{ ...a, pad: 1 }]));
  assert.ok(!stack.sameStack([b], [{ ...a, size: 2, stride: 2 }]));
});

test("numbers and layers are written for people", () => {
  for (const [value, text] of shared.numbers) assert.equal(stack.formatNumber(value), text);
  for (const [layer, text] of shared.texts) assert.equal(stack.layerText(layer), text);
});

test("neighbouring indices are joined to runs", () => {
  assert.deepEqual(stack.runs([0, 1, 2, 5, 7, 8]), [[0, 2], [5, 5], [7, 8]]);
  assert.deepEqual(stack.runs([]), []);
});
