--
-- What a good developer would write by hand
--
-- A contacts table with the same indexes, secrets in plain text, one upsert,
-- and an UPDATE for each table that refers to contacts: no policy, no journal,
-- no way back.  Measured side by side with idverify.
--
CREATE TABLE peer_apps (
	id integer PRIMARY KEY,
	app_key text NOT NULL UNIQUE,
	secret bytea NOT NULL
);

CREATE TABLE peer_contacts (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	app_id integer NOT NULL REFERENCES peer_apps,
	external_id text,
	email text,
	name text,
	custom_data jsonb NOT NULL DEFAULT '{}',
	is_verified boolean NOT NULL DEFAULT false,
	visitor uuid,
	created_at timestamptz NOT NULL DEFAULT now(),
	last_seen_at timestamptz NOT NULL DEFAULT now(),
	UNIQUE (app_id, visitor)
);
CREATE UNIQUE INDEX ON peer_contacts (app_id, external_id) WHERE is_verified;
CREATE UNIQUE INDEX ON peer_contacts (app_id, lower(email COLLATE "C")) WHERE is_verified AND external_id IS NULL;

CREATE TABLE peer_conversations (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	contact_id bigint NOT NULL REFERENCES peer_contacts
);
CREATE INDEX ON peer_conversations (contact_id);

CREATE TABLE peer_messages (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	contact_id bigint NOT NULL REFERENCES peer_contacts,
	body text
);
CREATE INDEX ON peer_messages (contact_id);

CREATE FUNCTION peer_fold(source bigint, target bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM FROM peer_contacts WHERE id IN (source, target) ORDER BY id FOR UPDATE;
	UPDATE peer_conversations SET contact_id = target WHERE contact_id = source;
	UPDATE peer_messages SET contact_id = target WHERE contact_id = source;
	DELETE FROM peer_contacts WHERE id = source;
END
$$;

CREATE FUNCTION peer_identify(key text, claim jsonb, token uuid) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	app peer_apps;
	contact bigint;
	own bigint;
BEGIN
	SELECT * INTO app FROM peer_apps WHERE app_key = key;
	IF encode(hmac((claim->>'external_id')::bytea, app.secret, 'sha256'), 'hex') <> claim->>'user_hash' THEN
		RETURN NULL;
	END IF;

	INSERT INTO peer_contacts AS c (app_id, external_id, email, name, custom_data, is_verified)
	VALUES (app.id, claim->>'external_id', claim->>'email', claim->>'name', coalesce(claim->'custom_data', '{}'), true)
	ON CONFLICT (app_id, external_id) WHERE is_verified DO UPDATE
		SET email = coalesce(excluded.email, c.email), name = coalesce(excluded.name, c.name),
			custom_data = c.custom_data || excluded.custom_data, last_seen_at = now()
	RETURNING id INTO contact;

	IF token IS NOT NULL THEN
		SELECT id INTO own FROM peer_contacts WHERE app_id = app.id AND visitor = token AND NOT is_verified;
		IF FOUND THEN
			PERFORM peer_fold(own, contact);
		END IF;
	END IF;
	RETURN contact;
END
$$;
