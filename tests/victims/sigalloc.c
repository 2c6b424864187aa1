// Sin: a handler of timer signals allocates while the main loop does, which the C standard forbids
// and real programs do. The main loop blocks the signal around libc's malloc (libc itself would
// deadlock), so they arrive between two allocations, anywhere in the program's own code.
// A tracker must walk through the signal frame, and must neither hang nor lose count.
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>

#include "victim.h"

static volatile sig_atomic_t handled;

static SITE void lose_in_handler(void) {
    void *block = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block != MAP_FAILED) munmap(block, 4096);
    block = malloc(661); // LEAK: handler
    use(block, 661);
}

static void on_timer(int signal) {
    (void)signal;
    if (handled < 40) {
        free(malloc(6000));
        lose_in_handler();
        handled++;
    }
}

// Signals arrive here, between two allocations.
static SITE unsigned hot(unsigned seed) {
    for (int i = 0; i < 400; i++) seed = seed * 1664525u + 1013904223u;
    return seed;
}

int main(void) {
    sigset_t timer;
    sigemptyset(&timer);
    sigaddset(&timer, SIGALRM);
    struct sigaction action = {.sa_handler = on_timer, .sa_flags = SA_RESTART};
    sigaction(SIGALRM, &action, NULL);
    struct itimerval every = {{0, 1000}, {0, 1000}};
    setitimer(ITIMER_REAL, &every, NULL);
    unsigned seed = 1;
    while (handled < 40) {
        sigprocmask(SIG_BLOCK, &timer, NULL);
        void *block = malloc(1 + seed % 500);
        sigprocmask(SIG_UNBLOCK, &timer, NULL);
        seed = hot(seed);
        sigprocmask(SIG_BLOCK, &timer, NULL);
        free(block);
        sigprocmask(SIG_UNBLOCK, &timer, NULL);
    }
    setitimer(ITIMER_REAL, &(struct itimerval){{0, 0}, {0, 0}}, NULL);
    puts("handled 40");
    forget();
    return 0;
}
