// Nanoseconds for a pair of malloc and free at the bottom of a recursion. Arguments: pairs, then
// depths (default 1 10 30 60). Prints one line for each depth: depth, nanoseconds of CPU.
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static __attribute__((noinline)) double measure(long pairs) {
    double start = seconds();
    for (long i = 0; i < pairs; i++) {
        void *volatile block = malloc(48);
        free(block);
    }
    return (seconds() - start) / (double)pairs * 1e9;
}

static __attribute__((noinline)) double at_depth(int depth, long pairs) {
    volatile char frame[16];
    frame[0] = 0;
    if (depth <= 1) return measure(pairs);
    return at_depth(depth - 1, pairs) + frame[0];
}

int main(int argc, char **argv) {
    static char *const standard[] = {"1", "10", "30", "60"};
    long pairs = argc > 1 ? atol(argv[1]) : 20000000;
    char *const *depths = argc > 2 ? argv + 2 : standard;
    int count = argc > 2 ? argc - 2 : 4;
    at_depth(1, pairs / 10);
    for (int i = 0; i < count; i++) {
        int depth = atoi(depths[i]);
        at_depth(depth, pairs / 100);
        printf("%d %.2f\n", depth, at_depth(depth, pairs));
    }
    return 0;
}
