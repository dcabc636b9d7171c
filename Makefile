# Makefile of idverify, a PostgreSQL extension built with PGXS
#
# PG_CONFIG says for which PostgreSQL; without it, the pg_config on the path.

PG_CONFIG ?= pg_config

# Tests that need no server to be there: dev/test brings all of it.  PGXS has a
# rule of the same name, to say that there is no such thing.
ifeq ($(MAKECMDGOALS),check)
.PHONY: check
check:
	@list='$(subst ','\'',$(MAKEFILE_LIST))'; "$$(dirname -- "$${list# }")/dev/test"
# What a release is given out as: for PGXN, and for those who make a package of it.
# By the version of META.json, from what is committed.
else ifeq ($(MAKECMDGOALS),dist)
.PHONY: dist
version := $(shell git show HEAD:META.json | sed -n 's/^\t"version": "\(.*\)",/\1/p')
dist:
	git archive --format=zip --prefix='idverify-$(version)/' -o 'idverify-$(version).zip' HEAD
	git archive --format=tar.gz --prefix='postgresql-idverify-$(version:.0=)/' -o 'postgresql-idverify_$(version:.0=).orig.tar.gz' HEAD
else

MODULE_big = idverify
EXTENSION = idverify
DATA = idverify--1.0.sql
PGFILEDESC = "idverify - verify signed visitor identities"

