--
-- A chat to try idverify on: what chat products have beside their contacts
--
-- Some of it refers to contacts by foreign keys, some does not, and messages
-- are sent by contacts and by agents, told apart by a column.
--
CREATE TABLE conversations (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	contact_id bigint NOT NULL REFERENCES idverify.contacts (id) ON DELETE CASCADE,
	subject text
);
CREATE INDEX ON conversations (contact_id);

CREATE TABLE messages (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	conversation_id bigint NOT NULL REFERENCES conversations ON DELETE CASCADE,
	sender_type text NOT NULL CHECK (sender_type IN ('Contact', 'Agent')),
	sender_id bigint NOT NULL,
	body text NOT NULL
);
CREATE INDEX ON messages (conversation_id);
CREATE INDEX ON messages (sender_type, sender_id);

CREATE TABLE contact_tags (
	app_id integer NOT NULL,
	contact_id bigint NOT NULL,
	tag text NOT NULL,
	PRIMARY KEY (app_id, contact_id, tag),
	FOREIGN KEY (app_id, contact_id) REFERENCES idverify.contacts (app_id, id) ON DELETE CASCADE
);

CREATE TABLE sessions (
	id uuid DEFAULT gen_random_uuid() PRIMARY KEY,
	contact_id bigint,
	browser text
);
CREATE INDEX ON sessions (contact_id);

-- What no foreign key tells has to be told once.
SELECT idverify_add_reference('idverify.contacts', 'messages', 'sender_id', $$sender_type = 'Contact'$$);
SELECT idverify_add_reference('idverify.contacts', 'sessions', 'contact_id');

-- Somebody says something, in a conversation of their own.
CREATE FUNCTION chat(contact bigint, body text, browser text) RETURNS void LANGUAGE sql AS $$
	INSERT INTO sessions (contact_id, browser) VALUES (contact, browser);
	WITH c AS (INSERT INTO conversations (contact_id) VALUES (contact) RETURNING id)
	INSERT INTO messages (conversation_id, sender_type, sender_id, body)
		SELECT id, 'Contact', contact, body FROM c
$$;

-- Who said what, from where.
CREATE VIEW chats AS
	SELECT c.id AS contact, c.external_id, c.is_verified, m.body, s.browsers
	FROM idverify.contacts c
		LEFT JOIN LATERAL (SELECT string_agg(body, ', ' ORDER BY m.id) AS body FROM messages m
			JOIN conversations v ON v.id = m.conversation_id
			WHERE v.contact_id = c.id AND (m.sender_type, m.sender_id) = ('Contact', c.id)) m ON true
		LEFT JOIN LATERAL (SELECT string_agg(DISTINCT browser, ', ') AS browsers FROM sessions s
			WHERE s.contact_id = c.id) s ON true
	ORDER BY c.id;
