# Targets: the words after ## are what `make help` prints.
GO      ?= go
PYTHON  ?= python3
VENV    := .venv
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
COMMIT  ?= $(shell git rev-parse HEAD 2>/dev/null)
DATE    ?= @$(shell git log -1 --format=%ct 2>/dev/null || echo 0)
LDFLAGS := -s -w -X healpipe/cli.version=$(VERSION) -X healpipe/cli.revision=$(COMMIT)

# Vector code, which amd64 alone has: docs/decisions/0008-vectors.md. `make build EXPERIMENT=` leaves it out.
EXPERIMENT ?= simd

.PHONY: help build release demo test check race celerysuite env fuzz bench clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

build: ## the static binary bin/healpipe
	GOEXPERIMENT=$(EXPERIMENT) CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/healpipe .

PLATFORMS ?= linux/amd64 linux/arm64 darwin/amd64 darwin/arm64
DIST      ?= dist
release: ## archives of the program for PLATFORMS, each with an SBOM, and their checksums, in dist/
	@rm -rf $(DIST) && mkdir -p $(DIST)
	@set -e; for p in $(PLATFORMS); do \
	  os=$${p%/*}; arch=$${p#*/}; name=healpipe-$(VERSION)-$$os-$$arch; mkdir -p $(DIST)/$$name; \
	  CGO_ENABLED=0 GOOS=$$os GOARCH=$$arch GOEXPERIMENT=$(EXPERIMENT) $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(DIST)/$$name/healpipe .; \
	  $(GO) run ./internal/sbom -version '$(VERSION)' -commit '$(COMMIT)' -o $(DIST)/$$name.cdx.json $(DIST)/$$name/healpipe; \
	  cp $(DIST)/$$name.cdx.json $(DIST)/$$name/healpipe.cdx.json; \
	  cp LICENSE README.md CHANGELOG.md $(DIST)/$$name/; cp -r deploy docs $(DIST)/$$name/; \
	  tar -C $(DIST) --sort=name --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX --mtime="$(DATE)" -c $$name | gzip -n >$(DIST)/$$name.tar.gz; rm -r $(DIST)/$$name; \
	done
	@cd $(DIST) && sha256sum *.tar.gz *.cdx.json >SHA256SUMS && cat SHA256SUMS

demo: build ## the whole pipeline on a small generated data set, embedded broker
	bin/healpipe demo

env: $(VENV)/.stamp $(VENV)/xdggs/.stamp ## what the tests compare with: redis-server, a pinned Python environment
	@scripts/install-test-tools.sh

$(VENV)/.stamp: tests/requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet -r tests/requirements.txt
	touch $@

$(VENV)/xdggs/.stamp: tests/requirements-xdggs.txt $(VENV)/.stamp
	rm -rf $(VENV)/xdggs
	$(VENV)/bin/pip install --quiet --no-deps --target $(VENV)/xdggs -r tests/requirements-xdggs.txt
	touch $@

test: build env ## everything that CI runs
	$(GO) vet ./...
	$(GO) test -race -timeout 60m ./...
	cd tests/deploy && $(GO) vet . && $(GO) test .
	$(GO) test -tags safe ./internal/codec ./internal/zstd
	GOEXPERIMENT=$(EXPERIMENT) $(GO) test ./internal/codec ./regrid

check: ## the fast part: gofmt, vet, tests of the packages
	@test -z "$$(gofmt -l . | tee /dev/stderr)"
	$(GO) vet ./...
	$(GO) test $$($(GO) list ./... | grep -v /tests)

race: ## the packages under the race detector
	$(GO) test -race $$($(GO) list ./... | grep -v /tests)

celerysuite: ## Celery's own integration suite against a Go worker (10 minutes)
	tests/celerysuite/run.sh

FUZZTIME ?= 10m
fuzz: ## every fuzz target for FUZZTIME (10m) each
	@for p in $$($(GO) list ./...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$p | grep '^Fuzz'); do \
	    echo "$$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 20x $$p || exit 1; \
	  done; done

CDO := .cache/cdo
bench: build env ## ratios against CDO, libdeflate, zarr-python, zarrs, pandas, Celery (root: CDO lives in a chroot)
	@scripts/install-test-tools.sh bench
	bash tests/tools/cdo-oracle.sh $(CURDIR)/$(CDO)
	$(GO) run ./bench/regrid -cdo $(CURDIR)/$(CDO) -healpipe bin/healpipe
	$(GO) run ./bench/inflate
	$(GO) run ./bench/zarr
	GOEXPERIMENT=$(EXPERIMENT) $(GO) run ./bench/curate
	$(GO) run ./bench/index
	$(GO) run ./bench/celery

clean: ## remove what was built
	rm -rf bin dist demo
