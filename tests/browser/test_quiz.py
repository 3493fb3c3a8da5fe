"""The quiz in the browser, on the site and in JupyterLab."""

import json
from pathlib import Path

import pytest

from cnncourse.widgets import Quiz

PAGE = Path(__file__).parents[2] / "chapters" / "quizzes" / "02_convolution.json"
QUESTIONS = json.loads(PAGE.read_text(encoding="utf-8"))


def right(question):
    return next(i for i, o in enumerate(question["options"]) if o.get("correct"))


def test_a_right_answer_is_told_why_and_counted(quiz):
    form = quiz.locator("form").first
    form.get_by_role("radio").nth(right(QUESTIONS[0])).check()
    form.get_by_role("button").click()
    note = form.get_by_role("status")
    assert note.inner_text().startswith("Right.")
    assert f"1 of {len(QUESTIONS)} right" in quiz.inner_text()


def test_a_wrong_answer_is_told_why_and_can_be_mended(quiz):
    form = quiz.locator("form").first
    answer = right(QUESTIONS[0])
    form.get_by_role("radio").nth(1 - min(answer, 1)).check()
    form.get_by_role("button").click()
    note = form.get_by_role("status")
    assert note.inner_text().startswith("Not quite.")
    form.get_by_role("radio").nth(answer).check()
    assert note.inner_text() == ""
    form.get_by_role("button").click()
    assert note.inner_text().startswith("Right.")


def test_checking_before_picking_asks_for_a_pick(quiz):
    form = quiz.locator("form").first
    form.get_by_role("button").click()
    assert "Pick an answer" in form.get_by_role("status").inner_text()


def test_the_keyboard_alone_answers_a_question(quiz):
    form = quiz.locator("form").first
    answer = right(QUESTIONS[0])
    form.get_by_role("radio").first.focus()
    quiz.page.keyboard.press("Space")
    for _ in range(answer):
        quiz.page.keyboard.press("ArrowDown")
    quiz.page.keyboard.press("Tab")
    quiz.page.keyboard.press("Space")
    assert form.get_by_role("status").inner_text().startswith("Right.")


@pytest.mark.parametrize("width", [300, 760])
def test_long_code_stays_inside_at_any_width(hosted, width):
    call = "`kernel_regularizer=keras.regularizers.L1L2(l1=0.00001, l2=0.0001)`"
    options = [
        {"text": f"It is {call}.", "why": f"Because of {call}.", "correct": True},
        {"text": "It is not.", "why": "It is."},
    ]
    figure = hosted(Quiz([{"question": f"What is {call}?", "options": options}]))
    figure.page.set_viewport_size({"width": width, "height": 900})
    figure.get_by_role("radio").first.check()
    figure.get_by_role("button").first.click()
    assert figure.page.evaluate("document.documentElement.scrollWidth") <= width
