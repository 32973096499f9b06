# make play   set up, and write a piece            make test     set up, and run all tests
# make studio   set up, and open a page to make music with
# make install   set up alone: .venv, made again only if pyproject.toml or constraints.txt change

NEW_ENOUGH = import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11 python3.14 python; do \
	$$python -c '$(NEW_ENOUGH)' 2>/dev/null && echo $$python && break; done)
READY = .venv/.ready

.PHONY: play studio test install

play: $(READY)
	@.venv/bin/bandmate generate --bars 16 --instruments piano,bass,guitar --drums --candidates 4 --out out/first

studio: $(READY)
	@.venv/bin/bandmate studio

test: $(READY)
	@.venv/bin/python -m pytest -n 2 --dist loadfile

install: $(READY)

$(READY): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "bandmate needs Python 3.11 or newer, and no such python3 was found; install one," \
		"or name it: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@echo "Setting up .venv; this takes some minutes, once." >&2
	@$(PYTHON) -m venv .venv
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[train,studio,codecs,dev]"
	@touch $@
