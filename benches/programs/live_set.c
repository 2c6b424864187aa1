// A large live set. Arguments: blocks, then sizes that are used in turn. Prints the resident memory
// of the process before and after in kB; the blocks are touched, so the difference is theirs.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static long resident_kb(void) {
    char line[256];
    long kb = -1;
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof line, status))
        if (sscanf(line, "VmRSS: %ld", &kb) == 1) break;
    if (status) fclose(status);
    return kb;
}

int main(int argc, char **argv) {
    long blocks = argc > 1 ? atol(argv[1]) : 1000000;
    char **table = malloc(sizeof *table * (size_t)blocks);
    memset(table, 0, sizeof *table * (size_t)blocks);
    long before = resident_kb();
    for (long i = 0; i < blocks; i++) {
        size_t size = argc > 2 ? strtoul(argv[2 + i % (argc - 2)], NULL, 10) : 64;
        table[i] = malloc(size);
        memset(table[i], 1, size);
    }
    printf("before %ld after %ld\n", before, resident_kb());
    fflush(stdout);
    _Exit(0); // the live set is the point; releasing it is not
}
