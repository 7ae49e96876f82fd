# Targets: the words after ## are what `make help` prints.
GO      ?= go
PYTHON  ?= python3
VENV    := .venv
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X healpipe/cli.version=$(VERSION)

.PHONY: help build demo test check race env fuzz bench clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

build: ## the static binary bin/healpipe
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/healpipe .

demo: build ## the whole pipeline on a small generated data set, embedded broker
	bin/healpipe demo

env: $(VENV)/.stamp ## what the tests compare with: redis-server, a pinned Python environment
	@scripts/install-test-tools.sh

$(VENV)/.stamp: tests/requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet -r tests/requirements.txt
	touch $@

test: build env ## everything that CI runs
	$(GO) vet ./...
	$(GO) test -race -timeout 60m ./...

check: ## the fast part: gofmt, vet, tests of the packages
	@test -z "$$(gofmt -l . | tee /dev/stderr)"
	$(GO) vet ./...
	$(GO) test $$($(GO) list ./... | grep -v /tests)

clean: ## remove what was built
	rm -rf bin dist demo
