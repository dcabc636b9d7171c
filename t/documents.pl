# The documents: README.md and doc/ are run as they are printed.
#
# The blocks of a page run from top to bottom, on one throwaway server: SQL in
# one psql session, shell commands in one shell, programs by their own
# interpreter or compiler, where it is installed.  The info string of a fence
# says what a block is:
#
#	sql, sh						run
#	js, ruby, php, python, go	a program that signs: it takes the secret from
#								$IDENTITY_SECRET and the value as its argument
#	js token, ..., java token	a program that makes a token for its argument, likewise
#	js token, ruby token, ...	a program that makes a token, likewise; java, too
#	js client-pg.js				a piece of a program in test/clients/, which dev/test clients
#								runs: it has these lines, indented as it likes
#	js file chat.mjs			a file, which the page's shell then has in its folder
#	text						no commands: a picture, a file, a line of the log
#	sql citus, citus-every, citus-workers
#								run by dev/citus, on the coordinator or on other nodes
#	sh not-run, sql not-run, ruby not-run
#								cannot be run here
#
# The pages in %drivers need drivers and frameworks: dev/test clients, which installs
# these, runs them (t/clients_guides.pl).  Here only their links are looked at.
#
# What a block answers is printed in it, as comments of its own language that
# begin with "--> ", "#> " or "//> ".  That has to be all that the lines above
# have answered since the last such comment, a row a line, columns separated by
# " | ".  "…" stands for anything within a line, on a line of its own for any
# number of lines.  A line of answer that begins with ERROR, WARNING, NOTICE,
# DETAIL or HINT must be among the messages; an ERROR that is not printed is a
# failure.
use strict;
use warnings;

use File::Find;
use FindBin;
use lib "$FindBin::RealBin/lib";
use IdverifyClients;
use IdverifyTest;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $root = "$FindBin::RealBin/..";
my $random = "\xe2\x80\xa6";    # …
my $mark = 'end of what a block answers';
my %drivers = (
	'doc/start-node.md' => ['pg'],
	'doc/start-rails.md' => ['activerecord'],
	'doc/start-django.md' => [ 'django', 'psycopg2' ]);
my %there = $ENV{IDVERIFY_CLIENTS} ? map { $_ => 1 } clients() : ();
my $message = qr/^(?:ERROR|WARNING|NOTICE|DETAIL|HINT):/;

# How a program of each language is run.
my %interpreter = (
	js => { file => 'sign.mjs', command => ['node'] },
	ruby => { file => 'sign.rb', command => ['ruby'] },
	php => { file => 'sign.php', command => ['php'] },
	python => { file => 'sign.py', command => ['python3'] },
	go => { file => 'sign.go', command => [ 'go', 'run' ] },
	# Arabic has digits of its own, which no token may have
	java => { file => 'Sign.java', command => [ 'java', '-Xshare:auto', '-Duser.language=ar', '-Duser.country=EG' ] });

# Whatever is said in the language of psql or of a program.
my $comment = qr{^\s*(?:-->|\#>|//>) ?(.*)$};

my $node = new_server('documents', conf => <<'CONF');
# An importer's secret must stay out of the log, whatever is logged.
log_statement = 'all'
log_min_duration_statement = 0
log_min_duration_sample = 0
log_statement_sample_rate = 1
log_transaction_sample_rate = 1
log_lock_waits = on
log_duration = on
debug_print_parse = on
debug_print_rewritten = on
debug_print_plan = on
debug_pretty_print = off
# Without idverify in it, 15 and 16 count no claims.
shared_preload_libraries = 'auto_explain, idverify'
auto_explain.log_min_duration = 0
wal_level = logical
CONF
$node->safe_psql('postgres', 'DROP EXTENSION idverify');

#
# A machine to run them on
#

# The source, so that make, dev/ and what they write disturb nobody.  Objects
# come along: what they were made of is the same.
my $machine = PostgreSQL::Test::Utils::tempdir;
my $source = "$machine/idverify";
mkdir $source or die "$source: $!";
system("tar -C '$root' -cf - --exclude=.git --exclude='./tmp_*' --exclude=./results . | tar -xf - -C '$source'") == 0
  or die 'could not copy the source';

# sudo, for somebody who has no rights to borrow.
mkdir "$machine/bin" or die "$machine/bin: $!";
append_to_file("$machine/bin/sudo", <<'SH');
#!/bin/sh
while [ $# -gt 0 ]; do
	case $1 in
		-iu | -u) shift 2 ;;
		-*) shift ;;
		*) break ;;
	esac
