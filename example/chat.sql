--
-- The example's database: tables of a small chat, and three roles
--
-- Run by whoever installs the extension, a superuser: a foreign key to contacts is
-- made by nobody else (doc/dba.md, "Foreign keys").
--
CREATE EXTENSION idverify;

CREATE TABLE conversations (
	id			bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	contact_id	bigint NOT NULL REFERENCES idverify.contacts (id) ON DELETE CASCADE,
	started_at	timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON conversations (contact_id);

CREATE TABLE messages (
	id				bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	conversation_id	bigint NOT NULL REFERENCES conversations ON DELETE CASCADE,
	author			text NOT NULL CHECK (author IN ('visitor', 'agent')),
	body			text NOT NULL CHECK (length(body) BETWEEN 1 AND 2000),
	sent_at			timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON messages (conversation_id);

-- The application asks who a visitor is, and has its tables.  Of contacts it may read
-- all but the visitor's token, with which a browser says who it was: it is handed
-- that of whom it asks about alone.
CREATE ROLE chat_app LOGIN;
GRANT EXECUTE ON FUNCTION idverify_identify(text, jsonb, text) TO chat_app;
GRANT SELECT, INSERT (contact_id) ON conversations TO chat_app;
GRANT SELECT, INSERT (conversation_id, author, body) ON messages TO chat_app;
GRANT USAGE ON SCHEMA idverify TO chat_app;
GRANT SELECT (app_id, id, external_id, email, email_verified, name, company, phone, avatar_url,
	custom_data, shop, is_verified, verified_at, last_claim, created_at, updated_at, last_seen_at)
	ON idverify.contacts TO chat_app;

-- Agents fold contacts, and see what was folded: not the journal itself, which has
-- the visitors' tokens.
CREATE VIEW folded AS
	SELECT id, source_id, target_id, source_row ->> 'name' AS name, folded_at
	FROM idverify.folds WHERE contacts = 'idverify.contacts' AND undone_at IS NULL;
CREATE ROLE chat_agent LOGIN;
GRANT EXECUTE ON FUNCTION idverify_fold(anycompatible, anycompatible, regclass, boolean, boolean),
	idverify_unfold, idverify_resolve(anyelement, regclass) TO chat_agent;
GRANT SELECT ON folded TO chat_agent;
GRANT USAGE ON SCHEMA idverify TO chat_agent;

-- The settings page administers the app's secrets, and asks why claims fail.
CREATE ROLE chat_admin LOGIN;
GRANT EXECUTE ON FUNCTION idverify_rotate, idverify_stage, idverify_promote, idverify_revoke, idverify_reveal,
	idverify_add_signer, idverify_drop_signer, idverify_explain, idverify_doctor, idverify_coverage TO chat_admin;
GRANT USAGE ON SCHEMA idverify TO chat_admin;
GRANT SELECT ON idverify.app_status, idverify.stat_claims, idverify.stat_secrets, idverify.stat_refused TO chat_admin;
GRANT EXECUTE ON FUNCTION idverify.counting_since, idverify.claim_counts, idverify.secret_counts,
	idverify.refused_claims TO chat_admin;

-- An app's policy is a row that its owner updates.  This is what the settings page
-- may change of it, without rights on the table: require_verification refuses what
-- does not verify, instead of forgetting the claim; signs is what the next secret signs.
-- NULL where there is no such app.
CREATE FUNCTION set_policy(app_key text, require_verification boolean DEFAULT NULL, signs text DEFAULT NULL)
	RETURNS boolean
	LANGUAGE sql
	SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
		UPDATE idverify.apps a SET
			on_unverified = CASE set_policy.require_verification
				WHEN true THEN 'reject' WHEN false THEN 'drop' ELSE a.on_unverified END,
			signs = coalesce(set_policy.signs::idverify.signature, a.signs)
		WHERE a.app_key = set_policy.app_key RETURNING true
	$$;
REVOKE ALL ON FUNCTION set_policy FROM PUBLIC;
GRANT EXECUTE ON FUNCTION set_policy TO chat_admin;

-- The app of the shop.  Its secret is shown this once: dev/chat hands it to the site.
SELECT identity_secret FROM idverify_create_app('Juniper', 'shop', signed_field => 'external_id', revealable => true, confirm_rotation => true);

-- What there is to see before anybody has come: a customer's question, and a guest's.
WITH claims(claim, question, answer) AS (VALUES
	(jsonb_build_object('external_id', 'user_4713', 'name', 'Chloé Martin', 'email', 'chloe@example.com',
		'user_hash', idverify_sign('shop', 'user_4713')),
	 'Does the herb garden need a saucer?', 'No, it is watered from below. Every other day will do.'),
	('{}', 'Do you deliver to Norway?', NULL)),
asked AS (
	SELECT who.contact_id, question, answer FROM claims, idverify_identify('shop', claim) who),
begun AS (
	INSERT INTO conversations (contact_id) SELECT contact_id FROM asked RETURNING id, contact_id)
INSERT INTO messages (conversation_id, author, body)
SELECT id, author, body
FROM asked JOIN begun USING (contact_id), LATERAL (VALUES ('visitor', question), ('agent', answer)) said (author, body)
WHERE body IS NOT NULL;
