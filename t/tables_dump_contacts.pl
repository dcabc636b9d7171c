# Contacts, their references and the journal of folds survive pg_dump and
# pg_restore, in several jobs too, or the data after the schema: what was folded
# before can be undone after.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use IdverifyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $folder = PostgreSQL::Test::Utils::tempdir;
my $ring = write_ring("$folder/ring", '1:' . new_key() . "\n");
my $server = new_server('main', ring => $ring);

# A schema with a foreign key, and one without; a table of contacts of
# somebody's own, by uuid.
$server->safe_psql(
	'postgres', q{
	SELECT idverify_create_app('Web', 'web', secret => '0123456789abcdef0123456789abcdef');
	CREATE TABLE conversations (id int PRIMARY KEY, contact_id bigint REFERENCES idverify.contacts (id) ON DELETE CASCADE);
	CREATE TABLE notes (id int PRIMARY KEY, about_type text, about_id bigint);
	SELECT idverify_add_reference('idverify.contacts', 'notes', 'about_id', $$about_type = 'Contact'$$);
	CREATE TABLE tags (contact_id bigint REFERENCES idverify.contacts (id), tag text, PRIMARY KEY (contact_id, tag));

	CREATE TABLE visitor AS SELECT * FROM idverify_identify('web', '{"name": "Phone", "custom_data": {"a": 1}}');
	INSERT INTO conversations SELECT 1, contact_id FROM visitor;
	INSERT INTO notes SELECT 1, 'Contact', contact_id FROM visitor;
	INSERT INTO notes SELECT 2, 'Agent', contact_id FROM visitor;
	INSERT INTO tags SELECT contact_id, tag FROM visitor, unnest(ARRAY['vip', 'new']) tag;
	CREATE TABLE ann AS SELECT * FROM idverify_identify('web', jsonb_build_object('external_id', 'ann',
		'user_hash', idverify_sign('web', 'ann')));
	INSERT INTO tags SELECT contact_id, 'vip' FROM ann;

	CREATE TABLE "My People" (id uuid PRIMARY KEY, name text);
	SELECT idverify_set_contacts('"My People"', same => '{}', never_filled => '{name}');
	CREATE TABLE letters (id int PRIMARY KEY, "to" uuid REFERENCES "My People");
	INSERT INTO "My People" VALUES ('00000000-0000-4000-8000-000000000001', 'one'), ('00000000-0000-4000-8000-000000000002', 'two');
	INSERT INTO letters VALUES (1, '00000000-0000-4000-8000-000000000001');
});

# Everything there is, in an order that a dump does not change.
my $all = q{
	SELECT 'contact', to_jsonb(c) - 'updated_at' - 'last_seen_at' FROM idverify.contacts c
	UNION ALL SELECT 'conversation', to_jsonb(c) FROM conversations c
	UNION ALL SELECT 'note', to_jsonb(n) FROM notes n
	UNION ALL SELECT 'tag', to_jsonb(t) FROM tags t
	UNION ALL SELECT 'person', to_jsonb(p) FROM "My People" p
	UNION ALL SELECT 'letter', to_jsonb(l) FROM letters l
	UNION ALL SELECT 'option', to_jsonb(o) FROM idverify.contact_options o WHERE contacts::text !~ '^[0-9]+$'
	UNION ALL SELECT 'number', to_jsonb(o) FROM idverify.contact_options o WHERE contacts::text ~ '^[0-9]+$' AND current_database() <> 'postgres'
	UNION ALL SELECT 'number', to_jsonb(r) FROM idverify.contact_references r
		WHERE concat(contacts, ' ', relation) ~ '^[0-9]| [0-9]' AND current_database() <> 'postgres'
	ORDER BY 1, 2};
my $before = $server->safe_psql('postgres', $all);

$server->safe_psql(
	'postgres', q{
	SELECT idverify_fold(visitor.contact_id, ann.contact_id) FROM visitor, ann;
	SELECT idverify_fold('00000000-0000-4000-8000-000000000001'::uuid, '00000000-0000-4000-8000-000000000002'::uuid, '"My People"');

	-- what was said of a table that is gone has no name to be dumped by
	CREATE TABLE gone (id int PRIMARY KEY);
	CREATE TABLE pointing (id bigint);
	SELECT idverify_set_contacts('gone', same => '{}'), idverify_add_reference('gone', 'pointing', 'id'),
		idverify_add_reference('idverify.contacts', 'pointing', 'id');
	DROP TABLE gone, pointing;
});
my $folded = $server->safe_psql('postgres', $all);
isnt($folded, $before, 'the folds changed something');

my @psql = ('psql', '-Xq', '-v', 'ON_ERROR_STOP=1');
my @pg_restore = ('pg_restore', '--exit-on-error');

