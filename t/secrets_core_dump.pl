# A core dump of a session whose cache is warm holds none of what opens or forges:
# no master key, no identity secret, no user_hash that nobody sent.
#
# The ring and what is kept of each secret are in libcrypto's secure heap, which
# core dumps leave out; whatever else held them was wiped.  What a client sent, and
# a fresh secret on its way to the client, are in ordinary memory: the session that
# is looked at here has minted and revealed nothing.
#
# One core is written by gcore, if that is installed, and one by the kernel, if it is
# set up to write it into the data directory.
use strict;
use warnings;

use Digest::SHA;
use File::Glob ':bsd_glob';
use FindBin;
use lib "$FindBin::RealBin/lib";
use IdverifyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $folder = PostgreSQL::Test::Utils::tempdir;
my ($one, $two) = (new_key(), new_key());
my $ring = write_ring("$folder/ring", "1:$one\n");
my $node = new_server('core', ring => $ring, 
	# shared memory shows what each session said last, the secret it imported too
	conf => "shared_buffers = '1MB'\nrestart_after_crash = on\ntrack_activities = off");

my $imported = 'imported from elsewhere ' . substr new_key(), 0, 20;
create_app($node, 'imported', secret => $imported);
my %minted = (shop => [ create_app($node, 'shop', grace => '0') ], other => [ create_app($node, 'other') ]);
for my $app (qw(shop shop other))
{
	push @{ $minted{$app} }, $node->safe_psql('postgres', "SELECT idverify_rotate('$app')");
}
push @{ $minted{other} }, $node->safe_psql('postgres', "SELECT idverify_stage('other')");
my @secrets = ($imported, map { @$_ } values %minted);

# What of a secret is as good as the secret: HMAC's inner and outer state.
sub states
{
	my ($secret) = @_;
	my $block = $secret . "\0" x (64 - length $secret);

	return map {
		my $padded = $block ^ $_ x 64;
		my ($words) = Digest::SHA->new(256)->add($padded)->getstate =~ /^H:(.*)$/m;
		($padded, forms($words =~ s/[^0-9a-f]//gr));
	} "\x36", "\x5c";
}

# What a search has to find, held by the session's own statement.
my $planted = new_key();

my $session = $node->background_psql('postgres', on_error_stop => 0);
my $pid = ask($session, 'SELECT pg_backend_pid()');
ask($session, "PREPARE planted AS SELECT '\\x" . unpack('H*', join '|', forms($planted), states($planted)) . "'::bytea");

# Everything that opens secrets or computes hashes.
my $wrong = '0' x 64;
my $claim = qq({"external_id": "victim", "user_hash": "$wrong", "email": "victim", "email_hash": "$wrong", "shop": "victim", "shop_hash": "$wrong"});
sub use_secrets
{
	ask($session, join ";\n", map { qq(
		SELECT idverify_check('$_', 'victim', '$wrong');
		SELECT idverify_verdict('$_', 'victim', NULL, '$wrong');
		SELECT finding FROM idverify_explain('$_', 'victim', 'ann', '$wrong');
		SELECT idverify_mask('$_');
		SELECT verdict FROM idverify_identify('$_', '$claim');
		SELECT idverify_sign('$_', 'ann') AS hash \\gset
		SELECT contact_id AS ann FROM idverify_identify('$_', jsonb_build_object('external_id', 'ann', 'user_hash', :'hash')) \\gset
		SELECT contact_id AS visitor FROM idverify_identify('$_') \\gset
		SELECT min(fold_id) AS fold FROM idverify_fold(:visitor, :ann) \\gset
		SELECT count(*) FROM idverify_unfold(:fold);
	) } qw(shop other imported), 'no such app');
	return;
}
use_secrets();
write_ring($ring, "2:$two\n1:$one\n");
reload($node, $session);
is(ask($session, 'SELECT idverify_rekey()'), 7, 'the session seals everything anew');
use_secrets();
is(scalar ask($session, "SELECT idverify_check('shop', 'ann', '" . user_hash($minted{shop}[-1], 'ann') . "')"), 't',
	'the session is warm');

# One that is not hex to its end was decoded before that was known.  The last thing that
# the session does: whatever it did next might be written over it.
my $refused = new_key();
ask($session, "SELECT idverify_add_signer('shop', 'last', '${refused}0x', 'hex')");

#
# The core
#

# The kernel writes it when the session is aborted.
sub kernel_core
{
	my $pattern = slurp_file('/proc/sys/kernel/core_pattern');
	return if $pattern =~ m{[|/]} || system("prlimit --pid $pid --core=unlimited >/dev/null 2>&1") != 0;
	my $offset = -s $node->logfile;

	kill 'ABRT', $pid;
	$node->wait_for_log(qr/all server processes terminated; reinitializing/, $offset);
	return (glob $node->data_dir . '/core*')[0];
}

# gcore leaves out what the kernel would.
sub gcore
{
	system("gcore -o '$folder/core' $pid >/dev/null 2>&1") == 0 or return;
	return "$folder/core.$pid";
}

my @cores = grep { defined $_->[1] } [ 'gcore', gcore() ], [ 'the kernel', kernel_core() ];
SKIP:
{
	skip 'the kernel writes no core into the data directory, and gcore is not installed', 1 if !@cores;
}

for (@cores)
{
	my ($writer, $file) = @$_;
	my $content = slurp_file($file);
	my $found = sub { scalar grep { index($content, $_) >= 0 } @_ };

	is($found->(forms($planted), states($planted)), scalar(() = (forms($planted), states($planted))),
		"core by $writer: whatever form something has, it is found");
	is($found->(map { forms($_) } $one, $two), 0, '... no master key is');
	is($found->($imported, map { forms($_) } grep { $_ ne $imported } @secrets), 0, '... no secret');
	is($found->(substr pack('H*', $refused), 8), 0, '... none that was refused');
	is($found->(map { states($_) } @secrets), 0, '... no state of a hash that it could be replaced by');
	is($found->(map { forms(user_hash($_, 'victim')) } @secrets), 0,
		'... no user_hash that nobody sent');
	unlink $file;
}

eval { $session->quit };
$node->stop;
done_testing();
