# Hot standby: it answers like the primary, and follows each change of a secret
# with the commit record of that change, in sessions that knew the app before
# and in transactions that began before.
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

my $primary = new_server('primary', ring => $ring, allows_streaming => 1);
my $first = create_app($primary, 'shop', revealable => 'true');
my ($visitor, $ann) = split /\n/, $primary->safe_psql('postgres', q{
	SELECT contact_id FROM idverify_identify('shop');
	SELECT contact_id FROM idverify_identify('shop', jsonb_build_object('external_id', 'ann', 'user_hash', idverify_sign('shop', 'ann')));
	SELECT FROM idverify_identify('shop') i, idverify_fold(i.contact_id, 2::bigint);
	CREATE TABLE messages (contact_id bigint);
}) or die;
my ($folded, $fold) = split /\|/, $primary->safe_psql('postgres', 'SELECT source_id, id FROM idverify.folds');
my $mask = "\xE2\x80\xA2" x 4 . ' ' . "\xE2\x80\xA2" x 4 . ' ';

$primary->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'backup', has_streaming => 1);
$standby->start;

# Wait until the standby has replayed all that the primary has committed.
sub catch_up
{
	$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
	return;
}

# Run SQL on the primary and have it replayed.  Returns what it printed.
sub change
{
	my ($sql) = @_;
	my $output = $primary->safe_psql('postgres', $sql);

	catch_up();
	return $output;
}

sub check
{
	my ($secret, $app_key) = @_;
	return sprintf "SELECT idverify_check('%s', 'visitor', '%s')",
	  $app_key // 'shop', user_hash($secret, 'visitor');
}

sub verdict
{
	my ($secret, $app_key) = @_;
	return sprintf "SELECT idverify_verdict('%s', 'visitor', NULL, '%s')",
	  $app_key // 'shop', user_hash($secret, 'visitor');
}

#
# Reading and writing
#

my @reading = (
	[ 'check', check($first), 't' ],
	[ 'check, a wrong hash', check('not the secret'), 'f' ],
	[ 'verdict', verdict($first), 'verified' ],
	[ 'explain', "SELECT verdict, finding FROM idverify_explain('shop', 'visitor', NULL, '" . user_hash($first, 'visitor') . "')",
		'verified|verified' ],
	[ 'explain, a line feed', "SELECT verdict, finding FROM idverify_explain('shop', 'visitor', NULL, '"
		. user_hash("$first\n", 'visitor') . "')", 'mismatch|secret_not_trimmed' ],
	[ 'doctor', "SELECT count(*) FROM idverify_doctor() WHERE level = 'error'", '0' ],
	[ 'mask', "SELECT idverify_mask('shop')", $mask . substr($first, -4) ],
	[ 'sign', "SELECT idverify_sign('shop', 'visitor')", user_hash($first, 'visitor') ],
	[ 'reveal', "SELECT idverify_reveal('shop')", $first ],
	[ 'resolve', "SELECT idverify_resolve(${folded}::bigint)", $ann ],
	[ 'resolve, nothing to follow', "SELECT idverify_resolve(${visitor}::bigint)", $visitor ],
	[ 'export', "SELECT relation, record ->> 'id' FROM idverify_export(${ann}::bigint) WHERE relation::text ~ '^idverify'",
		"idverify.contacts|$ann\nidverify.folds|$folded" ],
	[ 'the view', 'SELECT masked_secret FROM idverify.app_status', $mask . substr($first, -4) ]);

# Writing is refused before anything else is looked at.
my @writing = (
	"idverify_create_app('test')",
	"idverify_create_app('test', 'shop', secret => 'short')",
	"idverify_rotate('shop')", "idverify_rotate('no such app')",
	"idverify_stage('shop')",
	"idverify_promote('shop')",
	"idverify_revoke('shop')",
	'idverify_purge()',
	'idverify_rekey()',
	"idverify_identify('shop')",
	"idverify_identify('no such app')",
	"idverify_fold($visitor, $ann)",
	"idverify_fold($visitor, $ann, dry_run => true)",
	"idverify_unfold($fold)",
	"idverify_erase($ann)",
	"idverify_erase($ann, dry_run => true)",
	"idverify_forget('1 year')",
	"idverify_add_reference('idverify.contacts', 'messages', 'contact_id')",
	"idverify_set_contacts('idverify.contacts', never_filled => '{phone}')");

