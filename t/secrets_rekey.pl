# Master keys: how one takes over from another, and what is said of a secret
# that does not open.
#
# That its key is missing (F0000), that another key has its id (F0000), and that
# the row was altered or moved (XX001) are three different errors.  None of them
# is raised where another live secret says yes.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use IdverifyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $ring = PostgreSQL::Test::Utils::tempdir . '/ring';
my ($one, $two, $three, $four, $five) = map { new_key() } 1 .. 5;

write_ring($ring, "1:$one\n");
my $node = new_server('rekey', ring => $ring);
my $warm = $node->background_psql('postgres', on_error_stop => 0);
ask($warm, '\set VERBOSITY verbose');

# Give every session another ring.
sub reload_ring
{
	write_ring($ring, @_);
	reload($node, $warm);
	return;
}

#
# Another master key
#

# More secrets than are read at a time, in all states.
$node->safe_psql('postgres', q{
	CREATE TABLE claims (app_key text, user_hash text);
	SELECT count(idverify_create_app('test', 'app ' || n)) FROM generate_series(1, 118) n;
	SELECT idverify_create_app('test', 'app 119', repeat('ab', 32), encoding => 'hex');
	SELECT idverify_create_app('test', 'app 120', 'c2VjcmV0IHNlY3JldCBzZWNyZXQ=', encoding => 'base64');
	INSERT INTO claims SELECT app_key, idverify_sign(app_key, 'visitor') FROM idverify.apps;
	SELECT idverify_rotate('app 1');
});
my $staged = $node->safe_psql('postgres', "SELECT idverify_stage('app 2')");
my $staged_hash = user_hash($staged, 'visitor');
$node->safe_psql('postgres', "INSERT INTO claims VALUES ('app 2', '$staged_hash')");

my $count_right =
  "SELECT count(*) FROM claims WHERE idverify_check(app_key, 'visitor', user_hash)";
my $old_keys = 'SELECT count(*) FROM idverify.secrets WHERE key_id =';

is(ask($warm, $count_right), '121', 'all secrets open under the one key');

ask($warm, 'BEGIN ISOLATION LEVEL REPEATABLE READ');
is(ask($warm, "$old_keys 1"), '122', '... as the rows say');
$node->safe_psql('postgres', "SELECT idverify_create_app('test', 'late')");

reload_ring("2:$two\n1:$one\n");
is(ask($warm, $count_right), '121', 'they open by the second key of the ring, too');
is(ask($warm, 'SELECT idverify_rekey()'), '123',
	'rekey seals them all under the first, also one that is newer than its snapshot');
ask($warm, 'COMMIT');
$node->safe_psql('postgres', "DELETE FROM idverify.apps WHERE app_key = 'late'");
is(ask($warm, "$old_keys 1"), '0', '... as the rows say');
is(ask($warm, 'SELECT idverify_rekey()'), '0', 'a second time there is nothing to do');

# rekey reads the file anew, in a session that was told of no reload, too
write_ring($ring, "3:$three\n2:$two\n");
is(ask($warm, 'SELECT idverify_rekey()'), '122', 'rekey reads the file anew');
is(ask($warm, "$old_keys 3"), '122', '... and seals under its first key');
write_ring($ring, "2:$two\n3:${three}0\n");
my (undef, $refusal) = ask($warm, 'SELECT idverify_rekey()');
like($refusal, qr/F0000: could not use the key ring: line 2/, '... and under no other ring where it is bad');
is(ask($warm, $count_right), '121', '... which leaves the session the one it had');
write_ring($ring, "2:$two\n3:$three\n");
is(ask($warm, 'SELECT idverify_rekey()'), '122', '... until it is mended');

# a session that no reload has reached opens what another one has sealed anew
write_ring($ring, "4:$four\n2:$two\n");
is($node->safe_psql('postgres', 'SELECT idverify_rekey()'), '122', 'another session seals under a new key');
is(ask($warm, $count_right), '121', '... for which this one reads the file once more');

# ... once a second: what counts is what is refused in less than that
write_ring($ring, "5:$five\n4:$four\n");
$node->safe_psql('postgres', 'SELECT idverify_rekey()');
for my $try (1 .. 20)
{
	sleep 1.1;
	write_ring($ring, "4:$four\n");
	my $began = time;
	my @told = (ask($warm, $count_right))[1];
	write_ring($ring, "5:$five\n4:$four\n");
	push @told, (ask($warm, $count_right))[1];
	next if time - $began >= 1 && $try < 20;
	like($told[0], qr/F0000: the key ring has no key 5,/, 'the file lacks the key, too');
	like($told[1], qr/F0000: the key ring has no key 5,/, '... and is not read again within a second');
	last;
}
sleep 1.1;
is(ask($warm, $count_right), '121', '... but is after that');
write_ring($ring, "2:$two\n5:$five\n");
$node->safe_psql('postgres', 'SELECT idverify_rekey()');

reload_ring("2:$two\n");
is(ask($warm, $count_right), '121', 'the old key is needed no more');
is($node->safe_psql('postgres', $count_right), '121', '... in a new session neither');

#
# What does not open, and why
#

my $first = "(SELECT id FROM idverify.apps WHERE app_key = 'app 3')";
my $check = "SELECT idverify_check(app_key, 'visitor', user_hash) FROM claims WHERE app_key = 'app 3'";

# That a check fails: in a session that knew the app before and in a new one.
sub both_refuse
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($expected, $what) = @_;
	my ($sqlstate, $message) = attempt($node, $check);
	my ($output, $told) = ask($warm, $check);

	$told =~ /ERROR:  (.*)/;
	like("$sqlstate: $message", $expected, $what);
	is($1 // $output, "$sqlstate: $message", '... also to a warm session');
	return;
}

