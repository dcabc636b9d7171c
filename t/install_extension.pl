# CREATE and DROP EXTENSION beside sessions that use it: whoever is in the middle of
# a call is waited for, or gets a clear error; nobody is left with what they knew of
# the extension before, and no backend dies.
#
# What one session sees of its own is in sql/install_extension.sql, what a warm one sees of
# another's in specs/secrets_cache_reinstall.spec.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use IdverifyTest;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('extension', conf => "deadlock_timeout = '100ms'");

# The output of a session, or its SQLSTATE.
sub answer
{
	my ($session, $sql) = @_;
	my ($output, $told) = ask($session, $sql);
	return $told =~ /ERROR:  (\w{5})/ ? $1 : $output;
}

sub session
{
	my $session = $node->background_psql('postgres', on_error_stop => 0);
	ask($session, '\set VERBOSITY sqlstate');
	return $session;
}

# Begin a statement in a session of its own, that will wait.
sub begin_waiting
{
	my ($name, $sql) = @_;
	my %waiting = (output => '', told => '');
	$waiting{run} = IPC::Run::start(
		[ 'psql', '-XAtq', '-d', $node->connstr('postgres'),
			'-c', '\set VERBOSITY sqlstate', '-c', "SET application_name = '$name'", '-c', $sql ],
		'>', \$waiting{output}, '2>', \$waiting{told});
	$node->poll_query_until('postgres',
		"SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = '$name' AND wait_event_type = 'Lock')")
	  or die "$name does not wait";
	return \%waiting;
}

sub end_waiting
{
	my ($waiting) = @_;
	IPC::Run::finish($waiting->{run});
	return $waiting->{told} =~ /ERROR:  (\w{5})/ ? $1 : $waiting->{output} =~ s/\n\z//r;
}

my $secret = '0123456789abcdef of another product';
my $other = '0123456789abcdef of yet another one';
my $create = "SELECT app_key FROM idverify_create_app('test', 'shop', '%s', revealable => true);"
  . "SELECT contact_id > 0 FROM idverify_identify('shop', jsonb_build_object('external_id', 'ann', 'user_hash', idverify_sign('shop', 'ann')))";
my $install = 'CREATE EXTENSION idverify; ' . sprintf $create, $secret;

# One session for each kind of thing that a backend can know.  Each says t by the
# secret that there is.
my %uses = (
	check => sub { "SELECT idverify_check('shop', 'ann', '$_[0]')" },
	identify => sub { qq(SELECT is_verified FROM idverify_identify('shop', '{"external_id": "ann", "user_hash": "$_[0]"}')) },
	fold => sub { q(SELECT count(*) = 1 FROM idverify_identify('shop') b, idverify_fold(b.contact_id,
		(SELECT id FROM idverify.contacts WHERE external_id = 'ann'), dry_run => true)) });

sub use_it
{
	my ($session, $use, $by) = @_;
	return answer($session, $uses{$use}->(user_hash($by, 'ann')));
}

sub all_say
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($sessions, $by, $expected, $what) = @_;

	is(use_it($sessions->{$_}, $_, $by), $expected, "$what: a session that did $_")
	  for sort keys %$sessions;
	return;
}

#
# DROP beside warm sessions, and in the middle of their calls
#

$node->safe_psql('postgres', sprintf $create, $secret);
my %warm = map { $_ => session() } keys %uses;
all_say(\%warm, $secret, 't', 'to begin with');

$node->safe_psql('postgres', 'DROP EXTENSION idverify');
all_say(\%warm, $secret, '42883', 'dropped');
$node->safe_psql('postgres', "CREATE EXTENSION idverify; " . sprintf $create, $other);
all_say(\%warm, $other, 't', 'made anew');
is(use_it($warm{check}, 'check', $secret), 'f', '... what verified before does no more');

$node->safe_psql('postgres', 'DROP EXTENSION idverify; CREATE SCHEMA elsewhere; CREATE EXTENSION idverify SCHEMA elsewhere');
ask($_, 'SET search_path = public, elsewhere') for values %warm;
$node->safe_psql('postgres', 'SET search_path = public, elsewhere; ' . sprintf $create, $secret);
all_say(\%warm, $secret, 't', 'made in another schema');
is((attempt($node, 'ALTER EXTENSION idverify SET SCHEMA public'))[0], '0A000', '... which it does not leave');
is((attempt($node, 'ALTER SCHEMA idverify RENAME TO renamed; DROP EXTENSION idverify'))[0], '00000', 'dropped under another name of its schema');
is((attempt($node, $install))[0], '00000', '... and made anew');
ask($_, 'RESET search_path') for values %warm;
all_say(\%warm, $secret, 't', '... which works');

