# What must not be found anywhere: secrets that the server minted, master keys,
# and a user_hash that nobody sent.  Not in a log, whatever is logged, not in
# statistics, the heap, WAL, a base backup or a dump.  (For memory see secrets_core_dump.pl.)
#
# And what clients do send, the secret that they import and the user_hash that
# they present, is not logged because of an error.  That is all that is promised of
# it: whoever has all statements logged finds in the log what clients sent.
use strict;
use warnings;

use File::Find;
use File::Glob ':bsd_glob';
use FindBin;
use lib "$FindBin::RealBin/lib";
use IdverifyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $folder = PostgreSQL::Test::Utils::tempdir;
my $ring = "$folder/ring";
my ($one, $two) = (new_key(), new_key());

write_ring($ring, "1:$one\n");
my $node = new_server(
	'secrecy',
	ring => $ring,
	allows_streaming => 1,
	conf => q{
		log_statement = none
		log_min_error_statement = error
		log_parameter_max_length_on_error = -1
	});

#
# Errors do not quote the statement
#
# Each case has a marker of its own in place of what is to be kept.  The server
# log tells of the error, but does not hold the marker.
#

my %shop = map { $_ => create_app($node, $_) } qw(altered foreign sound);

# Sealed under another key of the same id
write_ring($ring, "1:$two\n");
create_app($node, 'estranged');
write_ring($ring, "1:$one\n");

$node->safe_psql('postgres', q{
	UPDATE idverify.secrets s SET sealed = set_byte(sealed, 30, get_byte(sealed, 30) # 1)
	FROM idverify.apps a WHERE a.id = s.app_id AND a.app_key = 'altered';
	UPDATE idverify.secrets s SET sealed = set_byte(sealed, 4, 9), key_id = 9
	FROM idverify.apps a WHERE a.id = s.app_id AND a.app_key = 'foreign';

	CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql
		AS $$ BEGIN RAISE 'refused'; END $$;
	CREATE TRIGGER regress_refuse BEFORE INSERT ON idverify.secrets
		FOR EACH ROW WHEN (NEW.hint = 'last') EXECUTE FUNCTION refuse()
});

my $create = "idverify_create_app('test', secret => '%s'";
my $long = 'x' x 256;

# Run the case and look at the log.
sub hidden
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($expected, $what, $sql) = @_;
	my $marker = substr new_key(), 0, $sql =~ /short/ ? 8 : 64;
	my ($sqlstate, undef, undef, $log) = attempt($node, sprintf $sql, $marker);

	is($sqlstate, $expected, "$what: fails");
	like($log, qr/ERROR: /, '... which is logged');
	unlike($log, qr/$marker/, '... without what was given');
	return;
}

my (undef, undef, undef, $log) = attempt($node, 'SELECT 1/0 AS planted');
like($log, qr/STATEMENT:.*planted/, 'the statement of any other error is logged');

for (
	[ '22023', 'a secret too short', "SELECT idverify_create_app('test', secret => 'short%s')" ],
	[ '22023', 'a secret too long', "SELECT idverify_create_app('test', secret => '%s$long')" ],
	[ '23505', 'an app_key that is taken', "SELECT $create, app_key => 'sound')" ],
	[ '22023', 'a bad app_key', "SELECT $create, app_key => '')" ],
	[ '22023', 'a bad grace', "SELECT $create, grace => '-1')" ],
	[ '22004', 'a null', "SELECT $create, revealable => NULL)" ],
	[ '25006', 'a read-only transaction', "BEGIN READ ONLY; SELECT $create)" ],
	[ 'P0001', "somebody's trigger", "SELECT idverify_create_app('test', secret => '%slast')" ],
	[ '22023', 'a secret too short, within DO',
		"DO 'BEGIN PERFORM idverify_create_app(''test'', secret => ''short%s''); END'" ],

	[ 'XX001', 'check, altered', "SELECT idverify_check('altered', 'visitor', '%s')" ],
	[ 'XX001', 'verdict, altered', "SELECT idverify_verdict('altered', 'visitor', NULL, '%s')" ],
	[ 'XX001', 'check, altered, within DO',
		"DO 'BEGIN PERFORM idverify_check(''altered'', ''visitor'', ''%s''); END'" ],
	[ 'F0000', 'check, no such key', "SELECT idverify_check('foreign', 'visitor', '%s')" ],
	[ 'F0000', 'check, wrong key', "SELECT idverify_check('estranged', 'visitor', '%s')" ],
	[ 'F0000', 'verdict, no such key', "SELECT idverify_verdict('foreign', 'visitor', NULL, '%s')" ],
	[ 'XX001', 'explain, altered', "SELECT * FROM idverify_explain('altered', 'visitor', NULL, '%s')" ],
	[ 'F0000', 'explain, no such key', "SELECT idverify_explain('foreign', 'visitor', NULL, '%s')" ])
{
	hidden(@$_);
}

