# The key ring: how to make one, which files are taken for one, who may name it,
# and what becomes of a reload.
#
# A ring that cannot be used is F0000.  The client is told why, in words that
# hold no path; the server log has the path as well.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use IdverifyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use POSIX qw(mkfifo);
use Test::More;

my $folder = PostgreSQL::Test::Utils::tempdir;
my $ring = "$folder/ring";
my ($one, $two, $three) = map { new_key() } 1 .. 3;

my $node = new_server(
	'keyring',
	ring => undef,
	extra => [ "--waldir=$folder/wal" ]);
my $data = $node->data_dir;

# Names are never used twice, so that a test cannot profit from another's app.
my $apps = 0;
sub creation { return "SELECT idverify_create_app('test', 'app " . ++$apps . "')" }

# The client and the log are told why there is no ring; the log alone, where.
sub refused
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($what, $why, $path, $sql) = @_;
	my ($sqlstate, $message, $told, $log) = attempt($node, $sql // creation(),
		timeout => $PostgreSQL::Test::Utils::timeout_default);

	is("$sqlstate: $message", "F0000: $why", $what);
	unlike($told, qr/\Q$folder\E|\Q$data\E/, "... and the client sees no path");
	like($log, qr/DETAIL:  The key ring is "\Q$path\E"\.\n/,
		'... but the server log has it')
	  if defined $path;
	return $told;
}

sub accepted
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($what) = @_;
	my ($sqlstate, undef, $told) = attempt($node, creation());

	is($sqlstate, '00000', $what) or diag($told);
	return;
}

#
# No ring: the hint's lines make one
#

my $home = "$folder/home";
mkdir $home or die;

refused('no ring at all', 'there is no key ring: idverify.key_file is not set');

my (undef, undef, $told) = attempt($node, creation());
like($told, qr/HINT:  If secrets are sealed already, set idverify\.key_file to /,
	'... and one that exists is not to be replaced');
my ($lines) = $told =~ /^HINT:  [^\n]*:\n(.*?)^LOCATION:/ms;
my $waiting = $node->background_psql('postgres', on_error_stop => 0);
like((ask($waiting, creation()))[1], qr/there is no key ring/,
	'a session that is there already lacks the ring, too');

sub run_hint
{
	local $ENV{HOME} = $home;
	local $ENV{PGHOST} = $node->host;
	local $ENV{PGPORT} = $node->port;
	local $ENV{PGDATABASE} = 'postgres';

	my $before = now($node);
	command_ok([ 'sh', '-euc', $lines ], $_[0]);
	wait_for_reload($node, $before, $waiting);
	return;
}

run_hint("the lines of the error's hint run as they stand");
accepted('... and then there is a ring');
like((ask($waiting, creation()))[0], qr/,[0-9a-f]{64}\)/,
	'... also for the session that was waiting');
is((stat "$home/idverify.ring")[2] & 07777, 0600, '... for the server alone');

my $made = slurp_file("$home/idverify.ring");
run_hint('the lines run a second time');
is(slurp_file("$home/idverify.ring"), $made, '... and spare the ring that is there');
accepted('... which still works');

$waiting->quit;
$node->safe_psql('postgres', q{
	DELETE FROM idverify.apps;
	ALTER SYSTEM RESET idverify.key_file
});

#
# What is no ring
#
# Each case puts something where the ring should be.  No session has a ring,
# so each one looks for itself, and nothing has to be reloaded.
#

$node->append_conf('postgresql.conf', "idverify.key_file = '$ring'");
reload($node);

mkdir "$folder/$_" or die for qw(directory tablespace mount mount/..1);
mkfifo("$folder/fifo", 0600) or die;
symlink 'nothing', "$folder/dangling" or die;
symlink 'loop', "$folder/loop" or die;
symlink $data, "$folder/backdoor" or die;
$node->safe_psql('postgres',
	"CREATE TABLESPACE regress_tablespace LOCATION '$folder/tablespace'");

my $good = "1:$one\n";
write_ring($_, $good)
  for "$data/ring", "$folder/wal/ring", "$folder/tablespace/ring";

link "$data/ring", "$folder/linked" or die;

