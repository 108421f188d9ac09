# The two commands are `make up` and `make test`. One profile and one target folder serve all but `size`, `bench-cold-start`
# and the SAM build, which need release binaries.

CARGO ?= cargo
# What `make up` and `make demo` hand to the program, such as ARGS="--market file:candles-BTCUSDT-1m-.csv.gz --speed 600".
ARGS ?=
# Where tools are kept, as in `.ci/run`.
CACHE = $(or $(SHEARPIN_CI_CACHE),$(HOME)/.cache/shearpin-ci)

.PHONY: up demo test check openapi contract size bench-cold-start bench-up bench-timing bench-hash walk requirements pages mutants races

# Runs the whole product on this machine until Ctrl-C.
up:
	$(CARGO) run -p shearpin -- up $(ARGS)

# Tells the owner's story and the thief's and fails when a promise does not hold.
demo:
	$(CARGO) run -p shearpin -- demo $(ARGS)

# Every test: unit, property, golden vectors, conformance of the embedded services, stories, tidy, documentation.
test:
	$(CARGO) test --workspace

# What the gate runs, in its order.
check:
	.ci/run

# Writes docs/openapi.json and the pages of docs/problems from the code.
openapi:
	$(CARGO) run -p tests --bin write-contract

# Asks a running product everything that the contract allows and much that it does not (schemathesis).
contract:
	tests/contract/run.sh

# Release binaries of all functions; fails when one is 12 MB or more.
size:
	$(CARGO) build --release $$(ls functions | sed 's/^/-p function-/')
	python3 infra/measure_size.py target/release $$(ls functions)

# Milliseconds from the start of a function's process to its first `next`, under a Runtime API of our own.
bench-cold-start:
	$(CARGO) build --release $$(ls functions | sed 's/^/-p function-/')
	python3 infra/cold_start.py target/release $$(ls functions)

# Milliseconds from the start of `shearpin up` to its first answer, and market minutes per second.
bench-up:
	$(CARGO) build -p shearpin
	cli/benches/up.sh

# Our password hash against the reference implementation in C, in turns: milliseconds and ratio; fails above 0.7 (G12).
bench-hash:
	$(CARGO) bench -p account --bench hash --no-run
	[ -x "$(CACHE)/argon2/bin/python3" ] || python3 -m venv --without-pip "$(CACHE)/argon2"
	python3 -m pip --python "$(CACHE)/argon2/bin/python3" install --quiet --disable-pip-version-check argon2-cffi==25.1.0
	"$(CACHE)/argon2/bin/python3" infra/hash_speed.py $(CARGO) bench --quiet -p account --bench hash

# Whether the time of a refused sign-in tells a known address from an unknown one: effect size over 1,000 samples each (LG-1).
bench-timing:
	$(CARGO) bench --profile dev -p tests --bench login_timing

# Writes docs/requirements.md and docs/asvs.md with the results of a run of all tests, or of the log of one: LOG=target/gate-test.log.
requirements:
	[ -n "$(LOG)" ] || $(CARGO) test --workspace --no-fail-fast > target/requirements-test.log 2>&1 || true
	PAGES_FROM_LOG="$(abspath $(or $(LOG),target/requirements-test.log))" PAGES_DATE="$$(date -u +%F)" $(CARGO) test -q -p tests --test tidy _is_what_the_sources_give

# Writes the same pages from the sources alone; results that stand on them stay.
pages:
	PAGES_FROM_LOG= $(CARGO) test -q -p tests --test tidy _is_what_the_sources_give

# Changes one thing at a time in the rules of accounts and in the session layer, and shows which change no test notices.
mutants:
	infra/mutants.sh $(ARGS)

# Runs every test of things that happen at once 20 times in a row; ARGS=3 for three times.
races:
	CARGO="$(CARGO)" tests/races.sh $(ARGS)

# The README's walk with curl against a running `make up`, from sign-up to a fill.
walk:
	docs/examples/walk.sh
