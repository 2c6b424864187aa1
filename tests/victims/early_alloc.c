// Sin: allocates before main, in constructors of the highest priority, and loses some of it.
// A tracker must know these blocks with their stacks; the buffer that main uses is no leak.
#include <stdio.h>
#include <stdlib.h>

#include "victim.h"

static char *table;

static SITE void lose_early(void) {
    void *block = malloc(77); // LEAK: early
    use(block, 77);
}

__attribute__((constructor(101))) static void first(void) {
    lose_early();
    table = calloc(100, 10); // LEAK: table
    free(malloc(12345));
    forget();
}

__attribute__((constructor)) static void second(void) {
    table = realloc(table, 2000); // LEAK: regrown
}

int main(void) {
    printf("%d\n", table[999]);
    forget();
    return 0;
}
