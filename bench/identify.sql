--
-- What bench/identify needs: people and visitors, the same for both ways
--
SELECT idverify_create_app('Bench', 'bench', secret => '0123456789abcdef-bench');
INSERT INTO peer_apps VALUES (1, 'bench', '0123456789abcdef-bench');

\ir conversations.sql

-- the claims that the site's servers have signed, in one table for both
CREATE TABLE claims AS
	SELECT n, jsonb_build_object('external_id', 'person-' || n, 'name', 'Person ' || n, 'email', n || '@example.org',
		'custom_data', jsonb_build_object('plan', 'pro', 'seats', n % 10),
		'user_hash', encode(hmac(('person-' || n)::bytea, '0123456789abcdef-bench'::bytea, 'sha256'), 'hex')) AS claim
	FROM generate_series(1, :people + 2 * :visitors) n;
ALTER TABLE claims ADD PRIMARY KEY (n);

\o /dev/null
SELECT count(idverify_identify('bench', claim)), count(peer_identify('bench', claim, NULL)) FROM claims WHERE n <= :people;
\o

-- somebody was seen a moment ago, however long the measurement takes
UPDATE idverify.contacts SET last_seen_at = now() + '1 day';

-- visitors with three conversations and five messages each
CREATE TABLE visitors AS
	SELECT n, i.contact_id AS contact, i.visitor AS token, gen_random_uuid() AS peer_token
	FROM generate_series(1, :visitors) n,
		idverify_identify('bench', jsonb_build_object('name', 'Visitor ' || n)) i;
ALTER TABLE visitors ADD PRIMARY KEY (n);
INSERT INTO peer_contacts (app_id, name, visitor) SELECT 1, 'Visitor ' || n, peer_token FROM visitors;
INSERT INTO conversations (contact_id) SELECT contact FROM visitors, generate_series(1, 3);
INSERT INTO messages (contact_id, body) SELECT contact, 'hello' FROM visitors, generate_series(1, 5);
INSERT INTO peer_conversations (contact_id) SELECT id FROM peer_contacts, generate_series(1, 3) WHERE NOT is_verified;
INSERT INTO peer_messages (contact_id, body) SELECT id, 'hello' FROM peer_contacts, generate_series(1, 5) WHERE NOT is_verified;


VACUUM ANALYZE;