# So is a warning, where statements of warnings are.
my $ends = new_key();
(undef, undef, undef, $log) = attempt($node,
	"SET log_min_error_statement = 'warning'; SELECT idverify_create_app('test', secret => '$ends ')");
like($log, qr/WARNING:  the secret ends in a blank/, 'a warning of an imported secret is logged');
unlike($log, qr/$ends/, '... without it');

my $locker = $node->background_psql('postgres');
ask($locker, 'BEGIN; LOCK TABLE idverify.secrets IN SHARE MODE');
hidden('55P03', 'a lock', "SET lock_timeout = 1; SELECT $create)");
$locker->quit;

# Parameters of the extended protocol are logged as context.
for my $sql ("SELECT idverify_check('altered', 'visitor', :given)",
	"SELECT idverify_create_app('test', app_key => 'sound', secret => :given)",
	'SELECT length(:given::text) / 0')
{
	my $given = new_key();
	my $offset = -s $node->logfile;
	my $script = "$folder/$offset.sql";

	append_to_file($script, $sql);
	command_fails([ 'pgbench', '-n', '-t1', '-M', 'extended', '-D', "given=$given",
			'-f', $script, $node->connstr('postgres') ], "as a parameter: $sql");
	my $logged = log_since($node, $offset);
	like($logged, qr/ERROR: /, '... which is logged');
	if ($sql =~ /idverify/) { unlike($logged, qr/$given/, '... without the parameter') }
	else { like($logged, qr/$given/, '... with the parameter') }
}

# A session that hears of a bad ring while it checks.
my $warm = $node->background_psql('postgres', on_error_stop => 0);
my $hash = user_hash($shop{sound}, 'visitor');
my $check = "SELECT idverify_check('sound', 'visitor', '$hash')";
is(ask($warm, $check), 't', 'a ring is read');
write_ring($ring, "1:${one}0\n");
reload($node, $warm);
my $offset = -s $node->logfile;
is(ask($warm, $check), 't', '... and kept when it goes bad');
$log = log_since($node, $offset);
like($log, qr/could not use the key ring after a reload/, '... which is logged');
unlike($log, qr/$hash/, '... without the user_hash');
$warm->quit;

hidden('F0000', 'check, no ring', "SELECT idverify_check('sound', 'visitor', '%s')");
hidden('F0000', 'verdict, no ring', "SELECT idverify_verdict('sound', 'visitor', NULL, '%s')");
hidden('F0000', 'explain, no ring', "SELECT * FROM idverify_explain('sound', 'visitor', NULL, '%s')");
hidden('F0000', 'importing, no ring', "SELECT $create)");
hidden('F0000', 'check, no ring, within DO',
	"DO 'BEGIN PERFORM idverify_check(''sound'', ''visitor'', ''%s''); END'");

#
# A secret's life, while all is logged that can be
#

$node->append_conf('postgresql.conf', q{
	shared_preload_libraries = 'auto_explain, pg_stat_statements'
	logging_collector = on
	log_destination = 'stderr, csvlog, jsonlog'
	log_rotation_size = 0
	log_statement = all
	log_min_duration_statement = 0
	log_min_messages = debug5
	log_error_verbosity = verbose
	log_parameter_max_length = -1
	log_parameter_max_length_on_error = -1
	log_executor_stats = on
	track_activity_query_size = '64kB'
	track_functions = all
	debug_print_parse = on
	debug_print_rewritten = on
	debug_print_plan = on
	debug_pretty_print = off
	auto_explain.log_min_duration = 0
	auto_explain.log_nested_statements = on
	auto_explain.log_analyze = on
	auto_explain.log_verbose = on
	auto_explain.log_triggers = on
	pg_stat_statements.track = all
	wal_keep_size = '1GB'
});
write_ring($ring, "1:$one\n");
$node->restart;
$node->safe_psql('postgres', q{
	CREATE EXTENSION pg_stat_statements;
	CREATE FUNCTION rotate() RETURNS text LANGUAGE plpgsql
		AS $$ DECLARE secret text; BEGIN secret := idverify_rotate('shop'); RETURN secret; END $$
});

