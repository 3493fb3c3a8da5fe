import assert from "node:assert/strict";
import test from "node:test";
import { pieces, score, verdict } from "../../cnncourse/widgets/quiz.js";

const question = {
  question: "1 + 1?",
  options: [
    { text: "2", why: "One more than one.", correct: true },
    { text: "11", why: "That joins the digits." },
  ],
};

test("text between backquotes is code", () => {
  assert.deepEqual(pieces("a `b` c"), [
    { text: "a ", code: false },
    { text: "b", code: true },
    { text: " c", code: false },
  ]);
});

test("a single backquote stays text", () => {
  assert.deepEqual(pieces("a ` b"), [{ text: "a ` b", code: false }]);
});

test("a verdict says right, wrong or asks for a pick", () => {
  assert.equal(verdict(question, 0).text, "Right. One more than one.");
  assert.equal(verdict(question, 1).state, "wrong");
  assert.equal(verdict(question, -1).state, "none");
});

test("the score counts right answers only", () => {
  assert.equal(score([question, question, question], [0, 1, -1]), 1);
});
