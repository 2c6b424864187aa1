/* A tour of freehold.h: allocate, misuse, adopt, lend, an arena, a leak.
 *
 *     cc tour.c $(pkg-config --cflags --libs freehold) -o tour && ./tour
 */
#define _POSIX_C_SOURCE 200809L /* strdup, open_memstream */
#include <dirent.h>
#include <freehold.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct point {
  int x, y;
};

/* Ends the program when a call fails that should not. */
static void must(freehold_code code, const char *what) {
  if (code != FREEHOLD_OK) {
    fprintf(stderr, "%s: %s: %s\n", what, freehold_code_name(code), freehold_last_message());
    exit(1);
  }
}

/* Shows the first line of an explanation; there are stacks below it. */
static void refused(freehold_code code) {
  const char *message = freehold_last_message();
  printf("refused, %s: %.*s\n", freehold_code_name(code), (int)strcspn(message, "\n"), message);
}

static int32_t close_file(void *file, void *context) {
  ++*(int *)context;
  return fclose(file);
}

static int32_t say(void *text) {
  printf("at the arena's release: %s\n", (const char *)text);
  return 0;
}

static void allocate_and_misuse(void) {
  struct point *points = FREEHOLD_NEW(struct point, 10);
  if (points == NULL)
    must(freehold_last_code(), "FREEHOLD_NEW");
  points[9].x = 7; /* zeroed before */
  refused(freehold_free(&points[1])); /* into the middle */
  must(freehold_free(points), "the right address");
  refused(freehold_free(points)); /* twice */
  if (freehold_calloc(SIZE_MAX, 16) == NULL)
    refused(freehold_last_code());
}

static void adopt_and_lend(void) {
  /* strdup gives a block of malloc that is ours from now on. */
  char *text = strdup("an API's text");
  must(freehold_adopt(text, strlen(text) + 1, FREEHOLD_FAMILY_MALLOC), "adopt");
  must(freehold_free(text), "free an adopted text");

  /* The ownership database knows that closedir releases what opendir gives. */
  DIR *folder = opendir("/");
  must(freehold_adopt_from("opendir", "return", folder, 0), "adopt a folder");
  refused(freehold_free_as(FREEHOLD_FAMILY_MALLOC, folder));
  must(freehold_free(folder), "free a folder");
  refused(freehold_adopt_from("getenv", "return", getenv("PATH"), 0));

  /* What it does not know is released as you say. */
  char *written = NULL;
  size_t length = 0;
  int closed = 0;
  FILE *file = open_memstream(&written, &length);
  must(freehold_adopt_with(file, 0, close_file, &closed), "adopt a file");
  fputs("into memory", file);
  must(freehold_free(file), "free a file");
  printf("closed %d file, which had \"%s\"\n", closed, written);
  free(written);

  /* What an API only lends must not be released. */
  const char *lent = getenv("PATH");
  if (lent != NULL) {
    must(freehold_borrow(lent, strlen(lent) + 1), "borrow");
    refused(freehold_free((void *)lent));
    must(freehold_give_back(lent), "give back");
  }
}

static void arena(void) {
  freehold_arena arena;
  void *numbers;
  must(freehold_arena_new(&arena), "arena");
  must(freehold_arena_on_release(arena, say, "goodbye"), "on_release");
  must(freehold_arena_alloc(arena, 100, sizeof(double), _Alignof(double), "double", &numbers),
       "alloc");
  must(freehold_arena_adopt(arena, strdup("adopted"), 8, FREEHOLD_FAMILY_MALLOC), "adopt");
  refused(freehold_free(numbers)); /* the arena's */
  must(freehold_arena_release(arena, NULL), "release");
  refused(freehold_arena_release(arena, NULL)); /* a stale handle */
}

static void strings(void) {
  uint16_t *wide;
  size_t units;
  char *text;
  must(freehold_utf8_to_utf16("h\xc3\xa9llo", FREEHOLD_TO_NUL, &wide, &units), "to UTF-16");
  must(freehold_utf16_to_utf8(wide, units, &text, NULL), "to UTF-8");
  printf("%zu units: %s\n", units, text);
  must(freehold_free(wide), "free");
  must(freehold_free(text), "free");
}

static void leak(void) {
  freehold_scope scope;
  size_t blocks;
  uint64_t bytes;
  must(freehold_scope_begin("request", &scope), "scope");
  int *kept = FREEHOLD_NEW(int, 3);

  freehold_block known = {.struct_bytes = sizeof known};
  must(freehold_query((char *)kept + 5, &known), "query");
  printf("%zu bytes inside a block of %zu, %s, %s, scope %s\n", known.offset, known.size,
         freehold_family_name(known.family), known.tag, known.scope);

  freehold_code verdict = freehold_scope_end(scope, &blocks, &bytes);
  printf("%s: %zu block, %llu bytes\n", freehold_code_name(verdict), blocks,
         (unsigned long long)bytes);

  /* The whole report, with stacks; what stayed counts outside of the scope now. */
  size_t needed;
  must(freehold_leaks(FREEHOLD_TEXT, NULL, 0, &needed), "how long");
  char *report = malloc(needed);
  must(freehold_leaks(FREEHOLD_TEXT, report, needed, NULL), "report");
  fputs(report, stdout);
  free(report);

  must(freehold_free(kept), "free");
  must(freehold_leak_count(&blocks, NULL), "count");
  printf("%zu leaks now\n", blocks);
}

/* What a binding does: the frames of its language are the caller's, not its own. */
static void language(void) {
  const freehold_frame frames[] = {
    { "render", "page.js", 12, 5, FREEHOLD_JAVASCRIPT },
    { "main", "page.js", 40, 1, FREEHOLD_JAVASCRIPT },
  };
  freehold_stack stack = freehold_stack_new(frames, 2);
  freehold_stack unnamed = 1;
  void *block;
  freehold_stack_set(stack);
  block = freehold_alloc(64, 16, FREEHOLD_ZEROED, freehold_tag("Canvas"), &unnamed);
  must(freehold_free(block), "free");
  refused(freehold_free(block));
  freehold_stack_set(0);
  if (freehold_stack_set(stack + ((uint64_t)1 << 32)))
    printf("a stale stack was set\n");
  printf("unnamed: %d\n", unnamed != 0);
  printf("%s", strstr(freehold_last_message(), "#0"));
  refused(freehold_stack_name(stack + ((uint64_t)1 << 32), frames, 2));
}

int main(void) {
  must(freehold_tracking_start(0, 0), "tracking");
  allocate_and_misuse();
  adopt_and_lend();
  arena();
  strings();
  leak();
  language();
  return 0;
}
