# Everything a person or CI runs. `make` alone lists the targets.
PYTHON ?= python3
TARGET ?= demo
CUSTOMERS ?= 5000
SIZES ?= 10000,100000,1000000
MUTANTS ?= 100
SEED ?= 1
DATA ?= $(or $(ENGAGEMENT_REAL_DATA),../shared/data)/complete_journey

# Spark has an environment of its own: what it brings along is large, and nothing else needs it.
ifneq ($(findstring spark,$(TARGET)),)
VENV := .venv-spark
REQUIREMENTS := requirements/spark.txt
export PYTHONPATH := plugins/spark
else
VENV := .venv
REQUIREMENTS := requirements/dev.txt
endif
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DBT := $(BIN)/dbt --no-use-colors
ON_CLUSTER := $(if $(filter spark_cluster,$(TARGET)),$(BIN)/python scripts/spark_cluster.py run)
EXAMPLE := --target example --target-path target/example --vars "$$(cat examples/complete_journey/vars.yml)"

.DEFAULT_GOAL := help
.PHONY: help env demo-data build summary explain test test-all lint unit spark-env test-faults test-mutants test-spark example calibrate quality-report quality-reference bot-user-agents backfill erasure-preview compact benchmark requirements clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 19

env: $(READY) profiles.yml ## Create the environment and the profile

$(READY): $(REQUIREMENTS)
	@echo "Creating the environment in $(VENV) (once, about a minute) ..."
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
		|| { echo "Python 3.11, 3.12 or 3.13 is needed; found $$($(PYTHON) --version). Set PYTHON=python3.12, say."; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --no-deps --require-hashes -r $<
	@touch $@

profiles.yml:
	@cp profiles.example.yml $@

demo-data: $(READY) ## Make the demo's raw data anew (CUSTOMERS=5000)
	$(BIN)/python demo/generate.py --customers $(CUSTOMERS) --out data/demo --force
	@rm -f data/engagement_demo.duckdb*  # other data is no new rows of the old

data/demo/raw_crm: | $(READY)
	$(BIN)/python demo/generate.py --customers $(CUSTOMERS) --out data/demo

build: env $(if $(filter demo spark spark_cluster,$(TARGET)),data/demo/raw_crm) ## Build and check everything (TARGET=demo), then sum up
	$(ON_CLUSTER) $(DBT) build --target $(TARGET)
	@$(ON_CLUSTER) $(BIN)/python scripts/summary.py --target $(TARGET)

summary: env ## Print the last build's summary again
	@$(ON_CLUSTER) $(BIN)/python scripts/summary.py --target $(TARGET)

explain: env ## What a customer's score is made of (CUSTOMER=id)
	@$(ON_CLUSTER) $(BIN)/python scripts/explain.py $(CUSTOMER) --target $(TARGET)

test: lint build spark-env unit ## Every check: lint, dbt build with its tests, pytest, also on Spark

test-all: ## The same with 50 random histories, 20 kills and all faults (over two hours), mutants, and Spark
	@HISTORIES=50 KILLS=20 FAULTS=all $(MAKE) --no-print-directory test
	@$(MAKE) --no-print-directory test-mutants
	@$(MAKE) --no-print-directory test-spark

lint: env ## Style of SQL and Python
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@mkdir -p target
	$(BIN)/sqlfluff lint models tests analyses --processes 2 2> target/sqlfluff.log || { cat target/sqlfluff.log; exit 1; }
	$(BIN)/sqlfluff lint examples --templater raw

unit: env ## The Python tests (T="additivity or consent" picks some)
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(if $(T),-k "$(T)")

test-faults: ## Each fault in raw data, one at a time and all together (about half an hour)
	@FAULTS=all $(MAKE) --no-print-directory unit T=test_faults

test-mutants: env ## The share of defects made by rule that the tests catch (MUTANTS=100 SEED=1)
	@PYTHONPATH=tests/python $(BIN)/python tests/mutants/run.py --mutants $(MUTANTS) --seed $(SEED)

# Spark's environment where Java is found, else the reason why Spark is left out.
spark-env: env
	@if $(BIN)/python scripts/spark_needs.py java; then $(MAKE) --no-print-directory env TARGET=spark; fi

test-spark: spark-env ## Spark gives what DuckDB gives, on one machine and on clusters (needs Java 17)
	@SPARK=all $(MAKE) --no-print-directory unit T=test_spark

example: env ## The tutorial: real loyalty data into a database of its own (DATA=folder)
	@if [ -d "$(DATA)" ]; then $(MAKE) --no-print-directory example-build; \
	else echo "Skipped: no Complete Journey data in $(DATA). Say DATA=<folder>, see examples/complete_journey/README.md."; fi

.PHONY: example-build
example-build:
	@rm -rf data/complete_journey
	$(BIN)/python examples/complete_journey/land.py --data "$(DATA)" --out data/complete_journey
	$(DBT) build $(EXAMPLE) --full-refresh
	@$(BIN)/python scripts/summary.py --target example --target-path target/example
	@$(DBT) --quiet compile $(EXAMPLE) --select score_against_future_purchases > /dev/null
	@echo "How well the score ranks who buys in the days after it (AUC, and the score's lead over"
	@echo "each measure with its 95 % interval from a paired bootstrap):"
	@$(BIN)/python scripts/query.py --target example \
		target/example/compiled/engagement_scoring/analyses/score_against_future_purchases.sql

calibrate: env ## Freeze what the build fitted into seeds/calibration.csv, for review
	$(DBT) build --target $(TARGET) --vars "use_calibration: false"
	@$(BIN)/python scripts/calibrate.py --target $(TARGET)

quality-report: env ## What Great Expectations found in the last builds, as web pages (TARGET=demo)
	@$(ON_CLUSTER) $(BIN)/python scripts/quality_report.py --target $(TARGET)

quality-reference: env ## Store how the data are spread today, as what drift is measured against
	@$(ON_CLUSTER) $(BIN)/python scripts/quality_reference.py --target $(TARGET)

bot-user-agents: env ## Refresh the list of bots' user agents (VERSION=1.67.0; the newest where none is given)
	@$(BIN)/python scripts/bot_user_agents.py $(if $(VERSION),--version $(VERSION))

backfill: env ## Score history period by period (FROM=2025-06-30 TO=2026-10-31 TARGET=)
	$(BIN)/python scripts/backfill.py --from $(FROM) --to $(TO) --target $(TARGET)

benchmark: env ## Builds and increments beside hand-written SQL and pandas (SIZES=10000,100000,1000000)
	$(BIN)/python benchmarks/run.py --sizes $(SIZES)

erasure-preview: env ## What the next build would erase for whom, and what it leaves (TARGET=)
	@$(ON_CLUSTER) $(BIN)/python scripts/erasure_preview.py --target $(TARGET)

compact: env ## Copy the database into a new file, without what was deleted; clear logs (TARGET=)
	@$(BIN)/python scripts/compact.py --target $(TARGET)

requirements: ## Pin the requirements anew from pyproject.toml (needs uv)
	uv export --no-emit-project --group dev --no-annotate --no-header -o requirements/dev.txt
	uv export --no-emit-project --group dev --group spark --no-annotate --no-header -o requirements/spark.txt
	rm -f uv.lock

clean: ## Remove what builds leave, but not data or databases
	rm -rf target logs .pytest_cache .ruff_cache .hypothesis
