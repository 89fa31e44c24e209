# Every target works in .venv of this checkout and makes it when it is missing.
PYTHON ?= python3
BIN := .venv/bin
DATA ?= data

.PHONY: install demo browser test test-all cli-docs docs lint fix bench-oneshot bench-learning bench-accuracy bench-speed bench-search bench-compiled bench-job bench-review bench-service bench-check bench-pipelines adapter bench-adapter bench-peers clean

install: .venv/.ready

.venv/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[bundled,fast,int8,onnx,static,ray,serve,spacy,docs,dev]"
	touch $@

demo: install  ## index the example set, categorise its inbox, evaluate
	mkdir -p demo-out
	$(BIN)/textshot index examples/support/categories.csv -o demo-out/index
	$(BIN)/textshot categorize demo-out/index examples/support/inbox.csv -o demo-out/categorised.csv
	$(BIN)/textshot evaluate demo-out/index examples/support/labelled.csv
	@echo "the categorised inbox is in demo-out/categorised.csv, the index in demo-out/index"

# The page of the service is tested in a real browser: Debian's, or else the one playwright brings.
browser: install
	@command -v chromium > /dev/null || command -v google-chrome > /dev/null \
	  || { [ "$$(id -u)" = 0 ] && apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium > /dev/null; } \
	  || $(BIN)/playwright install chromium

# Two processes start with one half of the folders each and keep the order of the tests, so most
# fixtures of a module are made once. The first to finish takes over tests from the other.
test: install browser  ## the tests, offline; fails below the coverage in pyproject.toml
	$(BIN)/pytest -n 2 --dist worksteal --cov

test-all: install browser  ## the slow tests too
	$(BIN)/pytest -m ""

cli-docs: install  ## docs/cli.md, the help pages of all commands
	$(BIN)/python tests/help_pages.py

docs: install  ## the site of the guides in build/site; a broken link is an error
	$(BIN)/sphinx-build -W --keep-going -q -b html docs build/site

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench-oneshot: install  ## make bench-oneshot DATA=folder; see docs/benchmarks.md
	$(BIN)/python -m benchmarks.oneshot --data $(DATA)

bench-learning: install  ## make bench-learning DATA=folder; hours, resumes where it stopped
	$(BIN)/python -m benchmarks.learning --data $(DATA)

bench-accuracy: install  ## make bench-accuracy DATA=folder; an hour, resumes where it stopped
	$(BIN)/python -m benchmarks.accuracy --data $(DATA)

bench-speed: install  ## make bench-speed DATA=folder; minutes, on a quiet machine
	$(BIN)/python -m benchmarks.speed --data $(DATA)

bench-search: install  ## make bench-search DATA=folder; ten minutes, on a quiet machine
	$(BIN)/python -m benchmarks.search --data $(DATA)

bench-compiled: install  ## make bench-compiled DATA=folder; half an hour, resumes where it stopped
	$(BIN)/python -m benchmarks.compiled --data $(DATA)

bench-job: install  ## make bench-job DATA=folder; half an hour, resumes where it stopped
	$(BIN)/python -m benchmarks.job --data $(DATA)

bench-review: install  ## make bench-review DATA=folder; a minute, resumes where it stopped
	$(BIN)/python -m benchmarks.review --data $(DATA)

bench-check: install  ## make bench-check DATA=folder; minutes, resumes where it stopped
	$(BIN)/python -m benchmarks.check --data $(DATA)

bench-pipelines: install  ## make bench-pipelines DATA=folder; minutes, on a quiet machine
	$(BIN)/python -m benchmarks.pipelines --data $(DATA)

bench-service: install  ## make bench-service DATA=folder; an hour, on a quiet machine, resumes where it stopped
	$(BIN)/python -m benchmarks.service --data $(DATA)

adapter: install  ## make adapter DATA=folder; half an hour, resumes where it stopped
	$(BIN)/python -m benchmarks.adapter --data $(DATA)

bench-adapter: adapter  ## make bench-adapter DATA=folder; an hour, resumes where it stopped
	$(BIN)/python -m benchmarks.accuracy --data $(DATA) --adapters build/adapter

bench-peers: adapter  ## make bench-peers DATA=folder; hours, resumes where it stopped
	$(BIN)/python -m benchmarks.setfit --data $(DATA)
	$(BIN)/python -m benchmarks.fastfit --data $(DATA)

clean:
	rm -rf .venv demo-out .mypy_cache .ruff_cache .pytest_cache
