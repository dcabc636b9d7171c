# Statistics: claims are counted in shared memory, to the last one.
#
# In the memory of a server that has preloaded the library; from PostgreSQL 17 on
# in that which the first session makes, too.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use IdverifyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('stat', allows_streaming => 1, conf => q(
shared_preload_libraries = ''
idverify.stat_apps = 20
max_connections = 60
restart_after_crash = on
max_parallel_workers_per_gather = 2
parallel_setup_cost = 0
parallel_tuple_cost = 0
min_parallel_table_scan_size = 0
));
my $major = $node->pg_version->major;
my $file = $node->data_dir . '/pg_stat/idverify.stat';

my %secret = (web => create_app($node, 'web'), mail => create_app($node, 'mail', signed_field => 'email'));
my $alice = user_hash($secret{web}, 'alice');
my $wrong = '0' x 64;
my $right = "idverify_check('web', 'alice', '$alice')";

sub sql { return $node->safe_psql('postgres', join ";\n", @_) }

# What was counted of an app: "verified 3, mismatch 1".
sub counts
{
	my ($app, $server) = @_;

	return ($server // $node)->safe_psql('postgres', "SELECT coalesce(string_agg(verdict || ' ' || claims, ', ' ORDER BY verdict), 'nothing')
		FROM (SELECT verdict, sum(claims) AS claims FROM idverify.stat_claims WHERE app_key = '$app' GROUP BY 1) AS c");
}

# What a session has counted is there when it has ended, a moment after its client.
sub wait_for_others
{
	$node->poll_query_until('postgres', q(SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'client backend'))
	  or die 'there are other sessions';
	return;
}

# The same, and begin anew.
sub counted
{
	my ($app) = @_;
	my $counts = counts($app);

	sql('SELECT idverify_stat_reset()');
	return $counts;
}

#
# Where there are none
#
sub without
{
	my @answers = split /\n/, $node->safe_psql('postgres', "SELECT $right;
		TABLE idverify.stat_claims; TABLE idverify.stat_refused; SELECT idverify.counting_since() IS NULL;
		SELECT app_key, claims, first_at, last_at FROM idverify.stat_secrets ORDER BY 1;
		SELECT * FROM idverify_coverage() ORDER BY 1;
		SELECT DISTINCT previous_last_used_at IS NULL FROM idverify.app_status");
	my ($rc, undef, $told) = $node->psql('postgres', 'SELECT idverify_stat_reset()');

	is_deeply(\@answers, [ 't', 't', 'mail|||', 'web|||', 'mail|||||', 'web|||||', 't' ],
		'without statistics there is NULL where a count would be');
	like($told, qr/NOTICE:  there are no statistics of claims on this server/m, '... and the reset says so');
	return;
}

#
# What is counted
#
sub what_is_counted
{
	my $bob = user_hash($secret{web}, 'bob');
	my $mail = user_hash($secret{mail}, 'a@b.c');

	sql("SELECT $right, idverify_check('web', 'alice', '$wrong'), idverify_check('web', 'alice', 'short'), idverify_check('web', repeat('x', 2000), '$wrong')",
		"SELECT idverify_check('web', NULL, '$alice'), idverify_check('web', '', '$alice'), idverify_check('web', 'alice', NULL), idverify_check('web', 'alice', '')",
		"SELECT idverify_check('made up', 'alice', '$alice'), idverify_check(NULL, 'alice', '$alice'), idverify_verdict('made up', 'alice', NULL, '$alice')");
	is(counted('web'), 'verified 1, mismatch 3', 'a check counts where there are an app, a value and a hash');

	sql(map { "SELECT idverify_verdict('web', $_)" } "NULL, NULL, '$alice'", "'alice', NULL, NULL", "'alice', NULL, 'x'",
		"'null', NULL, '$alice'", "'alice', NULL, '$alice'", "'alice', NULL, '$wrong'");
	is(counted('web'), 'anonymous 1, unsigned 1, malformed 1, bad_identity 1, verified 1, mismatch 1', 'each verdict counts');

	sql(qq(SELECT FROM idverify_identify('web', '{"external_id": "alice", "user_hash": "$alice", "email": "a\@b.c", "email_hash": "$alice", "shop": "s", "shop_hash": "x"}')),
		q(SELECT FROM idverify_identify('web', '{"external_id": "alice"}')), q(SELECT FROM idverify_identify('web')));
	is(counted('web'), 'anonymous 1, unsigned 1, verified 1', 'an identification counts once, whatever is signed beside it');

	sql(qq(SELECT FROM idverify_explain('web', 'alice', NULL, '$alice') a, idverify_explain('web', 'alice', NULL, '$wrong') b),
		q(SELECT idverify_sign('web', 'alice'), idverify_mask('web')));
	is(counted('web'), 'nothing', 'an explanation counts nowhere');

	# INSERT, upserts of all kinds, and what is no claim
	my $row = q(INSERT INTO people (app_key, external_id, user_hash) VALUES);
	my $conflict = q(ON CONFLICT (app_key, external_id) DO UPDATE SET name = 'x', user_hash = EXCLUDED.user_hash);
	my @guarded = (
		[ 'verified 1', "$row ('web', 'alice', '$alice')" ],
		[ 'verified 1', "$row ('web', 'alice', '$alice') $conflict" ],
		[ 'mismatch 1', "$row ('web', 'alice', '$wrong') $conflict" ],
		[ 'unsigned 1', "$row ('web', 'alice', NULL) $conflict" ],
		[ 'nothing',    "$row ('web', NULL, NULL)" ],
		[ 'nothing',    "$row ('made up', 'alice', '$alice')" ],
		[ 'verified 1', "UPDATE people SET external_id = 'bob', user_hash = '$bob' WHERE external_id IS NULL AND app_key = 'web'" ],
		[ 'mismatch 1', "UPDATE people SET user_hash = '$wrong' WHERE external_id = 'alice' AND app_key = 'web'" ],
		[ 'nothing',    "UPDATE people SET name = 'y'" ],
		[ 'nothing',    "UPDATE people SET external_id = NULL WHERE external_id = 'bob'" ],
		[ 'mismatch 1', "$row ('web', 'carl', '$wrong')" ],
		[ 'unsigned 1', "INSERT INTO people (id, app_key, external_id) SELECT id, 'web', 'dora' FROM people WHERE external_id = 'alice' AND app_key = 'web' ON CONFLICT (id) DO UPDATE SET external_id = EXCLUDED.external_id" ]);
	sql(q(CREATE TABLE people (id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, app_key text, external_id text, email text, name text, user_hash text, is_verified boolean)),
		q(CREATE UNIQUE INDEX ON people (app_key, external_id)),
		q(UPDATE idverify.apps SET on_unverified = 'accept' WHERE app_key = 'web'),
		q(CREATE TRIGGER guard BEFORE INSERT OR UPDATE ON people FOR EACH ROW EXECUTE FUNCTION idverify_guard()));
	for my $each (@guarded)
	{
		sql($each->[1]);
		is(counted('web'), $each->[0], "guard: $each->[1]" =~ s/[0-9a-f]{64}/a hash/gr);
	}
	sql('DROP TABLE people', q(UPDATE idverify.apps SET on_unverified = 'drop'));

	# which field was claimed, and what is shown of it
	my $offset = -s $node->logfile;
	sql("SELECT idverify_check('web', 'somebody \xc3\xa9\xc3\xa9', '$wrong')",
		"SELECT idverify_verdict('web', 'customer-1', 'a\@b.cd', '$wrong')", "SELECT idverify_verdict('web', NULL, 'customer\@b.cd', '$wrong')",
		"SELECT idverify_verdict('mail', 'customer-1', 'customer\@b.cd', '$wrong')", "SELECT idverify_verdict('mail', 'customer-1', NULL, '$mail')",
		qq(SELECT FROM idverify_identify('web', '{"external_id": "short"}')),
		qq(SELECT FROM idverify_identify('web', '{"external_id": "line\\nfeed \\"\xc3\xa9\xc3\xa9"}')));
	is($node->safe_psql('postgres', 'SELECT app_key, verdict, field, identity, way FROM idverify.stat_refused'), join("\n",
			'web|unsigned|external_id|li***\xc3\xa9\xc3\xa9|identify', 'web|unsigned|external_id|***|identify',
			'mail|mismatch|external_id|cu***-1|verdict', 'mail|mismatch|email|cu***cd|verdict', 'web|mismatch|email|cu***cd|verdict',
			'web|mismatch|external_id|cu***-1|verdict', 'web|mismatch|value|so***\xc3\xa9\xc3\xa9|check'),
		'of refused claims what is claimed is shown, masked');
	like(log_since($node, $offset), qr/claim of external_id "li\*\*\*\\xc3\\xa9\\xc3\\xa9" to/, '... as in the log');

	# the last 1,024
	sql("SELECT count(*) FILTER (WHERE NOT idverify_check('web', 'number ' || 10000 + n, '$wrong')) FROM generate_series(1, 3000) n");
	is(sql('SELECT count(*), min(identity), count(DISTINCT at) > 1, max(at) <= clock_timestamp() FROM idverify.stat_refused'),
		'1024|nu***00|t|t', '1,024 refused claims are kept');
	is(sql('SELECT identity FROM idverify.stat_refused LIMIT 2'), "nu***00\nnu***99", '... the last ones');
	sql("SELECT idverify_stat_reset('mail')");
	is(sql('SELECT count(*) FROM idverify.stat_refused'), '1024', 'a reset of another app leaves them');
	sql("SELECT idverify_stat_reset('web')");
	is(sql('SELECT count(*) FROM idverify.stat_refused'), '0', 'a reset of theirs does not');
	return;
}

#
# To the last one
#
sub exactness
{
	sql("CREATE TABLE IF NOT EXISTS scanned AS SELECT n, 'alice' AS id FROM generate_series(1, 300000) n", 'ANALYZE scanned');
	my $scan = "SELECT count(*) FROM scanned WHERE idverify_check('web', id, CASE WHEN n % 1000 = 0 THEN '$wrong' ELSE '$alice' END)";

	is(sql('SET max_parallel_workers_per_gather = 0', $scan), '299700', 'a scan of 300,000 rows');
	is(counted('web'), 'verified 299700, mismatch 300', '... is counted');
	like(sql("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) $scan"), qr/Workers Launched: [12]\b/, 'a scan by parallel workers');
	is(counted('web'), 'verified 299700, mismatch 300', '... is counted when it is over');

	my $script = $node->basedir . '/claims.sql';
	unlink $script;
	append_to_file($script, "SELECT $right;\nBEGIN;\nSELECT idverify_verdict('web', 'alice', NULL, '$alice');\nROLLBACK;\n");
	$node->command_ok([ 'pgbench', '-n', '-c', 32, '-j', 2, '-t', 50, '-f', $script, $node->connstr('postgres') ], '32 sessions');
	is(counted('web'), 'verified 3200', '... are counted, and so is what they roll back');

	$node->psql('postgres', "SELECT $right; DO \$\$ BEGIN PERFORM $right; BEGIN PERFORM $right; RAISE 'no'; EXCEPTION WHEN OTHERS THEN NULL; END; PERFORM $right; END \$\$; SELECT $right, 1 / (n - 1) FROM generate_series(1, 1) n; SELECT $right", on_error_stop => 0);
	is(counted('web'), 'verified 6', 'a statement that fails, and subtransactions that do');

	# the second transaction within a second is added when the session ends
	sql(("SELECT $right") x 5);
	is(counted('web'), 'verified 5', 'what a session has counted last is added when it ends');

	for my $how ('idle', 'in a transaction')
	{
		my $session = $node->background_psql('postgres', on_error_stop => 0);
		$session->query("SELECT $right") for 1 .. 3;
		$session->query("BEGIN; SELECT $right") if $how ne 'idle';
		my $pid = $session->query('SELECT pg_backend_pid()');
		sql("SELECT pg_terminate_backend($pid, 60000)");
		$session->{run}->finish;
		is(counted('web'), $how eq 'idle' ? 'verified 3' : 'verified 4', "... also if it is terminated, $how");
	}

	# a transaction that is prepared, which is over for its session
	my $open = $node->background_psql('postgres');
	$open->query("BEGIN; SELECT $right");
	is(counts('web'), 'nothing', 'a transaction that is open is not counted yet');
	$open->query('COMMIT');
	is(counted('web'), 'verified 1', '... and is when it ends');
	$open->quit;
	return;
}

#
# Secrets, and what is covered
#
sub secrets
{
	my $old = $secret{web};
	my $new = $secret{web} = $node->safe_psql('postgres', "SET client_min_messages = warning; SELECT idverify_rotate('web')");
	my $claims = "SELECT claims, last_at IS NOT NULL FROM idverify.stat_secrets WHERE app_key = 'web' ORDER BY generation DESC LIMIT 2";
	my $last_used = "SELECT previous_last_used_at FROM idverify.app_status WHERE app_key = 'web'";

	$alice = user_hash($new, 'alice');
	$right = "idverify_check('web', 'alice', '$alice')";
	my ($by_new, $by_old) = map { "idverify_verdict('web', 'alice', NULL, '" . user_hash($_, 'alice') . "')" } $new, $old;
	is(sql("SELECT $by_new", $claims), "verified\n1|t\n0|f", 'claims count for the secret that signed them');
	is(sql($last_used), '', 'the previous secret was not used');
	my $before = now($node);
	sql("SELECT $by_old");
	is(sql("SELECT previous_last_used_at >= '$before', previous_last_used_at <= clock_timestamp() FROM ($last_used) AS s"), 't|t', '... until it is, and when is told');
	is(sql("SELECT first_at = last_at, signer, signs, state FROM idverify.stat_secrets WHERE app_key = 'web' AND state = 'previous'"), 't|main|hash|previous', '... of its row, too');
	sql(q(SELECT idverify_revoke('web')), "SELECT $by_old");
	is(sql("SELECT claims FROM idverify.stat_secrets WHERE app_key = 'web' AND state = 'previous' ORDER BY generation DESC LIMIT 1"), '2', 'a secret whose grace is over is still seen to be used');
	sql('SELECT idverify_purge()');

	sql("SELECT idverify_stat_reset('web')", "SELECT $right FROM generate_series(1, 9999)", q(SELECT idverify_verdict('web', NULL, NULL, NULL)), q(SELECT idverify_verdict('web', 'alice', NULL, NULL)));
	is(sql("SELECT claims, verified, share, would_refuse, since BETWEEN now() - interval '1 hour' AND now() FROM idverify_coverage('web')"),
		'10000|9999|0.9999|1|t', 'coverage of an app');
	sql("SELECT $right");
	is(sql("SELECT share FROM idverify_coverage('web')"), '0.9999', '... is 1 only if all is covered');
	is(sql("SELECT app_key, claims FROM idverify_coverage(days => 31) ORDER BY 1"), "mail|0\nweb|10001", 'coverage of all');
	for my $bad ([ "'nobody'", 42704 ], [ "'web', 32", 22023 ], [ "'web', -1", 22023 ], [ "'web', NULL", 22004 ])
	{
		is((attempt($node, "SELECT FROM idverify_coverage($bad->[0])"))[0], $bad->[1], "coverage of $bad->[0]");
	}
	is((attempt($node, "SELECT idverify_stat_reset('nobody')"))[0], '42704', 'a reset of nobody');
	wait_for_others();
	sql('SELECT idverify_stat_reset()');
	return;
}

#
# Whose they are
#
sub identities
{
	sql("SELECT $right", q(UPDATE idverify.apps SET app_key = 'site' WHERE app_key = 'web'), q(SELECT idverify_verdict('site', 'alice', NULL, NULL)));
	wait_for_others();
	is(counts('site'), 'unsigned 1, verified 1', 'an app that is renamed keeps its statistics');
	sql(q(UPDATE idverify.apps SET app_key = 'web' WHERE app_key = 'site'));

	my ($id) = sql(q(INSERT INTO idverify.apps (id, app_key, name) VALUES (77, 'first', 'First')), q(SELECT idverify_verdict('first', 'x', NULL, NULL)));
	is(counts('first'), 'no_secret 1', 'an app');
	sql(q(DELETE FROM idverify.apps WHERE id = 77), q(INSERT INTO idverify.apps (id, app_key, name) VALUES (77, 'first', 'First')));
	is(counts('first'), 'nothing', '... and another one of the same id and app_key');
	is(sql(q(SELECT count(*) FROM idverify.stat_refused WHERE verdict = 'no_secret')), '0', '... which has not refused anything either');
	sql(q(DELETE FROM idverify.apps WHERE id = 77));

	# two databases that are alike, to the OID
	sql('CREATE DATABASE twin TEMPLATE postgres');
	is($node->safe_psql('twin', 'SELECT count(*) FROM idverify.stat_claims'), '0', 'another database has its own');
	$node->safe_psql('twin', "SELECT $right; SELECT $right");
	is($node->safe_psql('twin', q(SELECT claims FROM idverify.stat_claims WHERE verdict = 'verified')), '2', '... and counts');
	is(counts('web'), 'unsigned 1, verified 1', '... which the first one does not see');
	$node->safe_psql('twin', 'SELECT idverify_stat_reset()');
	is(counts('web'), 'unsigned 1, verified 1', '... nor forgets with it');
	$node->safe_psql('twin', "SELECT $right; SET client_min_messages = warning; DROP EXTENSION idverify CASCADE; CREATE EXTENSION idverify; SELECT FROM idverify_create_app('Web', 'web')");
	is($node->safe_psql('twin', 'SELECT count(*) FROM idverify.stat_claims'), '0', 'the extension, made again, begins anew');
	sql('DROP DATABASE twin');
	return;
}

#
# How many
#
sub bounds
{
	sql(map { "INSERT INTO idverify.apps (app_key, name) VALUES ('many $_', '')" } 1 .. 25);
	sql($_) for "SELECT $right", map { "SELECT idverify_verdict('many $_', 'x', NULL, NULL)" } 1 .. 19;
	is(counts('web'), 'unsigned 1, verified 2', 'room for 20 apps');
	sql("SELECT $right") ;
	sql("SELECT idverify_verdict('many 20', 'x', NULL, NULL)");
	is(sql(q(SELECT count(DISTINCT app_key), bool_or(app_key = 'web'), bool_or(app_key = 'many 1'), bool_or(app_key = 'many 20') FROM idverify.stat_claims)),
		'20|t|f|t', 'the one that was asked for longest ago makes room');
	is(sql("SELECT since >= (SELECT max(at) FROM idverify.stat_refused WHERE app_key = 'many 19') FROM idverify_coverage('many 1')"),
		't', '... and it is told since when it would be counted');

	# more apps than there is room for, and than a session counts at once
	sql("INSERT INTO idverify.apps (app_key, name) SELECT 'more ' || n, '' FROM generate_series(1, 1500) n");
	is(sql("SELECT count(*) FILTER (WHERE idverify_verdict('more ' || n, 'x', NULL, NULL) = 'no_secret') FROM generate_series(1, 1500) n"), '1500', 'a session asks for 1,500 apps');
	is(sql(q(SELECT count(*), sum(claims), min(split_part(app_key, ' ', 2)::int) > 1024 FROM idverify.stat_claims)), '20|20|t', '... of which 20 are counted');

	# more secrets than there is room for
	sql(q(DELETE FROM idverify.apps WHERE app_key ~ '^(many|more)'), 'SELECT idverify_stat_reset()');
	sql(map { "SELECT idverify_add_signer('mail', 's$_')" } 1 .. 60);
	my $signers = $node->safe_psql('postgres', q(SELECT string_agg(format($$SELECT idverify_verdict('mail', NULL, 'a@b.c', %L)$$, idverify_sign('mail', 'a@b.c', signer)), ';') FROM idverify.app_status WHERE app_key = 'mail'));
	sql($signers, $signers);
	is(sql(q(SELECT count(*), min(claims), max(claims) FROM idverify.stat_secrets WHERE app_key = 'mail')), '61|2|2', 'each of 61 signers is counted');
	sql(map { "SELECT idverify_drop_signer('mail', 's$_')" } 1 .. 60);
	sql('SELECT idverify_stat_reset()');
	return;
}

#
# How long
#

# The checksum of such a file (CRC-32C).
sub crc32c
{
	my ($bytes) = @_;
	my $crc = 0xffffffff;

	for my $byte (unpack 'C*', $bytes)
	{
		$crc ^= $byte;
		$crc = $crc & 1 ? ($crc >> 1) ^ 0x82f63b78 : $crc >> 1 for 1 .. 8;
	}
	return $crc ^ 0xffffffff;
}

# Where the app begins in such a file that was asked for last.
sub last_app
{
	my ($bytes) = @_;
	my ($at, $apps) = (56, unpack 'q', substr $$bytes, 24, 8);

	$at += 3624 + 32 * unpack 'q', substr $$bytes, $at + 32, 8 for 2 .. $apps;
	return $at;
}

# Restart with the file changed, by code that gets all but the checksum.
sub restart_with
{
	my ($change, %options) = @_;

	$node->stop;
	my $bytes = slurp_file($file);
	is(crc32c(substr $bytes, 0, -4), unpack('L', substr $bytes, -4), 'the file has a checksum') if $options{check};
	substr($bytes, -4) = '';
	$change->(\$bytes);
	open my $out, '>:raw', $file or die "$file: $!";
	print $out $bytes, pack 'L', crc32c($bytes) + ($options{damage} // 0);
	close $out or die "$file: $!";
	my $offset = -s $node->logfile;
	$node->start;
	my $counts = counts('web');
	return ($counts, log_since($node, $offset));
}

sub restarts
{
	my ($preloaded) = @_;
	my $day_size = 112;

	sql("SELECT $right", q(SELECT idverify_verdict('web', 'x', NULL, NULL)));
	my $told = sql('SELECT * FROM idverify.stat_secrets ORDER BY 1', 'SELECT * FROM idverify.stat_claims ORDER BY 1, 3', q(SELECT since FROM idverify_coverage('web', 31)), 'SELECT idverify.counting_since()');
	$node->restart;
	is(sql('SELECT * FROM idverify.stat_secrets ORDER BY 1', 'SELECT * FROM idverify.stat_claims ORDER BY 1, 3', q(SELECT since FROM idverify_coverage('web', 31)), 'SELECT idverify.counting_since()'),
		$told, 'all is kept over a clean restart');
	is(sql('SELECT count(*) FROM idverify.stat_refused'), '0', '... but for refused claims');
	my $session = $node->background_psql('postgres');
	$session->query("SELECT $right");
	ok(!-e $file, 'there is no file while the server counts');
	$session->query("SELECT $right") for 1 .. 3;
	$node->stop;                           # with the session in it
	$session->{run}->finish;
	ok(-e $file, '... and one when it is down');
	$node->start;
	is(counts('web'), 'unsigned 1, verified 5', 'what sessions count while the server stops is kept');

	# a day of 31 days ago, and one of 32, in the place of today
	my ($counts, $log) = restart_with(sub {
		my ($bytes) = @_;
		my $first_day = last_app($bytes) + 40;
		my $slot = (grep { unpack('l', substr $$bytes, $first_day + $_ * $day_size) } 0 .. 31)[0];
		my $today = unpack('l', substr $$bytes, $first_day + $slot * $day_size, 4);
		my $day = substr $$bytes, $first_day + $slot * $day_size, $day_size;
		my $next = ($slot + 1) % 32;

		substr($$bytes, $first_day + $slot * $day_size, 4) = pack 'l', $today - 32;
		substr($$bytes, $first_day + $next * $day_size, $day_size) = $day;
		substr($$bytes, $first_day + $next * $day_size, 4) = pack 'l', $today - 31;
	}, check => 1);
	is($counts, 'unsigned 1, verified 5', 'today and 31 days before are told, and no others');
	is(sql(q(SELECT DISTINCT (now() AT TIME ZONE 'UTC')::date - day FROM idverify.stat_claims)), '31', '... by their days');
	is(sql(q(SELECT claims FROM idverify_coverage('web', 30)), q(SELECT claims FROM idverify_coverage('web', 31))), "0\n6", '... and covered by theirs');
	sql("SELECT $right");
	is(sql("SELECT (now() AT TIME ZONE 'UTC')::date - day, claims FROM idverify.stat_claims WHERE verdict = 'verified' ORDER BY 1"), "0|1\n31|5", 'a new day takes the place of one that is over');

	($counts, $log) = restart_with(sub { }, damage => 1);
	is($counts, 'nothing', 'a damaged file is not read');
	like($log, qr/LOG:  ignoring file "pg_stat\/idverify\.stat", which is damaged/, '... and the log says so');
	for my $other ([ 'of another layout', 8, 'is damaged or of another release' ], [ 'of another data directory', 16, 'was written in another data directory' ])
	{
		my ($what, $at, $says) = @$other;

		sql("SELECT $right");
		($counts, $log) = restart_with(sub { my ($bytes) = @_; substr($$bytes, $at, 1) ^= "\x40"; });
		is($counts, 'nothing', "a file $what is not read");
		like($log, qr/LOG:  ignoring file "pg_stat\/idverify\.stat", which $says/, '... and the log says so');
	}
	# A right checksum does not make it one: each number could lead behind its end.
	my $app = 56;
	for my $wrong (
		[ 'more apps than there are', 24, 100_000_000 ],
		[ 'an app less',              24, 0 ],
		[ 'a time that is none',      48, -(1 << 62) ],
		[ 'too many secrets',         $app + 32, 1 << 40 ],
		[ 'secrets less than none',   $app + 32, -1 ],
		[ 'claims less than none',    $app + 40 + 40, -1 ])
	{
		my ($what, $at, $number) = @$wrong;

		sql("SELECT $right");
		($counts, $log) = restart_with(sub { substr(${ $_[0] }, $at, 8) = pack 'q', $number });
		is($counts, 'nothing', "a file with $what is not read");
		like($log, qr/LOG:  ignoring file "pg_stat\/idverify\.stat", which is damaged/, '... and the log says so');
	}
	sql("SELECT $right");
	($counts, $log) = restart_with(sub { ${ $_[0] } = '' });
	is($counts, 'nothing', 'nor is one that is cut off');

	# in a crash it is lost
	for my $how ('a backend is killed', 'an immediate shutdown')
	{
		my $in = $node->background_psql('postgres', on_error_stop => 0);
		$in->query("SELECT $right");
		if ($how eq 'a backend is killed')
		{
			my $pid = $in->query('SELECT pg_backend_pid()');
			kill 'KILL', $pid;
			$in->{run}->finish;
			$node->poll_query_until('postgres', "SELECT pg_postmaster_start_time() IS NOT NULL");
		}
		else
		{
			$node->stop('immediate');
			$in->{run}->finish;            # what is started now would keep it open
			$node->start;
		}
		is(counts('web'), 'nothing', "when $how, what was counted is lost");
	}
	return;
}

#
# A standby
#
sub standby
{
	my ($preloaded) = @_;

	sql("SELECT $right");
	$node->backup("backup_$preloaded");
	my $standby = PostgreSQL::Test::Cluster->new("standby_$preloaded");
	$standby->init_from_backup($node, "backup_$preloaded", has_streaming => 1);
	$standby->start;
	$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
	is(counts('web', $standby), 'nothing', 'a standby counts for itself');
	$standby->safe_psql('postgres', "SELECT $right; SELECT $right; SELECT idverify_verdict('web', 'x', NULL, NULL)");
	is(counts('web', $standby), 'unsigned 1, verified 2', '... what it is asked');
	is($standby->safe_psql('postgres', q(SELECT claims, verified FROM idverify_coverage('web'); SELECT claims FROM idverify.stat_secrets WHERE app_key = 'web' AND state = 'current'; SELECT count(*) FROM idverify.stat_refused)),
		"3|2\n2\n1", '... in all views');
	$standby->safe_psql('postgres', 'SELECT idverify_stat_reset()');
	is(counts('web', $standby), 'nothing', '... and forgets for itself');
	is(counts('web'), 'verified 1', 'the primary does not know');
	$standby->stop;
	sql('SELECT idverify_stat_reset()');
	return;
}

for my $preloaded (0, 1)
{
	note($preloaded ? 'preloaded' : 'not preloaded');
	if ($preloaded)
	{
		$node->adjust_conf('postgresql.conf', 'shared_preload_libraries', "'idverify'");
		$node->restart;
	}
	elsif ($major < 17)
	{
		without();
		next;
	}
	sql('SELECT idverify_stat_reset()');
	what_is_counted();
	exactness();
	secrets();
	identities();
	bounds();
	standby($preloaded);
	restarts($preloaded);
}

# no room can be changed while the server runs, nor by a session
like((attempt($node, 'SET idverify.stat_apps = 7'))[1], qr/cannot be changed/, 'idverify.stat_apps is not a session\'s');

$node->stop;
done_testing();
