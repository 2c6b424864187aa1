// Sin: starts 5,000 short threads, eight at a time; every hundredth loses a block.
// A tracker must report these, and its own memory must not grow with the number of ended threads.
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "victim.h"

enum { THREADS = 5000, AT_ONCE = 8 };

static SITE void lose_in_thread(void) {
    void *block = malloc(771); // LEAK: thread
    use(block, 771);
}

static SITE void *work(void *number) {
    for (int i = 0; i < 20; i++) free(malloc(16 + i * 8));
    if ((uintptr_t)number % 100 == 0) lose_in_thread();
    forget();
    return NULL;
}

int main(void) {
    pthread_t threads[AT_ONCE];
    uintptr_t started = 0;
    while (started < THREADS) {
        for (int i = 0; i < AT_ONCE; i++, started++) {
            if (pthread_create(&threads[i], NULL, work, (void *)started) != 0) return 1;
        }
        for (int i = 0; i < AT_ONCE; i++) pthread_join(threads[i], NULL);
    }
    printf("%d threads\n", THREADS);
    forget();
    return 0;
}
