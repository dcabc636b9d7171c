-- The schema of a support product: many accounts in one database, people who write by
-- chat, mail and messengers, and not one foreign key, as its framework checks them
-- itself.  What is a contact's is told by columns of ids, and by pairs of a type and an
-- id.  sql/fold_support_schema.sql folds contacts in it, in a schema that it has made.
SET search_path = support, public;

CREATE TABLE accounts (id bigserial PRIMARY KEY, name text NOT NULL, locale text DEFAULT 'en', settings jsonb NOT NULL DEFAULT '{}');
CREATE TABLE users (id bigserial PRIMARY KEY, email text UNIQUE, name text, encrypted_password text, ui_settings jsonb DEFAULT '{}');
CREATE TABLE account_users (id bigserial PRIMARY KEY, account_id bigint NOT NULL, user_id bigint NOT NULL, role int NOT NULL DEFAULT 0,
	UNIQUE (account_id, user_id));
CREATE TABLE teams (id bigserial PRIMARY KEY, account_id bigint NOT NULL, name text NOT NULL, UNIQUE (account_id, name));
CREATE TABLE inboxes (id bigserial PRIMARY KEY, account_id bigint NOT NULL, name text NOT NULL, channel_type text NOT NULL);
CREATE TABLE companies (id bigserial PRIMARY KEY, account_id bigint NOT NULL, name text NOT NULL, domain text);

CREATE TABLE contacts (
	id						bigserial PRIMARY KEY,
	account_id				bigint NOT NULL,
	name					text DEFAULT '',
	last_name				text DEFAULT '',
	email					text,
	phone_number			text,
	identifier				text,
	company_id				bigint,
	referred_by_id			bigint,
	blocked					boolean NOT NULL DEFAULT false,
	additional_attributes	jsonb DEFAULT '{}',
	custom_attributes		jsonb DEFAULT '{}',
	preferences				json,
	encrypted_password		text NOT NULL DEFAULT '',
	reset_password_token	text UNIQUE,
	pubsub_token			text UNIQUE,
	last_activity_at		timestamp,
	created_at				timestamp NOT NULL DEFAULT '2026-01-01',
	updated_at				timestamp NOT NULL DEFAULT '2026-01-01'
);
CREATE UNIQUE INDEX ON contacts (account_id, lower(email));
CREATE UNIQUE INDEX ON contacts (account_id, phone_number);
CREATE UNIQUE INDEX ON contacts (account_id, identifier);

-- how a contact is reached by an inbox
CREATE TABLE contact_inboxes (id bigserial PRIMARY KEY, contact_id bigint NOT NULL, inbox_id bigint NOT NULL, source_id text NOT NULL,
	hmac_verified boolean DEFAULT false, UNIQUE (inbox_id, source_id), UNIQUE (contact_id, inbox_id));
CREATE TABLE conversations (id bigserial PRIMARY KEY, account_id bigint NOT NULL, display_id int NOT NULL, inbox_id bigint NOT NULL,
	contact_id bigint, contact_inbox_id bigint, assignee_id bigint, team_id bigint, status int NOT NULL DEFAULT 0,
	additional_attributes jsonb DEFAULT '{}', UNIQUE (account_id, display_id));
CREATE INDEX ON conversations (contact_id);
CREATE TABLE messages (id bigserial PRIMARY KEY, account_id bigint NOT NULL, conversation_id bigint NOT NULL,
	sender_type text, sender_id bigint, content text, private boolean NOT NULL DEFAULT false);
CREATE INDEX ON messages (sender_type, sender_id);
CREATE TABLE attachments (id bigserial PRIMARY KEY, record_type text NOT NULL, record_id bigint NOT NULL, name text NOT NULL, key text NOT NULL,
	UNIQUE (record_type, record_id, name, key));
CREATE TABLE notes (id bigserial PRIMARY KEY, account_id bigint NOT NULL, contact_id bigint NOT NULL, user_id bigint, content text);
CREATE TABLE csat_responses (id bigserial PRIMARY KEY, account_id bigint NOT NULL, conversation_id bigint NOT NULL, message_id bigint NOT NULL UNIQUE,
	contact_id bigint NOT NULL, rating int NOT NULL);

CREATE TABLE labels (id bigserial PRIMARY KEY, account_id bigint NOT NULL, title text NOT NULL, UNIQUE (account_id, title));
CREATE TABLE tags (id serial PRIMARY KEY, name text NOT NULL UNIQUE, taggings_count int DEFAULT 0);
CREATE TABLE taggings (id serial PRIMARY KEY, tag_id int NOT NULL, taggable_type text NOT NULL, taggable_id int NOT NULL, context text NOT NULL,
	UNIQUE (tag_id, taggable_id, taggable_type, context));
