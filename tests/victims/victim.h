// What every victim shares: functions that the optimiser leaves alone, and a way to forget.
//
// A conservative scan keeps a block whose address still lies in a dead stack slot or a register. A
// victim that says "lost" must be lost for every honest tracker, so it calls `forget` after its sin.
#ifndef VICTIM_H
#define VICTIM_H

#include <stddef.h>
#include <string.h>

// A function of its own in every stack: never inlined, cloned or analysed across the call.
#define SITE __attribute__((noipa))

// Overwrites the stack below the caller, where returned functions left their addresses, and the
// registers that a call may destroy.
static SITE __attribute__((unused)) void forget(void) {
    volatile char dead[32 * 1024];
    for (size_t i = 0; i < sizeof dead; i++) dead[i] = 0;
#if defined(__x86_64__)
    __asm__ volatile("xor %%eax, %%eax; xor %%ecx, %%ecx; xor %%edx, %%edx; xor %%esi, %%esi;"
                     "xor %%edi, %%edi; xor %%r8d, %%r8d; xor %%r9d, %%r9d; xor %%r10d, %%r10d;"
                     "xor %%r11d, %%r11d; pxor %%xmm0, %%xmm0; pxor %%xmm1, %%xmm1"
                     :
                     :
                     : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "xmm0", "xmm1",
                       "memory");
#endif
}

// Makes the optimiser believe that the memory is used, so that no allocation is elided.
static inline __attribute__((unused)) void use(void *block, size_t size) {
    if (block) memset(block, 0x5a, size);
    __asm__ volatile("" : : "g"(block) : "memory");
}

#endif
