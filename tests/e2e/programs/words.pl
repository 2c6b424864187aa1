# Hashes, regular expressions and a sort.
use strict;
my %count;
for my $i (1 .. 200000) { $count{ "w" . ($i * 7919 % 5003) }++ if "$i" =~ /[13579]$/ }
print scalar(keys %count), " ", join(",", (sort { $count{$b} <=> $count{$a} || $a cmp $b } keys %count)[0 .. 4]), "\n";
die "at the end\n";