my $backed_up =
  'it lies in the data directory or in a tablespace, where backups would pick it up';
my $bad_line = 'is neither id:64-hex, nor a comment, nor blank';

# What is wrong, what is there (a link to a file, or text and mode), and what
# is said about it.
my @refused = (
	[ 'nothing', undef, undef, 'No such file or directory' ],
	[ 'a link to nothing', 'dangling', undef, 'No such file or directory' ],
	[ 'a loop of links', 'loop', undef, 'Too many levels of symbolic links' ],

	[ 'a directory', 'directory', undef, 'it is not a regular file' ],
	[ 'a FIFO: nobody waits', 'fifo', undef, 'it is not a regular file' ],
	[ 'a device', '/dev/null', undef, 'it is not a regular file' ],

	[ 'no right to read', $good, 0200, 'Permission denied' ],
	[ 'readable by its group', $good, 0640, 'it is open to its group or to others' ],
	[ 'writable by its group', $good, 0620, 'it is open to its group or to others' ],
	[ 'readable by others', $good, 0604, 'it is open to its group or to others' ],
	[ 'writable by others', $good, 0602, 'it is open to its group or to others' ],
	[ "root's, readable by all", '/etc/passwd', undef,
		'it is writable by its group or open to others' ],

	[ 'a link into the data directory', "$data/ring", undef, $backed_up ],
	[ '... by way of a linked directory', 'backdoor/ring', undef, $backed_up ],
	[ "a link into WAL's directory", 'wal/ring', undef, $backed_up ],
	[ 'a link into a tablespace', 'tablespace/ring', undef, $backed_up ],

	[ 'a link to a file of the data directory that is linked elsewhere', 'linked', undef, $backed_up ],

	[ 'an empty file', '', 0600, 'it holds no key' ],
	[ 'nothing but comments', "# none\n\n \t\n", 0600, 'it holds no key' ],
	[ 'no ring at all', "hello\n", 0600, "line 1 $bad_line" ],
	[ 'a bad line among good ones', "# keys\n\n1:$one\n2:$two\n3:${three}0\n4:$one\n",
		0600, "line 5 $bad_line" ],
	[ 'a key too short', "1:$one\n2:" . substr($two, 1) . "\n", 0600, "line 2 $bad_line" ],
	[ 'no id', ":$one\n", 0600, "line 1 $bad_line" ],
	[ 'a leading zero', "01:$one\n", 0600, "line 1 $bad_line" ],
	[ 'a blank behind the key', "1:$one \n", 0600, "line 1 $bad_line" ],
	[ 'id 0', "0:$one\n", 0600, "line 1 $bad_line" ],
	[ 'id 2147483648', "2147483648:$one\n", 0600, "line 1 $bad_line" ],
	[ 'a blank before the id', " 1:$one\n", 0600, "line 1 $bad_line" ],
	[ 'a repeated id', "1:$one\n2:$two\n1:$three\n", 0600,
		'line 3 repeats the id of an earlier line' ],
	[ 'a repeated line', "1:$one\n1:$one\n", 0600,
		'line 2 repeats the id of an earlier line' ],
	[ 'a key of zeros', "1:" . '00' x 32 . "\n", 0600, 'line 1 holds a key of one repeated byte, which is no secret' ],
	[ 'a key of one repeated byte', "1:$one\n2:" . 'Ab' x 32 . "\n", 0600,
		'line 2 holds a key of one repeated byte, which is no secret' ],
	[ 'over 64 kB', $good . '#' x 65536, 0600, 'it is larger than 64 kB' ],
);

# Put something where the ring should be.
sub put
{
	my ($content, $mode) = @_;

	unlink $ring;
	if (defined $mode) { write_ring($ring, $content, $mode) }
	elsif (defined $content) { symlink $content, $ring or die }
	return;
}

