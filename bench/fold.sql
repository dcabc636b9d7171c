--
-- bench/fold: the same folds, with a journal and by hand
--
-- Each round folds contacts that no other round touches.
--
\set small 200
SELECT idverify_create_app('Bench', 'bench') \g /dev/null
INSERT INTO peer_apps VALUES (1, 'bench', 'none');

\ir conversations.sql

-- in each round 1 contact with 100,000 messages, :small ones with a few, and as
-- many targets
CREATE TABLE work AS
	SELECT round, n, 1000 * (1000 * round + n) AS source, 1000 * (1000 * round + n) + 1 AS target
	FROM generate_series(0, :rounds) round, generate_series(0, :small) n;
INSERT INTO idverify.contacts (app_id, id) SELECT 1, unnest(ARRAY[source, target]) FROM work;
INSERT INTO peer_contacts (app_id, id) OVERRIDING SYSTEM VALUE SELECT 1, unnest(ARRAY[source, target]) FROM work;
INSERT INTO messages (contact_id, body) SELECT source, 'hello' FROM work, generate_series(1, CASE n WHEN 0 THEN 100000 ELSE 5 END);
INSERT INTO conversations (contact_id) SELECT source FROM work, generate_series(1, 3) WHERE n > 0;
INSERT INTO peer_messages (contact_id, body) SELECT source, 'hello' FROM work, generate_series(1, CASE n WHEN 0 THEN 100000 ELSE 5 END);
INSERT INTO peer_conversations (contact_id) SELECT source FROM work, generate_series(1, 3) WHERE n > 0;
VACUUM ANALYZE;

CREATE TEMP TABLE figures (size integer, way text, milliseconds float8);

CREATE PROCEDURE measure(way text, this_round integer, large boolean) LANGUAGE plpgsql AS $$
DECLARE
	started timestamptz;
	pair work;
	folds integer := 0;
BEGIN
	-- read the pairs first, so that this is not measured
	PERFORM FROM work w WHERE w.round = this_round;
	started := clock_timestamp();
	FOR pair IN SELECT * FROM work w WHERE w.round = this_round AND (w.n = 0) = large LOOP
		IF way = 'idverify' THEN
			PERFORM idverify_fold(pair.source::bigint, pair.target::bigint);
		ELSE
			PERFORM peer_fold(pair.source, pair.target);
		END IF;
		folds := folds + 1;
		COMMIT;
	END LOOP;
	IF this_round > 0 THEN
		INSERT INTO figures VALUES (large::integer, way,
			extract(epoch FROM clock_timestamp() - started) * 1000 / folds);
	END IF;
	COMMIT;
END
$$;

SELECT format('CALL measure(%L, %s, %L)', way, round, large)
	FROM generate_series(0, :rounds) round, (VALUES ('idverify'), ('peer')) w(way), (VALUES (true), (false)) l(large)
	ORDER BY round, large DESC, way
\gexec

-- nothing was left behind, either way
SELECT count(*) = 0 AS moved FROM messages JOIN work ON contact_id = source \gset
\if :moved
\else
	\echo 'messages were left behind'
	\quit
\endif

SELECT CASE size WHEN 1 THEN 'fold large ' ELSE 'fold small ' END || way,
	percentile_cont(0.5) WITHIN GROUP (ORDER BY milliseconds)
	FROM figures GROUP BY size, way;
