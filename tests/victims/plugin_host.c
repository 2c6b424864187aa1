// Sin: opens and closes plug-ins that leak, one after the other, probably at the same address.
// A tracker must still name the functions of both when the process ends.
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#include "victim.h"

static SITE void run_plugin(const char *path, int times) {
    void *plugin = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!plugin) {
        fprintf(stderr, "%s\n", dlerror());
        exit(1);
    }
    void (*run)(int) = (void (*)(int))dlsym(plugin, "plugin_run");
    if (!run) exit(1);
    run(times);
    dlclose(plugin);
}

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    run_plugin(argv[1], 3);
    run_plugin(argv[2], 2);
    run_plugin(argv[1], 1);
    puts("closed");
    forget();
    return 0;
}