done
[ $# = 0 ] || exec "$@"
SH
chmod 0755, "$machine/bin/sudo" or die "$machine/bin/sudo: $!";

$ENV{PATH} = "$machine/bin:$ENV{PATH}";
$ENV{PGHOST} = $node->host;
$ENV{PGPORT} = $node->port;
$ENV{PGCLIENTENCODING} = 'UTF8';
$ENV{DESTDIR} = "$machine/installed";
$ENV{IDVERIFY_SANDBOX} = 1;
# Where a guide's server listens, and its frameworks are Debian's.
if ($ENV{IDVERIFY_CLIENTS})
{
	$ENV{PORT} = PostgreSQL::Test::Cluster::get_free_port();
	symlink '/usr/bin/python3', "$machine/bin/python3";
	symlink '/usr/bin/ruby', "$machine/bin/ruby";
	symlink "$ENV{IDVERIFY_CLIENTS}/node_modules", "$machine/node_modules";
}
delete @ENV{qw(PGDATABASE PGUSER PSQLRC PAGER PSQL_PAGER IDENTITY_SECRET)};

# The answers of a shell or of psql that lives on from block to block.
#
# Returns what it printed and its messages.
sub talk
{
	my ($session, $text) = @_;

	# what ran in between, programs say, does not count
	$session->{timeout}->start;
	$session->{out} = $session->{err} = '';
	$session->{in} .= $text;
	IPC::Run::pump($session->{run})
	  until $session->{out} =~ /^\Q$mark\E\n/m && $session->{err} =~ /^\Q$mark\E\n/m;
	return map { s/\n?^\Q$mark\E\n.*//msr } @$session{qw(out err)};
}

sub start
{
	my (@command) = @_;
	my $session = { in => '', out => '', err => '',
		timeout => IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default) };

	$session->{run} = IPC::Run::start(\@command,
		'<', \$session->{in}, '>', \$session->{out}, '2>', \$session->{err}, $session->{timeout});
	return $session;
}

# A piece of a program is there as it is printed.
sub find_piece
{
	my ($block) = @_;
	my ($program, $piece) = map { s/^\s+//gmr } slurp_file("$root/test/clients/$block->{how}"),
	  join('', map { $_->{text} // '' } @{ $block->{pieces} });

	ok(index($program, $piece) >= 0, "$block->{where}: is in test/clients/$block->{how}");
	return;
}

# A shell, for the blocks of one page.  It ends at the first command that fails.
sub ask_shell
{
	my ($page, $text) = @_;
	my $file = "$machine/block.sh";

	$page->{shell} //= do {
		my $shell = start('sh');
		# A page that starts a server keeps its process id in $server.
		$shell->{in} = "cd '$source'; set -e; trap '[ -z \"\${server:-}\" ] || kill \"\$server\" 2> /dev/null || :' EXIT\n";
		$shell;
	};
	unlink $file;
	append_to_file($file, $text);
	my ($out, $err) = eval {
		talk($page->{shell}, ". '$file' < /dev/null; echo '$mark'; echo '$mark' >&2\n");
	};
	return ($out, $err) if defined $out;
	($out, $err) = @{ delete $page->{shell} }{qw(out err)};
	return ($out, "ERROR: a command failed\n$err");
}

sub ask_psql
{
	my ($page, $text) = @_;

	$page->{psql} //= start('psql', '-XqAt', '-F', ' | ');
	my @answer = eval { talk($page->{psql}, "$text\n\\echo $mark\n\\warn $mark\n") };
	return @answer if @answer;
	return ($page->{psql}->{out}, "ERROR: psql has ended\n$page->{psql}->{err}");
}

#
# Blocks
#

# The blocks of a page: language, info string, line, and their text in pieces,
# each with what it has to answer, if that is printed.
sub blocks
{
	my ($name) = @_;
	my (@blocks, $block);
	my $line = 0;

	for my $text (split /\n/, slurp_file("$root/$name"))
	{
		$line++;
		if (!$block)
		{
			next unless $text =~ /^(\s*)```(.*)$/;
			my ($language, $how) = split ' ', $2, 2;
			$block = { indent => $1, line => $line, where => "$name:$line",
				language => $language // '', how => $how // '', pieces => [ {} ] };
		}
		elsif ($text =~ /^\Q$block->{indent}\E```$/)
		{
			push @blocks, $block;
			undef $block;
		}
		else
		{
			$text =~ s/^\Q$block->{indent}\E//;
			my $piece = $block->{pieces}->[-1];

			if ($text =~ $comment)
			{
				push @{ $piece->{answer} }, $1;
			}
			else
			{
				push @{ $block->{pieces} }, $piece = {} if $piece->{answer};
				$piece->{text} .= "$text\n";
			}
		}
	}
	die "$name: a block is not closed" if $block;
	return @blocks;
}

# Does what was answered look like what is printed?
sub answers
{
	my ($answer, $printed) = @_;
	my $pattern = '';

	for my $line (@$printed)
	{
		$pattern .=
		  $line eq $random ? '(?:.*\n)*?' :
		  join('.*', map { quotemeta s/\s+$//r } split /$random/, $line, -1) . '[ \t]*\n';
	}
	$answer =~ s/\n*\z/\n/;
	$answer = '' if $answer eq "\n";
	return $answer =~ /^$pattern\z/;
}

# Have the page's shell write a file into the folder that it is in.
sub write_file
{
	my ($page, $block) = @_;
	my ($name) = $block->{how} =~ /^file (\S+)$/;
	my $text = join '', map { $_->{text} // '' } @{ $block->{pieces} };
	my (undef, $err) = ask_shell($page, "cat > '$name' <<'$mark'\n$text$mark\n");

	is($err, '', "$block->{where}: is written to $name");
	return;
}

# Run the commands of a block, and compare what they answer.
sub run_commands
{
	my ($page, $block) = @_;
	my $ask = $block->{language} eq 'sql' ? \&ask_psql : \&ask_shell;
	my @wrong;

	for my $piece (@{ $block->{pieces} })
	{
		my ($out, $err) = $ask->($page, $piece->{text} // '');
		my @printed = @{ $piece->{answer} // [] };
		my @messages = grep { /$message/ } @printed;
		my @rows = grep { !/$message/ } @printed;
		my $fails = grep { /^ERROR:/ } @messages;

		for my $line (@messages)
		{
			my $pattern = join '.*', map { quotemeta } split /$random/, $line, -1;
			push @wrong, "there is no message like: $line" unless $err =~ /^$pattern$/m;
		}
		push @wrong, 'it fails' if !$fails && $err =~ /^(?:psql: )?(?:ERROR|FATAL|error):/m;
		push @wrong, 'it answers something else' if $piece->{answer} && !answers($out, \@rows);
		next unless @wrong;
		diag("$block->{where}: @wrong\n$piece->{text}answers:\n$out\n$err\n"
			  . "and should answer:\n" . join "\n", @printed);
		last;
	}
	ok(!@wrong, "$block->{where}: $block->{language}");
	return;
}

# A program that signs: it makes the hashes of the page's table, or tokens that
# verify; and signs nothing where the secret or the value is missing or empty.
sub run_program
{
	my ($page, $block) = @_;
	my ($language, $where) = @$block{qw(language where)};
	my ($file, $command) = @{ $interpreter{$language} }{qw(file command)};

  SKIP:
	{
		skip("$where: $command->[0] is not installed", 1)
		  unless grep { -x "$_/$command->[0]" } split /:/, $ENV{PATH};

		my @pieces = @{ $block->{pieces} };
		unlink "$machine/$file";
		append_to_file("$machine/$file", join '', map { $_->{text} // '' } @pieces);
		my $run = sub {
			my ($secret, @arguments) = @_;
			my ($out, $err);
			local $ENV{IDENTITY_SECRET} = $secret;
			delete $ENV{IDENTITY_SECRET} unless defined $secret;
			local $ENV{GOCACHE} = "$machine/go";
			my $good = IPC::Run::run([ @$command, "$machine/$file", @arguments ],
				'<', \'', '>', \$out, '2>', \$err);
			return ($good, $out, $err);
		};
		my @wrong;
		if ($block->{how} eq 'token')
		{
			# Java takes arguments in the locale's encoding, which is that of the tests.
			for my $value ('user_4711', 'jane@example.com', $language eq 'java' ? () : "zo\xc3\xab\@example.com")
			{
				my ($good, $out, $err) = $run->($page->{secret}, $value);
				my $verdict = $node->safe_psql($ENV{PGDATABASE},
					"SELECT idverify_verdict('shop', '$value', NULL, '" . ($out =~ s/\n\z//r) . "')");
				push @wrong, "of $value: $verdict: $out$err" unless $good && $verdict eq 'verified';
			}
		}
		else
		{
			for my $value (sort keys %{ $page->{hashes} })
			{
				my ($good, $out, $err) = $run->($page->{secret}, $value);
				push @wrong, "of $value: $out$err" unless $good && $out eq "$page->{hashes}->{$value}\n";
			}
			push @wrong, 'the page has no table of hashes' unless %{ $page->{hashes} };
		}
		for my $unset ([ undef, 'user_4711' ], [ '', 'user_4711' ], [ $page->{secret}, '' ], [ $page->{secret} ])
		{
			my ($good, $out) = $run->(@$unset);
			my $what = join ', ', map { defined ? "'$_'" : 'unset' } @$unset;
			push @wrong, "signs with $what: $out" if $good || $out =~ /[0-9a-f]{64}|\beyJ/;
		}
		is(join("\n", @wrong), '', "$where: $language signs, and refuses what is empty");
	}
	return;
}

#
# Pages
#

# To hold one of these is to be as powerful as the owner: sql/install_references.sql.
my $granted = q{
	SELECT DISTINCT relname, grantee::regrole, privilege_type
	FROM (SELECT relname, relowner, relacl FROM pg_class WHERE relnamespace = to_regnamespace('idverify')
		UNION ALL
		SELECT relname, relowner, attacl FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
		WHERE relnamespace = to_regnamespace('idverify')) AS t (relname, owner, acl), aclexplode(acl)
	WHERE grantee <> owner AND privilege_type IN ('REFERENCES', 'TRIGGER')
};

my $not_run = 0;
my $texts = 0;

# What a page runs in: a database of its own, named as the documents name it.
# README.md and the guides for beginners make it by themselves.
sub run_page
{
	my ($name) = @_;
	my $text = slurp_file("$root/$name");
	my ($secret) = $text =~ /^ {4}([0-9a-f]{64})$/m;
	my $page = {
		secret => $secret,
		hashes => { $text =~ /^\| `([^`]+)` \| `([0-9a-f]{64})` \|$/mg } };
	my @roles = ask_roles();

	local $ENV{HOME} = "$machine/" . ($name =~ s/\W/_/gr);
	mkdir $ENV{HOME} or die "$ENV{HOME}: $!";
	local $ENV{PGDATABASE} = 'postgres';
	if ($name ne 'README.md' && !$drivers{$name})
	{
		my $ring = write_ring("$ENV{HOME}/idverify.ring", '1:' . new_key() . "\n");
		$node->safe_psql('postgres', "LOAD 'idverify'; ALTER SYSTEM SET idverify.key_file = '$ring'");
		$node->safe_psql('postgres', 'CREATE DATABASE chat');
		$node->safe_psql('chat', 'CREATE EXTENSION idverify');
		$ENV{PGDATABASE} = 'chat';
	}
	reload($node);
	append_to_file("$ENV{HOME}/old-secret", my $imported = new_key());

	for my $block (blocks($name))
	{
		my $what = join ' ', grep { $_ ne '' } @$block{qw(language how)};

		if ($what eq 'text') { $texts++ }
		elsif ($what =~ /^sql citus(?:-every|-workers)?$/) { note("$block->{where}: run by dev/citus") }
		elsif ($what =~ /^\w+ not-run$/) { $not_run++; note("$block->{where}: not run") }
		elsif ($what =~ /^(?:sh|sql)$/) { run_commands($page, $block) }
		elsif ($what =~ /^\w+ file [\w.]+$/) { write_file($page, $block) }
		elsif ($interpreter{ $what =~ s/ token$//r }) { run_program($page, $block) }
		elsif ($interpreter{ $block->{language} } && $block->{how} =~ /^client-\w+\.\w+$/) { find_piece($block) }
		else { fail("$block->{where}: the fence should say what the block is, not '$what'") }
	}
	if ($page->{psql})
	{
		my ($out, $err) = ask_psql($page, "SELECT 'the last statement has its semicolon';");
		is($out, 'the last statement has its semicolon', "$name: every statement is complete")
		  or diag($err);
	}
	for my $session (grep { $_ } @$page{qw(psql shell)})
	{
		$session->{in} .= $session == ($page->{psql} // 0) ? "\\q\n" : "exit\n";
		eval { IPC::Run::finish($session->{run}) };
	}
	# a dumped plan is broken into lines
	my $log = slurp_file($node->logfile) =~ s/\n\t/ /gr;
	is(scalar(grep { index($log, $_) >= 0 } forms($imported)), 0,
		"$name: no secret that was imported is in the log");
	is($node->safe_psql($ENV{PGDATABASE}, $granted), '',
		"$name: nobody is granted REFERENCES or TRIGGER on a table of idverify");
	tidy_up(@roles);
	return;
}

sub ask_roles
{
	return split /\n/, $node->safe_psql('postgres', 'SELECT quote_ident(rolname) FROM pg_roles');
}

# Leave to the next page the server as this one found it, which had these roles.
sub tidy_up
{
	my %before = map { $_ => 1 } @_;
	my $others = q{SELECT quote_ident(datname) FROM pg_database WHERE datname NOT IN ('postgres', 'template0', 'template1')};

	$node->safe_psql('postgres', "DROP DATABASE $_ (FORCE)")
	  for split /\n/, $node->safe_psql('postgres', $others);
	$node->safe_psql('postgres', 'DROP EXTENSION IF EXISTS idverify CASCADE');
	for my $role (grep { !$before{$_} } ask_roles())
	{
		$node->safe_psql('postgres', "DROP OWNED BY $role; DROP ROLE $role");
	}
	$node->safe_psql('postgres', 'ALTER SYSTEM RESET ALL');
	reload($node);
	return;
}

# Links lead to files that are there, and to headings in them.
sub check_links
{
	my ($name) = @_;
	my $folder = $name =~ m{^(.*/)} ? $1 : '';
	my $prose = slurp_file("$root/$name") =~ s/^([ \t]*)```.*?^\1```$//msgr;
	my @broken;

	while ($prose =~ /\]\(([^)\s]+)\)/g)
	{
		my $link = $1;
		my ($file, $anchor) = split /#/, $link, 2;
		next if $file =~ /^\w+:/;
		my $path = $file eq '' ? $name : "$folder$file";
		if (!-e "$root/$path") { push @broken, $link; next }
		next unless defined $anchor;
		my %anchors = map { s/[^\w\- ]//gr =~ s/ /-/gr => 1 }
		  map { lc } slurp_file("$root/$path") =~ /^#+ +(.*?) *$/mg;
		push @broken, $link unless $anchors{$anchor};
	}
	is("@broken", '', "$name: links lead somewhere");
	return;
}

#
# All of them
#

# Nothing to run in these.
my @prose = qw(CHANGELOG.md SECURITY.md);
my @pages;
find(sub { push @pages, $File::Find::name =~ s{^\Q$root\E/}{}r if /\.md$/ }, "$root/doc");
@pages = sort @pages, map { s{^\Q$root\E/}{}r } glob("'$root'/*.md");

# One page is enough for whoever writes it, or those that begin alike.
my $only = $ENV{IDVERIFY_DOCUMENT} // '';

for my $name (grep { index($_, $only) == 0 } @pages)
{
	note("== $name");
	check_links($name);
	if (my @missing = grep { !$there{$_} } @{ $drivers{$name} // [] })
	{
		note("dev/test clients runs it, with @missing");
		next;
	}
	my @commands = grep { $_->{language} ne 'text' } blocks($name);
	if (grep { $_ eq $name } @prose)
	{
		is(scalar @commands, 0, "$name has nothing to run");
		next;
	}
	ok(scalar @commands, "$name has something to run") or next;
	run_page($name);
}

my $lines = () = slurp_file("$root/README.md") =~ /\n/g;
cmp_ok($lines, '<=', 250, 'README.md is short');

note("$not_run blocks cannot be run, $texts are no commands");
cmp_ok($not_run, '<', 8, 'few blocks cannot be run');

$node->stop;
done_testing();
