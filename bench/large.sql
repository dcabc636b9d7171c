--
-- bench/large: what identify, a fold and a rotation cost beside very many contacts
--
-- Variables: rounds; size, how many contacts there are; calls, how many a round
-- has.  Prints microseconds a call, net of the loop and of the commit of
-- nothing, and the gigabytes of the table and of its indexes.
--
-- People are drawn from all contacts at random, other ones in each round: most
-- are met for the first time in a session, as in a chat of that size.
--
\o /dev/null
SELECT idverify_create_app('Bench', 'bench', secret => '0123456789abcdef-bench'), idverify_create_app('Rotated', 'rotated');
SELECT setseed(0.5);
\o

-- The indexes that are not in the order of the id are built when the rows are
-- there, just as they were.
CREATE TEMP TABLE indexes AS
	SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition
	FROM pg_index WHERE indrelid = 'idverify.contacts'::regclass AND indpred IS NOT NULL;
SELECT 'DROP INDEX ' || name FROM indexes
\gexec
-- of ten contacts eight have a signed id, one a signed email alone, and one is
-- an anonymous visitor
INSERT INTO idverify.contacts (app_id, external_id, email, email_verified, name, custom_data, is_verified, verified_at, visitor, last_seen_at)
	SELECT a.id, CASE WHEN n % 10 < 8 THEN 'person-' || n END, CASE WHEN n % 10 < 9 THEN n || '@example.org' END, n % 10 = 8, 'Person ' || n,
		jsonb_build_object('plan', 'pro', 'seats', n % 10), n % 10 < 9, CASE WHEN n % 10 < 9 THEN now() END,
		CASE WHEN n % 10 = 9 THEN gen_random_uuid() END, now() + interval '1 day'
	FROM idverify.apps a, generate_series(1, :size) n WHERE a.app_key = 'bench';
SET maintenance_work_mem = '2GB';
SELECT definition FROM indexes
\gexec

CREATE TABLE conversations (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	contact_id bigint NOT NULL REFERENCES idverify.contacts (id)
);
CREATE INDEX ON conversations (contact_id);
CREATE TABLE messages (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	contact_id bigint NOT NULL REFERENCES idverify.contacts (id),
	body text
);
CREATE INDEX ON messages (contact_id);

CREATE FUNCTION signed(external_id text) RETURNS jsonb IMMUTABLE BEGIN ATOMIC
	SELECT jsonb_build_object('external_id', external_id, 'name', initcap(replace(external_id, '-', ' ')),
		'user_hash', encode(hmac(external_id::bytea, '0123456789abcdef-bench'::bytea, 'sha256'), 'hex'));
END;

-- Each call of the measurement: who is known, who is new, and two visitors with
-- three conversations and five messages, one to log in and one to be folded.
CREATE TABLE calls AS
	SELECT n, n / :calls AS round, known.id AS known, known.claim AS known_claim, first.claim AS first_claim, new.claim AS new_claim,
		a.contact_id AS visitor, a.visitor AS token, b.contact_id AS folded
	FROM generate_series(0, :calls * (:rounds + 1) - 1) n,
		LATERAL (SELECT 10 * floor(random() * (:size / 10))::bigint + 1 + n % 7 AS id) k,
		LATERAL (SELECT k.id, signed('person-' || k.id) AS claim) known,
		LATERAL (SELECT signed('first-' || n) AS claim) first, LATERAL (SELECT signed('new-' || n) AS claim) new,
		idverify_identify('bench', jsonb_build_object('name', 'Visitor ' || n)) a,
		idverify_identify('bench', jsonb_build_object('name', 'Other ' || n)) b;
ALTER TABLE calls ADD PRIMARY KEY (n);
INSERT INTO conversations (contact_id) SELECT unnest(ARRAY[visitor, folded]) FROM calls, generate_series(1, 3);
INSERT INTO messages (contact_id, body) SELECT unnest(ARRAY[visitor, folded]), 'hello' FROM calls, generate_series(1, 5);
VACUUM ANALYZE;
CHECKPOINT;

CREATE TEMP TABLE figures (what text, microseconds float8);
CREATE PROCEDURE measure(this_round integer) LANGUAGE plpgsql AS $$
DECLARE
	statements CONSTANT text[] := ARRAY[
		'nothing', 'SELECT count(*) FROM calls WHERE n = $1',
		'repeated', 'SELECT count(i.*) FROM calls, idverify_identify(''bench'', known_claim) i WHERE n = $1',
		'first', 'SELECT count(i.*) FROM calls, idverify_identify(''bench'', first_claim) i WHERE n = $1',
		'login', 'SELECT count(i.*) FROM calls, idverify_identify(''bench'', new_claim, token) i WHERE n = $1',
		'fold', 'SELECT count(f.*) FROM calls, idverify_fold(folded, known) f WHERE n = $1',
		'rotation', 'SELECT count(idverify_rotate(''rotated'', grace => ''0'')) FROM calls WHERE n = $1'];
	calls CONSTANT integer[] := ARRAY(SELECT c.n FROM calls c WHERE c.round = this_round ORDER BY n);
	started timestamptz;
	n integer;
BEGIN
	FOR s IN 1 .. cardinality(statements) BY 2 LOOP
		EXECUTE format('PREPARE %I(integer) AS %s', statements[s], statements[s + 1]);
		started := clock_timestamp();
		FOREACH n IN ARRAY calls LOOP
			EXECUTE format('EXECUTE %I(%s)', statements[s], n);
			COMMIT;
		END LOOP;
		IF this_round > 0 THEN		-- the first one warms up
			INSERT INTO figures VALUES (statements[s], extract(epoch FROM clock_timestamp() - started) * 1e6 / cardinality(calls));
		END IF;
		COMMIT;
	END LOOP;
	DEALLOCATE ALL;
END
$$;
SELECT format('CALL measure(%s)', round) FROM generate_series(0, :rounds) round
\gexec

DO $$
BEGIN
	ASSERT (SELECT count(*) FROM idverify.folds) = 2 * (SELECT count(*) FROM calls), 'not every visitor was folded';
END
$$;

SELECT format('large %s %s', what, :size), percentile_cont(0.5) WITHIN GROUP (ORDER BY microseconds)
	- (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY microseconds) FROM figures WHERE what = 'nothing')
	FROM figures WHERE what <> 'nothing' GROUP BY what;
SELECT format('large %s %s', what, :size), bytes / 1e9
	FROM (VALUES ('table', pg_table_size('idverify.contacts')), ('indexes', pg_indexes_size('idverify.contacts'))) s(what, bytes);
