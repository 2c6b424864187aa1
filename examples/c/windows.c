/* What Windows hands out, with its owner: adopted, released by the one free,
 * refused to the wrong function, named when it is forgotten.
 *
 *     x86_64-w64-mingw32-gcc windows.c -I include -L lib -lfreehold -o windows.exe
 */
#include <freehold.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

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

/* A text of the system that is ours, to be released by LocalFree. */
static WCHAR *system_text(void) {
  WCHAR *text = NULL;
  DWORD units = FormatMessageW(FORMAT_MESSAGE_ALLOCATE_BUFFER | FORMAT_MESSAGE_FROM_SYSTEM |
                                   FORMAT_MESSAGE_IGNORE_INSERTS,
                               NULL, ERROR_FILE_NOT_FOUND, 0, (WCHAR *)&text, 0, NULL);
  if (units == 0)
    exit(1);
  must(freehold_adopt_from("FormatMessageW", "lpBuffer", text, (units + 1) * sizeof(WCHAR)),
       "adopt");
  return text;
}

int main(void) {
  must(freehold_tracking_start(0, 0), "tracking");

  /* Memory that every component of the process may release: CoTaskMemAlloc's. */
  unsigned char *bytes = FREEHOLD_NEW(unsigned char, 256);
  for (int i = 0; i < 256; ++i)
    bytes[i] = (unsigned char)(i % 8);
  must(freehold_free(bytes), "free");
  refused(freehold_free(bytes));

  WCHAR *text = system_text();
  refused(freehold_free_as(FREEHOLD_FAMILY_CO_TASK_MEM, text));
  SetLastError(4711);
  must(freehold_free(text), "by LocalFree");
  printf("the last error is still %lu\n", GetLastError());

  uint16_t *bstr;
  must(freehold_bstr_new((const uint16_t *)L"a\0b", 3, &bstr), "a BSTR");
  size_t units;
  must(freehold_bstr_length(bstr, &units), "its length");
  printf("a BSTR of %zu units\n", units);
  must(freehold_free(bstr), "by SysFreeString");

  void *block = HeapAlloc(GetProcessHeap(), 0, 64);
  must(freehold_adopt(block, 64, FREEHOLD_FAMILY_HEAP), "adopt");
  must(freehold_free(block), "by HeapFree");

  freehold_scope scope;
  must(freehold_scope_begin("request", &scope), "scope");
  text = system_text();
  size_t blocks;
  freehold_code verdict = freehold_scope_end(scope, &blocks, NULL);
  printf("%s: %zu block\n", freehold_code_name(verdict), blocks);
  size_t needed;
  must(freehold_leaks(FREEHOLD_TEXT, NULL, 0, &needed), "how long");
  char *report = malloc(needed);
  must(freehold_leaks(FREEHOLD_TEXT, report, needed, NULL), "report");
  fputs(report, stdout);
  free(report);
  must(freehold_free(text), "free");
  return 0;
}
