#!/bin/sh
# Sin: forks a thousand times without exec (subshells), and 50 times with it.
# A tracker must keep up, leave nothing behind in its directories, and change no output or status.
sum=0
i=0
while [ $i -lt 1000 ]; do
    value=$(echo $((i % 7)))
    sum=$((sum + value))
    i=$((i + 1))
done
i=0
while [ $i -lt 50 ]; do
    env true || exit 1
    i=$((i + 1))
done
echo "sum $sum"
exit 7
