// Sin: one leak of each kind that C programs commit, beside blocks that only look lost.
// A tracker must report every marked line with the verdict of expected.toml, and nothing else lost.
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "victim.h"

struct account {
    long number;
    char name[72];
};

struct node {
    struct node *next;
    long pad[6];
};

struct folder {
    long pad[4];
    void *content;
    long tail[3];
};

static SITE void lose_struct(void) {
    struct account *account = malloc(sizeof *account); // LEAK: struct
    use(account, sizeof *account);
}

// The head is lost; the other members hang on it.
static SITE struct node *lose_list_head(struct node *rest) {
    struct node *head = calloc(1, sizeof *head); // LEAK: list_head
    head->next = rest;
    return head;
}

static SITE struct node *list_member(struct node *next) {
    struct node *node = calloc(1, sizeof *node); // LEAK: list_member
    node->next = next;
    return node;
}

static SITE void lose_list(void) {
    struct node *list = NULL;
    for (int i = 0; i < 9; i++) list = list_member(list);
    list = lose_list_head(list);
    use(&list, sizeof list);
}

// Each block of the ring is pointed to by another: one of them stands for the ring.
static SITE void lose_cycle(void) {
    struct node *ring[4];
    for (int i = 0; i < 4; i++) ring[i] = calloc(2, sizeof *ring[i]); // LEAK: cycle
    for (int i = 0; i < 4; i++) ring[i]->next = ring[(i + 1) % 4];
    use(ring, sizeof ring);
}

static char *volatile middle;

static SITE void keep_middle(void) {
    char *text = malloc(300); // LEAK: interior
    use(text, 300);
    middle = text + 100;
}

static void *volatile cache[8];

static SITE void fill_cache(void) {
    for (int i = 0; i < 8; i++) cache[i] = malloc(120); // LEAK: cache
}

static _Thread_local void *volatile of_thread;

static SITE void keep_in_tls(void) {
    of_thread = malloc(136); // LEAK: tls
}

static SITE void *for_stack(void) {
    return malloc(152); // LEAK: stack
}

static SITE void *for_register(void) {
    return malloc(168); // LEAK: register
}

static SITE void *lose_behind_free(void) {
    void *content = malloc(184); // LEAK: freed_owner
    use(content, 184);
    return content;
}

// The released folder still contains the address of its content: that memory is dead.
static SITE void free_folder_only(void) {
    struct folder *folder = calloc(1, sizeof *folder);
    folder->content = lose_behind_free();
    __asm__ volatile("" : : : "memory");
    free(folder);
}

static SITE void lose_grown(void) {
    char *text = malloc(10);
    use(text, 10);
    text = realloc(text, 5000); // LEAK: realloc
    use(text, 5000);
}

static SITE void lose_failed_growth(void) {
    char *text = malloc(216); // LEAK: failed_realloc
    use(text, 216);
    text = realloc(text, (size_t)1 << 62);
    if (text) abort();
}

static SITE void lose_strdup(void) {
    char *copy = strdup("a copy which nobody releases"); // LEAK: strdup
    use(&copy, 0);
}

static SITE void lose_asprintf(void) {
    char *text = NULL;
    if (asprintf(&text, "%s has %d members", "the list", 10) < 0) abort(); // LEAK: asprintf
    __asm__ volatile("" : : "g"(text) : "memory");
}

static SITE void lose_getline(void) {
    static char lines[] = "the first line\nthe second line\n";
    FILE *file = fmemopen(lines, sizeof lines - 1, "r");
    char *line = NULL;
    size_t size = 0;
    if (!file || getline(&line, &size, file) < 0) abort(); // LEAK: getline
    fclose(file);
}

// Not lost: released in another function than the one which allocated.
static SITE void balanced(void) {
    void *blocks[16];
    for (int i = 0; i < 16; i++) blocks[i] = malloc(64 + i);
    for (int i = 0; i < 16; i++) free(blocks[i]);
}

static SITE void finish(void) {
    puts("planted");
    exit(0);
}

int main(void) {
    lose_struct();
    lose_list();
    lose_cycle();
    keep_middle();
    fill_cache();
    keep_in_tls();
    free_folder_only();
    lose_grown();
    lose_failed_growth();
    lose_strdup();
    lose_asprintf();
    lose_getline();
    balanced();
    forget();
    // This frame is alive when the process ends.
    void *volatile on_stack = for_stack();
    register void *in_register __asm__("r12") = for_register();
    __asm__ volatile("" : "+r"(in_register));
    forget();
    finish();
    __asm__ volatile("" : : "r"(in_register));
    return on_stack == NULL;
}
