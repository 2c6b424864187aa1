// Sin: ends with a large live set that a global table holds.
// A tracker must call all of it reachable, however much it is.
// Arguments: the number of blocks, then sizes that are used in turn.
#include <stdio.h>
#include <stdlib.h>

#include "victim.h"

static void **table;

static SITE void *live_block(size_t size) {
    return malloc(size); // LEAK: block
}

int main(int argc, char **argv) {
    if (argc < 3) {
        fprintf(stderr, "usage: big_live BLOCKS SIZE...\n");
        return 2;
    }
    long blocks = atol(argv[1]);
    size_t bytes = 0;
    table = calloc(blocks, sizeof *table); // LEAK: table
    for (long i = 0; i < blocks; i++) {
        size_t size = strtoul(argv[2 + i % (argc - 2)], NULL, 10);
        table[i] = live_block(size);
        use(table[i], size);
        bytes += size;
    }
    printf("%ld blocks, %zu bytes\n", blocks, bytes);
    forget();
    return 0;
}
