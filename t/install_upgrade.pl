# pg_upgrade: what an older PostgreSQL has stored is all there in this one, it
# works, and what was done before can be undone after.
#
# dev/test builds for the oldest PostgreSQL on the machine, if there is one that
# is older than the one under test; dev/matrix sees to it that there is.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use IdverifyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'there is no older PostgreSQL here to upgrade from'
  unless $ENV{IDVERIFY_UPGRADE_FROM};

my $folder = PostgreSQL::Test::Utils::tempdir;
my $ring = write_ring("$folder/ring", '1:' . new_key() . "\n");

# Both are copies that have the extension where all others have it, so the
# settings that make the other tests' servers find it are not needed; nor known
# to both.
delete $ENV{TEMP_CONFIG};

# Checksums are a default of some releases only, and must agree; the library for
# JIT need not be there.
sub new_node
{
	my ($name, $path, @rest) = @_;
	return new_server($name, install_path => $path,
		conf => "idverify.key_file = '$ring'\nfsync = off\njit = off\n",
		extra => ['--data-checksums'], force_initdb => 1, @rest);
}

my $old = new_node('old', $ENV{IDVERIFY_UPGRADE_FROM});
note 'from ', $old->safe_psql('postgres', 'SHOW server_version');

#
# What there is to lose
#

# A previous secret, the current one, a staged one.
my @secrets = create_app($old, 'web');
push @secrets, $old->safe_psql('postgres', $_)
  for (
	q{SELECT idverify_rotate('web', grace => '10 days')},
	q{SELECT idverify_stage('web')});
my @hashes = map { user_hash($_, 'ann') } @secrets;

$old->safe_psql(
	'postgres', qq{
	CREATE TABLE conversations (id int PRIMARY KEY,
		contact_id bigint REFERENCES idverify.contacts (id) ON DELETE CASCADE);
	CREATE TABLE tags (contact_id bigint REFERENCES idverify.contacts (id), tag text,
		PRIMARY KEY (contact_id, tag));
	CREATE TABLE notes (id int PRIMARY KEY, about_type text, about_id bigint);
	SELECT idverify_add_reference('idverify.contacts', 'notes', 'about_id', \$\$about_type = 'Contact'\$\$);

	CREATE TABLE visitor AS SELECT * FROM idverify_identify('web', '{"name": "Phone", "custom_data": {"a": 1}}');
	INSERT INTO conversations SELECT 1, contact_id FROM visitor;
	INSERT INTO notes SELECT 1, 'Contact', contact_id FROM visitor;
	INSERT INTO notes SELECT 2, 'Agent', contact_id FROM visitor;
	INSERT INTO tags SELECT contact_id, tag FROM visitor, unnest(ARRAY['vip', 'new']) tag;
	CREATE TABLE ann AS SELECT * FROM idverify_identify('web',
		'{"external_id": "ann", "user_hash": "$hashes[1]"}');
	INSERT INTO tags SELECT contact_id, 'vip' FROM ann;

	-- a table of contacts of somebody's own, with its guard
	CREATE TABLE people (id int PRIMARY KEY, app_key text, external_id text, email text,
		user_hash text, is_verified boolean);
	CREATE TRIGGER guard BEFORE INSERT OR UPDATE ON people
		FOR EACH ROW EXECUTE FUNCTION idverify_guard();
	INSERT INTO people VALUES (1, 'web', 'ann', NULL, '$hashes[0]'), (2, 'web', 'bob', NULL, '$hashes[0]');

	CREATE ROLE regress_chat;
	GRANT EXECUTE ON FUNCTION idverify_check, idverify_identify(text, jsonb, uuid), idverify_identify(text, jsonb, text) TO regress_chat;
});

# Everything there is, without what a visit changes.
my $all = q{
	SELECT 'contact', to_jsonb(c) - 'updated_at' - 'last_seen_at' FROM idverify.contacts c
	UNION ALL SELECT 'conversation', to_jsonb(c) FROM conversations c
	UNION ALL SELECT 'note', to_jsonb(n) FROM notes n
	UNION ALL SELECT 'tag', to_jsonb(t) FROM tags t
	UNION ALL SELECT 'person', to_jsonb(p) FROM people p
	ORDER BY 1, 2};
