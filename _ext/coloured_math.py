r"""Give x, w and y their colours in every formula.

The course uses one letter for one thing: input x, kernel w, output y. So the formulas
are written as plain LaTeX, which JupyterLab and every other reader understands, and the
site puts the colour on: ``x_{ij}`` becomes ``{\class{cnn-x}{x}}_{ij}``.
"""

import re

from docutils import nodes

TOKEN = re.compile(
    r"(?P<keep>\\(?:text|mathrm|operatorname|mathtt|begin|end|tag|label)\*?\{[^{}]*\}"
    r"|\\[A-Za-z]+|\\.)|(?P<letter>(?<![A-Za-z])[xwy](?![A-Za-z]))"
)


def coloured(latex):
    r"""Wrap every letter x, w, y that stands alone in ``\class{cnn-…}{…}``."""

    def wrap(match):
        letter = match["letter"]
        if letter is None:
            return match[0]
        return rf"{{\class{{cnn-{letter}}}{{{letter}}}}}"  # braces: \hat x stays valid

    return TOKEN.sub(wrap, latex)


def _colour(app, doctree):
    for kind in (nodes.math, nodes.math_block):
        for node in doctree.findall(kind):
            node.children = [nodes.Text(coloured(node.astext()))]


def setup(app):
    app.connect("doctree-read", _colour)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
