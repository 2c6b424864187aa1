// Sin: closes every descriptor but the standard three, opens files with the numbers that got free,
// and goes on leaking. A tracker must not depend on a descriptor of its own, and must not write
// into the program's files.
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "victim.h"

static SITE void lose_after_close(void) {
    void *block = malloc(761); // LEAK: after_close
    use(block, 761);
}

int main(void) {
    free(malloc(10));
    for (int file = 3; file < 65536; file++) close(file);
    int files[200];
    files[0] = memfd_create("victim", 0);
    for (int i = 1; i < 200; i++) files[i] = dup(files[0]);
    for (int i = 0; i < 5000; i++) {
        void *block = malloc(32 + i % 100);
        if (i % 500 == 0) lose_after_close();
        use(block, 32);
        free(block);
    }
    forget();
    off_t size = lseek(files[199], 0, SEEK_END);
    printf("first %d, written %ld\n", files[0], (long)size);
    return 0;
}
