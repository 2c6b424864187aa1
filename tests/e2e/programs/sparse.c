// 2 GiB mapped and 2 GiB allocated, of which a few pages are touched.
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

int main(void) {
    size_t size = 2UL << 30;
    char *mapped = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    char *allocated = calloc(1, size);
    if (mapped == MAP_FAILED || !allocated) return 1;
    long sum = 0;
    for (size_t i = 0; i < size; i += 64 << 20) {
        mapped[i] = 1;
        allocated[i + 1] = 2;
        sum += mapped[i] + allocated[i + 1];
    }
    printf("%ld\n", sum);
    return 0;
}
