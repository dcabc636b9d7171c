# Prepared transactions: what was prepared counts in no session, not even in the
# one that prepared it, until somebody commits it; from then on it counts in every
# session, in transactions too that began before.  Rolled back, it never was.
#
# Nothing that idverify does keeps a transaction from being prepared.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use IdverifyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $folder = PostgreSQL::Test::Utils::tempdir;
my ($one, $two) = map { "$_:" . new_key() . "\n" } 1, 2;
my $ring = write_ring("$folder/ring", $one);
my $node = new_server(
	'prepared',
	ring => $ring,
	conf => "max_prepared_transactions = 2\nautovacuum = off");

my ($secret, $staged);		# of app shop
my $given = '0123456789abcdef of another product';
my %contact;

# One app, some contacts, one fold.
sub set_up
{
	write_ring($ring, $one);
	reload($node);
	$secret = create_app($node, 'shop', revealable => 'true');
	$staged = $node->safe_psql('postgres', "SELECT idverify_stage('shop')");
	create_app($node, 'lone', secret => $given);
	@contact{qw(visitor token ann earlier)} = split /[|\n]/, $node->safe_psql('postgres', q{
		CREATE TABLE messages (id int, contact_id bigint REFERENCES idverify.contacts (id));
		CREATE TABLE notes (about_id bigint);
		SELECT contact_id, visitor FROM idverify_identify('shop');
		SELECT contact_id FROM idverify_identify('shop', jsonb_build_object('external_id', 'ann', 'user_hash', idverify_sign('shop', 'ann')));
		SELECT contact_id FROM idverify_identify('shop');
	});
	$node->safe_psql('postgres', "INSERT INTO messages VALUES (1, $contact{visitor}), (2, $contact{earlier});"
		  . "INSERT INTO notes VALUES ($contact{visitor})");
	$contact{fold} = $node->safe_psql('postgres', "SELECT min(fold_id) FROM idverify_fold($contact{earlier}, $contact{ann})");
	return;
}

sub tear_down
{
	$node->safe_psql('postgres', q{
		DROP TABLE IF EXISTS messages, notes;
		DROP EXTENSION IF EXISTS idverify;
		CREATE EXTENSION idverify});
	return;
}

# What a session answers: the output, or the SQLSTATE.
sub answer
{
	my ($session, $sql) = @_;
	my ($output, $told) = ask($session, $sql);
	return $told =~ /ERROR:  (\w{5})/ ? $1 : $output;
}

sub check
{
	my ($app_key, $by) = @_;
	return sprintf "SELECT idverify_check('%s', 'ann', '%s')", $app_key, user_hash($by, 'ann');
}

