"""Keeps TensorFlow quiet about the hardware; it reads this when it is imported."""

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
