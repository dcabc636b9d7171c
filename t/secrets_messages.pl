# What is said beside the answer when a secret is replaced or imported: until when the
# previous one verifies, and that an imported one ends in a byte that is not seen.
#
# The times are not the same twice, so that this is not a test of SQL alone.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use IdverifyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('messages');
$node->safe_psql('postgres', 'CREATE EXTENSION IF NOT EXISTS pgcrypto');

# What a statement says, and what it answers.
sub said
{
	my ($sql) = @_;
	my ($rc, $answer, $told) = $node->psql('postgres', $sql);

	is($rc, 0, $sql) or diag($told);
	return ($told // '', $answer);
}

# When the newest previous secret ends, as the NOTICE has it.
my $ends = q{SELECT expires_at::text FROM idverify.secrets WHERE state = 'previous' ORDER BY generation DESC LIMIT 1};

said(q{SELECT idverify_create_app('Shop', 'shop')});

# The call, the signer whose secret it replaces, and how long the previous one has from then
# on.  No signer: nothing is said.
said(q{SELECT idverify_add_signer('shop', 'ios')});
for (
	[ q{idverify_rotate('shop', signer => 'main')}, 'main', '24 hours' ],
	[ q{idverify_rotate('shop', signer => 'ios')}, 'ios', '24 hours' ],
	[ q{idverify_rotate('shop', signer => 'main', grace => '24')}, 'main', '24 seconds' ],
	[ q{idverify_rotate('shop', signer => 'ios', grace => '0')}, 'ios', '0' ],
	[ q{idverify_stage('shop', signer => 'ios')} ],
	[ q{idverify_promote('shop', signer => 'ios', grace => '2 days')}, 'ios', '48 hours' ],
	[ q{idverify_stage('shop', signer => 'ios')} ],
	[ q{idverify_promote('shop', signer => 'ios', grace => '0')}, 'ios', '0' ],
	[ q{idverify_revoke('shop')} ])
{
	my ($call, $signer, $length) = @$_;
	my ($told) = said("SELECT $call");

	if (!defined $signer)
	{
		is($told, '', '... says nothing');
		next;
	}
	my $notice = qr/psql:<stdin>:1: NOTICE:  the previous secret of signer "$signer" of app "shop"/;
	if ($length eq '0')
	{
		like($told, qr/^$notice no longer verifies$/, '... says that it is over');
		next;
	}
	my ($until) = $told =~ /^$notice verifies until (\S+ \S+)$/;
	is($node->safe_psql('postgres',
			"SELECT '$until'::timestamptz = ($ends)::timestamptz,"
			  . " '$until'::timestamptz - statement_timestamp() BETWEEN interval '$length' - interval '1 minute' AND interval '$length'"),
		't|t', "... says when $length are over")
	  or diag($told);
}
said(q{SELECT idverify_drop_signer('shop', 'ios')});

# An app whose own grace is none: who does not say so in the call has to be told.
said(q{UPDATE idverify.apps SET grace = '0'});
like((said(q{SELECT idverify_rotate()}))[0], qr/NOTICE:  .* no longer verifies$/, '... by the grace of the app');

# There is nothing previous where somebody has deleted the current secret.
said(q{DELETE FROM idverify.secrets WHERE state = 'current'});
is((said(q{SELECT idverify_rotate('shop')}))[0], '', '... without one before says nothing');

# The end of a secret, and what is said of it.
my $secret = 'of another product, quite long';
my $number = 0;
for (
	[ '', undef ],
	[ '\n', 'a line feed' ],
	[ '\r', 'a carriage return' ],
	[ '\r\n', 'a line feed' ],
	[ ' ', 'a blank' ],
	[ '\t', 'a tab' ],
	[ '\n.', undef ])
{
	my ($end, $name) = @$_;

	$number++;
	for my $call ("idverify_create_app('Old', 'old $number', E'$secret$end')",
		"idverify_add_signer('old $number', 'more', E'$secret$end')")
	{
		my ($told) = said("SELECT $call");

		if (defined $name)
		{
			like($told, qr/WARNING:  the secret ends in \Q$name\E\n/, "... warns of $name");
			unlike($told, qr/\Q$secret\E/, '... and does not show the secret');
		}
		else { is($told, '', '... says nothing') }
	}
	# It is taken as it is.
	is($node->safe_psql('postgres',
			"SELECT idverify_check('old $number', 'ann',"
			  . " encode(hmac('ann'::bytea, convert_to(E'$secret$end', 'UTF8'), 'sha256'), 'hex'))"),
		't', '... is used with all its bytes');
}

# A rotation that fails does not say that it has happened.
$node->append_conf('postgresql.conf', "idverify.key_file = '/nonexistent'");
$node->restart;
my ($failed, undef, $told) = $node->psql('postgres', q{SELECT idverify_rotate('shop')});
is($failed, 3, 'a rotation without a key ring fails');
like($told, qr/ERROR:  could not use the key ring/, '... says why');
unlike($told, qr/NOTICE/, '... and nothing of the previous secret');

$node->stop;
done_testing();