OBJS = idverify.o $(patsubst $(srcdir)/%.c,%.o,$(wildcard $(srcdir)/src/*/*.c))

# src/server/sqlfunc.h tells which names are not hidden.  PostgreSQL 15 leaves
# PGDLLEXPORT empty here, later releases define it as we do.
PG_CPPFLAGS = -I$(srcdir)/src -DPGDLLEXPORT='__attribute__((visibility("default")))'
PG_CFLAGS = -fvisibility=hidden -std=gnu99 -Wno-declaration-after-statement
SHLIB_LINK = -lcrypto

# What only makes it fast can be left out, to see that it is right without:
# IDVERIFY_WITHOUT='index_lookup token_batch', say, or all.
OPTIMISATIONS = key_check_skip index_lookup journal_head token_batch
LEFT_OUT := $(if $(filter all,$(IDVERIFY_WITHOUT)),$(OPTIMISATIONS),$(IDVERIFY_WITHOUT))
ifneq (,$(filter-out $(OPTIMISATIONS),$(LEFT_OUT)))
$(error IDVERIFY_WITHOUT takes any of $(OPTIMISATIONS), or all)
endif
PG_CPPFLAGS += $(patsubst %,-DIDV_WITHOUT_%,$(shell echo '$(LEFT_OUT)' | tr a-z A-Z))

REGRESS = $(patsubst $(srcdir)/sql/%.sql,%,$(sort $(wildcard $(srcdir)/sql/*.sql)))
# pgcrypto, an implementation that is not ours, makes the hashes.
REGRESS_OPTS = --inputdir=$(srcdir) --encoding=UTF8 \
	--load-extension=idverify --load-extension=pgcrypto
ISOLATION = $(patsubst $(srcdir)/specs/%.spec,%,$(sort $(wildcard $(srcdir)/specs/*.spec)))
ISOLATION_OPTS = --inputdir=$(srcdir) --encoding=UTF8 --load-extension=idverify --load-extension=pgcrypto
TAP_TESTS = 1

UNIT_TESTS = $(patsubst $(srcdir)/%.c,%.test,$(wildcard $(srcdir)/test/unit/*.c))
FUZZED = $(filter $(patsubst $(srcdir)/test/fuzz/%.c,%,$(wildcard $(srcdir)/test/fuzz/*.c)),$(CORE))
SEED_TESTS = $(patsubst %,test/fuzz/%.test,$(FUZZED))
EXTRA_CLEAN = $(UNIT_TESTS) $(SEED_TESTS) tmp_built_for tmp_core tmp_inst tmp_output tmp_check tmp_check_ti results \
	regression.diffs regression.out output_iso log

# pgxs.mk comes with PostgreSQL's client, the headers with a package of their own.
PGXS := $(shell $(PG_CONFIG) --pgxs 2> /dev/null)
ifeq (,$(PGXS))
$(error There is no $(PG_CONFIG). Name one as PG_CONFIG=...; on Debian: apt-get install postgresql-server-dev-all)
endif
ifneq (yes,$(shell test -e "$$($(PG_CONFIG) --includedir-server)/postgres.h" && echo yes))
$(error $(PG_CONFIG) has no server headers. Name another as PG_CONFIG=...; on Debian: apt-get install \
	postgresql-server-dev-$(shell $(PG_CONFIG) --version | sed 's/[^0-9]*\([0-9]*\).*/\1/'))
endif
include $(PGXS)

# PGXS does not track headers, and an object that is older than a struct it
# uses reads the struct from the wrong offsets.  Nor does it see that an object
# is for another PostgreSQL, or compiled by other flags.
BUILT_FOR := $(shell $(PG_CONFIG) --version --includedir-server) $(CC) $(COPT) $(LEFT_OUT)
BUILT = $(OBJS) $(OBJS:.o=.bc)
$(BUILT): $(wildcard $(srcdir)/src/*/*.h) tmp_built_for
# Outside the source folder, the rooms have to be made.
.PHONY: FORCE
tmp_built_for: FORCE
	@mkdir -p $(sort $(dir $(OBJS)))
	@echo '$(BUILT_FOR)' | cmp -s - $@ || echo '$(BUILT_FOR)' > $@

src/core/hex.o: CFLAGS += $(CFLAGS_VECTORIZE)

# The tests of SQL make roles, settings and databases, and secrets: as a superuser,
# on a server that has a key ring.  That of dev/test is brought along.
.PHONY: installcheck-server
installcheck: installcheck-server
installcheck-server:
ifneq (,$(strip $(REGRESS) $(ISOLATION)))
ifeq (,$(findstring --temp-instance,$(EXTRA_REGRESS_OPTS)))
	@ring=$$('$(bindir)/psql' -XAtq -d postgres -c "LOAD 'idverify'" -c 'SHOW idverify.key_file') && \
	[ -n "$$ring" ] || { echo "make installcheck needs a running server where this user is a superuser, with" \
	"idverify and pgcrypto installed and idverify.key_file set to a key ring; dev/test starts one of its own." >&2; exit 1; }
endif
endif

# The core without a server, compiled once for all of its tests
CORE = $(patsubst $(srcdir)/src/core/%.c,%,$(wildcard $(srcdir)/src/core/*.c))
UNIT_CFLAGS = -std=gnu99 -Wall -Wextra -Werror -O2 -g $(COPT) -I$(srcdir)/src
tmp_core/%.o: src/core/%.c $(wildcard $(srcdir)/src/core/*.h) tmp_built_for
	@mkdir -p $(@D)
	$(CC) $(UNIT_CFLAGS) -c -o $@ $<
test/unit/%.test: test/unit/%.c $(wildcard $(srcdir)/test/unit/*.h) $(CORE:%=tmp_core/%.o)
	@mkdir -p $(@D)
	$(CC) $(UNIT_CFLAGS) -o $@ $(filter-out %.h,$^) -lcrypto

# The fuzz harnesses (dev/fuzz), fed with their seeds once; with sanitizers, where
# the compiler has them.
SANITIZE = -fsanitize=address,undefined -fno-sanitize-recover=undefined
HAS_SANITIZE = $(shell echo 'int main(void) { return 0; }' | $(CC) -x c $(SANITIZE) -o /dev/null - 2> /dev/null && echo yes)
FUZZ_CFLAGS = -std=gnu99 -Wall -Wextra -Werror -O1 -g $(if $(HAS_SANITIZE),$(SANITIZE)) -I$(srcdir)/src
tmp_core/sanitized/%.o: src/core/%.c $(wildcard $(srcdir)/src/core/*.h) tmp_built_for
	@mkdir -p $(@D)
	$(CC) $(FUZZ_CFLAGS) -c -o $@ $<
test/fuzz/%.test: test/fuzz/%.c test/fuzz/replay.c $(CORE:%=tmp_core/sanitized/%.o)
	@mkdir -p $(@D)
	$(CC) $(FUZZ_CFLAGS) -o $@ $^ -lcrypto

.PHONY: unit
unit: $(UNIT_TESTS) $(SEED_TESTS)
	@failed=0; for t in $(UNIT_TESTS); do echo "# $$t"; ./$$t || failed=1; done; \
	for t in $(FUZZED); do echo "# test/fuzz/seeds/$$t"; ./test/fuzz/$$t.test $(srcdir)/test/fuzz/seeds/$$t/* || failed=1; done; exit $$failed

# A file includes headers of the rooms that its own is built on, and no others.
.PHONY: check-floors
check-floors:
	@sh $(srcdir)/dev/check-floors $(srcdir)

endif