CREATE TABLE mentions (id bigserial PRIMARY KEY, message_id bigint NOT NULL, mentioned_type text NOT NULL, mentioned_id bigint NOT NULL);
CREATE TABLE participants (id bigserial PRIMARY KEY, conversation_id bigint NOT NULL, participant_type text NOT NULL, participant_id bigint NOT NULL,
	UNIQUE (conversation_id, participant_type, participant_id));
CREATE TABLE subscriptions (id bigserial PRIMARY KEY, subscriber_type text NOT NULL, subscriber_id bigint NOT NULL, endpoint text NOT NULL UNIQUE);
CREATE TABLE notifications (id bigserial PRIMARY KEY, user_id bigint NOT NULL, primary_actor_type text, primary_actor_id bigint,
	secondary_actor_type text, secondary_actor_id bigint);
CREATE TABLE campaigns (id bigserial PRIMARY KEY, account_id bigint NOT NULL, title text NOT NULL);
CREATE TABLE campaign_deliveries (campaign_id bigint NOT NULL, contact_id bigint NOT NULL, opened boolean, PRIMARY KEY (campaign_id, contact_id));
CREATE TABLE reporting_events (id bigserial PRIMARY KEY, account_id bigint NOT NULL, name text NOT NULL, conversation_id bigint, contact_id bigint, value float8);
CREATE TABLE audits (id bigserial PRIMARY KEY, auditable_type text, auditable_id bigint, associated_type text, associated_id bigint,
	action text NOT NULL, audited_changes jsonb);
CREATE TABLE custom_filters (id bigserial PRIMARY KEY, user_id bigint NOT NULL, filter_type text NOT NULL, query jsonb NOT NULL);
CREATE TABLE access_tokens (id bigserial PRIMARY KEY, owner_type text NOT NULL, owner_id bigint NOT NULL, token text NOT NULL UNIQUE);

--
-- Two accounts.  Ann is three contacts of the first: 10 from the shop's own login, 11 from
-- its chat and 12 from a messenger.  Contact 13 is somebody else, 20 another account's.
-- The user 11 is no contact.
--
INSERT INTO accounts (id, name) VALUES (1, 'Shop'), (2, 'Bakery');
INSERT INTO users (id, email, name, encrypted_password) VALUES (11, 'agent@shop.example', 'Agent', 'x');
INSERT INTO account_users (account_id, user_id) VALUES (1, 11);
INSERT INTO teams (id, account_id, name) VALUES (1, 1, 'sales');
INSERT INTO inboxes (id, account_id, name, channel_type) VALUES (1, 1, 'Website', 'web'), (2, 1, 'Mail', 'email'), (3, 1, 'Messenger', 'messenger'), (9, 2, 'Website', 'web');
INSERT INTO companies (id, account_id, name) VALUES (5, 1, 'Acme');

INSERT INTO contacts (id, account_id, name, email, phone_number, identifier, company_id, referred_by_id, additional_attributes, custom_attributes, preferences,
		encrypted_password, reset_password_token, pubsub_token, last_activity_at, created_at) VALUES
	(10, 1, 'Ann', NULL, '+49301', 'shop-4711', NULL, NULL, '{"city": "Berlin", "social": {"web": "", "mail": "a"}}', '{"plan": "pro", "seats": null}',
		'{"mail": false}', '', NULL, 'pubsub-10', NULL, '2025-03-01'),
	(11, 1, 'anne', 'ann@example.com', '+49302', NULL, 5, 13, '{"city": "Potsdam", "browser": {"name": "x"}, "social": {"web": "w"}}', '{"plan": "free", "seats": 3}',
		'{"mail": true, "chat": true}', 'hers', 'reset-11', 'pubsub-11', '2025-05-05', '2025-02-01'),
	(12, 1, '', 'ann@work.example', NULL, NULL, NULL, 11, '{"browser": {"name": "y", "os": "z"}}', '{"tier": 2}', NULL, 'other', NULL, 'pubsub-12', '2025-06-06', '2025-04-01'),
	(13, 1, 'Bob', 'bob@example.com', NULL, NULL, NULL, 11, '{}', '{}', NULL, 'his', NULL, 'pubsub-13', NULL, '2025-01-01'),
	(20, 2, 'Ann', NULL, NULL, 'b-1', NULL, NULL, '{}', '{}', NULL, '', NULL, 'pubsub-20', NULL, '2025-01-01');

INSERT INTO contact_inboxes (id, contact_id, inbox_id, source_id, hmac_verified) VALUES
	(100, 10, 1, 'web-10', true), (110, 11, 1, 'web-11', false), (111, 11, 2, 'ann@example.com', false), (120, 12, 3, 'm-12', false),
	(121, 12, 2, 'ann@work.example', false), (130, 13, 1, 'web-13', false), (200, 20, 9, 'web-20', false);
