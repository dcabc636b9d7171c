# What the tests with other people's programs share: which programs there are,
# how one is given cases, and a pooler.
#
# "dev/test clients" installs the programs and says in IDVERIFY_CLIENTS where
# node_modules is.  test/clients/README.md tells how a client reads and prints.
package IdverifyClients;

use strict;
use warnings;

use Carp;
use Exporter 'import';
use IPC::Run;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(clients token_libraries run_client skip_without_clients start_pooler stop_pooler);

# Debian's own, whatever else stands first in PATH.
my ($python, $ruby, $php) = map { "/usr/bin/$_" } qw(python3 ruby php);

# Of each: how it is started, and what tells that it is there: a package of
# npm's, or a command that succeeds.
my @clients = (
	(map { [ $_ => ['node', "client-$_.js"], $_ ] } qw(pg postgres knex)),
	[ drizzle => ['node', 'client-drizzle.js'], 'drizzle-orm' ],
	(map { [ $_ => ['node', "client-$_.js"], $_ ] } qw(kysely sequelize typeorm)),
	[ psycopg2 => [$python, 'client-psycopg2.py'], [ $python, '-c', 'import psycopg2' ] ],
	[ sqlalchemy => [$python, 'client-sqlalchemy.py'], [ $python, '-c', 'import sqlalchemy' ] ],
	[ django => [$python, 'client-django.py'], [ $python, '-c', 'import django' ] ],
	[ activerecord => [$ruby, 'client-activerecord.rb'], [ $ruby, '-e', 'require "active_record"; require "pg"' ] ],
	[ pdo => [$php, 'client-pdo.php'], [ $php, '-r', 'exit(extension_loaded("pdo_pgsql") ? 0 : 1);' ] ]);
# The same of those that make and verify tokens, and know no database.
my @token_libraries = (
	(map { [ $_ => ['node', 'jwt-node.js', $_], $_ ] } qw(jsonwebtoken jose)),
	[ 'PyJWT' => [$python, 'jwt-python.py'], [ $python, '-c', 'import jwt' ] ],
	[ 'ruby-jwt' => [$ruby, 'jwt-ruby.rb'], [ $ruby, '-e', 'require "jwt"' ] ]);
my %running;
my %command = map { $_->[0] => $_->[1] } @clients, @token_libraries;

# End the test, and say so, unless it is dev/test clients that runs it.
sub skip_without_clients
{
	plan skip_all => 'dev/test clients runs this' unless $ENV{IDVERIFY_CLIENTS};
	return;
}

# The names of the clients that are there.  Says which are not.
sub clients { return installed(@clients) }

# The same of the libraries of tokens.
sub token_libraries { return installed(@token_libraries) }

sub installed
{
	my @there;

	for my $client (@_)
	{
		my ($name, undef, $needs) = @$client;
		my $output;
		my $found =
		  ref $needs
		  ? -x $needs->[0] && IPC::Run::run($needs, '>&', \$output)
		  : -e "$ENV{IDVERIFY_CLIENTS}/node_modules/$needs/package.json";

		if   ($found) { push @there, $name }
		else          { diag("skipped: $name is not installed") }
	}
	return @there;
}

# Have a client go through cases, in a process of its own.
#
# where		PGHOST, PGPORT and so on, in the environment of that process
#
# Returns what each case came to, in their order.
sub run_client
{
	my ($name, $cases, %where) = @_;
	my $n = 0;
	my $input = join '', map { encode_json({ n => $n++, %$_ }) . "\n" } @$cases;
	my ($command, $program, @told) = @{ $command{$name} // croak "no client $name" };
	my ($output, $messages) = ('', '');
	local %ENV = (%ENV, %where, PYTHONDONTWRITEBYTECODE => 1,
		NODE_PATH => "$ENV{IDVERIFY_CLIENTS}/node_modules");

	my $ended = IPC::Run::run([ $command, "test/clients/$program", @told ],
		'<', \$input, '>', \$output, '2>', \$messages,
		IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
	diag("$name: $messages") if $messages ne '';
	diag("$name ended with status $?") unless $ended;

	my %result = map { /^(\d+)\t(.*)$/ ? ($1 => $2) : () } split /\n/, $output;
	return map { $result{$_} // 'no answer' } 0 .. $n - 1;
}

# A pooler in front of a server, on a Unix socket as well, for the role chat.
#
# mode		transaction or statement
# size		how many sessions it has with the server
#
# Returns the environment of its clients, and what stop_pooler() takes.
sub start_pooler
{
	my ($node, $mode, $size) = @_;
	my $folder = PostgreSQL::Test::Utils::tempdir_short();
	my ($host, $port) = ($node->host, $node->port);
	my ($program) = grep { -x } '/usr/sbin/pgbouncer', '/usr/bin/pgbouncer';

	return unless $program;
	open my $file, '>', "$folder/pgbouncer.ini" or croak "pgbouncer.ini: $!";
	print $file <<"INI";
[databases]
* = host=$host port=$port

[pgbouncer]
listen_addr =
listen_port = $port
unix_socket_dir = $folder
auth_type = trust
auth_file = $folder/users
pool_mode = $mode
default_pool_size = $size
max_client_conn = 500
server_round_robin = 1
ignore_startup_parameters = extra_float_digits, options
logfile = $folder/pgbouncer.log
pidfile = $folder/pgbouncer.pid
INI
	close $file or croak "pgbouncer.ini: $!";
	append_to_file("$folder/users", qq("chat" ""\n));
	my $messages;
	IPC::Run::run([ $program, '-q', '-d', "$folder/pgbouncer.ini" ], '>&', \$messages)
	  or croak "pgbouncer: $messages";
	$running{"$folder/pgbouncer.pid"} = 1;
	return ({ PGHOST => $folder, PGPORT => $port, THROUGH_POOLER => $mode }, "$folder/pgbouncer.pid");
}

sub stop_pooler
{
	my ($pid_file) = @_;
	my $pid = slurp_file($pid_file);

	delete $running{$pid_file};
	chomp $pid;
	kill 'INT', $pid;
	for (1 .. 100)
	{
		return unless -e $pid_file;
		select undef, undef, undef, 0.05;
	}
	croak 'the pooler did not stop';
}

# A test that dies leaves none behind.
END
{
	my $status = $?;

	stop_pooler($_) for grep { -e } keys %running;
	$? = $status;
}

1;
