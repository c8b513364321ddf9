#!/usr/bin/perl
# shop-orders: takes an order every second or so through HAProxy, and forgets to hang up once in a while.
# Small and bounded: one process, one query a job, at most KEEP connections that it forgot.
use strict;
use warnings;
use IO::Socket::INET;

my ($every, $forget_one_in, $keep) = (2.5, 4, 400);
srand(41);
my @forgotten;

sub startup {
    my $text = join("\0", "user", "shop", "database", "shop", "application_name", "shop-orders", "", "");
    return pack("NN", length($text) + 8, 196608) . $text;
}

# Reads messages of the server until it is ready for a query; 0 when it refuses.
sub ready {
    my ($socket) = @_;
    while (1) {
        my $head = "";
        while (length($head) < 5) {
            sysread($socket, $head, 5 - length($head), length($head)) or return 0;
        }
        my ($kind, $length) = unpack("aN", $head);
        my ($body, $left) = ("", $length - 4);
        while ($left > 0) {
            my $read = sysread($socket, $body, $left, length($body)) or return 0;
            $left -= $read;
        }
        return 1 if $kind eq "Z";
        return 0 if $kind eq "E";
    }
}

sub query {
    my ($socket, $text) = @_;
    syswrite($socket, "Q" . pack("N", length($text) + 5) . $text . "\0");
    return ready($socket);
}

$SIG{PIPE} = "IGNORE";
my $job = 0;
while (1) {
    $job++;
    select(undef, undef, undef, $every * (0.7 + rand(0.6)));
    my $socket = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => 6432, Timeout => 5) or next;
    syswrite($socket, startup());
    if (ready($socket)) {
        query($socket, "INSERT INTO orders (item) VALUES (" . int(rand(100)) . ")");
        if ($job % $forget_one_in == 0) {
            push @forgotten, $socket;
            # What HAProxy hung up meanwhile is let go of.
            @forgotten = grep { my $it = ""; my $seen = ""; vec($seen, fileno($_), 1) = 1;
                !select(my $out = $seen, undef, undef, 0) || sysread($_, $it, 1) } @forgotten;
            shift @forgotten while @forgotten > $keep;
            next;
        }
        syswrite($socket, "X" . pack("N", 4));
    }
    close($socket);
}
