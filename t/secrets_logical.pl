# Logical replication: what is changed on the publisher is honoured on a subscriber
# from the commit of its apply worker on, in sessions that knew the app before and
# in transactions that began before.  The same key ring opens what arrives.
#
# A worker fires no ordinary triggers, and no triggers by statement but those of
# TRUNCATE.  Sequences are not replicated: whoever takes over sets them.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use IdverifyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $folder = PostgreSQL::Test::Utils::tempdir;
my ($one, $two) = map { "$_:" . new_key() . "\n" } 1, 2;
my $publisher = new_server('publisher', ring => write_ring("$folder/ring", $one), allows_streaming => 'logical');
my $subscriber = new_server('subscriber', ring => write_ring("$folder/both", $one . $two));

# There before the subscription: its first copy brings it.
my $secret = create_app($publisher, 'shop', revealable => 'true');
create_app($publisher, 'lone');
my $tables = q{
	CREATE TABLE messages (id int PRIMARY KEY, contact_id bigint REFERENCES idverify.contacts (id));
	CREATE TABLE notes (id int PRIMARY KEY, about_id bigint);
};
$_->safe_psql('postgres', $tables) for $publisher, $subscriber;
my ($visitor, $token, $ann) = split /[|\n]/, $publisher->safe_psql('postgres', q{
	SELECT contact_id, visitor FROM idverify_identify('shop', '{"name": "Visitor"}');
	SELECT contact_id FROM idverify_identify('shop', jsonb_build_object('external_id', 'ann', 'user_hash', idverify_sign('shop', 'ann')));
});
$publisher->safe_psql('postgres', "INSERT INTO messages VALUES (1, $visitor)");

# A list of references has no primary key.
$publisher->safe_psql('postgres', q{
	ALTER TABLE idverify.contact_references REPLICA IDENTITY FULL;
	CREATE PUBLICATION everything FOR TABLE idverify.apps, idverify.secrets, idverify.contacts,
		idverify.folds, idverify.fold_rows, idverify.contact_references, idverify.contact_options, messages, notes});
$subscriber->safe_psql('postgres', "CREATE SUBSCRIPTION everything CONNECTION '"
	  . $publisher->connstr . " dbname=postgres' PUBLICATION everything");
$subscriber->poll_query_until('postgres',
	"SELECT count(*) = 9 AND bool_and(srsubstate = 'r') FROM pg_subscription_rel")
  or die 'the first copy did not end';

# Run SQL on the publisher and have it applied.  Returns what it printed.
sub change
{
	my ($sql) = @_;
	my $output = $publisher->safe_psql('postgres', $sql);

	$publisher->wait_for_catchup('everything');
	return $output;
}

my $warm = $subscriber->background_psql('postgres', on_error_stop => 0);
my $old = $subscriber->background_psql('postgres', on_error_stop => 0);
ask($_, '\set VERBOSITY sqlstate') for $warm, $old;
ask($old, 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM idverify.apps');

sub says
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($sql, $expected, $what) = @_;
	return is(scalar ask($warm, $sql), $expected, $what);
}

sub check
{
	my ($by, $app_key) = @_;
	return sprintf "SELECT idverify_check('%s', 'ann', '%s')", $app_key // 'shop', user_hash($by, 'ann');
}

#
# Secrets
#

both_say($warm, $old, check($secret), 't', 'the first copy');
both_say($warm, $old, "SELECT idverify_sign('shop', 'ann')", user_hash($secret, 'ann'), '... signs');

my $second = change("SELECT idverify_rotate('shop')");
both_say($warm, $old, check($second), 't', 'rotated: the new secret');
both_say($warm, $old, check($secret), 't', 'within grace: the one before');
is(change("SELECT idverify_revoke('shop')"), '1', 'one secret is revoked');
both_say($warm, $old, check($secret), 'f', 'revoked: the one before');