for (@refused)
{
	my ($what, $content, $mode, $why) = @$_;

	put($content, $mode);
	my $told = refused("refused: $what", "could not use the key ring: $why", $ring);

	# A second ring would not open what the one that is broken has sealed.
	unlike($told, qr/openssl rand/, '... and the client is not told to make another')
	  unless $why =~ /No such file/;

	# What is wrong with the text is not mended by chmod.
	like($told, $why =~ /^line|holds no key/ ? qr/^HINT:  .*without leading zeros, a colon, and 64 hex digits/m : qr/^HINT:  .*chmod 600/m,
		'... and the hint is about what is wrong')
	  if $why =~ /^line|holds no key|open to/;

	# a server that waits could not even be stopped
	open(my $release, '+<', "$folder/fifo") or die if $what =~ /FIFO/;
}

is($node->safe_psql('postgres', 'SELECT count(*) FROM idverify.apps'), '0',
	'without a ring no app was made');

#
# What is one
#

write_ring($_, $good) for "$folder/elsewhere", "$folder/mount/..1/ring";
symlink '..1', "$folder/mount/..data" or die;
symlink '..data/ring', "$folder/mount/ring" or die;

for (
	[ 'an ordinary file', $good, 0600 ],
	[ 'that nobody can write', $good, 0400 ],
	[ 'a link to a file elsewhere', 'elsewhere' ],
	[ 'the links of an orchestrator', 'mount/ring' ],
	[ 'CRLF', "# keys\r\n\r\n2:$two\r\n1:$one\r\n", 0600 ],
	[ 'no end of the last line', "1:$one", 0600 ],
	[ 'upper-case digits', "1:\U$one\n", 0600 ],
	[ 'comments and blank lines', "#1:x\n \t\n\n1:$one\n# end\n", 0600 ],
	[ 'the last id there is', "2147483647:$two\n1:$one\n", 0600 ],
	[ '64 kB', $good . '#' x (65536 - length $good), 0600 ])
{
	my ($what, @content) = @$_;

	put(@content);
	accepted("accepted: $what");
}

# Only root can make these: the folder IDVERIFY_ROOT_RINGS has them.
SKIP:
{
	my $theirs = $ENV{IDVERIFY_ROOT_RINGS}
	  or skip 'needs rings that root has made', 7;

	put("$theirs/good");
	accepted("accepted: root's file, readable by the server's group");
	put("$theirs/writable");
	refused("refused: root's file, writable by the server's group",
		'could not use the key ring: it is writable by its group or open to others', $ring);
	put("$theirs/strangers");
	refused("refused: somebody else's file",
		"could not use the key ring: its owner is neither the server's user nor root", $ring);
}

# Without links, too, and where the path is relative to the data directory.
for ([ 'in the data directory', "$data/ring" ],
	[ 'in a tablespace', "$folder/tablespace/ring" ],
	[ 'a relative path', 'ring' ])
{
	my ($what, $path) = @$_;

	$node->append_conf('postgresql.conf', "idverify.key_file = '$path'");
	reload($node);
	refused("refused: $what", "could not use the key ring: $backed_up", $path);
}
like((attempt($node, creation()))[2], qr/HINT:  The path is relative/,
	'... whose hint says what it is relative to');
unlink "$data/ring";
$node->append_conf('postgresql.conf', "idverify.key_file = '$ring'");
put($good, 0600);
reload($node);

#
# The setting is the administrator's
#

$node->safe_psql('postgres', q{
	DELETE FROM idverify.apps;
	CREATE ROLE regress_user LOGIN;
	GRANT EXECUTE ON FUNCTION idverify_check TO regress_user;
});

my $loaded = "SET ROLE regress_user; SELECT idverify_check('x', 'x', repeat('0', 64))";

for (
	[ '55P02', 'SET', "$loaded; SET idverify.key_file = '/x'" ],
	[ '55P02', 'set_config()', "$loaded; SELECT set_config('idverify.key_file', '/x', false)" ],
	[ '55P02', 'ALTER ROLE', "$loaded; ALTER ROLE regress_user SET idverify.key_file = '/x'" ],
	[ '42501', 'ALTER ROLE, before the module is loaded',
		"SET ROLE regress_user; ALTER ROLE regress_user SET idverify.key_file = '/x'" ],
	[ '42501', 'SHOW', "$loaded; SHOW idverify.key_file" ],
	[ '42501', 'current_setting()', "$loaded; SELECT current_setting('idverify.key_file')" ])
{
	my ($expected, $what, $sql) = @$_;
	my ($sqlstate, undef, $told) = attempt($node, $sql);

	is($sqlstate, $expected, "a user is refused: $what");
	unlike($told, qr/\Q$ring\E/, '... and sees no path');
}
is($node->safe_psql('postgres',
		"$loaded; SELECT count(*) FROM pg_settings WHERE name = 'idverify.key_file'"),
	"f\n0", '... nor the setting in pg_settings');
