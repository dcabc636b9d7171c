# The programs of the guides for beginners, doc/start-*.md, as they are printed,
# among visitors who mean no good, and on a bad day.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use HTTP::Tiny;
use IdverifyTest;
use IdverifyClients;
use IPC::Run;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

skip_without_clients();

my %there = map { $_ => 1 } clients();
my $shop = 'https://shop.example';
my $node = new_server('attacks');
my @running;

# A database of a guide's, with its app.  Returns the app's secret.
sub new_database
{
	my ($name, $more) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $name; CREATE ROLE $name LOGIN");
	$node->safe_psql($name, 'CREATE EXTENSION idverify');
	return $node->safe_psql($name, "SELECT identity_secret FROM idverify_create_app('Web shop', 'shop'$more)");
}

# The block of a page that its fence says is this, and nothing else.
sub block
{
	my ($page, $what) = @_;
	my ($text) = slurp_file("$FindBin::RealBin/../doc/$page") =~ /^```\Q$what\E\n(.*?)^```$/ms
	  or die "$page has no block $what";
	return $text;
}

# A folder with files of a page's.
sub folder_of
{
	my ($page, @files) = @_;
	my $folder = PostgreSQL::Test::Utils::tempdir;

	append_to_file("$folder/" . (split ' ')[-1], block($page, $_)) for @files;
	return $folder;
}

# Start a server of a guide's, and wait until it answers.
sub start_guide
{
	my ($folder, $port, $environment, @command) = @_;
	local %ENV = (%ENV, PGHOST => $node->host, PGPORT => $node->port, PORT => $port, %$environment);
	my $log = "$folder/chat.log";
	my $run = IPC::Run::start(\@command, '<', \undef, '>', $log, '2>&1', init => sub { chdir $folder or die $! });

	push @running, $run;
	for (1 .. 300)
	{
		last if HTTP::Tiny->new->get("http://localhost:$port/")->{status} != 599;
		select undef, undef, undef, 0.1;
	}
	return $log;
}

