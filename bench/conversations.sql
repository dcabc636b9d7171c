--
-- Two tables that refer to contacts, as a chat has them
--
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
