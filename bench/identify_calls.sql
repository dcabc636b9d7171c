--
-- What identify costs, beside the hand-written peer
--
-- Variables: rounds; calls, how many a round has.  Made beforehand by
-- identify.sql.  Prints microseconds a call, net of the loop and of the commit
-- of nothing, and the bytes of WAL that a call writes.
--
CREATE TEMP TABLE figures (situation text, way text, microseconds float8, wal float8);

-- Make calls, each in a transaction of its own: fifty of one way, fifty of the
-- next.  What slows the machine for a second slows all of them.
CREATE PROCEDURE measure(situation text, round integer, calls integer, people integer, visitors integer)
	LANGUAGE plpgsql
	AS $$
DECLARE
	ways CONSTANT text[] := ARRAY['nothing', 'idverify', 'peer'];
	batch CONSTANT integer := 50;
	spent float8[] := ARRAY[0, 0, 0];
	written numeric[] := ARRAY[0, 0, 0];
	started timestamptz;
	before pg_lsn;
	person integer;
BEGIN
	FOR w IN 1 .. 3 LOOP
		EXECUTE format('PREPARE %s(integer, integer) AS SELECT count(*) FROM claims c, LATERAL (SELECT %s AS token) v%s WHERE c.n = $1',
			ways[w],
			CASE situation WHEN 'login' THEN format('(SELECT %s FROM visitors WHERE n = $2)', CASE ways[w] WHEN 'peer' THEN 'peer_token' ELSE 'token' END)
				ELSE 'NULL::uuid' END,
			CASE ways[w] WHEN 'idverify' THEN ', idverify_identify(''bench'', claim, token) i'
				WHEN 'peer' THEN ', peer_identify(''bench'', claim, token) i' ELSE '' END);
	END LOOP;
	FOR start IN 1 .. calls BY batch LOOP
		FOR w IN 1 .. 3 LOOP
			before := pg_current_wal_insert_lsn();
			started := clock_timestamp();
			FOR n IN start .. start + batch - 1 LOOP
				-- known people in an order that no cache likes; new ones in theirs
				person := CASE situation WHEN 'repeated' THEN 1 + (n * 7919) % people
					WHEN 'first' THEN people + round * calls + n
					ELSE people + visitors + round * calls + n END;
				EXECUTE format('EXECUTE %s(%s, %s)', ways[w], person, round * calls + n);
				COMMIT;
			END LOOP;
			spent[w] := spent[w] + extract(epoch FROM clock_timestamp() - started);
			written[w] := written[w] + (pg_current_wal_insert_lsn() - before);
		END LOOP;
	END LOOP;
	-- the first round warms up
	IF round > 0 THEN
		INSERT INTO figures SELECT situation, way, seconds * 1e6 / calls, bytes / calls
			FROM unnest(ways, spent, written) f(way, seconds, bytes);
	END IF;
	COMMIT;
	DEALLOCATE ALL;
END
$$;

-- What was written before is tidied up first, catalogs included: a reader that
-- meets it would do so, and write WAL for it.
SELECT unnest(ARRAY['VACUUM ANALYZE', 'VACUUM', 'CHECKPOINT',
		format('CALL measure(%L, %s, %s, %s, %s)', situation, round, :calls, :people, :visitors)])
	FROM generate_series(0, :rounds) round,
		(VALUES (1, 'repeated'), (2, 'first'), (3, 'login')) s(turn, situation)
	ORDER BY round, turn
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