# Post, as a page of an origin does, with a session's cookie.
#
# Returns the status, what the answer holds, and the cookie that there is then.
sub post
{
	my ($url, $body, %more) = @_;
	my %headers = ('Content-Type' => 'text/plain');
	my $origin = exists $more{origin} ? $more{origin} : $shop;

	$headers{Origin} = $origin if defined $origin;
	$headers{Cookie} = $more{cookie} if $more{cookie};
	my $answer = HTTP::Tiny->new->request($more{method} // 'POST', $url,
		{ headers => \%headers, content => ref $body ? encode_json($body) : $body });
	my ($cookie) = ($answer->{headers}{'set-cookie'} // '') =~ /^(sessionid=[^;]*)/;

	return ($answer->{status}, eval { decode_json($answer->{content}) } // {}, $cookie, $answer->{headers});
}

SKIP:
{
	skip('pg is not installed', 1) unless $there{pg};
	my $port = PostgreSQL::Test::Cluster::get_free_port();
	my $url = "http://localhost:$port/";
	my $secret = new_database('chat_node', '');
	$node->safe_psql('postgres', block('start-node.md', 'sql'));
	my $folder = folder_of('start-node.md', 'js file chat.mjs');
	symlink "$ENV{IDVERIFY_CLIENTS}/node_modules", "$folder/node_modules";
	my $log = start_guide($folder, $port, { PGUSER => 'chat_node', PGDATABASE => 'chat_node' }, 'node', 'chat.mjs');
	my $claim = { external_id => 'user_4711', user_hash => user_hash($secret, 'user_4711') };
	my $count = sub { $node->safe_psql('chat_node', "SELECT count(*) FROM $_[0]") };

	my ($status, $said, undef, $headers) = post($url, { text => '<b>' });
	is($status, 200, 'node: a page of the shop is answered');
	is($headers->{'content-type'}, 'application/json', 'node: ... in JSON');
	is($headers->{'access-control-allow-origin'}, $shop, 'node: ... which it may read');
	is((post($url, { text => '<b>' }, origin => $_->[1]))[0], 403, "node: $_->[0] is not")
	  for [ 'a page of another origin' => 'https://evil.example' ], [ 'a file' => 'null' ], [ 'who names no origin' => undef ];
	is((post($url, { text => '<b>' }, method => 'PUT'))[0], 403, 'node: nor is another method');

	my $contacts = $count->('idverify.contacts');
	is((post($url, $_))[0], 400, 'node: no message: ' . (ref $_ ? encode_json($_) : substr $_, 0, 20))
	  for '', 'x', '[', 'null', {}, { claim => 'x', text => 'x' }, { text => undef }, "{\"text\":\"a\\u0000b\"}", 'x' x 200_000;
	is($count->('idverify.contacts'), $contacts, 'node: ... and no contact is kept for these');

	# The visitor logs in while a message of theirs is under way.
	my $visitor = $said->{visitor};
	my $login = $node->background_psql('chat_node');
	$login->query_safe('BEGIN');
	$login->query_safe("SELECT idverify_identify('shop', '" . encode_json($claim) . "', '$visitor')");
	my $body = encode_json({ text => 'second', visitor => $visitor });
	my $meanwhile = IPC::Run::start([ 'curl', '-s', '-H', "Origin: $shop", $url, '-d', $body ], '<', \undef, '>', \my $answered);
	$node->poll_query_until('postgres', "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE usename = 'chat_node' AND wait_event_type = 'Lock')")
	  or die 'the message does not wait';
	$login->query_safe('COMMIT');
	$meanwhile->finish;
	is_deeply((eval { decode_json($answered) } // {})->{messages}, ['second'], 'node: a message during its login is kept');
	$login->quit;

	# The database restarts, while a session is idle.
	post($url, { text => 'x' });
	$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'chat_node'");
	$node->poll_query_until('postgres', "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE usename = 'chat_node')");
	for (1 .. 50) { last if slurp_file($log) =~ /terminating/; select undef, undef, undef, 0.1 }
	is((post($url, { text => 'x' }))[0], 200, 'node: the chat outlives its sessions with the database');

	$node->safe_psql('chat_node', "UPDATE idverify.apps SET on_unverified = 'reject'");
	my $messages = $count->('messages');
	is((post($url, { text => 'x', claim => { %$claim, user_hash => 'forged' } }))[0], 403, 'node: who is refused is told so');
	is($count->('messages'), $messages, 'node: ... and nothing is kept');
	$node->safe_psql('chat_node', 'REVOKE INSERT ON messages FROM chat_node');
	is((post($url, { text => 'x' }))[0], 500, 'node: what is wrong here is not called the fault of the visitor');
}

SKIP:
{
	skip('django is not installed', 1) unless $there{django} && $there{psycopg2};
	my $port = PostgreSQL::Test::Cluster::get_free_port();
	my $url = "http://localhost:$port";
	my $secret = new_database('chat_django', '');
	$node->safe_psql('chat_django', 'GRANT EXECUTE ON FUNCTION idverify_verdict TO chat_django');
	my $folder = folder_of('start-django.md', 'python file views.py', 'python file manage.py');
	my $log = start_guide($folder, $port, { SECRET_KEY => 'x' x 50, DB_PASSWORD => 'x', PYTHONDONTWRITEBYTECODE => 1 },
		'/usr/bin/python3', 'manage.py', 'runserver', '--noreload', $port);
	my $claim = { external_id => 'user_4711', user_hash => user_hash($secret, 'user_4711') };
	my $whose = sub { (post("$url/conversations", '', method => 'GET', cookie => $_[0]))[1]{'conversations of'} // 'nobody' };

	my ($status, $said, $cookie, $headers) = post("$url/identify", $claim);
	is("$status " . $whose->($cookie), '200 user_4711', 'django: who is verified has a session');
	like($headers->{'set-cookie'}, qr/SameSite=None; Secure/, 'django: ... which a page of another site can use');
	for ([ 'a page of another origin' => 'https://evil.example' ], [ 'a file' => 'null' ], [ 'who names no origin' => undef ])
	{
		my (@mallory) = post("$url/identify", $claim, origin => $_->[1]);
		is("$mallory[0] " . ($mallory[2] // 'no cookie'), '403 no cookie', "django: $_->[0] logs nobody in, or out");
	}
	is($whose->((post("$url/identify", {}, cookie => $cookie))[2]), 'nobody', 'django: a claim of nobody ends the session');
	is((post("$url/identify", $_))[0], 400, "django: no claim: $_")
	  for '', 'x', '[]', 'null', '"x"', '{"external_id":"a\u0000b","user_hash":"x"}', '{"external_id":"\ud800"}';
	is($whose->((post("$url/identify", { external_id => $_, user_hash => 'x' }))[2]), 'nobody', 'django: nobody is ' . ($_ // 'null'))
	  for 0, undef, '', JSON::PP::true, 'user_4711';

	# A token that is right, of somebody who does not say who.
	$node->safe_psql('chat_django', "UPDATE idverify.apps SET signs = 'token'; SELECT idverify_rotate('shop')");
	for my $signed ({ external_id => 'user_4711' }, { external_id => 'user_4711', email => 'ann@example.com' })
	{
		my $token = $node->safe_psql('chat_django', "SELECT idverify_sign_token('shop', '" . encode_json($signed) . "')");
		for my $sent ({ external_id => '' }, { external_id => undef }, {}, { external_id => 'user_4712' })
		{
			my ($status, $said, $cookie) = post("$url/identify", { %$sent, user_hash => $token });
			is("$status $said->{verified} " . $whose->($cookie), '200 0 nobody',
				'django: a token of ' . encode_json($signed) . ' and a claim of ' . encode_json($sent));
		}
		is($whose->((post("$url/identify", { external_id => 'user_4711', user_hash => $token }))[2]), 'user_4711', 'django: ... and of who it is');
	}

	$node->safe_psql('chat_django', 'REVOKE EXECUTE ON FUNCTION idverify_verdict FROM chat_django');
	is((post("$url/identify", $claim))[0], 500, 'django: a right that is missing is an error');
	like(slurp_file($log), qr/permission denied for function idverify_verdict/, 'django: ... and the log says which');
}

SKIP:
{
	my ($output, $messages);
	skip('activerecord or actionpack is not installed', 1)
	  unless $there{activerecord} && IPC::Run::run([ '/usr/bin/ruby', '-e', 'require "action_controller"' ], '>&', \$output);
	my ($more) = slurp_file("$FindBin::RealBin/../doc/start-rails.md") =~ /'shop'(, [^)]*)\)/;
	my $secret = new_database('chat_rails', $more // '');
	my $folder = folder_of('start-rails.md', map { "ruby file $_.rb" } qw(create_contacts contact chats_controller));
	local %ENV = (%ENV, PGHOST => $node->host, PGPORT => $node->port, PGDATABASE => 'chat_rails');

	IPC::Run::run([ '/usr/bin/ruby', '-r', 'active_record', '-r', "$folder/create_contacts.rb", '-e',
		'ActiveRecord::Migration.verbose = false; ActiveRecord::Base.establish_connection(adapter: "postgresql"); CreateContacts.migrate(:up)' ])
	  or die 'could not migrate';
	$node->safe_psql('chat_rails', 'GRANT SELECT, INSERT, UPDATE ON contacts TO chat_rails; GRANT USAGE ON SEQUENCE contacts_id_seq TO chat_rails');
	$ENV{PGUSER} = 'chat_rails';

	my $by_id = { external_id => 'user_4711', name => 'Ann', user_hash => user_hash($secret, 'user_4711') };
	my $by_email = { email => 'ann@example.com', name => 'Ann', user_hash => user_hash($secret, 'ann@example.com') };
	my $verified = sub { '200 {"verified":' . ($_[0] ? 'true' : 'false') . '}' };
	# what is asked, from where, with what; and the answer
	my @cases = (
		[ 'a visitor whose id is signed', '/identify', $shop, { claim => $by_id }, $verified->(1) ],
		[ '... and who comes back', '/identify', $shop, { claim => $by_id }, $verified->(1) ],
		[ '... is one contact', '/session', undef, undef, '200 1' ],
		[ 'a page of another origin', '/identify', 'https://evil.example', { claim => $by_id }, '403 ' ],
		[ 'who names no origin', '/identify', undef, { claim => $by_id }, '403 ' ],
		[ '... logs nobody out', '/session', undef, undef, '200 1' ],
		[ 'a logout', '/logout', $shop, {}, '204 ' ],
		[ '... ends the session', '/session', undef, undef, '200 nil' ],
		[ 'a wrong hash', '/identify', $shop, { claim => { %$by_id, user_hash => 'forged' } }, $verified->(0) ],
		[ 'no hash', '/identify', $shop, { claim => { external_id => 'user_4711' } }, $verified->(0) ],
		[ 'who claims nothing', '/identify', $shop, { claim => {} }, $verified->(0) ],
		[ 'who says nothing', '/identify', $shop, {}, $verified->(0) ],
		[ 'a claim that is none', '/identify', $shop, { claim => 'x' }, $verified->(0) ],
		[ 'a flag of their own', '/identify', $shop, { claim => { id => 1, is_verified => JSON::PP::true, name => 'M' } }, $verified->(0) ],
		(map { [ 'an email that is signed, where ids are', '/identify', $shop, { claim => $by_email }, $verified->(0) ] } 1 .. 2));
	my $input = join '', map { encode_json({ path => $_->[1], origin => $_->[2], $_->[3] ? (body => encode_json($_->[3])) : () }) . "\n" } @cases;
	IPC::Run::run([ '/usr/bin/ruby', "$FindBin::RealBin/../test/clients/guide-rails.rb", $folder ], '<', \$input, '>', \$output, '2>', \$messages)
	  or diag($messages);
	my @got = split /\n/, $output;
	is(shift(@got) // '', $_->[4], "rails: $_->[0]") for @cases;
	is($node->safe_psql('chat_rails', 'SELECT count(*), min(name) FROM contacts WHERE is_verified'), '1|Ann', 'rails: one contact is verified');
}

# A test that dies leaves none behind.
END
{
	my $status = $?;

	$_->kill_kill for @running;
	$? = $status;
}

done_testing();
