// Sin: starts itself with an empty environment, so that LD_PRELOAD does not reach the child.
// A tracker must report the parent's leak; the child it cannot follow, or it restores its variable.
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "victim.h"

static SITE void lose_in_parent(void) {
    void *block = malloc(751); // LEAK: parent
    use(block, 751);
}

static SITE void lose_in_child(void) {
    void *block = malloc(752); // LEAK: child
    use(block, 752);
}

int main(int argc, char **argv) {
    if (argc > 1) {
        lose_in_child();
        forget();
        return 6;
    }
    lose_in_parent();
    pid_t child = fork();
    if (child == 0) {
        char *arguments[] = {argv[0], "child", NULL};
        char *environment[] = {NULL};
        execve(argv[0], arguments, environment);
        _exit(127);
    }
    int status = 0;
    waitpid(child, &status, 0);
    printf("child %d\n", WEXITSTATUS(status));
    forget();
    return 0;
}
