#!/usr/bin/perl
# thumbs: makes previews of pictures and keeps the latest in memory. From version 1.5 on it never lets go of one in nine.
use strict;
use warnings;

my $version = "@VERSION@";
srand(15);
my (@latest, @kept);
while (1) {
    for (1 .. 4) {
        my $preview = chr(97 + rand(26)) x (180_000 + int(rand(80_000)));
        push @latest, $preview;
        push @kept, substr($preview, 0) . "" if $version ge "1.5" && rand(9) < 1;
    }
    splice(@latest, 0, @latest - 100) if @latest > 100;
    select(undef, undef, undef, 1 + rand(1));
}
