# What the tests on Citus share: a coordinator and two workers, in folders of
# their own, on Unix sockets.
package CitusTest;

use strict;
use warnings;

use Carp;
use Exporter 'import';
use FindBin;
use lib "$FindBin::RealBin/../../t/lib";
use IdverifyTest;
use Test::More;

our @EXPORT = qw(attempt_message distribute_contacts new_cluster on_all replicate_apps shard_of wait_for_apps);

# Three servers with Citus, of which the first knows the others, and no idverify
# yet.
#
#	nodes	stop there, before they know each other
sub new_cluster
{
	my (%options) = @_;
	my @nodes = map {
		my $node = new_server($_, extension => 0, conf => <<'CONF');
shared_preload_libraries = 'citus'
citus.enable_version_checks = off
citus.node_conninfo = 'sslmode=disable'
citus.enable_statistics_collection = off
citus.shard_count = 8
max_connections = 200
max_prepared_transactions = 200
wal_level = logical
max_wal_senders = 10
max_replication_slots = 20
CONF
		# or what runs between shards would try TCP
		$node->append_conf('postgresql.conf', "citus.local_hostname = '" . $node->host . "'");
		$node->restart;
		$node;
	} qw(coordinator worker1 worker2);

	return @nodes if $options{nodes};
	on_all(\@nodes, 'CREATE EXTENSION citus');
	my ($coordinator, @workers) = @nodes;
	$coordinator->safe_psql('postgres',
		join "\n", sprintf(q{SELECT citus_set_coordinator_host('%s', %d);}, $coordinator->host, $coordinator->port),
		map { sprintf(q{SELECT citus_add_node('%s', %d);}, $_->host, $_->port) } @workers);
	return @nodes;
}

# Run SQL on each of these servers.
sub on_all
{
	my ($nodes, $sql) = @_;
	$_->safe_psql('postgres', $sql) for @$nodes;
	return;
}

# idverify on the coordinator, and so on all; contacts and journal by app.
sub distribute_contacts
{
	my ($coordinator) = @_;
	$coordinator->safe_psql(
		'postgres', q{
		CREATE EXTENSION idverify;
		CREATE EXTENSION pgcrypto;
		ALTER TABLE idverify.contacts DROP CONSTRAINT contacts_id_key;
		SELECT create_distributed_table('idverify.contacts', 'app_id');
		SELECT create_distributed_table('idverify.folds', 'app_id', colocate_with => 'idverify.contacts');
		SELECT create_distributed_table('idverify.fold_rows', 'app_id', colocate_with => 'idverify.contacts');
	});
	return;
}

# Apps and secrets of the coordinator on these workers, too, and kept so.
sub replicate_apps
{
	my ($coordinator, @workers) = @_;

	$coordinator->safe_psql('postgres', 'CREATE PUBLICATION apps FOR TABLE idverify.apps, idverify.secrets');
	for my $worker (@workers)
	{
		my $name = $worker->name;

		$worker->safe_psql('postgres', "CREATE SUBSCRIPTION $name CONNECTION '"
			  . $coordinator->connstr('postgres') =~ s/'/''/gr . "' PUBLICATION apps");
		$worker->poll_query_until('postgres', q{SELECT bool_and(srsubstate = 'r') FROM pg_subscription_rel})
		  or croak "apps were not replicated to $name";
	}
	return;
}

# Wait until the workers have what the coordinator has of apps and secrets.
sub wait_for_apps
{
	my ($coordinator, @workers) = @_;

	$coordinator->wait_for_catchup($_->name) for @workers;
	return;
}

# SQLSTATE and message of SQL that fails.
sub attempt_message
{
	my ($node, $sql) = @_;
	my ($sqlstate, $message) = attempt($node, $sql);
	return "$sqlstate: $message";
}

# The worker and the shard that have an app's rows of a table.
sub shard_of
{
	my ($coordinator, $table, $app_id) = @_;
	my ($shard, $port) = split /\|/, $coordinator->safe_psql('postgres',
		"SELECT s, nodeport FROM get_shard_id_for_distribution_column('$table', $app_id) s"
		  . " JOIN pg_dist_shard_placement p ON p.shardid = s");
	return ($shard, $port);
}

1;
