--
-- What bench/load needs: people who have been there, the same for both ways
--
SELECT idverify_create_app('Load', 'load', secret => '0123456789abcdef-load');
INSERT INTO peer_apps VALUES (1, 'load', '0123456789abcdef-load');

CREATE TABLE conversations (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	contact_id bigint NOT NULL REFERENCES idverify.contacts (id),
	person bigint NOT NULL
);
CREATE INDEX ON conversations (contact_id);
ALTER TABLE peer_conversations ADD COLUMN person bigint NOT NULL;

-- what the site's server has signed
CREATE FUNCTION claim_of(n bigint) RETURNS jsonb LANGUAGE sql STABLE
	RETURN jsonb_build_object('external_id', 'person-' || n, 'name', 'Person ' || n,
		'custom_data', jsonb_build_object('plan', 'pro', 'seats', n % 10),
		'user_hash', encode(hmac(('person-' || n)::bytea, '0123456789abcdef-load'::bytea, 'sha256'), 'hex'));
CREATE TABLE claims AS SELECT n, claim_of(n) AS claim FROM generate_series(1, 10000) n;
ALTER TABLE claims ADD PRIMARY KEY (n);

-- each number comes twice: two requests for one new person at a time
CREATE SEQUENCE new_people START 40000;
CREATE SEQUENCE new_peer_people START 40000;

SELECT count(idverify_identify('load', claim)), count(peer_identify('load', claim, NULL)) FROM claims;
VACUUM ANALYZE;
