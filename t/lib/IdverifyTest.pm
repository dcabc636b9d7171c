# What the cluster tests share: rings, servers, apps and hashes.
#
# A test says "use FindBin; use lib "$FindBin::RealBin/lib"; use IdverifyTest;".
package IdverifyTest;

use strict;
use warnings;

use Carp;
use Digest::SHA qw(hmac_sha256_hex);
use Exporter 'import';
use MIME::Base64;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

our @EXPORT = qw(
  ask
  attempt
  both_say
  create_app
  disguises
  forms
  literal
  log_since
  new_key
  new_server
  now
  private_memory
  reload
  user_hash
  wait_for_reload
  write_ring
);

# A master key, or anything else that is 64 random hex digits.
sub new_key
{
	open my $random, '<:raw', '/dev/urandom' or croak "/dev/urandom: $!";
	read($random, my $bytes, 32) == 32 or croak "/dev/urandom: $!";
	close $random;
	return unpack 'H*', $bytes;
}

# Write a key ring, from its lines or from any other text, as it should be:
# for the server's user alone.  A hash reference holds the mode if not.
sub write_ring
{
	my ($path, $text, $mode) = @_;

	# made anew, so that no server can read half of it
	my $umask = umask 077;
	open my $file, '>:raw', "$path.new" or croak "$path: $!";
	print $file $text;
	close $file or croak "$path: $!";
	umask $umask;
	chmod $mode // 0600, "$path.new" or croak "$path: $!";
	rename "$path.new", $path or croak "$path: $!";
	return $path;
}

# A running server with the extension in its database postgres.
#
#	ring		path of its key ring, which need not exist; without it the one
#				that all tests share, or none at all if it is undef
#	conf		more lines for postgresql.conf
#	extension	false to leave the extension out
#	install_path	where its programs are, if not those under test
#
# Whatever else is given goes to init().
sub new_server
{
	my ($name, %options) = @_;
	my @where = map { $_ => delete $options{$_} } grep { $options{$_} } 'install_path';
	my $node = PostgreSQL::Test::Cluster->new($name, @where);
	my $has_ring = exists $options{ring};
	my $ring = delete $options{ring};
	my $conf = delete $options{conf} // '';
	my $extension = delete $options{extension} // 1;
	my $extra = delete $options{extra} // [];

	# dev/test hands one over; without it, by "make installcheck", none is shared
	if (!$has_ring && !$ENV{TEMP_CONFIG})
	{
		$ring = write_ring($node->basedir . '/ring', '1:' . new_key() . "\n");
		$has_ring = 1;
	}

	$node->init(extra => [ '--encoding=UTF8', '--locale=C', @$extra ],
		%options);
	$node->adjust_conf('postgresql.conf', 'idverify.key_file',
		defined $ring ? "'$ring'" : undef)
	  if $has_ring;
	$node->append_conf('postgresql.conf', $conf);
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION idverify') if $extension;
	return $node;
}

# Have the configuration read again, by the server and by these sessions.
sub reload
{
	my ($node, @sessions) = @_;
	my $before = now($node);

	$node->reload;
	wait_for_reload($node, $before, @sessions);
	return;
}

# Wait until the configuration has been read again since that time, as now()
# told it: what asks for that only sends a signal.
sub wait_for_reload
{
	my ($node, $before, @sessions) = @_;
	my $query = "SELECT pg_conf_load_time() >= '$before'";

	$node->poll_query_until('postgres', $query)
	  or croak 'the server did not reload';
	for my $session (@sessions)
	{
		my $tries = 1000 * $PostgreSQL::Test::Utils::timeout_default;
		until (ask($session, $query) eq 't')
		{
			$tries-- or croak 'a session did not reload';
			usleep(1000);
		}
	}
	return;
}

# The time by the server's clock.
sub now
{
	my ($node) = @_;
	return $node->safe_psql('postgres', 'SELECT clock_timestamp()');
}

# Run a query in a background_psql() session that lives on after errors.
#
# Returns what it printed; in list context, that and its messages.
sub ask
{
	my ($session, $sql) = @_;

	$session->{stderr} = '';
	my $output = $session->query($sql);
	my $messages = $session->{stderr};
	$session->{stderr} = '';
	return wantarray ? ($output, $messages) : $output;
}

# What two sessions answer: one whose cache is warm, and one in a transaction that
# is older than what happened.
sub both_say
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($warm, $old, $sql, $expected, $what) = @_;

	is(scalar ask($warm, $sql), $expected, "$what: a warm session");
	is(scalar ask($old, $sql), $expected, '... and an open transaction');
	return;
}

# Try SQL in a session of its own, of which the first error ends it.
#
# Returns the SQLSTATE, or 00000; the message; everything that the client was
# told, verbosely; and what the server logged meanwhile.
sub attempt
{
	my ($node, $sql, %options) = @_;
	my $offset = -s $node->logfile;
	my ($rc, $output, $told) =
	  $node->psql('postgres', "\\set VERBOSITY verbose\n$sql", %options);
	my ($sqlstate, $message) =
	  $told =~ /(?:ERROR|FATAL):  (\w{5}): (.*)/ ? ($1, $2) :
	  $rc == 0                                   ? ('00000', $output) :
	  croak "psql failed: $told";

	return ($sqlstate, $message, $told, log_since($node, $offset));
}

# What the server has logged since its log had that many bytes.
sub log_since
{
	my ($node, $offset) = @_;
	return slurp_file($node->logfile, $offset);
}

# Private memory of a process in kB; undefined where the kernel does not tell.
sub private_memory
{
	my ($pid) = @_;
	open my $status, '<', "/proc/$pid/status" or return undef;
	my ($kilobytes) = map { /^RssAnon:\s+(\d+) kB/ } <$status>;
	return $kilobytes;
}

# Any bytes as an SQL literal.
sub literal
{
	my ($bytes) = @_;
	my $escaped = $bytes =~ s/(['\\])/$1$1/gr;
	return "E'$escaped'";
}

# Make an app.  Returns its secret.  Options go to idverify_create_app().
sub create_app
{
	my ($node, $app_key, %options) = @_;
	my $database = delete $options{database} // 'postgres';
	my $arguments = join '',
	  map { ", $_ => " . literal($options{$_}) } sort keys %options;

	return $node->safe_psql($database,
		    'SELECT identity_secret FROM idverify_create_app('
		  . "name => 'test', app_key => "
		  . literal($app_key)
		  . "$arguments)");
}

# The user_hash of a value, by an implementation that is not ours.
sub user_hash
{
	my ($secret, $value) = @_;
	return hmac_sha256_hex($value, $secret);
}

# All that 64 hex digits could look like: as text, as bytes, as the words of a hash.
sub forms
{
	my ($hex) = @_;
	my $bytes = pack 'H*', $hex;
	return (disguises($hex), uc $hex, disguises($bytes), pack('L8', unpack 'N8', $bytes));
}

# All that a secret could look like where it should not be: itself, in hex,
# in base64, as the bytes of a dumped plan.
sub disguises
{
	my ($secret) = @_;
	my @encoded;

	# base64 looks different where the secret is not the first thing encoded
	for my $before (0 .. 2)
	{
		my $base64 = encode_base64('x' x $before . $secret, '');
		my $start = $before ? 4 : 0;
		push @encoded, substr $base64, $start, length($base64) - $start - 4;
	}
	return ($secret, unpack('H*', $secret), uc unpack('H*', $secret),
		join(' ', unpack 'C*', $secret), @encoded);
}

1;