my $before = $old->safe_psql('postgres', $all);
is($old->safe_psql('postgres', 'SELECT id, is_verified FROM people ORDER BY id'),
	"1|t\n2|f", 'the guard has let in the right one');

# The last of each kind is gone again: its id must not come back.
$old->safe_psql(
	'postgres', q{
	SELECT idverify_fold(visitor.contact_id, ann.contact_id) FROM visitor, ann;
	CREATE TABLE last AS SELECT
		(SELECT contact_id FROM idverify_identify('web', '{"name": "Gone"}')) AS contact,
		(SELECT max(id) FROM idverify.folds) AS fold;
	DELETE FROM idverify.contacts WHERE name = 'Gone';
	SELECT idverify_create_app('Gone', 'gone');
	ALTER TABLE last ADD app int;
	UPDATE last SET app = (SELECT max(id) FROM idverify.apps);
	DELETE FROM idverify.apps WHERE app_key = 'gone';
});

my $state = qq{
	SELECT * FROM idverify.apps ORDER BY id;
	SELECT * FROM idverify.secrets ORDER BY app_id, generation;
	SELECT * FROM idverify.app_status;
	SELECT * FROM idverify.contact_references;
	SELECT * FROM idverify.contact_options;
	SELECT * FROM idverify.folds ORDER BY id;
	SELECT * FROM idverify.fold_rows ORDER BY fold_id, step;
	SELECT pg_describe_object(classid, objid, objsubid) COLLATE "C" FROM pg_depend
		WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
			AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'idverify')
			-- pg_upgrade adds row types and arrays
			AND (classid <> 'pg_type'::regclass OR objid IN (SELECT oid FROM pg_type WHERE typtype = 'e'))
		ORDER BY 1;
	$all};
my $stored = $old->safe_psql('postgres', $state);
my $old_marks = $old->safe_psql('postgres',
	q{SELECT count(*) FROM pg_attribute WHERE attoptions::text LIKE '%pg_attver%'});
$old->stop;

#
# The upgrade
#

my $new = new_node('new', $ENV{IDVERIFY_UPGRADE_TO}, extension => 0);
note 'to ', $new->safe_psql('postgres', 'SHOW server_version');

# Minor releases of the end of 2026 and later mark columns, in all databases.
# They are not to be blamed on the extension where the new server is older.
if ($old_marks && (attempt($new, 'CREATE TABLE t (a int); ALTER TABLE t ALTER a SET (pg_attver = 1); DROP TABLE t'))[0] ne '00000')
{
	note 'skipped: the new server does not know what the old one marks columns with (pg_attver)';
	$new->stop;
	done_testing();
	exit;
}
$new->stop;

chdir $PostgreSQL::Test::Utils::tmp_check or die;	# it leaves a script
$new->command_ok(
	[
		'pg_upgrade', '--no-sync',
		'-d', $old->data_dir, '-D', $new->data_dir,
		'-b', "$ENV{IDVERIFY_UPGRADE_FROM}/bin", '-B', "$ENV{IDVERIFY_UPGRADE_TO}/bin",
		'-s', $new->host, '-p', $old->port, '-P', $new->port
	],
	'pg_upgrade');
$new->start;

#
# Nothing is lost
#

my $query = sub { $new->safe_psql('postgres', $_[0]) };

is($query->($state), $stored, 'every row and every object of the extension is there');

is($query->("SELECT idverify_verdict('web', 'ann', NULL, '$hashes[$_->[0]]')"), 'verified', $_->[1])
  for ([ 0, 'a hash by the previous secret' ], [ 1, '... the current one' ], [ 2, '... the staged one' ]);
is($query->("SELECT idverify_verdict('web', 'bob', NULL, '$hashes[1]')"),
	'mismatch', "... and by nobody's");

