"""The quiz: its data are checked, its pages' quizzes are sound."""

import json
from pathlib import Path

import pytest

from cnncourse.widgets import Quiz

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "chapters" / "quizzes").glob("*.json"))
GOOD = [
    {
        "question": "1 + 1?",
        "options": [
            {"text": "2", "why": "One more than one.", "correct": True},
            {"text": "11", "why": "That joins the digits."},
        ],
    }
]


def changed(**option):
    copy = json.loads(json.dumps(GOOD))
    copy[0]["options"][1].update(option)
    return copy


def test_a_good_quiz_starts_with_no_answers():
    assert Quiz(GOOD).answers == [-1]


@pytest.mark.parametrize(
    ("questions", "message"),
    [
        ([], "non-empty"),
        ("1 + 1?", "must be a non-empty list"),
        ([{"question": "1 + 1?"}], "question 1 must have the keys"),
        ([{"question": "?", "options": GOOD[0]["options"][:1]}], "has 1 options"),
        (changed(correct=True), "question 1 has 2 correct"),
        (changed(why=" "), "'why' of '11' is empty"),
        (changed(wy="typo"), "an option needs"),
    ],
)
def test_a_faulty_quiz_is_refused_by_name(questions, message):
    with pytest.raises(ValueError, match=message):
        Quiz(questions)


def test_the_still_picture_does_not_give_the_answers_away():
    assert "One more than one" not in Quiz(GOOD)._picture


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_a_pages_quiz_has_three_to_six_sound_questions(path):
    quiz = Quiz.load(path)
    assert 3 <= len(quiz.questions) <= 6
    places = [
        next(i for i, o in enumerate(q["options"]) if o.get("correct"))
        for q in quiz.questions
    ]
    assert len(set(places)) > 1, "the right answer always stands in the same place"
