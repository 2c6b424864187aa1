// Sin: brings an allocator of its own as a shared library (jemalloc, mimalloc, tcmalloc), and leaks.
// A tracker must work with it as with libc's, and pass every block to the allocator it came from.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "victim.h"

static SITE void lose_block(size_t size) {
    void *block = malloc(size); // LEAK: block
    use(block, size);
}

static SITE void lose_copy(void) {
    char *copy = strdup("a copy made by libc in the memory of another allocator"); // LEAK: copy
    use(copy, 10);
}

static void *kept[100];

int main(void) {
    for (int i = 0; i < 10; i++) lose_block(801);
    lose_copy();
    for (int i = 0; i < 20000; i++) {
        int slot = (i * 37) % 100;
        free(kept[slot]);
        kept[slot] = i % 3 ? malloc(i % 900 + 1) : calloc(2, i % 300 + 1);
    }
    for (int i = 0; i < 100; i++) kept[i] = realloc(kept[i], 1000 + i);
    for (int i = 0; i < 100; i++) free(kept[i]);
    memset(kept, 0, sizeof kept);
    puts("own allocator");
    forget();
    return 0;
}
