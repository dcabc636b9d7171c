# Makefile of idverify, a PostgreSQL extension built with PGXS

MODULE_big = idverify
EXTENSION = idverify
DATA = idverify--1.0.sql
PGFILEDESC = "idverify - verify signed visitor identities"

OBJS = idverify.o $(patsubst %.c,%.o,$(wildcard src/*/*.c))

# src/server/sqlfunc.h tells which names are not hidden.  PostgreSQL 15 leaves
# PGDLLEXPORT empty here, later releases define it as we do.
PG_CPPFLAGS = -I$(srcdir)/src -DPGDLLEXPORT='__attribute__((visibility("default")))'
PG_CFLAGS = -fvisibility=hidden -std=gnu99 -Wno-declaration-after-statement
SHLIB_LINK = -lcrypto

REGRESS = $(patsubst $(srcdir)/sql/%.sql,%,$(sort $(wildcard $(srcdir)/sql/*.sql)))
# pgcrypto, an implementation that is not ours, makes the hashes.
REGRESS_OPTS = --inputdir=$(srcdir) --encoding=UTF8 \
	--load-extension=idverify --load-extension=pgcrypto
ISOLATION = $(patsubst $(srcdir)/specs/%.spec,%,$(sort $(wildcard $(srcdir)/specs/*.spec)))
ISOLATION_OPTS = --inputdir=$(srcdir) --encoding=UTF8 --load-extension=idverify --load-extension=pgcrypto
TAP_TESTS = 1

UNIT_TESTS = $(patsubst %.c,%.test,$(wildcard test/unit/*.c))
FUZZED = $(patsubst src/core/%.c,%,$(filter $(patsubst test/fuzz/%,src/core/%,$(wildcard test/fuzz/*.c)),$(wildcard src/core/*.c)))
SEED_TESTS = $(patsubst %,test/fuzz/%.test,$(FUZZED))
EXTRA_CLEAN = $(UNIT_TESTS) $(SEED_TESTS) tmp_inst tmp_check tmp_check_ti results \
	regression.diffs regression.out output_iso log

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# PGXS does not track headers, and an object that is older than a struct it
# uses reads the struct from the wrong offsets.
$(OBJS): $(wildcard $(srcdir)/src/*/*.h)

src/core/hex.o: CFLAGS += $(CFLAGS_VECTORIZE)

# The core without a server
test/unit/%.test: test/unit/%.c $(wildcard test/unit/*.h src/core/*.[ch])
	$(CC) -std=gnu99 -Wall -Wextra -Werror -O2 -g $(COPT) -Isrc -o $@ $< $(wildcard src/core/*.c) -lcrypto

# The fuzz harnesses (dev/fuzz), fed with their seeds once; with sanitizers, where
# the compiler has them.
SANITIZE = -fsanitize=address,undefined -fno-sanitize-recover=undefined
test/fuzz/%.test: test/fuzz/%.c test/fuzz/replay.c $(wildcard src/core/*.[ch])
	sanitize='$(SANITIZE)'; \
	echo 'int main(void) { return 0; }' | $(CC) -x c $$sanitize -o /dev/null - 2> /dev/null || sanitize=; \
	$(CC) -std=gnu99 -Wall -Wextra -Werror -O1 -g $$sanitize -Isrc \
		-o $@ $< test/fuzz/replay.c $(wildcard src/core/*.c) -lcrypto

.PHONY: unit
unit: $(UNIT_TESTS) $(SEED_TESTS)
	@failed=0; for t in $(UNIT_TESTS); do echo "# $$t"; ./$$t || failed=1; done; \
	for t in $(FUZZED); do echo "# test/fuzz/seeds/$$t"; ./test/fuzz/$$t.test test/fuzz/seeds/$$t/* || failed=1; done; exit $$failed

# A file includes headers of the rooms that its own is built on, and no others.
.PHONY: check-floors
check-floors:
	@sh $(srcdir)/dev/check-floors $(srcdir)
