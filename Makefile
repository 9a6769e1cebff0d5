# The two commands: `make demo` runs the assistant on the software scanner, `make test` passes every check and test.
.PHONY: setup demo test lint format lock default-model translations

setup:
	@scripts/setup.sh dev

demo:
	@scripts/setup.sh live
	@scripts/demo.sh

# Three workers even on two cores: live tests mostly wait for real time.
test: setup lint
	@.venv/bin/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

lint: setup
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports --no-logo

format:
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

lock:
	@scripts/lock.sh

# Makes the model in assistant/models/default again, from nothing but a seed.
default-model: setup
	@scripts/make_default_model.sh

# Collects the window's texts into ui/translations/*.ts and compiles what is translated there (scripts/translations.sh).
translations: setup
	@scripts/translations.sh