my @minted;		# shown to a client, once
my @unsent;		# user_hashes that no client ever sent

# One statement, of which the last word is a secret.
sub mint
{
	my ($sql) = @_;
	my $output = $node->safe_psql('postgres', $sql);

	$output =~ /([0-9a-f]{64})\)?$/ or die "no secret: $output";
	push @minted, $1;
	return;
}

# The answers and the errors that have to do with secrets.
sub use_secrets
{
	my $wrong = '0' x 64;
	my $sql = qq{
		SELECT idverify_check('shop', 'victim', '$wrong');
		SELECT idverify_verdict('shop', 'victim', NULL, '$wrong');
		SELECT * FROM idverify_explain('shop', 'victim', 'signed', '$wrong');
		SELECT idverify_explain('altered', 'victim', NULL, '$wrong');
		SELECT idverify_sign('shop', 'signed');
		SELECT idverify_mask('shop');
		SELECT * FROM idverify.app_status;
		SELECT idverify_check('altered', 'victim', '$wrong');
		SELECT idverify_reveal('altered');
		SELECT idverify_rotate('shop', 'wrong');
		SELECT idverify_create_app('test', 'shop');
		SELECT idverify_promote('altered');
		SELECT idverify_identify('shop', '{"external_id": "victim", "user_hash": "$wrong"}');
		SELECT contact_id AS signed FROM idverify_identify('shop',
			jsonb_build_object('external_id', 'signed', 'user_hash', idverify_sign('shop', 'signed'))) \\gset
		SELECT contact_id AS visitor FROM idverify_identify('shop') \\gset
		SELECT min(fold_id) AS fold FROM idverify_fold(:visitor, :signed) \\gset
		SELECT * FROM idverify_unfold(:fold);
		SELECT idverify_identify('altered', '{"external_id": "victim", "user_hash": "$wrong"}');
		PREPARE ask AS SELECT idverify_check(\$1, \$2, idverify_sign(\$1, \$2));
		EXECUTE ask('shop', 'signed');
	};
	my (undef, $output) = $node->psql('postgres', $sql, on_error_stop => 0);

	push @unsent, map { my $secret = $_; map { user_hash($secret, $_) } qw(victim signed) } @minted;
	like($output, qr/^@{[ user_hash($minted[-1], 'signed') ]}$/m, 'signed with secret ' . @minted);
	return;
}

mint("SELECT idverify_create_app('test', 'shop', revealable => true)");
use_secrets();
mint("SELECT idverify_rotate('shop')");
mint("BEGIN; SELECT idverify_rotate('shop'); ROLLBACK");
mint('SELECT rotate()');
use_secrets();
mint("SELECT idverify_stage('shop')");
$node->safe_psql('postgres', "SELECT idverify_promote('shop')");
use_secrets();
mint("PREPARE mint (text) AS SELECT idverify_rotate(\$1); EXECUTE mint('shop')");
use_secrets();
mint("SELECT idverify_rotate('shop', grace => '0')");
mint("SELECT idverify_reveal('shop')");
is($minted[-1], $minted[-2], 'the secret is revealed');

write_ring($ring, "2:$two\n1:$one\n");
reload($node);
$node->psql('postgres', 'SELECT idverify_rekey()');
$node->safe_psql('postgres', q{
	DELETE FROM idverify.secrets USING idverify.apps
	WHERE app_id = id AND app_key IN ('altered', 'foreign', 'estranged')
});
cmp_ok($node->safe_psql('postgres', 'SELECT idverify_rekey()'), '>', 4, 'all are sealed anew');
use_secrets();
$node->safe_psql('postgres', "SELECT idverify_revoke('shop'); SELECT idverify_purge()");

#
# Looking for them
#

# What a search has to find: a marker that is logged, counted and stored.
my $planted = 'planted' . new_key();
$node->safe_psql('postgres', "CREATE TABLE planted AS SELECT '$planted' AS t");
$node->safe_psql('postgres', "SELECT 1 AS \"@{[ substr $planted, 0, 60 ]}\"");
$node->safe_psql('postgres', sprintf "CREATE TABLE planted_forms AS SELECT '\\x%s'::bytea", unpack 'H*', join '|', forms(substr $planted, 7));
my $planted_forms = $node->safe_psql('postgres', "ANALYZE; SELECT pg_relation_filepath('planted_forms')");

