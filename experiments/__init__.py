"""The long runs behind numbers that pages quote: one script a result.

Each is run as ``python -m experiments.<name>`` and writes ``results/<name>.json``.
"""
