# Other sessions make temporary tables with foreign keys, one after another.  They
# concern no table of a fold: a session that logs visitors in, in one long
# transaction, keeps what it knows of the tables, and does not grow.  What does
# concern them it notices all the same, and then it does not grow either.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";
use IdverifyTest qw(new_server private_memory);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes;

my $logins = 1500;

# How many temporary tables a second, and how far the session may grow.
my $storm = 200;
my $limit_kb = 16 * 1024;

# Shared buffers count as the backend's own memory once it touches them.
my $node = new_server('storm',
	conf => "shared_buffers = 4MB\nautovacuum = off\nfsync = off");
$node->safe_psql('postgres', q{
	SELECT idverify_create_app('Storm', 'storm', secret => '0123456789abcdef-storm');
	CREATE TABLE conversations (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
		contact_id bigint NOT NULL REFERENCES idverify.contacts (id));
	CREATE INDEX ON conversations (contact_id);
	CREATE TABLE messages (conversation_id bigint REFERENCES conversations,
		contact_id bigint NOT NULL REFERENCES idverify.contacts (id));
	CREATE INDEX ON messages (contact_id);
	CREATE INDEX ON messages (conversation_id);
	CREATE TABLE events (contact_id bigint NOT NULL REFERENCES idverify.contacts (id), at date, UNIQUE (contact_id, at))
		PARTITION BY RANGE (at);
	CREATE TABLE events_old PARTITION OF events FOR VALUES FROM ('2000-01-01') TO ('2020-01-01');
	CREATE TABLE events_new PARTITION OF events FOR VALUES FROM ('2020-01-01') TO ('2040-01-01');
	CREATE INDEX ON events (contact_id);

	-- A visitor writes, and logs in as one of 100 people.
	CREATE PROCEDURE login(person int) LANGUAGE plpgsql AS $$
	DECLARE
		v record;
	BEGIN
		SELECT * INTO v FROM idverify_identify('storm', '{"name": "Visitor"}');
		INSERT INTO conversations (contact_id) VALUES (v.contact_id);
		INSERT INTO events VALUES (v.contact_id, '2021-01-01');
		PERFORM idverify_identify('storm', jsonb_build_object('external_id', person::text,
			'user_hash', idverify_sign('storm', person::text)), v.visitor);
	END $$;
});

my $session = $node->background_psql('postgres');

# Run the logins in one transaction; $beside is said in another session by pgbench.
# Returns how far the session grew, how often it has described the tables anew
# (then it lists the schemas), and for how long it ran.
sub logins
{
	my ($beside, $rate) = @_;
	my $other;
	my ($pgbench_in, $pgbench_out) = ('', '');

	if ($beside ne '')
	{
		my $file = $node->basedir . '/storm.sql';
		unlink $file;
		append_to_file($file, $beside);
		$other = IPC::Run::start(
			[ 'pgbench', '-n', '-c', '2', '-j', '1', '-R', $rate, '-T', '600', '-P', '1', '-f', $file, $node->connstr('postgres') ],
			'<', \$pgbench_in, '>&', \$pgbench_out);
		IPC::Run::pump($other) until $pgbench_out =~ /^progress:/m;
	}
	$session->query_safe('BEGIN;');
	my $pid = $session->query_safe('SELECT pg_backend_pid();');
	$session->query_safe('DO $$ BEGIN FOR n IN 1..20 LOOP CALL login(n); END LOOP; END $$;');
	my $before = private_memory($pid);
	my $described = $session->query_safe(q{SELECT pg_stat_get_xact_numscans('pg_namespace'::regclass);});
	my $begun = Time::HiRes::time();
	$session->query_safe("DO \$\$ BEGIN FOR n IN 1..@{[$logins / 100]} LOOP CALL login(n); END LOOP; END \$\$;") for 1 .. 100;
	my $took = Time::HiRes::time() - $begun;
	$described = $session->query_safe(q{SELECT pg_stat_get_xact_numscans('pg_namespace'::regclass);}) - $described;
	my $grown = private_memory($pid) - $before;
	$session->query_safe('ROLLBACK;');
	if (defined $other)
	{
		IPC::Run::signal($other, 'TERM');
		IPC::Run::finish($other);
		unlike($pgbench_out, qr/ERROR|aborted/, 'the storm blew');
	}
	return ($grown, $described, $took);
}

SKIP:
{
	skip 'needs /proc', 1 unless defined private_memory($$);

	my ($grown, $described, $calm) = logins('', 0);
	note sprintf('undisturbed: %d kB, described anew %d times, %.2f s', $grown, $described, $calm);
	my $took;

	($grown, $described, $took) = logins(q{
		CREATE TEMP TABLE storm_one (id int PRIMARY KEY);
		CREATE TEMP TABLE storm_two (id int PRIMARY KEY, one int REFERENCES storm_one);
		DROP TABLE storm_two, storm_one;
	}, $storm);
	note sprintf('beside %d temporary tables a second: %d kB, described anew %d times, %.2f s (%.1f times)',
		$storm, $grown, $described, $took, $took / $calm);
	cmp_ok($grown, '<', $limit_kb, 'beside temporary tables of others a session does not grow');
	is($described, 0, 'and keeps what it knows of its own');

	($grown, $described, $took) = logins(q{
		ALTER TABLE events_old ALTER at SET STATISTICS 100;
		SELECT pg_sleep(0.01);
	}, 50);
	note sprintf('beside changes of a partition: %d kB, described anew %d times, %.2f s (%.1f times)',
		$grown, $described, $took, $took / $calm);
	cmp_ok($grown, '<', $limit_kb, 'nor where its own tables are changed all the time');
	cmp_ok($described, '>', 0, 'which it notices');
}

# A foreign key is noticed whatever table it is of; since PostgreSQL 18 it may be
# one that is not enforced, of which the table that it points to knows nothing.
my $enforced = $node->pg_version >= 18 ? 'NOT ENFORCED' : '';
$node->safe_psql('postgres', q{
	CREATE TABLE people (id int PRIMARY KEY);
	INSERT INTO people SELECT generate_series(1, 4);
});
is($session->query_safe(q{SELECT count(*) FROM idverify_fold(1, 2, 'people');}), 1, 'a table that nothing points to');
$node->safe_psql('postgres', qq{
	CREATE TABLE late (person int REFERENCES people $enforced);
	INSERT INTO late VALUES (3);
});
is($session->query_safe(q{SELECT moved FROM idverify_fold(3, 4, 'people') WHERE relation = 'late'::regclass;}), 1,
	'a key of a new table is noticed');

$session->quit;
$node->stop;
done_testing();
