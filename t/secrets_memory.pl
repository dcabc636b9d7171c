# What a session keeps in memory is bounded, does not grow by being used, and is
# wiped when it is dropped.
#
# The backend's own view (pg_backend_memory_contexts) does not see what libcrypto
# allocates; the kernel's does.  Where there is no /proc, that half is skipped.

use strict;
use warnings;
no warnings 'portable';			# addresses have more than 32 bits

use Digest::SHA qw(hmac_sha256_hex);
use FindBin;
use lib "$FindBin::RealBin/lib";
use IdverifyTest qw(private_memory);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', qq(
shared_buffers = 1MB
autovacuum = off
jit = off
log_statement = none
idverify.cache_size = 2MB
));
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION idverify');

# Make an app in a session of its own; its minted secret is known here alone.
sub create_app
{
	my ($app_key) = @_;
	return $node->safe_psql('postgres',
		"SELECT identity_secret FROM idverify_create_app('An app', '$app_key')");
}

# A session that asks, and its process.
sub start_asking
{
	my $asker = $node->background_psql('postgres');
	my $pid = $asker->query_safe('SELECT pg_backend_pid()');
	return ($asker, $pid);
}

# Bytes that our cache holds in the server's own memory contexts.
sub cache_size
{
	my ($asker) = @_;
	return $asker->query_safe("SELECT sum(total_bytes)
		FROM pg_backend_memory_contexts WHERE name = 'idverify apps'");
}

# Note a session's memory, and later tell that it has not grown by more than
# that many kB since.
sub remember
{
	my ($asker, $pid) = @_;
	return { asker => $asker, pid => $pid,
		cache => cache_size($asker), private => private_memory($pid) };
}

sub has_not_grown
{
	my ($before, $allowed, $what) = @_;
	my $cache = cache_size($before->{asker});
	cmp_ok($cache, '<=', $before->{cache} + 1024 * $allowed,
		"$what: the cache has not grown ($before->{cache} to $cache bytes)");

  SKIP:
	{
		skip 'the kernel does not tell what memory a process has', 1
			unless defined $before->{private};
		my $private = private_memory($before->{pid});
		cmp_ok($private, '<=', $before->{private} + $allowed,
			"$what: the process has not grown ($before->{private} to $private kB)");
	}
}

#
# Ten million checks of every kind.
#
{
	my $hash = hmac_sha256_hex('alice', create_app('web'));
	my $wrong = hmac_sha256_hex('alice', 'some other secret');
	$node->safe_psql('postgres',
		"INSERT INTO idverify.apps (app_key, name) VALUES ('bare', 'Bare')");
	my ($asker, $pid) = start_asking();
	my $ask = sub {
		my ($times) = @_;
		return $asker->query_safe("
			SELECT kind, count(*), count(*) FILTER (WHERE idverify_check(app_key, 'alice', hash))
			FROM (VALUES
				('right', 'web', '$hash'),
				('wrong', 'web', '$wrong'),
				('no secret', 'bare', '$hash'),
				('unknown', 'none', '$hash')) AS questions(kind, app_key, hash),
				generate_series(1, $times) AS i, generate_series(1, 1000) AS j
			GROUP BY kind ORDER BY kind");
	};

	$ask->(10);
	my $warm = remember($asker, $pid);
	is($ask->(2500), "no secret|2500000|0\nright|2500000|2500000\n"
		. "unknown|2500000|0\nwrong|2500000|0", 'ten million checks');
	has_not_grown($warm, 512, 'ten million checks');

	# Forgetting and reading again gives back everything, too.
	my $reload = sub {
		my ($times) = @_;
		$asker->query_safe("
			DO \$\$ BEGIN
				FOR i IN 1..$times LOOP
					UPDATE idverify.apps SET name = name WHERE app_key = 'bare';
					IF NOT idverify_check('web', 'alice', '$hash')
						OR idverify_check('none', 'alice', '$hash') THEN
						RAISE 'wrong answer';
					END IF;
					COMMIT;
				END LOOP;
			END \$\$");
		$node->safe_psql('postgres', 'VACUUM idverify.apps');
	};
	$reload->(5000);
	$warm = remember($asker, $pid);
	$reload->(10000);
	has_not_grown($warm, 512, 'read again 10,000 times');

	$asker->quit;
}

#
# More apps than are kept.  The first half of them is more than that already, so
# the second may take no more room.
#
{
	$node->safe_psql('postgres', "SELECT count(*)
		FROM generate_series(10001, 30000) AS i, idverify_create_app('An app', 'app-' || i)");
	my ($asker, $pid) = start_asking();
	my $ask = sub {
		my ($first, $last) = @_;
		return $asker->query_safe("SELECT count(*)
			FROM generate_series($first, $last) AS i
			WHERE idverify_check('app-' || i, 'alice', idverify_sign('app-' || i, 'alice'))");
	};

	is($ask->(10001, 20000), 10000, '10,000 apps verify');
	my $half = remember($asker, $pid);
	cmp_ok(cache_size($asker), '<=', 2 * 1024 * 1024, 'no more of them are kept than the setting says');
	is($ask->(20001, 30000), 10000, '10,000 others do');
	has_not_grown($half, 2048, '20,000 apps');
	is($ask->(10001, 30000), 20000, 'all of them do again');
	has_not_grown($half, 2048, '20,000 apps, twice');

	# App keys that do not exist, as an attacker would send them: many, and long.
	# A busy app among them is hardly ever forgotten: its secrets are read once, and
	# again where the holes that the others leave are given back.
	my $hash = hmac_sha256_hex('alice', create_app('busy'));
	my $flood = sub {
		my ($first, $last) = @_;
		return $asker->query_safe("
			WITH start AS MATERIALIZED (
				SELECT pg_stat_get_xact_numscans('idverify.secrets_pkey'::regclass) AS reads)
			SELECT count(*) FILTER (WHERE idverify_check('none-' || i, 'alice', '$hash')),
				count(*) FILTER (WHERE idverify_check('busy', 'alice', '$hash')),
				pg_stat_get_xact_numscans('idverify.secrets_pkey'::regclass) - start.reads
			FROM start, generate_series($first, $last) AS i
			GROUP BY start.reads");
	};
	like($flood->(1, 100000), qr/^0\|100000\|[1-4]$/, '100,000 unknown app keys, and one busy app');
	like($flood->(100001, 200000), qr/^0\|100000\|[0-3]$/, 'once more, until all pages are in use');
	my $flooded = remember($asker, $pid);
	is($flood->(200001, 300000), '0|100000|0', '100,000 more');
	has_not_grown($flooded, 2048, '100,000 unknown app keys');

	is($asker->query_safe("SELECT count(*) FROM generate_series(1, 1000) AS i
		WHERE idverify_check(i || repeat('k', 100000), 'alice', '$hash')"),
		0, '1,000 app keys of 100 kB');
	has_not_grown($flooded, 2048, '1,000 app keys of 100 kB');

	$asker->quit;
}

#
# What is dropped is wiped.
#
# The asker's memory is searched for secrets, from outside; and, to show that
# searching finds things, for a string that it was given.  It never saw a secret
# in a query: what is found is what was opened.
#

# How often are these bytes in the writable memory of a process?  Undefined if
# the kernel does not let us look.
sub occurrences
{
	my ($pid, $wanted) = @_;
	my $found = 0;

	open(my $maps, '<', "/proc/$pid/maps") or return undef;
	open(my $memory, '<:raw', "/proc/$pid/mem") or return undef;
	foreach my $line (<$maps>)
	{
		my ($start, $end) = $line =~ /^([0-9a-f]+)-([0-9a-f]+) rw/ or next;
		($start, $end) = (hex($start), hex($end));
		my $tail = '';
		sysseek($memory, $start, 0) or next;
		while ($start < $end)
		{
			my $want = $end - $start < 1048576 ? $end - $start : 1048576;
			my $got = sysread($memory, my $chunk, $want) or last;
			my $bytes = $tail . $chunk;
			$found++ while $bytes =~ /\Q$wanted\E/g;
			# what may be the beginning of a match that goes on
			$tail = substr($bytes, -(length($wanted) - 1));
			$start += $got;
		}
	}
	return $found;
}

# In the clear, as HMAC pads it, or as the state that has hashed that, which is
# what is kept of it
sub secret_is_in
{
	my ($pid, $secret) = @_;
	foreach my $pad ("\0", "\x36", "\x5c")
	{
		my $block = $secret ^ ($pad x 64);
		my ($state) = Digest::SHA->new(256)->add($block)->getstate =~ /^H:(.*)$/m;
		return 1 if occurrences($pid, $block);
		return 1 if occurrences($pid, pack('L8', unpack('N8', pack('H*', $state =~ s/[^0-9a-f]//gr))));
	}
	return 0;
}

SKIP:
{
	my ($asker, $pid) = start_asking();
	my $control = 'control ' . $pid . ' string';
	$asker->query_safe("SELECT set_config('control.string', 'control ' || pg_backend_pid() || ' string', false)");
	my $occurrences = occurrences($pid, $control);
	if (!defined $occurrences)
	{
		my $reason = "the kernel does not let a process of the same user look: $!";
		$asker->quit;
		skip $reason, 17;
	}
	isnt($occurrences, 0, 'a string that the session was given is found');

	my $ask = sub {
		my ($app_key, $secret) = @_;
		my $hash = hmac_sha256_hex('alice', $secret);
		return $asker->query_safe("SELECT idverify_check('$app_key', 'alice', '$hash')");
	};
	my $kept = create_app('kept');

	foreach my $way (
		[ 'its app is deleted', "DELETE FROM idverify.apps WHERE app_key = 'wiped'" ],
		[ 'it is revoked and purged', "DO \$\$ BEGIN
				PERFORM idverify_rotate('wiped', grace => '0');
				PERFORM idverify_purge();
			END \$\$" ],
		[ 'others need the room', undef ])
	{
		my ($what, $sql) = @$way;
		my $secret = create_app('wiped');

		is($ask->('wiped', $secret), 't', 'a secret that verifies');
		ok(secret_is_in($pid, $secret), 'is in memory while it is cached');

		if (defined $sql)
		{
			$node->safe_psql('postgres', $sql);
		}
		else
		{
			$asker->query_safe("SELECT count(*) FROM generate_series(1, 10000) AS i
				WHERE idverify_check('none-' || i, 'alice', repeat('0', 64))");
		}
		is($ask->('kept', $kept), 't', 'another one is asked for');
		ok(!secret_is_in($pid, $secret), "and the first is wiped when $what");
		isnt(occurrences($pid, $control), 0, 'where the control is still found');
		$node->safe_psql('postgres', "DELETE FROM idverify.apps WHERE app_key = 'wiped'");
	}

	ok(secret_is_in($pid, $kept), 'the other one is still in memory');
	$asker->quit;
}

$node->stop;
done_testing();