for (
	[ $standby, 'on a standby', '' ],
	[ $primary, 'read-only', 'SET default_transaction_read_only = on; ' ],
	[ $primary, 'READ ONLY, REPEATABLE READ', 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; ' ])
{
	my ($node, $where, $before) = @$_;

	for (@reading)
	{
		my ($what, $sql, $expected) = @$_;
		is($node->safe_psql('postgres', $before . $sql), $expected, "$where: $what");
	}
	for (@writing)
	{
		my ($function) = /(\w+)\(/;
		my ($sqlstate, $message) = attempt($node, "${before}SELECT $_");
		is("$sqlstate: $message" =~ s/a fold/idverify_fold()/r =~ s/an erasure/idverify_erase()/r, "25006: cannot execute $function() in a read-only transaction",
			"$where, refused: $_");
	}
}

#
# Following
#
# One session keeps a transaction open, whose snapshot is as old as can be.
#

my $warm = $standby->background_psql('postgres', on_error_stop => 0);
my $old = $standby->background_psql('postgres', on_error_stop => 0);
ask($old, 'BEGIN ISOLATION LEVEL REPEATABLE READ');

both_say($warm, $old, check($first), 't', 'before');
both_say($warm, $old, check($first, 'second'), 'f', 'no such app yet');

my $later = new_key();
change("SELECT idverify_create_app('test', 'second', '$later')");
both_say($warm, $old, check($later, 'second'), 't', 'a new app');

my $second = change("SELECT idverify_rotate('shop')");
both_say($warm, $old, check($second), 't', 'rotated: the new secret');
both_say($warm, $old, check($first), 't', 'within grace: the one before');

is(change("SELECT idverify_revoke('shop')"), '1', 'one secret is revoked');
both_say($warm, $old, check($first), 'f', 'revoked: the one before');
both_say($warm, $old, verdict($first), 'expired', '... is known to have expired');
both_say($warm, $old, check($second), 't', '... the current one');

my $third = change("SELECT idverify_stage('shop')");
both_say($warm, $old, check($third), 't', 'staged');
change("SELECT idverify_promote('shop', grace => '0')");
both_say($warm, $old, check($second), 'f', 'promoted without grace: the one before');
both_say($warm, $old, check($third), 't', '... the one that was staged');
both_say($warm, $old, "SELECT idverify_sign('shop', 'visitor')", user_hash($third, 'visitor'), '... signs');

my $fourth = change("SELECT idverify_rotate('shop', grace => '0')");
both_say($warm, $old, check($third), 'f', 'rotated without grace: the one before');
both_say($warm, $old, check($fourth), 't', '... the new one');

# Of several signers each is replaced, and dropped, by itself.
my $ios = change("SELECT idverify_add_signer('shop', 'ios')");
both_say($warm, $old, check($ios), 't', 'a second signer');
my $next_ios = change("SELECT idverify_rotate('shop', grace => '0', signer => 'ios')");
both_say($warm, $old, check($ios), 'f', 'the second signer rotated without grace: the one before');
both_say($warm, $old, check($next_ios), 't', '... the new one');
both_say($warm, $old, check($fourth), 't', '... that of the first signer');
both_say($warm, $old, "SELECT idverify_sign('shop', 'visitor', signer => 'ios')",
	user_hash($next_ios, 'visitor'), '... signs');
change("SELECT idverify_drop_signer('shop', 'ios')");
both_say($warm, $old, check($next_ios), 'f', 'the second signer dropped: its secret');
both_say($warm, $old, check($fourth), 't', '... that of the first one');

# What is not committed is nobody's business.
my $writer = $primary->background_psql('postgres', on_error_stop => 0);
my $never = ask($writer, "BEGIN; SELECT idverify_rotate('shop', grace => '0')");
change('CREATE TABLE something_else ()');
both_say($warm, $old, check($fourth), 't', 'while a rotation is under way: the current one');
both_say($warm, $old, check($never), 'f', '... the new one');
ask($writer, 'ROLLBACK');
$writer->quit;

change("SET session_replication_role = replica; DELETE FROM idverify.apps WHERE app_key = 'second'");
both_say($warm, $old, check($later, 'second'), 'f', 'deleted by hand');
both_say($warm, $old, verdict($later, 'second'), 'unknown_app', '... it is unknown');

ask($old, 'ROLLBACK');
my $sixth = new_key();
change('DROP EXTENSION idverify; CREATE EXTENSION idverify;'
	  . "SELECT idverify_create_app('test', 'shop', '$sixth')");
both_say($warm, $old, check($fourth), 'f', 'the extension made anew: the old secret');
both_say($warm, $old, check($sixth), 't', '... the new one');

#
# Without the key ring
#

$_->quit for $warm, $old;
$standby->append_conf('postgresql.conf', "idverify.key_file = '$folder/lost'");
reload($standby);
$warm = $standby->background_psql('postgres', on_error_stop => 0);
like((ask($warm, check($sixth)))[1], qr/ERROR:  could not use the key ring/, 'there is no ring');

for my $what ('without a ring', '... as before, after more was replayed')
{
	for (
		[ 'check', check($sixth), 'F0000' ],
		[ 'verdict', verdict($sixth), 'F0000' ],
		[ 'explain', "SELECT * FROM idverify_explain('shop', 'visitor', NULL, '" . '0' x 64 . "')", 'F0000' ],
		[ 'sign', "SELECT idverify_sign('shop', 'visitor')", 'F0000' ],
		[ 'doctor', "SELECT finding FROM idverify_doctor() WHERE level = 'error'", '00000 no_key_ring' ],
		[ 'check of an unknown app', check($sixth, 'none'), '00000 f' ],
		[ 'verdict on an unknown app', verdict($sixth, 'none'), '00000 unknown_app' ],
		[ 'a malformed hash', "SELECT idverify_check('shop', 'visitor', 'x')", '00000 f' ])
	{
		my ($which, $sql, $expected) = @$_;
		my ($sqlstate, $result) = attempt($standby, $sql);

		is($sqlstate eq '00000' ? "$sqlstate $result" : $sqlstate, $expected, "$what: $which");
	}
	my $newest = change("SELECT idverify_rotate('shop')");
	is($standby->safe_psql('postgres', "SELECT idverify_mask('shop')"),
		$mask . substr($newest, -4), '... replay goes on, and mask needs no ring');
}

like((ask($warm, check($sixth)))[1], qr/ERROR:  could not use the key ring/, 'there still is no ring');
rename $ring, "$folder/lost" or die;
is(ask($warm, check($sixth)), 't', 'once the ring is there, all is well in a session that lacked it');
is($standby->safe_psql('postgres', check($sixth)), 't', '... and in a new one');

#
# Promotion
#

my $count = 'SELECT count(*), max(generation) FROM idverify.secrets';
is(ask($warm, check($sixth)), 't', 'before the promotion');
is(ask($warm, $count), '3|3', '... there are three secrets');

my ($early, $token) = split /\|/, change("SELECT contact_id, visitor FROM idverify_identify('shop')");
$primary->stop;
$standby->promote;
my $seventh = $standby->safe_psql('postgres', "SELECT idverify_rotate('shop', grace => '0')");
is(ask($warm, check($sixth)), 'f', 'the new primary rotates: the one before');
is(ask($warm, check($seventh)), 't', '... the new one');
is(ask($warm, $count), '4|4', '... generations go on');

my $id = $standby->safe_psql('postgres', 'SELECT max(id) FROM idverify.apps');
my $own = create_app($standby, 'of the new primary');
cmp_ok($standby->safe_psql('postgres', 'SELECT max(id) FROM idverify.apps'), '>', $id,
	'... and so do the ids of apps');
is(ask($warm, check($own, 'of the new primary')), 't', '... of which there can be more');

my $bob = sprintf q({"external_id": "bob", "user_hash": "%s"}), user_hash($seventh, 'bob');
is(ask($warm, "SELECT contact_id > $early, is_verified, created FROM idverify_identify('shop', '$bob')"), 't|t|t',
	'... identifies, after the last contact of the old one');
is(ask($warm, "SELECT contact_id <> $early, created FROM idverify_identify('shop', '$bob', '$token')"), 't|f',
	'... folds a visitor who came to the old one');
is(ask($warm, "SELECT external_id FROM idverify.contacts WHERE id = idverify_resolve(${early}::bigint)"), 'bob', '... resolves');
is(ask($warm, 'SELECT count(*) FROM idverify.folds f, idverify_unfold(f.id)'), '1', '... and takes the fold back');

$warm->quit;
$standby->stop;
done_testing();
