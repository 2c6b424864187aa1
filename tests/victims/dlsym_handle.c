// Sin: none. Releases blocks through the address of `free` that dlsym finds in libc itself, as ctypes
// does for CDLL("libc.so.6"): such a call passes by every preloaded library.
// A tracker must not call these blocks lost; the two that are lost it must find.
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "victim.h"

static void *(*direct_malloc)(size_t);
static void (*direct_free)(void *);

static SITE void balanced(void) {
    for (int i = 0; i < 10; i++) {
        direct_free(strdup("made by libc, released by libc"));
        direct_free(malloc(821));
        free(direct_malloc(822));
        direct_free(direct_malloc(823));
    }
}

static SITE void lose_hooked(void) {
    void *block = malloc(824); // LEAK: hooked
    use(block, 824);
}

static SITE void lose_direct(void) {
    void *block = direct_malloc(825); // LEAK: direct
    use(block, 825);
}

int main(void) {
    void *libc = dlopen("libc.so.6", RTLD_NOW);
    if (!libc) return 1;
    direct_malloc = (void *(*)(size_t))dlsym(libc, "malloc");
    direct_free = (void (*)(void *))dlsym(libc, "free");
    if (!direct_malloc || !direct_free) return 1;
    balanced();
    lose_hooked();
    lose_direct();
    puts("direct");
    forget();
    return 0;
}
