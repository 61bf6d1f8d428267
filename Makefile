# Everything installs itself: each target first makes what it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
CHECKED := build/types

.PHONY: install demo test lint types bench protos clean

install: $(INSTALLED)

# setuptools warns that an editable install of this layout may shadow the folders' names; it does not.
$(INSTALLED): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	PYTHONWARNINGS=ignore $(BIN)/pip install --quiet --disable-pip-version-check --editable '.[record]' --group dev
	touch $@

demo: install
	@$(BIN)/mesotape demo

test: install
	$(BIN)/pytest -n 2

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# Type checkers do not follow an editable install, so a copy is installed for them.
types: install
	rm -rf build
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --target $(CHECKED) .
	$(BIN)/pyright

bench: install
	$(BIN)/python bench/run.py

# Compile the .proto files into the descriptor set that ships.
protos: install
	$(BIN)/python -m grpc_tools.protoc -Iproto --include_imports \
		--descriptor_set_out=proto/mesos.binpb $$(cd proto && find mesos -name '*.proto' | LC_ALL=C sort)

clean:
	rm -rf $(VENV) build *.egg-info
