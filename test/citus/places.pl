#
# A place on Citus: no row of a stranger is ever touched
#
# Workers number their tables alike.  So there may be, on another worker, a row of
# another app at the same ctid of a shard of the same tableoid: here there always
# is.  A fold drops rows by their place, and its undoing moves back rows that have
# no key.
#
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/lib";
use CitusTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my ($coordinator, @workers) = new_cluster();
distribute_contacts($coordinator);

sub run { return $coordinator->safe_psql('postgres', join "\n", @_) }

# Have both workers give the next table the same number.
sub align
{
	my @next = map { $_->safe_psql('postgres', 'SELECT lo_create(0)') } @workers;
	my ($behind, $by) = $next[0] < $next[1] ? (0, $next[1] - $next[0]) : (1, $next[0] - $next[1]);

	$workers[$behind]->safe_psql('postgres', "SELECT count(lo_create(0)) FROM generate_series(1, $by)")
	  if $by > 0;
	return;
}

# Sixteen apps, with contacts 1 and 2 each by their names.
run(q{
	SELECT count(idverify_create_app('App ' || n, 'app' || n)) FROM generate_series(1, 16) n;
	INSERT INTO idverify.contacts (app_id, name)
		SELECT a.id, c FROM idverify.apps a, unnest('{source,target}'::text[]) c ORDER BY a.id, c;
});
for my $table (
	'tags (app_id int, contact_id bigint, tag text, note text, PRIMARY KEY (app_id, contact_id, tag),
		FOREIGN KEY (app_id, contact_id) REFERENCES idverify.contacts)',
	'visits (app_id int NOT NULL, contact_id bigint, page text, seen timestamptz)')
{
	my ($name) = $table =~ /^(\w+)/;

	run("CREATE TABLE $table;");
	align();
	run("SET citus.multi_shard_modify_mode = 'sequential';",
		"SET citus.force_max_query_parallelization = off;",
		"SET citus.max_adaptive_executor_pool_size = 1;",
		"SELECT create_distributed_table('$name', 'app_id', colocate_with => 'idverify.contacts');");
}
run(q{SELECT idverify_add_reference('idverify.contacts', 'visits', 'contact_id');});
run(q{
	INSERT INTO tags SELECT app_id, id, 'vip', name || ' of ' || app_id FROM idverify.contacts ORDER BY app_id, name;},
	q{INSERT INTO visits SELECT app_id, id, page, '2026-01-01 12:00+00' FROM idverify.contacts, unnest('{/,/,/price}'::text[]) page
		ORDER BY app_id, name, page;});


# The rows of all other apps, and where they are.
sub strangers
{
	my ($app) = @_;
	return map { sort split /\n/, run("SELECT $_, tableoid, ctid FROM $_ WHERE app_id <> $app;") } qw(tags visits);
}

# An app one of whose rows is at the same place as one of a stranger.
sub app_with_twins
{
	my ($table) = @_;
	my ($app) = run("CREATE TEMP TABLE seen AS SELECT app_id, tableoid AS shard, ctid::text AS place FROM $table;",
		'SELECT a.app_id FROM seen a JOIN seen b USING (shard, place) WHERE a.app_id <> b.app_id ORDER BY 1 LIMIT 1;') =~ /(\d+)/;
	BAIL_OUT("no two rows of $table are at one place: nothing would be tested") unless $app;
	return $app;
}

for my $table ('tags', 'visits')
{
	my $app = app_with_twins($table);
	my ($source, $target) = split /\|/,
	  run("SELECT min(id) FILTER (WHERE name = 'source'), min(id) FILTER (WHERE name = 'target') FROM idverify.contacts WHERE app_id = $app;");
	my @strangers = strangers($app);
	my $rows = join "\nUNION ALL ", map { "SELECT '$_', $_\::text FROM $_ WHERE app_id = $app" } qw(tags visits);
	my $before = run("$rows ORDER BY 1, 2;");

	my $fold = run("SELECT min(fold_id) FROM idverify_fold($source\::bigint, $target\::bigint);");
	is(run("SELECT count(*), min(contact_id), max(contact_id) FROM tags WHERE app_id = $app;"), "1|$target|$target",
		"twins in $table: the source's duplicate row is dropped");
	is(run("SELECT count(*), min(contact_id), max(contact_id) FROM visits WHERE app_id = $app;"), "6|$target|$target",
		'... and rows without a key are moved');
	is_deeply([ strangers($app) ], \@strangers, '... and no row of a stranger is touched');

	run("SELECT idverify_unfold($fold);");
	is(run("$rows ORDER BY 1, 2;"), $before, '... all of it is undone');
	is_deeply([ strangers($app) ], \@strangers, '... and no row of a stranger is touched');
}

done_testing();
