#
# identify under load: 32 clients, 50 people whom nobody has seen before
#
# Each transaction is a browser of its own: it chats anonymously, logs in as
# one of the people, and chats on.  In the end there is exactly one verified
# contact for each person, there was no error and no deadlock, and each message
# is on the contact of the person who wrote it.
#
use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $clients = 32;
my $logins = 25;    # of each client
my $people = 50;

my $node = PostgreSQL::Test::Cluster->new('load');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', "max_connections = 60");
$node->start;

$node->safe_psql(
	'postgres', q{
	CREATE EXTENSION idverify;
	CREATE EXTENSION pgcrypto;
	SELECT idverify_create_app('Load', 'load', secret => '0123456789abcdef-load');
	CREATE TABLE conversations (
		id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
		contact_id bigint NOT NULL REFERENCES idverify.contacts (id));
	CREATE INDEX ON conversations (contact_id);
	CREATE TABLE messages (
		conversation_id bigint NOT NULL REFERENCES conversations,
		contact_id bigint NOT NULL REFERENCES idverify.contacts (id) ON DELETE CASCADE,
		writer int NOT NULL);
	CREATE INDEX ON messages (contact_id);
});

# Three ways into one contact: its own fold, the fold of another browser of the
# same person at the same moment, and a claim without anything to fold.
my $script = $node->basedir . '/login.sql';
append_to_file(
	$script, qq{
\\set person random(1, $people)
\\set chats random(0, 2)
SELECT contact_id AS anonymous, visitor FROM idverify_identify('load', '{"name": "Visitor"}') \\gset
\\if :chats
WITH c AS (INSERT INTO conversations (contact_id) VALUES (:anonymous) RETURNING id)
INSERT INTO messages SELECT id, :anonymous, :person FROM c, generate_series(1, :chats);
\\endif
SELECT contact_id AS contact FROM idverify_identify('load',
	jsonb_build_object('external_id', 'person-:person', 'name', 'Person :person', 'custom_data', jsonb_build_object('seen-by-:client_id', true), 'user_hash',
		encode(hmac('person-:person'::bytea, '0123456789abcdef-load'::bytea, 'sha256'), 'hex')),
	':visitor') \\gset
WITH c AS (INSERT INTO conversations (contact_id) VALUES (:contact) RETURNING id)
INSERT INTO messages SELECT id, :contact, :person FROM c;
});

my $transactions = $clients * $logins;
$node->command_checks_all(
	[
		'pgbench', '--no-vacuum', "--client=$clients", '--jobs=2',
		"--transactions=$logins", "--file=$script", 'postgres'
	],
	0,
	[
		qr{processed: $transactions/$transactions},
		qr{number of failed transactions: 0 }
	],
	[qr{^(?!.*(error|ERROR|aborted)).*$}s],
	'no client met an error');

is( $node->safe_psql(
		'postgres', q{
	SELECT count(*), count(DISTINCT external_id), bool_and(is_verified)
	FROM idverify.contacts WHERE external_id IS NOT NULL}),
	"$people|$people|t",
	'each person is one verified contact');
is( $node->safe_psql(
		'postgres', q{SELECT count(*) FROM idverify.contacts WHERE NOT is_verified}),
	'0',
	'no visitor who logged in was left behind');
is( $node->safe_psql(
		'postgres', q{
	SELECT count(*) FROM messages m
		JOIN idverify.contacts c ON c.id = m.contact_id
		JOIN conversations v ON v.id = m.conversation_id
	WHERE c.external_id <> 'person-' || m.writer OR v.contact_id <> m.contact_id}),
	'0',
	'each message is on the contact of its writer');
is( $node->safe_psql(
		'postgres', q{SELECT count(*) FROM folds_made} =~ s/folds_made/idverify.folds/r),
	"$transactions",
	'each login is a fold that can be undone');

# custom_data of concurrent calls is merged, not overwritten
is( $node->safe_psql(
		'postgres', q{
	SELECT bool_and(name = 'Person ' || substr(external_id, 8))
	FROM idverify.contacts}),
	't',
	'profiles are those of their people');

my $log = slurp_file($node->logfile);
unlike($log, qr/deadlock detected/, 'no deadlock');

$node->stop;
done_testing();
