// Sin: leaks before a fork, in the child, and in the child of the child; none of them calls exec.
// A tracker must give each process a ledger of its own: the child's leak is no leak of the parent.
// Blocks made before the fork belong to the process that made them; the children inherit them.
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "victim.h"

static SITE void lose_before_fork(void) {
    void *block = malloc(1001); // LEAK: before
    use(block, 1001);
}

static SITE void lose_in_child(void) {
    void *block = malloc(2002); // LEAK: child
    use(block, 2002);
}

static SITE void lose_in_grandchild(void) {
    void *block = malloc(3003); // LEAK: grandchild
    use(block, 3003);
}

static SITE void lose_after_fork(void) {
    void *block = malloc(4004); // LEAK: after
    use(block, 4004);
}

static int status_of(pid_t child) {
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

static SITE int child(void *inherited) {
    free(inherited); // allocated by the parent: known, and released here only
    lose_in_child();
    pid_t grandchild = fork();
    if (grandchild == 0) {
        lose_in_grandchild();
        forget();
        _exit(3);
    }
    forget();
    return status_of(grandchild) + 4;
}

int main(void) {
    lose_before_fork();
    void *volatile shared = malloc(505);
    forget();
    pid_t pid = fork();
    if (pid == 0) exit(child(shared));
    lose_after_fork();
    int status = status_of(pid);
    free(shared);
    printf("child %d\n", status);
    forget();
    return 0;
}
