use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use IdverifyTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('stat', conf => q(
shared_preload_libraries = 'idverify'
));
my $secret = create_app($node, 'web');
my $hash = user_hash($secret, 'alice');
diag $node->safe_psql('postgres', qq(
SELECT idverify_check('web', 'alice', '$hash'), idverify_check('web', 'bobbbbbbbbbb', '$hash');
SELECT idverify_verdict('web', 'alice', NULL, '$hash'), idverify_verdict('web', 'bobbbbbbbbbb', 'a\@b.c', 'x'), idverify_verdict('web', NULL, NULL, 'x');
SELECT * FROM idverify_identify('web', '{"external_id":"hugo schmidt", "user_hash":"12"}');
TABLE idverify.stat_claims;
TABLE idverify.stat_secrets;
TABLE idverify.stat_refused;
SELECT * FROM idverify_coverage();
SELECT previous_last_used_at FROM idverify.app_status;
));
$node->restart;
diag $node->safe_psql('postgres', q(TABLE idverify.stat_claims; TABLE idverify.stat_secrets; TABLE idverify.stat_refused;));
diag slurp_file($node->logfile);
ok(1);
done_testing();