my $third = change("SELECT idverify_stage('shop')");
both_say($warm, $old, check($third), 't', 'staged');
change("SELECT idverify_promote('shop', grace => '0')");
both_say($warm, $old, check($second), 'f', 'promoted without grace: the one before');
both_say($warm, $old, check($third), 't', '... the one that was staged');
both_say($warm, $old, "SELECT right(idverify_mask('shop'), 4)", substr($third, -4), '... the mask');

my $writer = $publisher->background_psql('postgres', on_error_stop => 0);
my $never = ask($writer, "BEGIN; SELECT idverify_rotate('shop', grace => '0')");
change('INSERT INTO notes VALUES (1, 0)');
both_say($warm, $old, check($third), 't', 'while a rotation is under way: the current one');
both_say($warm, $old, check($never), 'f', '... the new one');
ask($writer, 'ROLLBACK');
$writer->quit;

write_ring("$folder/ring", $two . $one);
reload($publisher);
is(change('SELECT idverify_rekey()'), '4', 'rekeyed');
both_say($warm, $old, check($third), 't', '... opens by the second key of the ring');
says("SELECT min(key_id) FROM idverify.secrets", '2', '... that sealed it');

#
# Policies and apps
#

my $both_fields = sprintf "SELECT idverify_verdict('shop', 'ann', 'ann\@example.org', '%s')", user_hash($third, 'ann');
both_say($warm, $old, $both_fields, 'verified', 'a policy, before');
change("UPDATE idverify.apps SET signed_field = 'email', revealable = false WHERE app_key = 'shop'");
both_say($warm, $old, $both_fields, 'mismatch', '... changed');
like((ask($warm, "SELECT idverify_reveal('shop')"))[1], qr/ERROR:  55000/, '... another');
change("UPDATE idverify.apps SET signed_field = 'either', app_key = 'store' WHERE app_key = 'shop'");
both_say($warm, $old, check($third), 'f', 'an app is renamed: the old key');
both_say($warm, $old, check($third, 'store'), 't', '... the new one');
change("UPDATE idverify.apps SET app_key = 'shop' WHERE app_key = 'store'");

# The app moves to tokens and back: a secret verifies its own kind, there as here.
change("UPDATE idverify.apps SET signs = 'token' WHERE app_key = 'shop'");
change("SELECT idverify_stage('shop', '" . new_key() . "', 'hex')");
my $made = $publisher->safe_psql('postgres', q{
	BEGIN;
	SET LOCAL client_min_messages = warning;
	SELECT idverify_promote('shop');
	SELECT idverify_sign_token('shop', '{"sub": "ann"}', '1 hour');
	ROLLBACK;
}) =~ s/^\n//r;
both_say($warm, $old, "SELECT idverify_check('shop', 'ann', '$made')", 't', 'a staged secret for tokens');
both_say($warm, $old, check($third), 't', '... beside the one for hashes');
change("SELECT idverify_revoke('shop')");
both_say($warm, $old, "SELECT idverify_check('shop', 'ann', '$made')", 'f', '... revoked');
change("UPDATE idverify.apps SET signs = 'hash' WHERE app_key = 'shop'");

my $new = new_key();
both_say($warm, $old, check($new, 'new'), 'f', 'no such app yet');
change("SELECT idverify_create_app('test', 'new', '$new')");
both_say($warm, $old, check($new, 'new'), 't', 'a new app');
change("DELETE FROM idverify.apps WHERE app_key IN ('new', 'lone')");
both_say($warm, $old, check($new, 'new'), 'f', 'deleted');
both_say($warm, $old, "SELECT idverify_verdict('new', 'ann', NULL, 'x')", 'unknown_app', '... it is unknown');
says('SELECT count(*) FROM idverify.secrets WHERE app_id NOT IN (SELECT id FROM idverify.apps)', '0',
	'... its secrets are gone');

# by COPY, and with triggers off
my $rows = $publisher->safe_psql('postgres', 'COPY idverify.secrets TO STDOUT');
change('TRUNCATE idverify.secrets');
both_say($warm, $old, check($third), 'f', 'TRUNCATE');
change("SET session_replication_role = replica;\nCOPY idverify.secrets FROM STDIN;\n$rows\n\\.\n");
both_say($warm, $old, check($third), 't', 'COPY, with the triggers of the publisher off');

