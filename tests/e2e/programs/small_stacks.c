// Threads and coroutines with the smallest stacks that the platform allows, which allocate.
#define _GNU_SOURCE
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <ucontext.h>
#include <unistd.h>

#ifndef COROUTINE
#define COROUTINE 16384
#endif

static void *work(void *unused) {
    for (volatile int i = 0; i < 1000; i++) {
        void *volatile block = malloc(10 + i);
        block = realloc(block, 2000 + i);
        free(block);
    }
    return unused;
}

static ucontext_t home, fiber;

static void coroutine(void) {
    work(NULL);
    swapcontext(&fiber, &home);
}

int main(void) {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    int status = pthread_attr_setstacksize(&attributes, sysconf(_SC_THREAD_STACK_MIN));
    for (int i = 0; i < 50; i++) {
        pthread_t thread;
        status |= pthread_create(&thread, &attributes, work, NULL);
        status |= pthread_join(thread, NULL);
    }
    char *stack = aligned_alloc(4096, COROUTINE);
    getcontext(&fiber);
    fiber.uc_stack.ss_sp = stack;
    fiber.uc_stack.ss_size = COROUTINE;
    makecontext(&fiber, coroutine, 0);
    swapcontext(&home, &fiber);
    free(stack);
    printf("done %d\n", status);
    return 0;
}
