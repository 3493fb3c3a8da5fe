"""The examples in the docstrings give what they say."""

import doctest
import importlib
from pathlib import Path

import numpy as np
import pytest

import cnncourse.numpy_nn as nn

MODULES = [p.stem for p in Path(nn.__file__).parent.glob("[a-z]*.py")]


@pytest.mark.parametrize("name", MODULES)
def test_examples_give_what_they_say(name):
    module = importlib.import_module(f"cnncourse.numpy_nn.{name}")
    failed, _ = doctest.testmod(module, extraglobs={"np": np})
    assert failed == 0