#
# Contacts and folds
#

says("SELECT name, is_verified FROM idverify.contacts WHERE id = $visitor", 'Visitor|f', 'a contact');
says("SELECT external_id, is_verified FROM idverify.contacts WHERE id = $ann", 'ann|t', 'a verified one');
my $login = change(sprintf q{SELECT fold_id FROM idverify_identify('shop', '{"external_id": "bob", "name": "Bob", "user_hash": "%s"}', '%s')},
	user_hash($third, 'bob'), $token);
says("SELECT name, created_at < updated_at FROM idverify.contacts WHERE external_id = 'bob'", 'Bob|t', 'a login');
says("SELECT count(*) FROM idverify.contacts WHERE id = $visitor", '0', '... its fold: the source is gone');
says("SELECT external_id FROM messages m JOIN idverify.contacts c ON c.id = contact_id", 'bob', '... the message has moved');
says("SELECT external_id FROM idverify.contacts WHERE id = idverify_resolve(${visitor}::bigint)", 'bob', '... the old id leads there');

my $other = change("SELECT contact_id FROM idverify_identify('shop')");
change("INSERT INTO notes SELECT n, $other FROM generate_series(2, 2500) n");
my $dry = "SELECT relation FROM idverify_fold($other, $ann, dry_run => true) ORDER BY relation::text";
says($dry, 'idverify.contacts', 'a column that is not listed');
change(q{SELECT idverify_add_reference('idverify.contacts', 'notes', 'about_id')});
says($dry, "idverify.contacts\nnotes", '... listed');
change('DELETE FROM idverify.contact_references');
says($dry, 'idverify.contacts', '... listed no more');
change(q{SELECT idverify_add_reference('idverify.contacts', 'notes', 'about_id')});
my $many = change("SELECT min(fold_id) FROM idverify_fold($other, $ann)");
says("SELECT count(*) FROM notes WHERE about_id = $ann", '2499', 'a fold of many rows');
cmp_ok(ask($warm, "SELECT count(*) FROM idverify.fold_rows WHERE fold_id = $many"), '>', 1, '... its journal, too');
change("SELECT count(*) FROM idverify_unfold($login)");
says('SELECT contact_id FROM messages', $visitor, 'a fold that was undone');
says("SELECT name FROM idverify.contacts WHERE id = $visitor", 'Visitor', '... the source is there again');
#
# Taking over
#

ask($old, 'ROLLBACK');
$subscriber->safe_psql('postgres', q{
	DROP SUBSCRIPTION everything;
	SELECT setval('idverify.apps_id_seq', max(id)) FROM idverify.apps;
	SELECT setval('idverify.contacts_id_seq', (SELECT max(id) FROM
		(SELECT id FROM idverify.contacts UNION ALL SELECT source_id::bigint FROM idverify.folds WHERE app_id <> 0) i));
	SELECT setval('idverify.folds_id_seq', max(id)) FROM idverify.folds;
});
says("SELECT count(*) FROM idverify_unfold($many)", '2', 'the subscriber takes over: it undoes a fold of the publisher');
says("SELECT count(*) FROM notes WHERE about_id = $other", '2499', '... the rows are back');
my $own = ask($warm, "SELECT idverify_rotate('shop', grace => '0')");
says(check($own), 't', '... rotates');
says(check($third), 'f', '... which ends the last secret of the publisher');
says("SELECT contact_id > $other, created FROM idverify_identify('shop')", 't|t', '... and makes contacts');
says(sprintf(q{SELECT contact_id, created FROM idverify_identify('shop', '{"external_id": "ann", "user_hash": "%s"}')}, user_hash($own, 'ann')),
	"$ann|f", '... and finds those of the publisher');

$_->quit for $warm, $old;
$_->stop for $subscriber, $publisher;
done_testing();
