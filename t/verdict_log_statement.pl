# No line of the log that comes of a check, a verdict, an explanation or the guard holds the
# user_hash: not that of an error in a parallel worker, which the leader raises
# again, nor the parameters that it was bound to, nor a line of COPY, nor what the
# server logs of locks, nor a deadlock that another session finds.
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
my $node = new_server(
	'log_statement',
	ring => $ring,
	conf => q{
		log_statement = none
		log_min_error_statement = error
		log_parameter_max_length_on_error = -1
		log_lock_waits = on
		deadlock_timeout = 10ms
	});

create_app($node, $_) for qw(altered sound);
$node->safe_psql('postgres', q{
	UPDATE idverify.secrets s SET sealed = set_byte(sealed, 30, get_byte(sealed, 30) # 1)
	FROM idverify.apps a WHERE a.id = s.app_id AND a.app_key = 'altered';
	CREATE TABLE visitors AS SELECT 'visitor ' || n AS id FROM generate_series(1, 10000) n;
	ANALYZE visitors;
});

my $parallel = q{
	SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
	SET max_parallel_workers_per_gather = 2; SET parallel_leader_participation = off;
};

# A statement that fails, with a user_hash in it.
sub hidden
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($expected, $what, $sql, $logged) = @_;
	my $marker = new_key();
	my ($sqlstate, undef, $told, $log) = attempt($node, sprintf $sql, $marker);

	is($sqlstate, $expected, "$what: fails");
	like($log, $logged // qr/ERROR: /, '... which is logged');
	unlike($log, qr/$marker/, '... without the user_hash');
	return $told;
}

for ([ 'check', "visitors WHERE idverify_check('altered', id, '%s')" ],
	[ 'verdict', "visitors WHERE idverify_verdict('altered', id, NULL, '%s') = 'verified'" ],
	[ 'explain', "visitors, idverify_explain('altered', id, NULL, '%s')" ])
{
	my ($what, $from) = @$_;
	my $scan = "SELECT count(*) FROM $from";

	hidden('XX001', "$what in the session", $scan);
	like(hidden('XX001', "$what in a parallel worker", "$parallel $scan"),
		qr/parallel worker/, '... and was one');
	hidden('XX001', "$what in a parallel worker, within a function",
		"$parallel DO \$\$ BEGIN PERFORM count(*) FROM $from; END \$\$");
}

# bound parameters are logged as context
for my $settings ('', $parallel)
{
	my $given = new_key();
	my $offset = -s $node->logfile;
	my $script = "$folder/$offset.sql";

	append_to_file($script, "SELECT count(*) FROM visitors WHERE idverify_check('altered', id, :given);");
	local $ENV{PGOPTIONS} = join ' ', map { /SET (\w+) = (\w+)/ ? "-c $1=$2" : () } split /;/, $settings;
	command_fails([ 'pgbench', '-n', '-t1', '-M', 'extended', '-D', "given=$given",
			'-f', $script, $node->connstr('postgres') ], 'as a parameter');
	my $log = log_since($node, $offset);
	like($log, qr/ERROR:  secret 1 of app/, '... which is logged');
	unlike($log, qr/$given/, '... without the parameter' . ($settings ? ', of a parallel worker' : ''));
}

# the guard: its own errors, and those of the server within it
$node->safe_psql('postgres', q{
	SELECT idverify_create_app('by email', 'by_email', 'a secret of thirty-two characters', signed_field => 'email');
	CREATE DOMAIN given AS text NOT NULL;
	CREATE FUNCTION complains(text) RETURNS boolean LANGUAGE plpgsql AS
		$$ BEGIN IF $1 IS NULL THEN RAISE 'complaint'; END IF; RETURN true; END $$;
	CREATE DOMAIN checked AS text CHECK (complains(VALUE));
});
my $of_claim = 'app_key text, external_id text, email text, user_hash text, is_verified boolean';
my $right = $node->safe_psql('postgres', "SELECT idverify_sign('by_email', 'a\@example.com')");
my @tables = (
	[ 'fit', $of_claim, '', 'XX001', 'altered' ],
	[ 'of_another_kind', $of_claim, '', '39P01', 'by_email', 'BEFORE INSERT' ],
	[ 'with_condition', $of_claim, '', '39P01', 'by_email', undef, 'WHEN (true)' ],
	[ 'without_column', $of_claim =~ s/is_verified/verified/r, '', '42703', 'by_email' ],
	[ 'of_another_type', $of_claim =~ s/boolean/text/r, '', '42804', 'by_email' ],
	[ 'of_no_role', $of_claim, "'nonsense=x'", '22023', 'by_email' ],
	[ 'of_two_roles', $of_claim, "'email=external_id'", '42701', 'by_email' ],
	[ 'not_null', $of_claim =~ s/external_id text/external_id given/r, '', '23502', 'by_email' ],
	[ 'complaining', $of_claim =~ s/external_id text/external_id checked/r, '', 'P0001', 'by_email' ]);
for (@tables)
{
	my ($table, $columns, $arguments, $expected, $app, $fires, $when) = @$_;
	my $value = $columns =~ /verified text/ ? "'f'" : 'false';
	my @row = ($app, '4711', 'a@example.com', $right);

	$fires //= 'BEFORE INSERT OR UPDATE';
	$when //= '';
	$node->safe_psql('postgres', qq{
		CREATE TABLE $table ($columns);
		CREATE TRIGGER zz_guard $fires ON $table FOR EACH ROW $when EXECUTE FUNCTION idverify_guard($arguments);
	});
	for ([ 'an INSERT', "INSERT INTO $table VALUES ('$row[0]', '$row[1]', '$row[2]', '$row[3]', $value)" ],
		[ 'COPY', "COPY $table (app_key, external_id, email, user_hash) FROM stdin;\n" . join("\t", @row) . "\n\\.\n" ],
		[ 'a function', "DO \$\$ BEGIN INSERT INTO $table VALUES ('$row[0]', '$row[1]', '$row[2]', '$row[3]', $value); END \$\$" ],
		[ 'EXECUTE', "PREPARE p (text) AS INSERT INTO $table VALUES ('$row[0]', '$row[1]', '$row[2]', \$1, $value);\nEXECUTE p ('$row[3]')" ])
	{
		my ($way, $sql) = @$_;
		my ($sqlstate, undef, $told, $log) = attempt($node, $sql);

		is($sqlstate, $expected, "guard, $table: $way fails");
		like($log, qr/ERROR: /, '... which is logged');
		unlike($log, qr/$right/, '... without the user_hash');
		unlike($told, qr/CONTEXT.*$right/, '... nor is the client told it as context');
	}
	my $offset = -s $node->logfile;
	append_to_file("$folder/$table.sql", "INSERT INTO $table VALUES ('$row[0]', '$row[1]', '$row[2]', :given, $value);");
	command_fails([ 'pgbench', '-n', '-t1', '-M', 'extended', '-D', "given=$right",
			'-f', "$folder/$table.sql", $node->connstr('postgres') ], "guard, $table: a parameter");
	my $log = log_since($node, $offset);
	like($log, qr/ERROR: /, '... which is logged');
	unlike($log, qr/$right/, '... without the user_hash');
}

# what comes later in the same statement than the function, or the guard, that was
# given the user_hash
$node->safe_psql('postgres', q{
	CREATE FUNCTION claims(text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RETURN idverify_check('sound', 'visitor', $1); END $$;
	CREATE FUNCTION fails() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'at the end'; END $$;
	CREATE TABLE refusing (app_key text, external_id text, email text, user_hash text, is_verified boolean CHECK (is_verified));
	CREATE TABLE deferring (LIKE refusing);
	CREATE TABLE claiming (LIKE refusing);
	CREATE TRIGGER zz_guard BEFORE INSERT OR UPDATE ON refusing FOR EACH ROW EXECUTE FUNCTION idverify_guard();
	CREATE TRIGGER zz_guard BEFORE INSERT OR UPDATE ON deferring FOR EACH ROW EXECUTE FUNCTION idverify_guard();
	CREATE TRIGGER zz_guard BEFORE INSERT OR UPDATE ON claiming FOR EACH ROW EXECUTE FUNCTION idverify_guard();
	CREATE CONSTRAINT TRIGGER later AFTER INSERT ON deferring DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fails();
});
hidden('22012', 'an error after check', "SELECT 1 / (n - 2) FROM generate_series(1, 3) n WHERE NOT idverify_check('sound', 'visitor', '%s')");
hidden('22012', 'an error after somebody\'s function', "SELECT 1 / (n - 2) FROM generate_series(1, 3) n WHERE NOT claims('%s')");
hidden('23514', 'a constraint after the guard', "INSERT INTO refusing VALUES ('sound', 'visitor', NULL, '%s')");
hidden('P0001', 'a deferred trigger after the guard', "INSERT INTO deferring VALUES ('sound', 'visitor', NULL, '%s')");
$node->safe_psql('postgres', 'CREATE TABLE scanned AS SELECT g::text AS x FROM generate_series(1, 20000) g');
hidden('22012', 'an error of the leader, whose workers alone were given the hash', "SET min_parallel_table_scan_size = 0; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;
	SET parallel_leader_participation = off; SELECT 1 / (count(*) - count(*)) FROM scanned WHERE idverify_check('sound', x, '%s')");
{
	# a token whose header and payload are written with blanks
	my (undef, undef, undef, $log) = attempt($node, "INSERT INTO refusing VALUES ('sound', 'visitor', NULL, 'eyAiYWxnIjogIkhTMjU2In0.ewogICJzdWIiOiAiMSIK.PLANTED')");
	unlike($log, qr/PLANTED/, 'a constraint after the guard: no token either, however it is written');
}
hidden('00000', 'statistics', "SET log_statement_stats = on; SELECT idverify_check('sound', 'visitor', '%s')", qr/QUERY STATISTICS/);
{
	my $given = new_key();
	my $offset = -s $node->logfile;
	my ($output, $told) = ('', '');
	my $client = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c',
			"SELECT idverify_check('sound', 'visitor', '$given'), repeat('x', 10000), pg_sleep(0.01) FROM generate_series(1, 1000)" ],
		'>', \$output, '2>', \$told);
	$node->poll_query_until('postgres', "SELECT count(*) > 0 FROM pg_stat_activity WHERE query LIKE '%pg_sleep(0.01)%' AND wait_event = 'PgSleep'")
	  or die 'no client';
	$client->kill_kill;
	$node->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE query LIKE '%repeat(''x''%' AND pid <> pg_backend_pid()")
	  or die 'the session stays';
	my $log = log_since($node, $offset);
	like($log, qr/could not send data to client|connection to client lost/, 'a client that goes away is logged');
	unlike($log, qr/$given/, '... without the user_hash');
}
# ... and no other statement is left out, nor the next one
my (undef, undef, undef, $next) = attempt($node, "SELECT idverify_check('sound', 'visitor', '${\new_key()}');\nSELECT 'next' || 1/0 FROM (SELECT '${\new_key()}') s");
like($next, qr/STATEMENT:.*next/, 'the next statement is logged');

# a user_hash where an app_key should be, and one that a table of contacts has stored
for ([ 'identify', '42704', "SELECT idverify_identify('%s', '{}')" ], [ 'the guard', '00000', "INSERT INTO claiming VALUES ('%1\$s', 'visitor', NULL, '%1\$s')", qr/app "\*\*\*" is not verified: unknown_app/ ])
{
	my ($what, $expected, $sql, $logged) = @$_;
	my $marker = new_key();
	my (undef, undef, $told, $log) = attempt($node, sprintf $sql, $marker);

	like("$told$log", $logged // qr/app "\*\*\*" does not exist/, "$what of an app that is a user_hash");
	unlike("$told$log", qr/$marker/, '... which is not quoted');
}
{
	my $stored = new_key();
	$node->safe_psql('postgres', qq{
		CREATE TABLE kept (id int PRIMARY KEY, phone text, user_hash text, CHECK (phone IS NULL OR user_hash IS NULL));
		INSERT INTO kept VALUES (1, '1', NULL), (2, NULL, '$stored');
	});
	my (undef, undef, $told, $log) = attempt($node, "SELECT idverify_fold(1, 2, 'kept')");
	like($log, qr/DETAIL: .*violates check constraint/, 'a fold that a constraint refuses is logged with the reason');
	unlike("$told$log", qr/$stored/, '... without the user_hash in the row');
}

# waiting for a lock: what the server says of it
my $locker = $node->background_psql('postgres');
ask($locker, 'BEGIN; LOCK TABLE idverify.secrets IN ACCESS EXCLUSIVE MODE');
for ([ 'check', "idverify_check('sound', 'visitor', '%s')" ],
	[ 'verdict', "idverify_verdict('sound', 'visitor', NULL, '%s')" ],
	[ 'explain', "(SELECT max(verdict) FROM idverify_explain('sound', 'visitor', NULL, '%s'))" ])
{
	my ($what, $call) = @$_;

	hidden('55P03', "$what waits for a lock", "SET lock_timeout = 200; SELECT $call",
		qr/still waiting for AccessShareLock.*ERROR:  canceling statement due to lock timeout/s);
	hidden('57014', "$what waits until statement_timeout", "SET statement_timeout = 200; SELECT $call",
		qr/still waiting for AccessShareLock/);
	hidden('55P03', "$what waits in a parallel worker",
		"SET lock_timeout = 200; $parallel SELECT count(*) FROM visitors WHERE " . $call =~ s/'visitor'/id/r . '::text <> id',
		qr/still waiting for AccessShareLock/);
}
$locker->quit;

# a deadlock: the server logs the statements of all
my $other = $node->background_psql('postgres', on_error_stop => 0);
my $marker = new_key();
my $offset = -s $node->logfile;
ask($other, 'BEGIN; LOCK TABLE idverify.secrets IN ACCESS EXCLUSIVE MODE');
my $victim = $node->background_psql('postgres', on_error_stop => 0);
ask($victim, "SET deadlock_timeout = 100; BEGIN; LOCK TABLE visitors");
$other->query_until(qr//, "SET deadlock_timeout = '100s'; SELECT count(*) FROM visitors;\n");
$node->poll_query_until('postgres', q{SELECT count(*) > 0 FROM pg_locks WHERE relation = 'visitors'::regclass AND NOT granted});
my (undef, $messages) = ask($victim, "SELECT idverify_check('sound', 'visitor', '$marker')");
like($messages, qr/deadlock detected/, 'a deadlock');
my $log = log_since($node, $offset);
like($log, qr/ERROR:  deadlock detected/, '... is logged');
unlike($log, qr/$marker/, '... without the user_hash');
ask($victim, 'ROLLBACK');
$_->quit for $victim, $other;

# ... and where it is found by a session that is in no function of idverify
$node->safe_psql('postgres', 'CREATE TABLE locked ()');
for ([ 'loaded' => qr/may hold a user_hash/, "SELECT idverify_check('sound', '%s', '%s')" ],
	[ 'loaded' => qr/may hold a user_hash/, "SELECT count(*) FROM visitors WHERE id <> '%s'" ],
	[ 'loaded' => qr/Process \d+: SELECT count\(\*\) FROM visitors, locked/, 'SELECT count(*) FROM visitors, locked' ],
	[ 'not loaded' => qr/Process \d+: SELECT count\(\*\) FROM visitors, locked/, 'SELECT count(*) FROM visitors, locked' ])
{
	my ($how, $logged, $sql) = @$_;
	my $claimant = $node->background_psql('postgres', on_error_stop => 0);
	my $finder = $node->background_psql('postgres', on_error_stop => 0);
	my $given = new_key();

	ask($finder, "LOAD 'idverify'") if $how eq 'loaded';
	ask($claimant, "SET deadlock_timeout = '100s'; BEGIN; LOCK TABLE locked");
	# check waits for secrets, everything else for visitors
	ask($finder, "SET deadlock_timeout = 100; BEGIN; LOCK TABLE visitors, idverify.secrets IN ACCESS EXCLUSIVE MODE");
	$claimant->query_until(qr//, sprintf($sql, $given, $given) . ";\n");
	$node->poll_query_until('postgres', q{SELECT count(*) > 0 FROM pg_locks WHERE relation IN ('visitors'::regclass, 'idverify.secrets'::regclass) AND NOT granted});
	my $since = -s $node->logfile;
	my (undef, $said) = ask($finder, 'SELECT count(*) FROM locked');
	my $entry = log_since($node, $since);

	like($said, qr/deadlock detected/, "a deadlock, found by a session with the module $how");
	like($entry, $logged, '... is logged with the statements that hold none');
	like($entry, qr/DETAIL:  .*Process \d+ waits for/, '... and with who waits for whom');
	unlike($entry, qr/$given/, '... without the user_hash');
	ask($finder, 'ROLLBACK');
	$_->quit for $finder, $claimant;
}

# a name like the mark of a parallel worker hides nothing
my (undef, undef, undef, $named) = attempt($node, q{
	CREATE FUNCTION "idverify function in a parallel worker"() RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE 'named'; END $$;
	LOAD 'idverify';
	SELECT "idverify function in a parallel worker"()});
like($named, qr/STATEMENT:.*SELECT "idverify function/s, 'a function with the name of the mark: its statement is logged');

# what this looks at does find the statement of another error
my (undef, undef, undef, $planted) = attempt($node, "$parallel SELECT count(*) FROM visitors WHERE (id || 'planted')::int = 1");
like($planted, qr/STATEMENT:.*planted/, 'the statement of any other error is logged');

$node->stop;
done_testing();
