# The two commands are `make up` and `make test`. One profile and one target folder serve all but `size`, `bench-cold-start`
# and the SAM build, which need release binaries.

CARGO ?= cargo
# What `make up` and `make demo` hand to the program, such as ARGS="--market file:candles-BTCUSDT-1m-.csv.gz --speed 600".
ARGS ?=

.PHONY: up demo test check size bench-cold-start bench-up walk

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

# The README's walk with curl against a running `make up`, from sign-up to a fill.
walk:
	docs/examples/walk.sh
