# Every command of NimbusGuard. `make help` lists them.
SHELL := /bin/sh
NPM := npm --loglevel=error
# What running needs, and that plus what checks and tests need: half of the packages each.
RUNTIME := node_modules/.runtime-stamp
STAMP := node_modules/.full-stamp
# Whether npm has installed since the lock file changed: npm writes this file last.
INSTALLED := test node_modules/.package-lock.json -nt package-lock.json
# The project brings its own Node (optional dependencies `node-<platform>`): it comes first on PATH.
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)

.DEFAULT_GOAL := help
.PHONY: help install build local status clean check format test e2e k8s-dev k8s-watch k8s-clean forward

help: ## List the commands
	@awk 'BEGIN { FS = ":.*## " } /^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(RUNTIME): package-lock.json
	@$(INSTALLED) || $(NPM) ci --omit=dev
	@node scripts/config/node-version.js
	@touch $@

$(STAMP): package-lock.json
	@$(INSTALLED) && test -d node_modules/vitest || $(NPM) ci
	@node scripts/config/node-version.js
	@touch $(RUNTIME) $@

install: $(STAMP) ## Install the dependencies (only when the lock file changed)

build: $(RUNTIME) ## Bundle every function and report the sizes
	@node scripts/build/main.ts

local: $(RUNTIME) ## Run the whole loop on this machine; Ctrl-C stops it, no process is left
	@node scripts/local/prepare.ts
	@MALLOC_ARENA_MAX=1 exec node --optimize-for-size dist/local-loop/index.mjs

status: $(RUNTIME) ## Health, versions, replicas and the last decision; fails when something is not well
	@node scripts/status.ts

clean: $(RUNTIME) ## Stop what `make local` started; remove its state, all reports and the bundles
	@node scripts/local/clean.ts

k8s-dev: $(RUNTIME) ## Install NimbusGuard on the current kubectl context and forward its ports
	@exec node scripts/k8s/dev.ts

forward: $(RUNTIME) ## Forward the ports of a cluster installation until Ctrl-C
	@exec node scripts/k8s/forward.ts

k8s-watch: $(RUNTIME) ## Let NimbusGuard watch and act in NAMESPACE=…
	@node scripts/k8s/watch.ts "$(NAMESPACE)"

k8s-clean: $(RUNTIME) ## Restore what NimbusGuard changed on the cluster, then remove what it installed
	@node scripts/k8s/clean.ts

check: $(STAMP) ## Format, lint, types, unused code
	@$(NPM) run --silent check

format: $(STAMP) ## Rewrite the sources in the project's format
	@$(NPM) run --silent format

test: $(STAMP) ## Every test that needs Node and nothing else
	@$(NPM) run --silent test

e2e: $(STAMP) ## Browser, real processes under load, long runs
	@node scripts/build/main.ts
	@$(NPM) run --silent e2e