INSERT INTO conversations (id, account_id, display_id, inbox_id, contact_id, contact_inbox_id, assignee_id) VALUES
	(1000, 1, 1, 1, 10, 100, 11), (1100, 1, 2, 1, 11, 110, 11), (1101, 1, 3, 2, 11, 111, NULL), (1200, 1, 4, 3, 12, 120, 11), (1201, 1, 5, 2, 12, 121, NULL),
	(1300, 1, 6, 1, 13, 130, 11), (2000, 2, 1, 9, 20, 200, NULL);
INSERT INTO messages (id, account_id, conversation_id, sender_type, sender_id, content) VALUES
	(1, 1, 1000, 'Contact', 10, 'Hello'), (2, 1, 1000, 'User', 11, 'How can I help?'), (3, 1, 1100, 'Contact', 11, 'Where is my parcel?'),
	(4, 1, 1100, 'User', 11, 'On its way'), (5, 1, 1101, 'Contact', 11, 'By mail'), (6, 1, 1200, 'Contact', 12, 'By messenger'),
	(7, 1, 1300, 'Contact', 13, 'I am Bob'), (8, 2, 2000, 'Contact', 20, 'Bread?'), (9, 1, 1100, NULL, NULL, 'Resolved'), (10, 1, 1201, 'Contact', 12, 'At work');
INSERT INTO attachments (id, record_type, record_id, name, key) VALUES (1, 'Contact', 10, 'avatar', 'a'), (2, 'Contact', 11, 'avatar', 'b'), (3, 'Message', 11, 'file', 'c'),
	(4, 'Contact', 12, 'avatar', 'a');
INSERT INTO notes (id, account_id, contact_id, user_id, content) VALUES (1, 1, 11, 11, 'Call back'), (2, 1, 10, 11, 'VIP'), (3, 1, 13, 11, 'Bob');
INSERT INTO csat_responses (id, account_id, conversation_id, message_id, contact_id, rating) VALUES (1, 1, 1100, 4, 11, 5), (2, 1, 1300, 7, 13, 1);
INSERT INTO labels (id, account_id, title) VALUES (1, 1, 'vip'), (2, 1, 'new');
INSERT INTO tags (id, name, taggings_count) VALUES (1, 'vip', 4), (2, 'new', 2), (3, 'spam', 1);
INSERT INTO taggings (id, tag_id, taggable_type, taggable_id, context) VALUES (1, 1, 'Contact', 10, 'labels'), (2, 1, 'Contact', 11, 'labels'), (3, 2, 'Contact', 11, 'labels'),
	(4, 1, 'Conversation', 11, 'labels'), (5, 1, 'Contact', 12, 'labels'), (6, 2, 'Contact', 12, 'labels'), (7, 3, 'Contact', 13, 'labels');
INSERT INTO mentions (id, message_id, mentioned_type, mentioned_id) VALUES (1, 4, 'Contact', 11), (2, 3, 'User', 11), (3, 7, 'Contact', 12);
INSERT INTO participants (id, conversation_id, participant_type, participant_id) VALUES (1, 1000, 'Contact', 10), (2, 1000, 'Contact', 11), (3, 1000, 'User', 11),
	(4, 1100, 'Contact', 11), (5, 1000, 'Contact', 12);
INSERT INTO subscriptions (id, subscriber_type, subscriber_id, endpoint) VALUES (1, 'Contact', 11, 'push-1'), (2, 'User', 11, 'push-2'), (3, 'Contact', 12, 'push-3');
INSERT INTO notifications (id, user_id, primary_actor_type, primary_actor_id, secondary_actor_type, secondary_actor_id) VALUES
	(1, 11, 'Conversation', 1100, 'Contact', 11), (2, 11, 'Contact', 11, NULL, NULL), (3, 11, 'Conversation', 11, 'User', 11);
INSERT INTO campaigns (id, account_id, title) VALUES (1, 1, 'Spring'), (2, 1, 'Summer');
INSERT INTO campaign_deliveries (campaign_id, contact_id, opened) VALUES (1, 10, false), (1, 11, true), (2, 11, true), (2, 12, false);
INSERT INTO reporting_events (id, account_id, name, conversation_id, contact_id, value) VALUES (1, 1, 'first_response', 1100, 11, 60), (2, 1, 'resolved', 1300, 13, 90);
INSERT INTO audits (id, auditable_type, auditable_id, associated_type, associated_id, action, audited_changes) VALUES
	(1, 'Contact', 11, 'Account', 1, 'create', '{"name": "anne"}'), (2, 'Conversation', 1100, 'Contact', 11, 'create', '{"contact_id": 11}'),
	(3, 'User', 11, 'Account', 11, 'update', NULL);
INSERT INTO custom_filters (id, user_id, filter_type, query) VALUES (1, 11, 'contact', '{"contact_id": 11}');
INSERT INTO access_tokens (id, owner_type, owner_id, token) VALUES (1, 'User', 11, 'secret');
