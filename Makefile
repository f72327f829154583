# SPDX-License-Identifier: Apache-2.0
# Every entry point. `make` alone lists them.
.DEFAULT_GOAL := help
.PHONY: help setup sim linux qemu dpdk bench bench-page bench-sim test conformance regress mutants synth waves lint format model-test generate clean

PYTHON ?= python3
VENV_PYTHON := build/venv/bin/python

# Options of `make sim`; tb/sim.py says what each may be
SIM ?= verilator
TEST ?=
SEED ?= 1
QUEUES ?= 4
DATA_W ?= 64
WAVES ?=
RING ?=
SCENARIO ?=
IMAGE ?=
PCAP ?=
TRACE ?=
REPLAY ?=
# Options of `make linux`. SHELL is make's own name for the shell of recipes
BOOTS ?=
DEVICES ?=
RECORD ?=
ifeq ($(origin SHELL),command line)
GUEST_SHELL := $(SHELL)
override SHELL := /bin/sh
endif
# Option of `make qemu` beside those of `make linux`
CASES ?=
# Options of `make dpdk`: modes, packets of the capture, 0 for no comparison with the model
MODES ?=
PACKETS ?=
COMPARE ?=
# Options of `make bench`: BENCH="--quick", "--only REGEX", "--list"
BENCH ?=
# Options of `make mutants`: ids
MUTANTS ?=
# Options of `make synth`: --only WIDTH, --no-place, --accept
SYNTH ?=
# Options of pytest: PYTEST_ARGS="-k name"
PYTEST_ARGS ?=

help: ## List the targets
	@sed -nE 's/^([a-z-]+):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 20

setup: ## Install the tools under build/ (the other targets do this themselves)
	@$(PYTHON) ci/setup.py

sim: setup ## Demonstration: driver, Verilog and model compared (SIM TEST SEED QUEUES DATA_W RING WAVES SCENARIO IMAGE PCAP TRACE REPLAY)
	@$(VENV_PYTHON) -m tb.sim --sim='$(SIM)' --test='$(TEST)' --seed='$(SEED)' --queues='$(QUEUES)' \
		--data-w='$(DATA_W)' --ring='$(RING)' --waves='$(WAVES)' --scenario='$(SCENARIO)' \
		--image='$(IMAGE)' --pcap='$(PCAP)' --trace='$(TRACE)' --replay='$(REPLAY)'

linux: setup ## Boot user-mode Linux on the Verilog's disk and network (SHELL=1, DEVICES BOOTS RECORD DATA_W WAVES SEED SIM)
	@$(PYTHON) ci/setup.py linux
	@$(VENV_PYTHON) -m tb.hil.linux --sim='$(SIM)' --seed='$(SEED)' --waves='$(WAVES)' \
		--shell='$(GUEST_SHELL)' --boots='$(BOOTS)' --devices='$(DEVICES)' --record='$(RECORD)' --data-w='$(DATA_W)'

qemu: setup ## Boot Linux in QEMU on the Verilog's disk and network, split and packed rings (SHELL=1, CASES DEVICES BOOTS RECORD ...)
	@$(PYTHON) ci/setup.py linux qemu
	@$(VENV_PYTHON) -m tb.hil.qemu --sim='$(SIM)' --seed='$(SEED)' --waves='$(WAVES)' --shell='$(GUEST_SHELL)' \
		--boots='$(BOOTS)' --devices='$(DEVICES)' --record='$(RECORD)' --data-w='$(DATA_W)' --cases='$(CASES)'

dpdk: setup ## DPDK's driver on the Verilog's network device, packets out and back compared (MODES PACKETS COMPARE WAVES SEED SIM)
	@$(PYTHON) ci/setup.py dpdk
	@$(VENV_PYTHON) -m tb.hil.dpdk --sim='$(SIM)' --seed='$(SEED)' --waves='$(WAVES)' --modes='$(MODES)' \
		--packets='$(PACKETS)' --compare='$(COMPARE)'

bench: setup ## Throughput and latency in cycles beside the limit of the bus: tables, plots, verdict (BENCH)
	@$(PYTHON) ci/setup.py bench || echo 'going on without plots'
	@$(VENV_PYTHON) -m tb.measure.command $(BENCH)

bench-page: setup ## Write the figures of the last whole `make bench` into the pages that show them
	@$(VENV_PYTHON) -m tb.measure.command --page

test: lint ## Lint, model tests, RTL and system tests on both simulators (PYTEST_ARGS)
	@$(PYTHON) ci/setup.py linux || echo 'going on: the tests with a Linux guest will fail'
	@$(VENV_PYTHON) -m pytest -n auto --dist worksteal $(PYTEST_ARGS)

conformance: setup ## Run the tests that cite clauses or show rules; write docs/conformance.md
	@$(VENV_PYTHON) -m pytest -n auto --dist worksteal --conformance

bench-sim: ## Speed of the co-simulation, beside AxiRam and beside a bare C++ loop
	@$(PYTHON) ci/setup.py axiram
	@$(VENV_PYTHON) -m tb.speed.command

regress: setup ## The matrix of ci/matrix.toml, in parallel (options in REGRESS_ARGS); then QEMU and DPDK as by their targets
	@$(PYTHON) ci/setup.py linux qemu dpdk
	@$(VENV_PYTHON) -m ci.regress $(REGRESS_ARGS)
	@$(VENV_PYTHON) -m tb.hil.dpdk --seed='$(SEED)'
	@$(VENV_PYTHON) -m tb.hil.qemu --seed='$(SEED)'

mutants: setup ## Plant the faults of ci/mutants.toml in the RTL, each of which a test must find; MUTANTS="id ..."
	@$(VENV_PYTHON) -m ci.mutants $(MUTANTS)

synth: ## Area and clock of the engine on an ECP5, by module (SYNTH="--only 64 --no-place")
	@$(PYTHON) ci/setup.py synth
	@$(VENV_PYTHON) -m ci.synth $(SYNTH)

waves: setup ## Open the last run's waves, or say how to
	@$(VENV_PYTHON) -m tb.waves

lint: setup ## Every module through three tools, all Python through ruff and mypy; any message fails
	@$(VENV_PYTHON) -m ci.lint

format: setup ## Format the Python code
	@$(VENV_PYTHON) -m ruff format . && $(VENV_PYTHON) -m ruff check --fix .

generate: setup ## Generate the Verilog headers and pages that come from pymodel
	@$(VENV_PYTHON) -m ci.generate

model-test: setup ## Tests of the golden model alone (no simulator)
	@$(VENV_PYTHON) -m pytest -n auto tests/model $(PYTEST_ARGS)

clean: ## Remove everything that was built, tools included
	rm -rf build