reload_ring("3:$three\n");
both_refuse(qr/^F0000: the key ring has no key 2,/, 'the ring lacks the key');
is((attempt($node, 'SELECT idverify_rekey()'))[0], 'F0000', '... so rekey gives up');
reload_ring("2:$three\n");
both_refuse(qr/^F0000: key 2 of the key ring is not the one /, 'the ring has another key of that id');
is((attempt($node, 'SELECT idverify_rekey()'))[1], '0',
	'... and rekey has nothing to do');
reload_ring("3:$three\n2:$two\n");
is(ask($warm, $check), 't', 'mended, all is well');

$node->safe_psql('postgres', q{
	CREATE FUNCTION stay() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
	CREATE TRIGGER stay BEFORE UPDATE ON idverify.secrets FOR EACH ROW WHEN (OLD.app_id > 50) EXECUTE FUNCTION stay();
});
is((attempt($node, 'SELECT idverify_rekey()'))[0], '40001', 'a trigger that keeps rows as they are is an error');
$node->safe_psql('postgres', 'DROP TRIGGER stay ON idverify.secrets');
is(ask($warm, "$old_keys 3"), '0', '... and no row is sealed anew');

my $row = "UPDATE idverify.secrets SET %s WHERE app_id = $first";
my $put_back = $node->safe_psql('postgres', sprintf
	"SELECT format('UPDATE idverify.secrets SET sealed = %%L, key_id = 2, generation = 1, signs = ''hash'', encoding = ''text''"
	. " WHERE app_id = %%s', sealed, app_id) FROM idverify.secrets WHERE app_id = $first");

for (
	[ 'its format', 'sealed = set_byte(sealed, 0, 2)' ],
	[ "its key's id", 'sealed = set_byte(sealed, 4, 3)' ],
	[ "its key's check value", 'sealed = set_byte(sealed, 5, get_byte(sealed, 5) # 1)' ],
	[ 'its nonce', 'sealed = set_byte(sealed, 13, get_byte(sealed, 13) # 1)' ],
	[ 'its first byte', 'sealed = set_byte(sealed, 25, get_byte(sealed, 25) # 1)' ],
	[ 'its last byte', 'sealed = set_byte(sealed, length(sealed) - 1,'
		  . ' get_byte(sealed, length(sealed) - 1) # 128)' ],
	[ 'its length', q(sealed = sealed || '\x00') ],
	[ 'all of it', q(sealed = '') ],
	[ 'column key_id', 'key_id = 3' ],
	[ 'its generation', 'generation = 2' ],
	[ 'what it signs', "signs = 'token'" ],
	[ 'how it is written', "encoding = 'hex'" ],
	[ "another app's", q{sealed = (SELECT s.sealed FROM idverify.secrets s
		JOIN idverify.apps a ON a.id = s.app_id WHERE a.app_key = 'app 4')} ])
{
	my ($what, $change) = @$_;

	$node->safe_psql('postgres', sprintf $row, $change);
	both_refuse(qr/^XX001: secret \d of app \d+ was altered, or moved from another row$/,
		"altered: $what");
	$node->safe_psql('postgres', $put_back);
}
is(ask($warm, $check), 't', 'put back, all is well');

# A row that does not open is an error only where no other says yes.
my $new = $node->safe_psql('postgres', "SELECT idverify_rotate('app 3')");
my %hash = (
	current => user_hash($new, 'visitor'),
	previous => $node->safe_psql('postgres', "SELECT user_hash FROM claims WHERE app_key = 'app 3'"),
	neither => '0' x 64);
my $alter = "UPDATE idverify.secrets SET sealed = set_byte(sealed, 30, get_byte(sealed, 30) # 1)"
  . " WHERE app_id = $first AND state = ";

sub answers_are
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($what, %expected) = @_;

	for my $by (sort keys %expected)
	{
		my $claim = "'visitor', '$hash{$by}')";
		my ($right, $verdict) = @{ $expected{$by} };
		my @checked = attempt($node, "SELECT idverify_check('app 3', $claim");
		my @judged = attempt($node, "SELECT idverify_verdict('app 3', NULL, $claim");

		like("@checked[0, 1]", qr/^$right/, "$what, hash by $by: check says $right");
		like("@judged[0, 1]", qr/^$verdict/, "... and verdict $verdict");
	}
	return;
}

$node->safe_psql('postgres', "$alter 'current'");
answers_are('current altered',
	previous => [ '00000 t', '00000 verified' ],
	current => [ 'XX001', 'XX001' ],
	neither => [ 'XX001', 'XX001' ]);
is((attempt($node, "SELECT idverify_sign('app 3', 'visitor')"))[0], 'XX001', '... and nothing can be signed');

$node->safe_psql('postgres', "$alter 'current'; $alter 'previous'");
answers_are('previous altered',
	previous => [ 'XX001', 'XX001' ],
	current => [ '00000 t', '00000 verified' ],
	neither => [ 'XX001', 'XX001' ]);
is((attempt($node, 'SELECT idverify_rekey()'))[0], 'XX001', '... and rekey gives up');
is(ask($warm, "$old_keys 2"), '122', '... having changed none of the rows');

$node->safe_psql('postgres', "SELECT idverify_revoke('app 3')");
answers_are('altered and expired',
	previous => [ '00000 f', '00000 mismatch' ],
	current => [ '00000 t', '00000 verified' ],
	neither => [ '00000 f', '00000 mismatch' ]);

$node->safe_psql('postgres', "DELETE FROM idverify.secrets WHERE app_id = $first AND state = 'previous'");
is(ask($warm, 'SELECT idverify_rekey()'), '121', 'without it, all the others are sealed anew');
is(ask($warm, "$old_keys 2"), '0', '... under the first key');

$warm->quit;
$node->stop;
done_testing();
