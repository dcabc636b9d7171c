# PostgreSQL with idverify:
#
#	docker build -t idverify .
#	docker run -e POSTGRES_PASSWORD=... -v /path/to/ring:/etc/idverify.ring:ro idverify \
#		-c idverify.key_file=/etc/idverify.ring -c shared_preload_libraries=idverify
#
# The key ring belongs to root and is readable by the group of postgres (999), or
# belongs to postgres alone: doc/dba.md.  PG_MAJOR comes with the image.
#
# The image floats, so that building anew brings PostgreSQL's minor releases.
FROM postgres:17 AS build
RUN apt-get update && apt-get install -y --no-install-recommends gcc make libc6-dev libssl-dev "postgresql-server-dev-$PG_MAJOR"
COPY . /src
RUN make -C /src with_llvm=no PG_CONFIG="/usr/lib/postgresql/$PG_MAJOR/bin/pg_config"
RUN make -C /src with_llvm=no PG_CONFIG="/usr/lib/postgresql/$PG_MAJOR/bin/pg_config" DESTDIR=/built install

FROM postgres:17
LABEL org.opencontainers.image.title=idverify org.opencontainers.image.licenses=PostgreSQL
COPY --from=build /built /
