# The guides for beginners, doc/start-*.md: run as they are printed, by what runs
# all pages, with the drivers and frameworks that they are about.
use strict;
use warnings;

use FindBin;
use Test::More;

plan skip_all => 'dev/test clients runs this' unless $ENV{IDVERIFY_CLIENTS};

$ENV{IDVERIFY_DOCUMENT} = 'doc/start-';
exec $^X, (map { "-I$_" } @INC), "$FindBin::RealBin/documents.pl"
  or die "$FindBin::RealBin/documents.pl: $!";