is($query->(q{SELECT idverify_resolve(visitor.contact_id) = ann.contact_id FROM visitor, ann}),
	't', 'an old id leads to the contact that it has become');
is($query->(qq{SELECT contact_id = (SELECT contact_id FROM ann), created, is_verified FROM idverify_identify('web',
		'{"external_id": "ann", "user_hash": "$hashes[1]"}')}),
	't|f|t', 'the verified contact is found');

#
# Who may do what
#

is((attempt($new, "SET ROLE regress_chat; $_->[1]"))[0], $_->[0], $_->[2])
  for (
	[ '00000', "SELECT idverify_check('web', 'ann', '$hashes[1]')", 'what was granted may be called' ],
	[ '00000', "SELECT idverify_identify('web')", '... and works' ],
	[ '42501', "SELECT idverify_rotate('web')", 'what was not may not' ],
	[ '42501', 'SELECT FROM idverify.secrets', '... nor may secrets be read' ]);

#
# Life goes on
#

is($query->(q{SELECT contact_id > last.contact, created FROM last, idverify_identify('web', '{"name": "Later"}')}),
	't|t', 'a new contact gets a new id');
$query->(q{
	INSERT INTO conversations SELECT 2, id FROM idverify.contacts WHERE name = 'Later';
	INSERT INTO notes SELECT 3, 'Contact', id FROM idverify.contacts WHERE name = 'Later'});
is($query->(q{SELECT relation, moved, f.fold_id > last.fold FROM last, ann,
		idverify_fold((SELECT id FROM idverify.contacts WHERE name = 'Later'), ann.contact_id) f
		ORDER BY relation::text}),
	"conversations|1|t\nidverify.contacts|0|t\nnotes|1|t",
	'a new fold gets a new id, and knows all references');

$query->(q{
	SELECT idverify_unfold(max(id)) FROM idverify.folds;
	DELETE FROM notes WHERE id = 3;
	DELETE FROM idverify.contacts WHERE name = 'Later' OR name IS NULL AND NOT is_verified;
	SELECT idverify_unfold(fold) FROM last});
is($query->($all), $before, 'a fold from before the upgrade is undone');
is($query->(q{SELECT i.contact_id = v.contact_id FROM visitor v, idverify_identify('web', '{}', v.visitor) i}),
	't', '... and the visitor is known by the token');

create_app($new, 'new');
is($query->(q{SELECT id > last.app FROM last, idverify.apps WHERE app_key = 'new'}),
	't', 'a new app gets a new id');

$query->(qq{INSERT INTO people VALUES (3, 'web', 'ann', NULL, '$hashes[1]'), (4, 'web', 'bob', NULL, '$hashes[1]')});
is($query->('SELECT id, external_id, is_verified FROM people WHERE id > 2 ORDER BY id'),
	"3|ann|t\n4||f", 'the guard still guards');

# The session that was there before hears of it, so the triggers fire.
my $session = $new->background_psql('postgres');
my $check = "SELECT idverify_check('web', 'ann', '%s')";
is(ask($session, sprintf $check, $hashes[1]), 't', 'a session knows the current secret');
$query->(q{SELECT idverify_promote('web')});
my $fourth = $query->(q{SELECT idverify_rotate('web', grace => '0')});
is(ask($session, sprintf $check, user_hash($fourth, 'ann')), 't', 'it verifies by one that was minted since');
is(ask($session, sprintf $check, $_), 'f', '... and by none that the rotation has ended') for @hashes;
is($query->(q{SELECT generation FROM idverify.app_status WHERE app_key = 'web'}),
	'4', 'generations go on');
$session->quit;

$query->('DROP EXTENSION idverify CASCADE');
is($query->(q{SELECT to_regnamespace('idverify') IS NULL, count(*) FROM pg_proc WHERE proname LIKE 'idverify%'}),
	't|0', 'it can be dropped');

$new->stop;
done_testing();
