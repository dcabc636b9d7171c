--
-- What identify costs, beside the hand-written peer
--
-- Variables: rounds; calls, how many a round has.  Made beforehand by
-- identify.sql.  Prints microseconds a call, net of the loop and of the commit
-- of nothing, and the bytes of WAL that a call writes.
--
CREATE TEMP TABLE figures (situation text, way text, microseconds float8, wal float8);

-- Make calls, each in a transaction of its own.
CREATE PROCEDURE measure(situation text, way text, round integer, calls integer, people integer, visitors integer)
	LANGUAGE plpgsql
	AS $$
DECLARE
	statement text := format('SELECT count(*) FROM claims c, LATERAL (SELECT %1$s AS token) v%2$s WHERE c.n = $1',
		CASE situation WHEN 'login' THEN format('(SELECT %s FROM visitors WHERE n = $2)', CASE way WHEN 'peer' THEN 'peer_token' ELSE 'token' END)
			ELSE 'NULL::uuid' END,
		CASE way WHEN 'idverify' THEN ', idverify_identify(''bench'', claim, token) i'
			WHEN 'peer' THEN ', peer_identify(''bench'', claim, token) i' ELSE '' END);
	started timestamptz;
	before pg_lsn := pg_current_wal_insert_lsn();
	person integer;
BEGIN
	EXECUTE 'PREPARE call(integer, integer) AS ' || statement;
	started := clock_timestamp();
	FOR n IN 1 .. calls LOOP
		-- known people in an order that no cache likes; new ones in theirs
		person := CASE situation WHEN 'repeated' THEN 1 + (n * 7919) % people
			WHEN 'first' THEN people + round * calls + n
			ELSE people + visitors + round * calls + n END;
		EXECUTE format('EXECUTE call(%s, %s)', person, round * calls + n);
		COMMIT;
	END LOOP;
	INSERT INTO figures VALUES (situation, way,
		extract(epoch FROM clock_timestamp() - started) * 1e6 / calls,
		(pg_current_wal_insert_lsn() - before) / calls);
	IF round = 0 THEN
		DELETE FROM figures;
	END IF;
	COMMIT;
	DEALLOCATE call;
END
$$;

-- What was written before is tidied up first, catalogs included: a reader that
-- meets it would do so, and write WAL for it.
SELECT unnest(ARRAY['VACUUM ANALYZE', 'VACUUM', 'CHECKPOINT',
		format('CALL measure(%L, %L, %s, %s, %s, %s)', situation, way, round, :calls, :people, :visitors)])
	FROM generate_series(0, :rounds) round,
		(VALUES (1, 'repeated'), (2, 'first'), (3, 'login')) s(turn, situation),
		(VALUES (1, 'nothing'), (2, 'idverify'), (3, 'peer')) w(place, way)
	ORDER BY round, turn, place
\gexec

DO $$
BEGIN
	ASSERT (SELECT count(*) = count(DISTINCT visitor) AND count(*) > 0 FROM idverify.folds), 'visitors were folded, each once';
	ASSERT (SELECT count(*) FROM idverify.folds) = (SELECT count(*) FROM visitors), 'not every visitor was folded';
END
$$;

SELECT format('identify %s %s', situation, way), greatest(0,
		percentile_cont(0.5) WITHIN GROUP (ORDER BY microseconds) -
		(SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY microseconds) FROM figures f WHERE f.situation = figures.situation AND way = 'nothing'))
	FROM figures WHERE way <> 'nothing' GROUP BY situation, way;
SELECT format('wal %s %s', situation, way), min(wal) FROM figures WHERE way <> 'nothing' GROUP BY situation, way;
