// Sin: coroutines (swapcontext) lose blocks on stacks of their own, in malloc'ed and mapped memory.
// A tracker must walk these stacks, and treat what a suspended coroutine holds as reachable.
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "victim.h"

enum { STACK = 128 * 1024 };

static ucontext_t caller, on_heap, on_map;

static SITE void lose_in_coroutine(size_t size) {
    void *block = malloc(size); // LEAK: coroutine
    use(block, size);
}

static SITE void *for_stack(void) {
    return malloc(643); // LEAK: suspended
}

static SITE void run(ucontext_t *self, size_t size) {
    for (int i = 0; i < 5; i++) {
        lose_in_coroutine(size);
        swapcontext(self, &caller);
    }
    forget();
    void *volatile held = for_stack();
    forget();
    swapcontext(self, &caller); // never resumed: its frame and `held` stay
    free(held);
}

static void run_on_heap(void) {
    run(&on_heap, 641);
}

static void run_on_map(void) {
    run(&on_map, 642);
}

static void prepare(ucontext_t *context, void *stack, void (*entry)(void)) {
    getcontext(context);
    context->uc_stack.ss_sp = stack;
    context->uc_stack.ss_size = STACK;
    context->uc_link = &caller;
    makecontext(context, entry, 0);
}

int main(void) {
    static void *heap_stack; // holds the stack itself
    heap_stack = calloc(1, STACK);
    void *map = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (!heap_stack || map == MAP_FAILED) return 1;
    prepare(&on_heap, heap_stack, run_on_heap);
    prepare(&on_map, map, run_on_map);
    for (int i = 0; i < 6; i++) {
        swapcontext(&caller, &on_heap);
        swapcontext(&caller, &on_map);
    }
    puts("suspended");
    forget();
    return 0;
}
