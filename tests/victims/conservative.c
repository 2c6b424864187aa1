// Sin: hides addresses, and holds numbers that look like addresses. Here a conservative scan errs,
// in both directions: what the program could still reach is called lost (it stores the address
// in a form that no word of memory equals), and what it lost is kept by an integer or by bytes.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "victim.h"

static volatile uintptr_t flipped;
static volatile uint32_t halves[4] = {0, UINT32_MAX, UINT32_MAX, 0};
static volatile uintptr_t number;
static volatile unsigned char unaligned[32];

// The program can still compute this address: a wrong alarm.
static SITE void keep_flipped(void) {
    flipped = ~(uintptr_t)malloc(811); // LEAK: flipped
}

// The same: the two halves are not neighbours.
static SITE void keep_in_halves(void) {
    uintptr_t address = (uintptr_t)malloc(812); // LEAK: halves
    halves[0] = (uint32_t)address;
    halves[3] = (uint32_t)(address >> 32);
}

// The same: the address does not lie at a multiple of its size.
static SITE void keep_unaligned(void) {
    uintptr_t address = (uintptr_t)malloc(813); // LEAK: unaligned
    memcpy((unsigned char *)unaligned + 3, &address, sizeof address);
}

// A leak that is not found: a number equals the address.
static SITE void lose_beside_number(void) {
    number = (uintptr_t)malloc(814); // LEAK: number
}

// The address of the byte behind a block does not belong to it.
static void *volatile behind;

static SITE void keep_end_only(void) {
    char *block = malloc(4080); // LEAK: end
    use(block, 4080);
    behind = block + 4080;
}

int main(void) {
    keep_flipped();
    keep_in_halves();
    keep_unaligned();
    lose_beside_number();
    keep_end_only();
    puts("hidden");
    forget();
    return 0;
}
