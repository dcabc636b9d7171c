# pg_dump and pg_restore: all that idverify knows survives them, by whatever
# format and in however many jobs; nothing is lost where the key ring is missing;
# and no dump holds a secret.
use strict;
use warnings;

use File::Glob ':bsd_glob';
use FindBin;
use lib "$FindBin::RealBin/lib";
use IdverifyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $folder = PostgreSQL::Test::Utils::tempdir;
my $ring = write_ring("$folder/ring", '1:' . new_key() . "\n");
my $source = new_server('source', ring => $ring);
my $target = new_server('target', ring => "$folder/later", extension => 0);

#
# What there is to lose
#

my $quoted = q{it's "quoted" \ $1 $$};
my $emoji = "caf\xC3\xA9 \xF0\x9F\x98\x80";
my $imported = "geh\xC3\xA9im \xF0\x9F\x94\x91 'long enough'";

my $claims = 'CREATE TABLE claims (n int, app_key text, external_id text, email text,'
  . ' user_hash text, verdict text)';
$source->safe_psql('postgres', $claims);

my %secret;

# Who claims what, and the verdict on it.
sub claim
{
	my ($app_key, $secret, $verdict, $email) = @_;
	my $value = literal($email // "o'ne \xF0\x9F\x98\x80");
	my $hash = user_hash($secret, $email // "o'ne \xF0\x9F\x98\x80");

	$source->safe_psql('postgres', sprintf
		q{INSERT INTO claims SELECT count(*), %s, %s, '%s', '%s' FROM claims},
		literal($app_key), $email ? "NULL, $value" : "$value, NULL", $hash, $verdict);
	return;
}

sub rotate
{
	my ($app_key, $how, @rest) = @_;
	return $source->safe_psql('postgres',
		"SELECT idverify_$how(" . join(', ', literal($app_key), @rest) . ')');
}

# One app with a secret in each state.
my @generations = create_app($source, $quoted);
push @generations, rotate($quoted, 'rotate', "grace => '0'");
push @generations, rotate($quoted, 'rotate', "grace => '10 days'");
push @generations, rotate($quoted, 'rotate', "grace => '2 days'");
push @generations, rotate($quoted, 'stage');
my @verdicts = ('expired', ('verified') x 4);
claim($quoted, $generations[$_], $verdicts[$_]) for 0 .. 4;

# One with several signers, of which one was rotated.
my $main = create_app($source, 'several signers');
my @ios = (rotate('several signers', 'add_signer', "'ios'"),
	rotate('several signers', 'rotate', "grace => '10 days'", "signer => 'ios'"));
my $widget = new_key();
rotate('several signers', 'add_signer', "'widget'", "'$widget'");
claim('several signers', $_, 'verified') for $main, @ios, $widget;

# All there is of policy, and a secret from elsewhere.
create_app($source, $emoji, secret => $imported, on_unverified => 'reject',
	signed_field => 'email', grace => '36 hours 1.5 seconds', revealable => 'true',
	confirm_rotation => 'true');
claim($emoji, $imported, 'verified', 'mail@example.org');
claim($emoji, $imported, 'mismatch');
claim($emoji, 'not the secret', 'mismatch', 'mail@example.org');

create_app($source, 'without a secret');
$source->safe_psql('postgres', q{
	DELETE FROM idverify.secrets s USING idverify.apps a
	WHERE a.id = s.app_id AND a.app_key = 'without a secret'
});
claim('without a secret', 'none', 'no_secret');
claim('unknown', 'none', 'unknown_app');

# One that signs tokens, with a secret that was written in hex.
my $hex = new_key();
create_app($source, 'tokens', secret => $hex, encoding => 'hex', signs => 'token', revealable => 'true');
$source->safe_psql('postgres', q{INSERT INTO claims
	SELECT count(*), 'tokens', 'ann', NULL, idverify_sign_token('tokens', '{"sub": "ann"}', '12 hours'), 'verified' FROM claims});
claim('tokens', pack('H*', $hex), 'mismatch');

# The last app is gone; its id must not come again.
my $gone = create_app($source, 'gone');
my $last_id = $source->safe_psql('postgres', 'SELECT max(id) FROM idverify.apps');
$source->safe_psql('postgres', "DELETE FROM idverify.apps WHERE app_key = 'gone'");
claim('gone', $gone, 'unknown_app');

# Rows, to be compared to the byte.
my $all = q{
	SELECT * FROM idverify.apps ORDER BY id;
	SELECT * FROM idverify.secrets ORDER BY app_id, generation;
	SELECT * FROM idverify.app_status ORDER BY app_key, signer;
};
my $state = $source->safe_psql('postgres', $all);
my $verdicts = q{
	SELECT app_key, verdict, verdict =
		idverify_verdict(app_key, external_id, email, user_hash)::text
	FROM claims ORDER BY n
};
my $all_right = $source->safe_psql('postgres', $verdicts);
unlike($all_right, qr/\|f$/m, 'before: all verdicts are right');
is(() = $all_right =~ /\|t$/mg, 17, '... and there are some');

#
# Dumps
#

my $connection = $source->connstr('postgres');

command_ok([ 'pg_dump', '-d', $connection, @$_ ], "pg_dump @$_[0 .. $#$_ - 2]")
  for (
	[ '-f', "$folder/plain.sql" ],
	[ '-Fc', '--compress=0', '-f', "$folder/custom" ],
	[ '-Fd', '-j4', '--compress=0', '-f', "$folder/directory" ],
	[ '--data-only', '-f', "$folder/data.sql" ],
	[ '--data-only', '--disable-triggers', '-Fc', '-f', "$folder/untriggered" ]);

# Does any file that a dump consists of hold any of these?
sub holds
{
	my ($dump, @sought) = @_;

	for my $file (-d $dump ? glob "$dump/*" : $dump)
	{
		my $content = slurp_file($file);
		index($content, $_) >= 0 and return 1 for @sought;
	}
	return 0;
}

for my $dump ('plain.sql', 'custom', 'directory', 'data.sql', 'untriggered')
{
	next if $dump eq 'untriggered';		# compressed: the same data again
	ok(holds("$folder/$dump", 'without a secret'), "$dump: apps are in it");
	ok(!holds("$folder/$dump", map { disguises($_) } @generations, $imported, $gone, $main, @ios, $widget),
		'... secrets are not');
}

#
# Restores
#

sub restored
{
	my ($database, $how, @command) = @_;

	command_ok([ @command, '-d', $target->connstr($database) ], $how);
	is($target->safe_psql($database, $all), $state, '... the rows are the same');
	return;
}

$target->safe_psql('postgres', "CREATE DATABASE $_ TEMPLATE template0")
  for qw(plain custom parallel data untriggered);

my @psql = ('psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f');
my @pg_restore = ('pg_restore', '--exit-on-error');

# The first one without a key ring: it is not needed, and neither is it missed.
restored('plain', 'a plain dump', @psql, "$folder/plain.sql");
my $mask = $target->safe_psql('plain', 'SELECT idverify_mask(' . literal($quoted) . ')');
like($mask, qr/ \Q@{[ substr $generations[3], -4 ]}\E$/, '... secrets can be told by their ends');
my (undef, undef, $told) = $target->psql('plain', "\\set VERBOSITY sqlstate\n$verdicts");
like($told, qr/ERROR:  F0000$/, '... but there is no verdict without the key ring');
rename $ring, "$folder/later" or die;
is($target->safe_psql('plain', $verdicts), $all_right, '... until it is there: all are the same');

restored('custom', 'pg_restore', @pg_restore, "$folder/custom");
restored('parallel', 'pg_restore -j4', @pg_restore, '-j4', "$folder/directory");
is($target->safe_psql($_, $verdicts), $all_right, "$_: the verdicts are the same")
  for qw(custom parallel);

#
# Data alone, into an extension that is there already
#

# A session that learnt before that there are no apps.
my $known = sprintf "SELECT idverify_check(%s, 'x', '%s')",
  literal($quoted), user_hash($generations[3], 'x');
my %warm;
for my $database (qw(data untriggered))
{
	$target->safe_psql($database, "CREATE EXTENSION idverify; $claims");
	$warm{$database} = $target->background_psql($database, on_error_stop => 0);
	is(ask($warm{$database}, $known), 'f', "$database: no app as yet");
}

restored('data', '--data-only', @psql, "$folder/data.sql");
restored('untriggered', '--data-only --disable-triggers', @pg_restore,
	'--disable-triggers', "$folder/untriggered");
is(ask($warm{$_}, $verdicts), $all_right, "$_: the verdicts are the same in a warm session")
  for qw(data untriggered);

# --disable-triggers leaves behind triggers that fire no more for what a
# replica applies.  Its changes are honoured even so.
for my $database (qw(data untriggered))
{
	is(ask($warm{$database}, $known), 't', "$database: known to a warm session");
	$target->safe_psql($database, q{
		SET session_replication_role = replica;
		DELETE FROM idverify.secrets WHERE state = 'current'
	});
	is(ask($warm{$database}, $known), 'f', '... a change by a replica reaches it');
	$warm{$database}->quit;
}

#
# Life goes on
#

for my $database (qw(plain custom parallel data))
{
	my $app = literal($quoted);

	$target->safe_psql($database, "SELECT idverify_promote($app); SELECT idverify_rotate($app)");
	is($target->safe_psql($database,
			"SELECT generation FROM idverify.app_status WHERE app_key = $app"),
		'6', "$database: generations go on");
	create_app($target, 'new', database => $database);
	cmp_ok($target->safe_psql($database, "SELECT id FROM idverify.apps WHERE app_key = 'new'"),
		'>', $last_id, '... ids go on after the last one ever used');
}

$target->safe_psql('plain', "SELECT idverify_rotate('several signers', grace => '0', signer => 'ios')");
is($target->safe_psql('plain', "$verdicts OFFSET 5 LIMIT 4") =~ s/several signers\|verified\|//gr,
	"t\nf\nf\nt", 'a signer that is rotated leaves the others alone');

$_->stop for $source, $target;
done_testing();