# Each case: a change; then what to ask, the answer before and the one after.  Made
# anew for each end, as the secrets are.
sub cases
{
	return (
		[ 'rotate', "SELECT idverify_rotate('shop', grace => '0')",
			[ 'the secret', check('shop', $secret), 't', 'f' ],
			[ 'the staged one', check('shop', $staged), 't', 'f' ],
			[ 'generations', 'SELECT max(generation) FROM idverify.secrets', '2', '3' ] ],
		[ 'promote', "SELECT idverify_promote('shop', grace => '0')",
			[ 'the secret', check('shop', $secret), 't', 'f' ],
			[ 'the staged one', check('shop', $staged), 't', 't' ],
			[ 'the signature', "SELECT idverify_sign('shop', 'ann')", user_hash($secret, 'ann'), user_hash($staged, 'ann') ],
			[ 'the mask', "SELECT right(idverify_mask('shop'), 4)", substr($secret, -4), substr($staged, -4) ] ],
		[ 'revoke', "SELECT idverify_revoke('shop')",
			[ 'the secret', check('shop', $secret), 't', 't' ],
			[ 'the staged one', check('shop', $staged), 't', 'f' ] ],
		[ 'rekey', 'SELECT idverify_rekey()',
			[ 'the secret', check('shop', $secret), 't', 't' ],
			[ 'the master key', "SELECT key_id FROM idverify.app_status WHERE app_key = 'shop'", '1', '2' ] ],
		[ 'create_app', "SELECT idverify_create_app('New', 'new', '$given')",
			[ 'the secret', check('new', $given), 'f', 't' ] ],
		[ 'deleting an app', "DELETE FROM idverify.apps WHERE app_key = 'lone'",
			[ 'the secret', check('lone', $given), 't', 'f' ],
			[ 'the verdict', "SELECT idverify_verdict('lone', 'ann', NULL, 'x')", 'malformed', 'unknown_app' ] ],
		[ 'a policy: signed_field', "UPDATE idverify.apps SET signed_field = 'email'",
			[ 'the verdict', sprintf("SELECT idverify_verdict('shop', 'ann', 'ann\@example.org', '%s')", user_hash($secret, 'ann')),
				'verified', 'mismatch' ] ],
		[ 'a policy: on_unverified', "UPDATE idverify.apps SET on_unverified = 'reject'",
			[ 'a wrong claim', qq{SELECT contact_id IS NULL FROM idverify_identify('shop', '{"external_id": "x", "user_hash": "x"}', '$contact{token}')},
				'f', 't' ] ],
		[ 'a policy: revealable', 'UPDATE idverify.apps SET revealable = false',
			[ 'the secret', "SELECT idverify_reveal('shop')", $secret, '55000' ] ],
		[ 'a fold', "SELECT idverify_fold($contact{visitor}, $contact{ann})",
			[ 'the old id', "SELECT idverify_resolve($contact{visitor}::bigint)", @contact{qw(visitor ann)} ],
			[ 'the message', 'SELECT contact_id FROM messages WHERE id = 1', @contact{qw(visitor ann)} ],
			[ 'the journal', 'SELECT count(*) FROM idverify.folds', '1', '2' ] ],
		[ 'a login', sprintf(q{SELECT idverify_identify('shop', '{"external_id": "bob", "user_hash": "%s"}', '%s')},
				user_hash($secret, 'bob'), $contact{token}),
			[ 'the old id', "SELECT idverify_resolve($contact{visitor}::bigint) <> $contact{visitor}", 'f', 't' ],
			[ 'the contact', "SELECT count(*) FROM idverify.contacts WHERE external_id = 'bob'", '0', '1' ],
			[ 'the message', "SELECT contact_id <> $contact{visitor} FROM messages WHERE id = 1", 'f', 't' ] ],
		[ 'unfold', "SELECT idverify_unfold($contact{fold})",
			[ 'the old id', "SELECT idverify_resolve($contact{earlier}::bigint)", @contact{qw(ann earlier)} ],
			[ 'the message', 'SELECT contact_id FROM messages WHERE id = 2', @contact{qw(ann earlier)} ] ],
		[ 'add_reference', "SELECT idverify_add_reference('idverify.contacts', 'notes', 'about_id')",
			[ 'what a fold would touch', "SELECT string_agg(relation::text, ' ' ORDER BY relation::text)"
				  . " FROM idverify_fold($contact{visitor}, $contact{ann}, dry_run => true)",
				'idverify.contacts messages', 'idverify.contacts messages notes' ] ]);
}

set_up();
my $ncases = () = cases();
tear_down();