# Everything that a view tells, while sessions are there that have minted and asked.
my $idle = $node->background_psql('postgres', on_error_stop => 0);
push @minted, scalar ask($idle, "SELECT idverify_stage('shop') AS secret");
my $planting = $node->background_psql('postgres', on_error_stop => 0);
ask($planting, "SELECT '$planted'");
my $views = join '', map { "$_\n" . $node->safe_psql('postgres', "SELECT * FROM $_") . "\n" } split /\n/, $node->safe_psql('postgres',
	"SELECT viewname FROM pg_views WHERE viewname ~ '^pg_(stat|prepared|cursors|settings|locks)' AND schemaname IN ('pg_catalog', 'public')");
append_to_file("$folder/views", $views);
$_->quit for $idle, $planting;

my $statistics = $node->safe_psql('postgres', 'SELECT query FROM pg_stat_statements');

$node->backup('backup');
my @dump = ('pg_dump', '-d', $node->connstr('postgres'));
command_ok([ @dump, '-f', "$folder/dump.sql" ], 'pg_dump');
command_ok([ @dump, '-Fc', '--compress=0', '-f', "$folder/dump.custom" ], 'pg_dump -Fc');
$node->stop;
append_to_file("$folder/statistics", $statistics);

# What a file holds.  Plans are logged in short lines: put them into one.
sub content
{
	my ($file) = @_;
	my $content = slurp_file($file);

	$content =~ tr/ \t\n/ /s if $file =~ /\.log$/;
	return $content;
}

# The files that hold any of these, each named for what it is.
sub finds
{
	my $sought = do { my $any = join '|', map { quotemeta } @_; qr/$any/ };
	my %places = (
		$node->data_dir => '',
		$node->backup_dir . '/backup' => 'backup/',
		map { ("$folder/$_" => $_) } qw(dump.sql dump.custom statistics views));
	my %found;

	for my $place (keys %places)
	{
		my $look = sub {
			return unless -f;
			my $name = $places{$place} . substr $_, length $place;
			$found{$name} = 1 if content($_) =~ $sought;
		};
		find({ wanted => $look, no_chdir => 1 }, $place);
	}
	return join ' ', sort keys %found;
}

my $found = finds(substr $planted, 0, 60);
like($found, $_->[1], "a planted marker is found in $_->[0]")
  for (
	[ 'the log', qr{ ?/log/\S+\.log } ],
	[ 'the log as CSV', qr{/log/\S+\.csv } ],
	[ 'the log as JSON', qr{/log/\S+\.json } ],
	[ 'the heap', qr{(^| )/base/} ],
	[ 'WAL', qr{(^| )/pg_wal/} ],
	[ 'a base backup', qr{ backup//base/} ],
	[ 'a dump', qr{ dump\.sql( |$)} ],
	[ 'a dump of format custom', qr{ dump\.custom( |$)} ],
	[ 'pg_stat_statements', qr{ statistics( |$)} ],
	[ 'a view of statistics', qr{ views$} ]);
my $heap = content($node->data_dir . "/$planted_forms");
is((grep { index($heap, $_) < 0 } forms(substr $planted, 7)), 0, '... whatever form it has');

my $logs = join '', map { content($_) } glob $node->data_dir . '/log/*.log';
ok($logs =~ $_->[1], "the log holds $_->[0]")
  for (
	[ 'nested statements', qr/Query Text: INSERT INTO idverify\.secrets/ ],
	[ 'those of a fold', qr/SQL statement "INSERT INTO idverify\.folds/ ],
	[ 'plans, and constants in them, as bytes', qr/@{[ join ' ', unpack 'C*', $planted ]}/ ],
	[ 'errors', qr/ERROR: XX001: / ],
	[ 'debug messages', qr/DEBUG: / ]);
ok($statistics =~ /INSERT INTO idverify\.secrets/, 'statistics have nested statements');

is(finds(map { forms($_) } @minted), '', 'no secret is found anywhere');
is(finds(map { forms($_) } $one, $two), '', 'no master key');
is(finds(map { forms($_) } @unsent), '', 'no user_hash that nobody sent');

done_testing();
