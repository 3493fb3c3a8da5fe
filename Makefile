# The course's verbs. Each makes .venv first if it is missing or out of date.
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
ONE := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 \
  TF_NUM_INTRAOP_THREADS=1 TF_NUM_INTEROP_THREADS=1
# TensorFlow and torch never share a process, the comparison of the two apart.
KERAS := $(wildcard tests/keras_models tests/experiments)
BOTH := $(wildcard tests/test_parity.py)
PAGES := $(wildcard chapters/*.ipynb)
SOURCES := $(wildcard assignments/source/*/*.ipynb)
BOOK := $(BIN)/jupyter-book build . -n -W --keep-going
export PYDEVD_DISABLE_FILE_VALIDATION = 1
export JUPYTER_PLATFORM_DIRS = 1
export NO_COLOR = 1

.PHONY: help book test lab assignments bench results clean

help:  ## list the verbs
	@awk -F':.*## ' '/^[a-z]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' Makefile

$(READY): requirements.txt pyproject.toml
	@echo "Setting up $(VENV) (once; some minutes, about 4 GB on disk)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; $(PYTHON) is older."; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
	  { echo "On Debian and Ubuntu: sudo apt install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install --progress-bar off -r requirements.txt \
	  | sed -u -nE 's/^ *((Collecting|Downloading) [^ ]+|Installing|Successfully).*/\1/p'
	@echo "Packages installed"
	@$(BIN)/python -c 'import cnncourse, jupyter_book, nbgrader, torch'
	@touch $(READY)

book: $(READY)  ## run the pages and build the site
	@$(BOOK) 2>&1 | grep --line-buffered -v -E \
	  'without encryption|ParserConfig\(|====|Or paste this|^Your book|file://|^You can look|copying images|_build/html/$$|index.html$$'
	@echo "The site is ready. Open _build/html/index.html in a browser."

test: $(READY)  ## run every test: code, pages, site, JupyterLab, assignments
	@sh tests/find_browser.sh
	$(BIN)/ruff check .
	$(ONE) $(BIN)/python -m pytest -n 2 --dist loadfile -m "not browser" \
	  $(foreach part,$(KERAS) $(BOTH),--ignore=$(part))
	$(ONE) $(BIN)/python -m pytest -n 2 --dist loadfile $(KERAS)
	$(if $(BOTH),$(ONE) $(BIN)/python -m pytest $(BOTH))
	CNNCOURSE_DATA=$$(mktemp -d) CNNCOURSE_OFFLINE=1 $(ONE) \
	  $(BIN)/python -m pytest -n 2 --dist loadscope --nbval -p no:warnings \
	  $(PAGES) $(SOURCES)
	$(MAKE) --no-print-directory book
	$(BIN)/python -m pytest -m browser

lab: $(READY)  ## open JupyterLab on the chapters
	$(BIN)/jupyter lab chapters --LabApp.news_url=None

assignments: $(READY)  ## make the students' version of the assignments
	cd assignments && for name in source/*/; do ../$(BIN)/python -m nbgrader \
	  generate_assignment --force --create $$(basename $$name) || exit 1; done
	@echo "Hand out assignments/release/NAME/NAME.ipynb."

bench: $(READY)  ## time the package against PyTorch on this machine
	$(BIN)/python -m benchmarks.conv

results: $(READY)  ## list the stored results and the pages that read them
	@$(BIN)/python -m experiments.listing

clean:  ## remove what was built (the environment stays)
	rm -rf _build assignments/release .pytest_cache .ruff_cache