# What is dumped, and restored by what.  A session that is there before the data
# has learnt that there is nothing.
foreach my $way (
	[ 'plain', [ [], \@psql ] ],
	[ 'custom', [ ['-Fc'], \@pg_restore ] ],
	[ 'parallel', [ [ '-Fd', '-j3' ], [ @pg_restore, '-j3' ] ] ],
	[ 'data later', [ [ '--schema-only', '-Fc' ], \@pg_restore ],
		[ [ '--data-only', '-Fd', '-j3' ], [ @pg_restore, '--disable-triggers', '-j3' ] ] ],
	[ 'plain data later', [ ['--schema-only'], \@psql ],
		[ [ '--data-only', '--disable-triggers' ], \@psql ] ])
{
	my ($what, @parts) = @$way;
	my $database = 'restored ' . $what;
	my $warm;
	my $n = 0;

	$server->safe_psql('postgres', qq{CREATE DATABASE "$database" TEMPLATE template0});
	foreach my $part (@parts)
	{
		my ($dump, $restore) = @$part;
		my $archive = "$folder/$what " . $n++;

		$server->command_ok([ 'pg_dump', @$dump, '-f', $archive, 'postgres' ], "$what: pg_dump @$dump");
		$server->command_ok(
			[ @$restore, '-d', $database, $restore->[0] eq 'psql' ? ('-f', $archive) : $archive ],
			"... restored by @$restore");
		next if $n == @parts;

		$warm = $server->background_psql($database, on_error_stop => 0);
		ask($warm, '\set VERBOSITY sqlstate');
		is(scalar ask($warm, q{SELECT idverify_check('web', 'ann', repeat('0', 64))}), 'f', '... a session knows no app');
		like((ask($warm, 'SELECT idverify_fold(1::bigint, 2::bigint)'))[1], qr/42704/, '... and no contact');
	}
	if ($warm)
	{
		is(scalar ask($warm, q{SELECT idverify_check('web', 'ann', idverify_sign('web', 'ann'))}), 't', '... then it knows the app');
		is(scalar ask($warm, q{SELECT idverify_resolve(visitor.contact_id) = ann.contact_id FROM visitor, ann}), 't', '... the contacts');
		is(scalar ask($warm, q{SELECT string_agg(DISTINCT relation::text, ' ') FROM ann, idverify_identify('web') i,
				idverify_fold(i.contact_id, ann.contact_id, dry_run => true)}), 'idverify.contacts', '... and can fold');
		ask($warm, 'DELETE FROM idverify.contacts WHERE visitor NOT IN (SELECT visitor FROM visitor) AND NOT is_verified');
		$warm->quit;
	}

	is($server->safe_psql($database, $all), $folded, 'all rows are there');
	is( $server->safe_psql(
			$database, q{SELECT idverify_resolve(visitor.contact_id) = ann.contact_id FROM visitor, ann}),
		't',
		'an old id leads to the contact that it has become');
	is( $server->safe_psql(
			$database, q{SELECT contact_id > (SELECT max(contact_id) FROM ann), created FROM idverify_identify('web', '{"name": "Later"}')}),
		't|t',
		'a new contact gets a new id');
	is( $server->safe_psql(
			$database, q{SELECT contact_id = (SELECT contact_id FROM ann), created FROM idverify_identify('web',
				jsonb_build_object('external_id', 'ann', 'user_hash', idverify_sign('web', 'ann')))}),
		't|f',
		'the verified contact is found');

	# references without a foreign key are still known
	$server->safe_psql($database, q{
		INSERT INTO conversations SELECT 2, id FROM idverify.contacts WHERE name = 'Later';
		INSERT INTO notes SELECT 3, 'Contact', id FROM idverify.contacts WHERE name = 'Later'});
	is( $server->safe_psql(
			$database, q{SELECT relation FROM ann, idverify_fold((SELECT id FROM idverify.contacts WHERE name = 'Later'),
				ann.contact_id, dry_run => true) ORDER BY relation::text}),
		"conversations\nidverify.contacts\nnotes",
		'all references are still known');

	$server->safe_psql($database, q{
		DELETE FROM notes WHERE id = 3;
		DELETE FROM idverify.contacts WHERE name = 'Later';
		SELECT idverify_unfold(id) FROM idverify.folds ORDER BY id DESC});
	is($server->safe_psql($database, $all), $before, 'the folds can be undone');
	is( $server->safe_psql(
			$database, q{SELECT i.contact_id = v.contact_id FROM visitor v, idverify_identify('web', '{}', v.visitor) i}),
		't',
		'and the visitor is known by the token');
}

$server->stop;
done_testing();
