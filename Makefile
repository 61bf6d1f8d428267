# Everything installs itself: each target first makes what it needs.
#
#     make demo                     what a user gets, and a tour of it
#     make test                     the tools of developers too
#     make demo PYTHON=python3.13   with another Python
VENV := .venv
BIN := $(VENV)/bin
DEMO := $(VENV)/.installed-demo
DEV := $(VENV)/.installed-dev
SITE := $(VENV)/.installed-site
CHECKED := build/types
SANITIZED := build/sanitize
NATIVE := $(wildcard */*/native/*)
CLIENTS := .venv-clients
CLIENT_FILES := tests/end_to_end/clients
UV := .venv-uv
SPARK := .venv-spark
PEERS := .venv-peers
UPLOT := 1.6.32
REPORT_PAGE := cassettes/reporting/page

# The first of these that is new enough makes the virtual environments.
PYTHONS := $(or $(PYTHON),python3 python3.12 python3.13 python3.14)
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 12))

# Exact versions of everything, also of what builds the package.
PIP_INSTALL := install --quiet --disable-pip-version-check
PINNED := $(PIP_INSTALL) --constraint constraints.txt --build-constraint constraints.txt
# setuptools warns that an editable install of this layout may shadow the folders' names; it does not.
EDITABLE := PYTHONWARNINGS=ignore $(BIN)/pip $(PINNED) --editable '.[record]'

# A virtual environment is of no use if its Python is gone or too old, if it was interrupted while it
# was made, or if the folder was moved: scripts have absolute paths.
USABLE := { $(BIN)/python -c '$(NEW_ENOUGH)' && grep -qF '$(abspath $(BIN))/' $(BIN)/pip; } 2>/dev/null
STALE := $(shell test ! -e $(VENV) || { $(USABLE); } || echo FORCE)

# $(call make_venv,FOLDER) is a command that ends the shell.
define make_venv
found=; for python in $(PYTHONS); do \
	$$python -c '$(NEW_ENOUGH)' 2>/dev/null && exec $$python -m venv --clear $(1); \
	found="$$found $$python ($$($$python --version 2>/dev/null || echo missing)),"; \
done; \
echo "Python 3.12 or newer is needed, found:$${found%,}. Name one: make PYTHON=/path/to/python3.12" >&2; exit 1
endef

define make_usable_venv
@$(USABLE) || { \
	test ! -e $(VENV) || \
		echo "$(VENV): its Python is gone or older than 3.12, or the folder was moved: making it anew"; \
	$(call make_venv,$(VENV)); }
@$(BIN)/python -m pip $(PIP_INSTALL) --upgrade --constraint constraints.txt pip
endef

# Hundreds of processes start in a run of the tests: none should compile what another one has compiled.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: install demo chromium test test-oldest test-newest clients test-clients test-spark lint types sanitize bench \
	bench-quick bench-peers fuzz soak uplot protos site picture constraints upgrade clean FORCE
.NOTPARALLEL:

install: $(DEV)

$(DEMO): pyproject.toml constraints.txt $(NATIVE) $(STALE)
	$(make_usable_venv)
	$(EDITABLE)
	@touch $@

$(DEV): pyproject.toml constraints.txt $(NATIVE) $(STALE)
	$(make_usable_venv)
	$(EDITABLE) --group dev
	@touch $(DEMO) $@

demo: $(DEMO)
	@$(BIN)/mesotape demo

test: install
	$(BIN)/pytest -n 4 --dist worksteal

# The lower bounds of pyproject.toml, and the newest versions that it allows; constraints.txt has no say here.
test-oldest test-newest: test-%:
	@$(call make_venv,.venv-$*)
	.venv-$*/bin/pip $(PIP_INSTALL) --upgrade pip
	@if [ $* = oldest ]; then .venv-$*/bin/python .ci/lower_bounds.py; fi > .venv-$*/bounds.txt
	PYTHONWARNINGS=ignore .venv-$*/bin/pip $(PIP_INSTALL) --constraint .venv-$*/bounds.txt \
		--build-constraint .venv-$*/bounds.txt --editable '.[record]' --group test
	.venv-$*/bin/pip list --disable-pip-version-check
	.venv-$*/bin/pytest -n 4 --dist worksteal $(TESTS)

# Pin what pyproject.toml names and nothing pins yet; `make upgrade` takes the newest of everything.
constraints: $(UV)/.installed
	$(UV)/bin/uv pip compile --quiet --universal --python-version 3.12 --all-extras --group dev --group docs --group constraints \
		--no-python-downloads --only-binary :all: --no-binary pyspark --custom-compile-command 'make constraints, or make upgrade' \
		$(UPGRADE) --output-file constraints.txt pyproject.toml

upgrade: UPGRADE := --upgrade
upgrade: constraints

$(UV)/.installed:
	@$(call make_venv,$(UV))
	$(UV)/bin/pip $(PIP_INSTALL) --constraint constraints.txt uv
	touch $@

# Clients that others wrote, each with old packages of its own: Python and Node, and pymesos if there is Python 3.8.
clients: $(CLIENTS)/.installed $(CLIENTS)/.installed-node
	@test $(CLIENTS)/.installed-pymesos -nt $(CLIENT_FILES)/requirements-pymesos.txt || { $(install_pymesos); }

$(CLIENTS)/.installed: $(CLIENT_FILES)/requirements.txt
	@test -x $(CLIENTS)/bin/python || { $(call make_venv,$(CLIENTS)); }
	$(CLIENTS)/bin/pip $(PIP_INSTALL) --requirement $<
	touch $@

$(CLIENTS)/.installed-node: $(CLIENT_FILES)/package.json $(CLIENT_FILES)/package-lock.json $(CLIENTS)/.installed
	mkdir -p $(CLIENTS)/node
	cp $(CLIENT_FILES)/package*.json $(CLIENTS)/node
	npm ci --silent --no-audit --no-fund --prefix $(CLIENTS)/node
	touch $@

# On PATH, or of pyenv, whose command on PATH runs only the versions that are activated.
define install_pymesos
for python in python3.8 "$$HOME"/.pyenv/versions/3.8*/bin/python; do \
	"$$python" -c '' 2>/dev/null || continue; \
	"$$python" -m venv --clear $(CLIENTS)/pymesos && \
	$(CLIENTS)/pymesos/bin/pip $(PIP_INSTALL) --use-pep517 --requirement $(CLIENT_FILES)/requirements-pymesos.txt && \
	touch $(CLIENTS)/.installed-pymesos && exit; \
done; \
echo "The tests with pymesos will be skipped: it needs Python 3.8, and a C compiler" >&2
endef

# Needs Java 17 or newer; PySpark has 450 MB.
test-spark: $(SPARK)/.installed
	$(SPARK)/bin/pytest -p no:cacheprovider tests/spark

$(SPARK)/.installed: pyproject.toml constraints.txt
	@test -x $(SPARK)/bin/python || { $(call make_venv,$(SPARK)); }
	$(SPARK)/bin/python -m pip $(PIP_INSTALL) --upgrade --constraint constraints.txt pip
	PYTHONWARNINGS=ignore $(SPARK)/bin/pip $(PINNED) --editable '.[spark,query,cloud]' hypothesis pytest pytest-timeout
	touch $@

test-clients: install clients
	$(BIN)/pytest -rs -n 2 --dist loadfile tests/end_to_end/clients

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
	$(BIN)/pip $(PINNED) --no-deps --target $(CHECKED) .
	$(BIN)/pyright --project pyproject.toml

# The compiled modules with checks of memory accesses and undefined behaviour, and random input for them.
sanitize: install
	rm -rf build
	CFLAGS='-O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all' \
		$(BIN)/pip $(PINNED) --no-deps --target $(SANITIZED) .
	LD_PRELOAD="$$(cc -print-file-name=libasan.so)" ASAN_OPTIONS=detect_leaks=0 PYTHONMALLOC=malloc \
		PYTHONPATH=$(SANITIZED) MESOTAPE_RANDOM_MESSAGES=20 \
		$(BIN)/pytest -s tests/proto/messages/test_fast_conversion.py tests/proto/messages/test_plain_records.py \
			tests/cassettes/indexing/test_index.py \
			tests/cassettes/format/test_compiled_layout.py tests/cassettes/known_secrets/test_suspects.py \
			tests/cassettes/storage/test_exchange_outlines.py tests/cassettes/exchanges/test_call_rows.py \
			tests/cassettes/indexing/test_columns.py

bench: install
	$(BIN)/python bench/run.py --json build/bench.json

bench-quick: install
	$(BIN)/python bench/run.py --quick

# What the rows are compared with; WireMock's npm package has its jar, and needs Java 11.
bench-peers: $(PEERS)/.installed $(PEERS)/.installed-node

$(PEERS)/.installed: bench/other/requirements.txt
	@test -x $(PEERS)/bin/python || { $(call make_venv,$(PEERS)); }
	$(PEERS)/bin/pip $(PIP_INSTALL) --requirement $<
	touch $@

$(PEERS)/.installed-node: bench/other/package.json bench/other/package-lock.json $(PEERS)/.installed
	mkdir -p $(PEERS)/node
	cp bench/other/package*.json $(PEERS)/node
	npm ci --silent --no-audit --no-fund --prefix $(PEERS)/node
	touch $@

# The charting library of reports, as its package on npm has it, with its licence.
uplot:
	rm -rf build/uplot
	mkdir -p build/uplot
	cd build/uplot && npm pack --silent uplot@$(UPLOT) && tar xzf uplot-$(UPLOT).tgz
	cp build/uplot/package/dist/uPlot.iife.min.js $(REPORT_PAGE)/uplot.min.js
	cp build/uplot/package/dist/uPlot.min.css $(REPORT_PAGE)/uplot.min.css
	cp build/uplot/package/LICENSE $(REPORT_PAGE)/uplot.LICENSE

# A million damaged streams, which take a quarter of an hour, and 5,000 damaged cassettes.
fuzz: install
	$(BIN)/python bench/fuzz.py
	$(BIN)/python bench/fuzz_cassettes.py

# Five minutes of a recorder and a replay under hostile clients.
soak: install
	$(BIN)/python bench/soak.py

# The pages of docs/ as a site in build/site. Warnings are errors, and so are links that lead nowhere.
site: $(SITE)
	rm -rf build/site
	$(BIN)/sphinx-build --quiet --fresh-env --fail-on-warning --keep-going --nitpicky -d build/site-cache docs build/site
	@echo "build/site/index.html"

$(SITE): $(DEV)
	$(BIN)/pip $(PINNED) --group docs
	@touch $@

# The pictures of README.md and of the pages.
picture: install chromium
	$(BIN)/python docs/pictures/draw.py docs/pictures/terminal.svg
	$(BIN)/python docs/pictures/panels.py docs/pictures
	$(BIN)/python docs/pictures/pages.py docs/pictures

# Compile the .proto files into the descriptor set that ships.
protos: install
	$(BIN)/python -m grpc_tools.protoc -Iproto --include_imports \
		--descriptor_set_out=proto/mesos.binpb $$(cd proto && find mesos -name '*.proto' | LC_ALL=C sort)

clean:
	rm -rf $(VENV) $(VENV)-oldest $(VENV)-newest $(CLIENTS) $(SPARK) $(UV) $(PEERS) build *.egg-info */*/_native*.so
