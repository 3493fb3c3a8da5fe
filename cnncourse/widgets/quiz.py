"""A quiz that is marked on the page, on the website and in JupyterLab alike."""

import html
import json
from pathlib import Path

import anywidget
import traitlets

HERE = Path(__file__)


def check_questions(questions):
    """Raise a ValueError that names the first fault of a list of questions."""
    if not isinstance(questions, list) or not questions:
        raise ValueError(
            f"questions is {type(questions).__name__} and must be a non-empty list"
        )
    for number, item in enumerate(questions, 1):
        where = f"question {number}"
        if not isinstance(item, dict) or set(item) != {"question", "options"}:
            raise ValueError(f"{where} must have the keys 'question' and 'options'")
        options = item["options"]
        if not 2 <= len(options) <= 6:
            raise ValueError(f"{where} has {len(options)} options; 2 to 6 fit")
        for option in options:
            if not {"text", "why"} <= set(option) <= {"text", "why", "correct"}:
                raise ValueError(
                    f"{where}: an option needs 'text' and 'why', may have 'correct', "
                    f"and has {sorted(option)}"
                )
            if not option["why"].strip():
                raise ValueError(f"{where}: 'why' of {option['text']!r} is empty")
        right = sum(option.get("correct", False) for option in options)
        if right != 1:
            raise ValueError(f"{where} has {right} correct options; exactly 1 fits")


class Quiz(anywidget.AnyWidget):
    """Questions with one right answer each; every answer says why it is right or wrong.

    The reader picks an answer, presses *Check* and reads the reason. A wrong answer can
    be mended as often as wanted; the line at the end counts what is right so far.
    Text between backquotes is set as code.

    Args:
        questions: list of ``{"question": str, "options": [...]}``; an option is
            ``{"text": str, "why": str}`` and exactly one has ``"correct": True``.

    Raises:
        ValueError: names the question and what is wrong with it.

    Example:
        >>> Quiz([{"question": "1 + 1?", "options": [
        ...     {"text": "2", "why": "One more than one.", "correct": True},
        ...     {"text": "11", "why": "That joins the digits."}]}])  # doctest: +SKIP
    """

    _esm = HERE.with_suffix(".js").read_text(encoding="utf-8")
    _css = HERE.with_name("tokens.css").read_text(encoding="utf-8") + HERE.with_suffix(
        ".css"
    ).read_text(encoding="utf-8")
    questions = traitlets.List().tag(sync=True)
    answers = traitlets.List().tag(sync=True)
    alt = traitlets.Unicode("Quiz").tag(sync=True)
    _picture = traitlets.Unicode().tag(sync=True)

    def __init__(self, questions, **kwargs):
        check_questions(questions)
        super().__init__(
            questions=questions,
            answers=[-1] * len(questions),
            alt=f"Quiz with {len(questions)} questions",
            _picture=still(questions),
            **kwargs,
        )

    @classmethod
    def load(cls, path):
        """The quiz in a JSON file: a list of questions as the class takes it."""
        return cls(json.loads(Path(path).read_text(encoding="utf-8")))


def still(questions):
    """The questions as a plain list, for print and for pages without JavaScript."""
    items = []
    for item in questions:
        options = "".join(f"<li>{html.escape(o['text'])}</li>" for o in item["options"])
        items.append(f"<li>{html.escape(item['question'])}<ul>{options}</ul></li>")
    return f"<ol>{''.join(items)}</ol>"
