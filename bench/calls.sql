--
-- Calls to measure, a few hundred in turns with those of another database
--
-- Variables: size, how many contacts app "bench" has, whose ids are 1 and so on; calls,
-- how many a round makes of each kind; rounds.
--
-- People are drawn from all contacts at random, other ones in each round: most
-- are met for the first time in a session, as in a chat of that size.
--
CREATE FUNCTION signed(external_id text) RETURNS jsonb IMMUTABLE BEGIN ATOMIC
	SELECT jsonb_build_object('external_id', external_id, 'name', initcap(replace(external_id, '-', ' ')),
		'user_hash', encode(hmac(external_id::bytea, '0123456789abcdef-bench'::bytea, 'sha256'), 'hex'));
END;

-- Each call of a round: who is known, who is new, and two visitors, one to log in
-- and one to be folded.
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

-- Microseconds a call of one kind, in one round.  The session is a new one: its
-- first calls warm it up, and are not counted.
CREATE PROCEDURE measure(this_round integer, what text, INOUT microseconds float8 DEFAULT NULL) LANGUAGE plpgsql AS $$
DECLARE
	calls CONSTANT integer[] := ARRAY(SELECT c.n FROM calls c WHERE c.round = this_round ORDER BY n);
	warming CONSTANT integer := cardinality(calls) / 10;
	started timestamptz;
BEGIN
	EXECUTE format('PREPARE call(integer) AS %s', CASE what
		WHEN 'nothing' THEN 'SELECT count(*) FROM calls WHERE n = $1'
		WHEN 'repeated' THEN 'SELECT count(i.*) FROM calls, idverify_identify(''bench'', known_claim) i WHERE n = $1'
		WHEN 'first' THEN 'SELECT count(i.*) FROM calls, idverify_identify(''bench'', first_claim) i WHERE n = $1'
		WHEN 'login' THEN 'SELECT count(i.*) FROM calls, idverify_identify(''bench'', new_claim, token) i WHERE n = $1'
		WHEN 'fold' THEN 'SELECT count(f.*) FROM calls, idverify_fold(folded, known) f WHERE n = $1'
		WHEN 'rotation' THEN 'SELECT count(idverify_rotate(''rotated'', grace => ''0'')) FROM calls WHERE n = $1' END);
	FOR i IN 1 .. cardinality(calls) LOOP
		IF i = warming + 1 THEN
			started := clock_timestamp();
		END IF;
		EXECUTE format('EXECUTE call(%s)', calls[i]);
		COMMIT;
	END LOOP;
	microseconds := extract(epoch FROM clock_timestamp() - started) * 1e6 / (cardinality(calls) - warming);
END
$$;
