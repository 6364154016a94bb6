# make demo | test | test-all | notebooks | lint | docs | linkcheck. Each sets up a virtual environment in .venv first.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test test-all notebooks lint docs linkcheck clean

.venv/installed: requirements.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info[:2] <= (3, 13) else "Python 3.11 to 3.13 is needed. Received: " + sys.version.split()[0] + ". Try make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	touch .venv/installed

demo: .venv/installed
	rm -rf runs/demo
	$(BIN)/keras-gen train conditional_vae --data mnist_mini --latent-dim 4 --epochs 25 --batch-size 64 --learning-rate 0.002 --schedule cosine --verbose 2 --out runs/demo
	$(BIN)/keras-gen sample runs/demo --count 100 --seed 1 --out runs/demo/samples.png
	$(BIN)/keras-gen interpolate runs/demo --out runs/demo/interpolation.png
	$(BIN)/keras-gen evaluate runs/demo --out runs/demo/evaluation.json > runs/demo/evaluation.txt
	cat runs/demo/evaluation.txt
	@echo "Look at runs/demo: samples.png, reconstructions.png, codes.png, interpolation.png, evaluation.txt"

test: .venv/installed
	$(BIN)/python -m pytest -q -m "not extended"

test-all: test
	$(BIN)/python -m pytest -q -m extended

notebooks: .venv/installed
	$(BIN)/python benchmarks/notebooks.py

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: .venv/installed
	$(BIN)/python -m sphinx --builder html --nitpicky --fail-on-warning --keep-going --quiet docs docs/_build/html
	$(BIN)/python docs/broken.py docs/_build/html
	@echo "Open docs/_build/html/index.html"

linkcheck: .venv/installed
	$(BIN)/python -m sphinx --builder linkcheck docs docs/_build/linkcheck

clean:
	rm -rf .venv runs build dist docs/_build *.egg-info
