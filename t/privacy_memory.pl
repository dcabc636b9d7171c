# To erase or export a contact with many messages, each with a reaction, takes no more
# memory than with few; nor does forgetting a long journal.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use IdverifyTest qw(new_server private_memory);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $rows = $ENV{PRIVACY_MEMORY_ROWS} // 150_000;

# How far a backend may grow.
my $limit_kb = 16 * 1024;

# Shared buffers count as the backend's own memory once it touches them.
my $node = new_server('memory',
	conf => "shared_buffers = 4MB\nwork_mem = 1MB\nautovacuum = off\nmax_wal_size = 4GB\nwal_level = minimal\nmax_wal_senders = 0");
$node->safe_psql('postgres', qq{
	CREATE TABLE people (id int PRIMARY KEY, name text);
	CREATE TABLE messages (id int PRIMARY KEY, person int REFERENCES people ON DELETE CASCADE, writer int REFERENCES people ON DELETE SET NULL, body text);
	CREATE TABLE reactions (message int REFERENCES messages ON DELETE CASCADE, mark text);
	INSERT INTO people SELECT n, 'p' || n FROM generate_series(1, 4) n;
	INSERT INTO messages SELECT n, CASE WHEN n % 1000 = 0 THEN 2 ELSE 1 END, 1, repeat('x', 50) FROM generate_series(1, $rows) n;
	INSERT INTO messages SELECT -n, 3, 3, 'x' FROM generate_series(1, 10) n;
	INSERT INTO reactions SELECT id, '+' FROM messages;
	CREATE INDEX ON reactions (message);
	ANALYZE;
	INSERT INTO idverify.folds (app_id, contacts, source_id, target_id, source_row, filled, forced, folded_at, steps, owners)
		SELECT 0, 'public.people', n, 2, '{}', '{}', false, now() - interval '1 year', '[]', '{"public.people": "postgres"}' FROM generate_series(1000, 100000) n;
	INSERT INTO idverify.fold_rows (app_id, fold_id, step, depth, relation, moved) SELECT 0, id, 1, 0, 'public.messages', 1 FROM idverify.folds;
});
my $deleted = $rows - int($rows / 1000);

SKIP:
{
	skip 'needs /proc', 9 unless defined private_memory($$);

	my $session = $node->background_psql('postgres');
	my $pid = $session->query_safe('SELECT pg_backend_pid();');
	$session->query_safe(q{BEGIN; SELECT count(*) FROM idverify_erase(3, 'people', 'delete'); SELECT count(*) FROM idverify_export(2, 'people'); ROLLBACK;});
	my $before = private_memory($pid);
	is($session->query_safe(q{SELECT string_agg(relation || ' ' || n, ', ' ORDER BY relation) FROM (SELECT relation::text, count(*) n FROM idverify_export(1, 'people') GROUP BY 1) x;}),
		"messages $rows, people 1, reactions " . $rows, 'every row is exported') ;
	cmp_ok(private_memory($pid) - $before, '<', $limit_kb, "an export grows by less than $limit_kb kB");
	is($session->query_safe(q{SELECT string_agg(concat_ws(' ', relation, action, rows), ', ' ORDER BY relation::text, action) FROM idverify_erase(1, 'people');}),
		"messages cleared " . ($rows - $deleted) . ", messages deleted $deleted, people deleted 1, reactions deleted $deleted",
		'every row is erased');
	cmp_ok(private_memory($pid) - $before, '<', $limit_kb, 'and so does an erasure');

	# Calls that fail, as for a contact that is gone.
	for my $case (
		["an export of nobody", q{PERFORM idverify_export(99, 'people')}],
		["an erasure that a trigger stops", q{PERFORM idverify_erase(4, 'people')}])
	{
		my ($what, $call) = @$case;
		$session->query_safe(q{CREATE OR REPLACE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'stop'; END $$;
			CREATE OR REPLACE TRIGGER stop BEFORE DELETE ON people FOR EACH ROW EXECUTE FUNCTION stop();});
		my $failing = qq{DO \$\$ BEGIN FOR i IN 1 .. 1000 LOOP BEGIN $call; EXCEPTION WHEN OTHERS THEN END; END LOOP; END \$\$;};
		$session->query_safe($failing);
		my $begun = private_memory($pid);
		$session->query_safe($failing);
		cmp_ok(private_memory($pid) - $begun, '<', 2048, "$what a thousand times leaves less than 2048 kB");
	}
	is($session->query_safe(q{SELECT idverify_forget('30 days');}), 99001, 'the journal is forgotten');
	cmp_ok(private_memory($pid) - $before, '<', $limit_kb, 'in no more memory');
	is($session->query_safe(q{SELECT (SELECT count(*) FROM idverify.folds) + (SELECT count(*) FROM idverify.fold_rows);}), 0, 'all of it');
	$session->quit;
}

$node->stop;
done_testing();
