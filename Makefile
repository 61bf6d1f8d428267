# Everything installs itself: each target first makes what it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
CHECKED := build/types
CLIENTS := .venv-clients

.PHONY: install demo chromium test clients test-clients lint types bench fuzz protos clean

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
	$(BIN)/pytest -n 3

# Schedulers that others wrote, Python and Node, each with old packages of its own.
clients: $(CLIENTS)/.installed

$(CLIENTS)/.installed: tests/end_to_end/clients/requirements.txt
	test -x $(CLIENTS)/bin/python || $(PYTHON) -m venv $(CLIENTS)
	$(CLIENTS)/bin/pip install --quiet --disable-pip-version-check --requirement $<
	npm install --silent --no-audit --no-fund --prefix $(CLIENTS)/node mesos-framework@0.5.3
	touch $@

test-clients: install clients
	$(BIN)/pytest tests/end_to_end/clients

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# The browser that looks at mitmweb in a test.
chromium:
	command -v chromium >/dev/null || { \
		if [ "$$(id -u)" = 0 ]; then SUDO=; else SUDO=sudo; fi; \
		$$SUDO apt-get update -qq && \
		$$SUDO apt-get install -y -qq --no-install-recommends chromium; }

# Type checkers do not follow an editable install, so a copy is installed for them.
types: install
	rm -rf build
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --target $(CHECKED) .
	$(BIN)/pyright --project pyproject.toml

bench: install
	$(BIN)/python bench/run.py

# A million damaged streams; takes a quarter of an hour.
fuzz: install
	$(BIN)/python bench/fuzz.py

# Compile the .proto files into the descriptor set that ships.
protos: install
	$(BIN)/python -m grpc_tools.protoc -Iproto --include_imports \
		--descriptor_set_out=proto/mesos.binpb $$(cd proto && find mesos -name '*.proto' | LC_ALL=C sort)

clean:
	rm -rf $(VENV) $(CLIENTS) build *.egg-info