# A rolled-back one, in a session that knew it
for my $use (sort keys %warm)
{
	my $session = $warm{$use};
	ask($session, "BEGIN; DROP EXTENSION idverify; CREATE EXTENSION idverify; " . sprintf $create, $other);
	is(use_it($session, $use, $other), 't', "made anew by a session that did $use");
	ask($session, 'ROLLBACK');
	all_say({ $use => $session }, $secret, 't', '... and rolled back');
}
is((attempt($node, 'DROP EXTENSION idverify; BEGIN; CREATE EXTENSION idverify; ROLLBACK; CREATE SCHEMA idverify'))[0],
	'00000', 'dropped, made anew, and rolled back');
all_say(\%warm, $secret, '42883', '... it is not there');
is((attempt($node, 'CREATE EXTENSION idverify'))[0], '42P06', '... nor adopts a schema of its name');
$node->safe_psql('postgres', 'DROP SCHEMA idverify');
is((attempt($node, $install))[0], '00000', '... and can be made');
all_say(\%warm, $secret, 't', '... which works');
$_->quit for values %warm;

#
# DROP while another session is in the middle of a call: it stops on a lock of ours
#

my $stop = q{
	CREATE TABLE stops (contact_id bigint REFERENCES idverify.contacts (id));
	CREATE FUNCTION stop_here() RETURNS trigger LANGUAGE plpgsql
		AS $$ BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN NEW; END $$;
	CREATE TRIGGER stop_here BEFORE INSERT OR UPDATE ON %s FOR EACH ROW EXECUTE FUNCTION stop_here();
};
for (
	[ 'rotate', 'idverify.secrets', "SELECT length(idverify_rotate('shop'))", 64 ],
	[ 'create_app', 'idverify.apps', "SELECT length(identity_secret) FROM idverify_create_app('test')", 64 ],
	[ 'identify', 'idverify.contacts', "SELECT created FROM idverify_identify('shop')", 't' ],
	[ 'fold', 'idverify.folds', q(SELECT DISTINCT f.fold_id > 0 FROM idverify_identify('shop') b, idverify_fold(b.contact_id,
			(SELECT id FROM idverify.contacts WHERE external_id = 'ann')) f), 't' ])
{
	my ($what, $table, $sql, $expected) = @$_;

	$node->safe_psql('postgres', sprintf $stop, $table);
	my $holder = session();
	ask($holder, 'SELECT pg_advisory_lock(1)');
	my $call = begin_waiting('call', $sql);
	my $drop = begin_waiting('drop', 'DROP EXTENSION idverify CASCADE');
	is($node->safe_psql('postgres', "SELECT count(*) FROM pg_locks WHERE NOT granted AND pid =
			(SELECT pid FROM pg_stat_activity WHERE application_name = 'drop')"), 1, "DROP EXTENSION waits for $what");
	ask($holder, 'SELECT pg_advisory_unlock(1)');

	# PostgreSQL locks what it drops in no order that a call could follow: where
	# they wait for each other, one of the two has to give way.
	my ($called, $dropped) = (end_waiting($call), end_waiting($drop));
	like("$called, $dropped", qr/^($expected, |40P01, |$expected, 40P01)$/, '... which comes to its end before, or one gives way');
	$holder->quit;
	$node->safe_psql('postgres', "DROP TABLE stops; DROP FUNCTION stop_here() CASCADE; DROP EXTENSION IF EXISTS idverify; $install");
}

#
# All of it at once
#

my $mixed = q{
	SELECT idverify_check('shop', 'ann', 'x'), idverify_mask('shop'), idverify_sign('shop', 'ann');
	SELECT idverify_rotate('shop');
	SELECT * FROM idverify_identify('shop') b, idverify_fold(b.contact_id, (SELECT id FROM idverify.contacts WHERE external_id = 'ann'));
};
my $script = PostgreSQL::Test::Utils::tempdir . '/mixed.sql';
append_to_file($script, $mixed x 2000);
my $offset = -s $node->logfile;
my (@clients, @told);
for my $n (0 .. 2)
{
	$told[$n] = '';
	push @clients, IPC::Run::start([ 'psql', '-XAtq', '-v', 'VERBOSITY=sqlstate', '-d', $node->connstr('postgres'), '-f', $script ],
		'>', \my $output, '2>', \$told[$n]);
}
$node->psql('postgres', "DROP EXTENSION idverify; $install") for 1 .. 12;
$_->kill_kill for @clients;
my %states;
$states{$_}++ for map { /ERROR:  (\w{5})/g } @told;
note(join ' ', map { "$_: $states{$_}" } sort keys %states);
is(join(' ', grep { !/^(42883|42P01|42704|3F000|22004|40P01|55000)$/ } sort keys %states), '', '... they met no error but that it is not there');
my $log = log_since($node, $offset);
unlike($log, qr/terminated by signal|PANIC|TRAP/, '... and no backend died');

$node->safe_psql('postgres', "DROP EXTENSION idverify; $install");
is($node->safe_psql('postgres', $uses{check}->(user_hash($secret, 'ann'))), 't', 'in the end it works');

$node->stop;
done_testing();
