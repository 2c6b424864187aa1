// Sin: starts itself by posix_spawn; parent and child each lose a block of their own.
// A tracker must report both, the child's in the child's section.
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "victim.h"

extern char **environ;

static SITE void lose_in_parent(void) {
    void *block = malloc(611); // LEAK: parent
    use(block, 611);
}

static SITE void lose_in_child(void) {
    void *block = malloc(612); // LEAK: child
    use(block, 612);
}

int main(int argc, char **argv) {
    if (argc > 1) {
        lose_in_child();
        forget();
        return 5;
    }
    lose_in_parent();
    pid_t child;
    int status = 0;
    char *arguments[] = {argv[0], "child", NULL};
    if (posix_spawn(&child, argv[0], NULL, NULL, arguments, environ) != 0) return 1;
    waitpid(child, &status, 0);
    printf("child %d\n", WEXITSTATUS(status));
    forget();
    return 0;
}