like($node->safe_psql('postgres',
		"SET idverify.key_file = '$folder/elsewhere'; "
		  . creation() . '; SHOW idverify.key_file'),
	qr/\n\Q$ring\E$/, 'what was set before the module was loaded is void');

#
# Reload
#

my $warm = $node->background_psql('postgres', on_error_stop => 0);
ask($warm, "\\set VERBOSITY verbose\nSET client_min_messages = log; SET log_statement = 'all'");

# Have the session make an app; by which key was it sealed?
my $heard;

sub sealed_by
{
	my ($session) = @_;

	(undef, $heard) = ask($session, creation());
	return scalar ask($session,
		"SELECT key_id FROM idverify.app_status WHERE app_key = 'app $apps'");
}

is(sealed_by($warm), '1', 'a session reads the ring when it needs one');

put("2:$two\n1:$one\n", 0600);
is(sealed_by($warm), '1', 'a new ring has to be reloaded');
reload($node, $warm);
is(sealed_by($warm), '2', '... and then reaches the session, where its first key seals');

for ([ 'bad', "could not use the key ring after a reload: line 2 $bad_line",
		sub { put("1:$one\nhello\n", 0600) } ],
	[ 'missing', 'could not use the key ring after a reload: No such file or directory',
		sub { put(undef) } ])
{
	my ($what, $why, $spoil) = @$_;
	my $offset = -s $node->logfile;

	$spoil->();
	reload($node, $warm);
	is(sealed_by($warm), '2', "after a reload the ring is $what: the session keeps the one it has");
	like($heard, qr/LOG: /, '... hears what is logged');
	unlike($heard, qr/key ring/, '... but nothing of the ring');
	is(sealed_by($warm), '2', '... and keeps the ring for good');
	my $log = log_since($node, $offset);
	is(() = $log =~ /LOG:  \Q$why\E\n/g, 1, '... the server log says why, once');
	like($log, qr/DETAIL:  The key ring is "\Q$ring\E"\./, '... and where');
	refused('... while a new session has none',
		'could not use the key ring: ' . $why =~ s/.*reload: //r, $ring);
}

put("3:$three\n2:$two\n1:$one\n", 0600);
reload($node, $warm);
is(sealed_by($warm), '3', 'a good ring is taken into use again');

$warm->quit;
$node->stop;
#
# A subdirectory of the data directory that is mounted elsewhere
#

SKIP:
{
	my @namespace = qw(unshare --user --map-current-user --mount --keep-caps sh -c);

	system("@namespace true 2>/dev/null") == 0
	  or skip 'may not make a namespace of its own', 2;
	mkdir $_ or die for "$data/rings", "$folder/mounted";
	write_ring("$data/rings/ring", $good);
	$node->append_conf('postgresql.conf', "idverify.key_file = '$folder/mounted/ring'");
	$node->stop;

	my $postgres = $node->config_data('--bindir') . '/postgres';
	for ([ "mount --bind '$data/rings' '$folder/mounted'", qr/$backed_up/, 'refused: a mount of a directory in the data directory' ],
		[ "cp -p '$data/rings/ring' '$folder/mounted'", qr/identity_secret/, 'accepted: the same file in the place of that mount' ])
	{
		my ($prepare, $expected, $what) = @$_;
		my $sql = "SELECT * FROM idverify_create_app('mounted')\n";
		my $output = '';

		IPC::Run::run([ @namespace, "$prepare && exec '$postgres' --single -D '$data' postgres" ],
			'<', \$sql, '>&', \$output);
		like($output, $expected, $what);
	}
}

done_testing();
