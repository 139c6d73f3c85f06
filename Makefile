# A thin front to Meson. `make` builds build/hark; `make help` tells the rest.

PREFIX ?= /usr/local
FUZZ_SECONDS ?= 30
ORACLE_SEEDS ?= 1000-3999
# Developers' builds: a warning is an error, and the sanitizers watch.
STRICT = --werror -Dtests=true
OPTIONS =
SANITIZE = -Db_sanitize=address,undefined -Dc_args=-fno-sanitize-recover=all
STYLED = $(wildcard cli compat lib render include docs/examples tests)

all: build/build.ninja
	@meson compile -C build

help:
	@echo 'make                build build/hark'
	@echo 'make run            install what is missing, build, list the listeners of this machine'
	@echo 'make test           install what is missing, run every test, sanitizers included'
	@echo 'make install        to PREFIX ($(PREFIX)), below DESTDIR; OPTIONS: those of Meson, -D...'
	@echo 'make bench          measure against ss, netstat and lsof'
	@echo 'make kernels        run on other kernels in QEMU, which are downloaded by apt into build/kernels'
	@echo 'make fuzz           each fuzz target for FUZZ_SECONDS ($(FUZZ_SECONDS))'
	@echo 'make oracle         verdicts of random firewalls against the kernel, ORACLE_SEEDS ($(ORACLE_SEEDS))'
	@echo 'make bless          rewrite the golden files and the kept costs from those of today'
	@echo 'make lint, format   check the style; reformat the C files'
	@echo 'make deps clean     install what building and testing need; remove the build folders'

deps:
	@scripts/deps test

run:
	@scripts/deps build
	@$(MAKE) --no-print-directory all
	@build/hark || [ $$? = 1 ]
	@[ "$$(build/hark --ndjson --no-holders 2>/dev/null | wc -l)" -ge 3 ] || \
		printf '\nNot much listens here. To see what hark is for: build/hark demo\n'

test: build-asan/build.ninja build-clang/build.ninja
	@tests/run.py build-asan build-clang:unit,replay,golden,cost,cli,fuzz,examples

lint: deps
	@tests/lint/lint.py

bless: build-asan/build.ninja build-clang/build.ninja
	@HARK_BLESS=1 tests/run.py build-asan:golden,replay build-clang:cost

bench: all
	@scripts/deps test
	@HARK=build/hark tests/bench/bench.py

# What cannot be had is skipped, with the reason.
kernels: all
	@scripts/deps kernels || true
	@PATH="$$PATH:/usr/sbin:/sbin" HARK=build/hark tests/kernels/kernels.py build/kernels

# Verdicts against the kernel, for seeds that `make test` has not; as root.
oracle: all
	@HARK=build/hark tests/firewall/fuzz.py --seeds $(ORACLE_SEEDS)

fuzz: build-fuzz/build.ninja
	@scripts/fuzz build-fuzz $(FUZZ_SECONDS)

format:
	@find $(STYLED) -name '*.[ch]' -print0 | xargs -0 clang-format -i

# The prefix is also written into the pkg-config file, so a new one configures again.
install: all
	@meson configure build --prefix '$(PREFIX)' $(OPTIONS)
	@meson install -C build
	@[ -n "$(DESTDIR)" ] || [ "$$(id -u)" != 0 ] || ldconfig

clean:
	rm -rf build build-asan build-clang build-fuzz

build/build.ninja:
	@scripts/deps --check build
	@meson setup build --buildtype=release -Ddebug=true -Dtests=false --prefix '$(PREFIX)'

build-asan/build.ninja: | deps
	@CC=gcc meson setup build-asan --buildtype=debug --optimization=1 $(STRICT) $(SANITIZE)

build-clang/build.ninja: | deps
	@CC=clang meson setup build-clang --buildtype=debugoptimized $(STRICT)

# A library that clang's sanitizers watch has symbols that only the program's run time defines.
build-fuzz/build.ninja: | deps
	@CC=clang meson setup build-fuzz --buildtype=debugoptimized -Dtests=true -Dfuzz=true $(SANITIZE) \
		-Db_lundef=false

.PHONY: all help deps run test lint bless bench kernels oracle fuzz format install clean