for my $n (0 .. $ncases - 1)
{
	for my $end ('COMMIT', 'ROLLBACK')
	{
		set_up();
		my ($what, $change, @asked) = @{ (cases())[$n] };

		# for rekey to have something to do
		write_ring($ring, $two . $one);
		reload($node);

		my $admin = $node->background_psql('postgres', on_error_stop => 0);
		my $open = $node->background_psql('postgres', on_error_stop => 0);
		my $idle = $node->background_psql('postgres', on_error_stop => 0);
		ask($_, '\set VERBOSITY sqlstate') for $admin, $open, $idle;
		ask($open, "BEGIN;\n\\set ON_ERROR_ROLLBACK on");
		my %session = (
			'a session' => $idle,
			'an open transaction' => $open,
			'the session that prepared it' => $admin);
		my $all_say = sub {
			my ($column, $when) = @_;
			for my $who (sort keys %session)
			{
				is(join(', ', map { "$_->[0]: " . answer($session{$who}, $_->[1]) } @asked),
					join(', ', map { "$_->[0]: $_->[$column]" } @asked), "$what, $when: $who");
			}
			# what was asked must not hold a lock that is in the way
			ask($open, "ROLLBACK; BEGIN") if $when eq 'before';
			return;
		};

		$all_say->(2, 'before');
		# warm again, but for what locks rows
		answer($open, $_->[1]) for grep { $_->[1] !~ /fold|identify|resolve|FROM/ } @asked;

		is(answer($admin, "BEGIN;\n$change;\nPREPARE TRANSACTION 'change'") =~ /^\w{5}$/ ? 'refused' : 'prepared',
			'prepared', "$what can be prepared");
		is($node->safe_psql('postgres', 'SELECT gid FROM pg_prepared_xacts'), 'change', '... and is');
		$all_say->(2, 'prepared');
		$node->safe_psql('postgres', "$end PREPARED 'change'");
		$all_say->($end eq 'COMMIT' ? 3 : 2, "$end PREPARED by another session");

		ask($open, 'ROLLBACK');
		$_->quit for values %session;
		tear_down();
	}
}

#
# DROP EXTENSION, whose locks make everybody wait who does not know the app yet
#

for my $end ('COMMIT', 'ROLLBACK')
{
	set_up();
	my $open = $node->background_psql('postgres', on_error_stop => 0);
	ask($open, "\\set VERBOSITY sqlstate\nBEGIN");
	is(answer($open, check('shop', $secret)), 't', 'DROP EXTENSION, before: an open transaction');
	$node->safe_psql('postgres', "BEGIN; DROP TABLE messages, notes; DROP EXTENSION idverify; PREPARE TRANSACTION 'change'");
	is((attempt($node, "SET lock_timeout = 1; " . check('shop', $secret)))[0], '55P03', '... prepared: a new session waits');
	$node->safe_psql('postgres', "$end PREPARED 'change'");
	# no such function; or no such table, if the parser has not heard of it
	my $after = $end eq 'COMMIT' ? qr/^(42883|42P01)$/ : qr/^t$/;
	like(answer($open, check('shop', $secret)), $after, "... $end PREPARED by another session");
	$open->quit;
	tear_down();
}

#
# It outlives a crash
#

set_up();
my $admin = $node->background_psql('postgres', on_error_stop => 0);
ask($admin, "BEGIN; SELECT idverify_fold($contact{visitor}, $contact{ann})");
my $rotated = ask($admin, "SELECT idverify_rotate('shop', grace => '0')");
ask($admin, "PREPARE TRANSACTION 'change'");
$node->stop('immediate');
eval { $admin->quit };
$node->start;

my $warm = $node->background_psql('postgres', on_error_stop => 0);
my $resolve = "SELECT idverify_resolve($contact{visitor}::bigint)";
is(ask($warm, check('shop', $secret)), 't', 'after a crash, still prepared: the secret before');
is(ask($warm, check('shop', $rotated)), 'f', '... the rotated one');
is(ask($warm, $resolve), $contact{visitor}, '... the contact that was folded');
$node->safe_psql('postgres', "COMMIT PREPARED 'change'");
is(ask($warm, check('shop', $secret)), 'f', 'committed after the crash: the secret before');
is(ask($warm, check('shop', $rotated)), 't', '... the rotated one');
is(ask($warm, $resolve), $contact{ann}, '... the contact that was folded');
$warm->quit;

$node->stop;
done_testing();
