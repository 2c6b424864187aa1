// Frames of many shapes, called in any order that a seed says. Compiled by the
// tests with different options.
#define _GNU_SOURCE
#include <alloca.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

// framehop, to which some tests compare, guesses at frames that are known by rbx
// or by a word in memory.
#ifndef PLAIN
#define PLAIN 0
#endif
#define KEEP __attribute__((noinline, noclone))
typedef unsigned long long word;

static void (*hook)(void);
static volatile word sink;

void set_hook(void (*h)(void)) { hook = h; }

static word next(word seed) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    return seed ^ seed << 17;
}

KEEP word mix(word seed, int n);

KEEP static word plain(word seed, int n) { return mix(seed, n) + 1; }

KEEP static word many_registers(word a, int n) {
    word b = a * 3, c = a * 5, d = a * 7, e = a * 11, f = a * 13;
    word r = mix(a, n);
    return r + b + c * sink + d + e * r + f;
}

KEEP static word dynamic(word seed, int n) {
    char *p = alloca(16 + seed % 1000);
    p[0] = (char)n;
    sink += (word)p;
    word r = mix(seed, n);
    return r + (word)p[0];
}

KEEP static word variable(word seed, int n) {
    volatile int a[1 + seed % 100];
    a[seed % 100] = n;
    return mix(seed, n) + a[0] % 1;
}

KEEP static word aligned(word seed, int n) {
    volatile char block[128] __attribute__((aligned(64)));
    block[seed % 128] = 1;
    return mix(seed, n) + block[0] % 1;
}

KEEP static word aligned_dynamic(word seed, int n) {
    volatile char block[64] __attribute__((aligned(128)));
    char *p = alloca(16 + seed % 333);
    block[seed % 64] = p[0] = 1;
    sink += (word)p;
    return mix(seed, n) + (word)p[0] + block[0] % 1;
}

__attribute__((force_align_arg_pointer)) KEEP word realigned(word seed, int n) { return mix(seed, n) + 1; }

// Eight arguments: some on the stack.
KEEP static word on_stack(word a, word b, word c, word d, word e, word f, word g, int n) {
    word r = mix(a, n);
    return r + b + c + d + e + f + g;
}

KEEP static word large(word seed, int n) {
    volatile char block[200 << 10];
    block[seed % sizeof block] = 1;
    return mix(seed, n) + block[0] % 1;
}

KEEP static word enormous(word seed, int n) {
    volatile char block[(1 << 20) + 4096];
    block[seed % sizeof block] = 1;
    return mix(seed, n) + block[0] % 1;
}

static __thread word sorted_seed;
static __thread int sorted_n;
static int compare(const void *a, const void *b) {
    if (sorted_n >= 0) {
        int n = sorted_n;
        sorted_n = -1;
        sink += mix(sorted_seed, n);
    }
    return *(const int *)a - *(const int *)b;
}
// Frames of the C library in between.
KEEP static word sorted(word seed, int n) {
    int a[] = {3, 1, 2};
    sorted_seed = seed;
    sorted_n = n;
    qsort(a, 3, sizeof a[0], compare);
    return (word)a[0] + 1;
}

// For calls from assembly, which knows no table of addresses.
extern word mix_here(word seed, int n) __attribute__((visibility("hidden")));

// The frame's address is known by rbx only.
word by_rbx(word seed, int n);
// rbp is free for other use, and holds nonsense.
word nonsense_bp(word seed, int n);
#ifdef __x86_64__
__asm__(".text\n.globl by_rbx\n.type by_rbx,@function\nby_rbx:\n.cfi_startproc\n"
        "push %rbx\n.cfi_def_cfa_offset 16\n.cfi_offset rbx,-16\n"
        "mov %rsp,%rbx\n.cfi_def_cfa_register rbx\n"
        "and $-64,%rsp\nsub $64,%rsp\ncall mix_here\n"
        "mov %rbx,%rsp\npop %rbx\n.cfi_def_cfa rsp,8\nret\n.cfi_endproc\n.size by_rbx,.-by_rbx\n");
__asm__(".text\n.globl nonsense_bp\n.type nonsense_bp,@function\nnonsense_bp:\n.cfi_startproc\n"
        "push %rbp\n.cfi_def_cfa_offset 16\n.cfi_offset rbp,-16\n"
        "mov %rdi,%rbp\ncall mix_here\n"
        "pop %rbp\n.cfi_def_cfa_offset 8\nret\n.cfi_endproc\n.size nonsense_bp,.-nonsense_bp\n");
#else
__asm__(".text\n.globl by_rbx\n.type by_rbx,@function\nby_rbx:\n.cfi_startproc\n"
        "push %ebx\n.cfi_def_cfa_offset 8\n.cfi_offset ebx,-8\n"
        "mov %esp,%ebx\n.cfi_def_cfa_register ebx\n"
        "and $-64,%esp\nsub $64,%esp\n"
        "mov 8(%ebx),%eax\nmov %eax,(%esp)\nmov 12(%ebx),%eax\nmov %eax,4(%esp)\n"
        "mov 16(%ebx),%eax\nmov %eax,8(%esp)\ncall mix_here\n"
        "mov %ebx,%esp\npop %ebx\n.cfi_def_cfa esp,4\nret\n.cfi_endproc\n.size by_rbx,.-by_rbx\n");
__asm__(".text\n.globl nonsense_bp\n.type nonsense_bp,@function\nnonsense_bp:\n.cfi_startproc\n"
        "push %ebp\n.cfi_def_cfa_offset 8\n.cfi_offset ebp,-8\n"
        "sub $24,%esp\n.cfi_def_cfa_offset 32\n"
        "mov 32(%esp),%ebp\nmov %ebp,(%esp)\nmov 36(%esp),%eax\nmov %eax,4(%esp)\n"
        "mov 40(%esp),%eax\nmov %eax,8(%esp)\ncall mix_here\n"
        "add $24,%esp\n.cfi_def_cfa_offset 8\n"
        "pop %ebp\n.cfi_def_cfa_offset 4\nret\n.cfi_endproc\n.size nonsense_bp,.-nonsense_bp\n");
#endif

KEEP word mix(word seed, int n) {
    seed = next(seed);
    if (n <= 0 || seed % 4 == 0) hook();
    if (n <= 0) return 0;
    word r;
    switch (seed / 16 % 32) {
    case 0: case 1: case 2: case 3: case 4: case 5: case 6: case 7: r = plain(seed, n - 1); break;
    case 8: case 9: case 10: case 11: r = many_registers(seed, n - 1); break;
    case 12: case 13: r = dynamic(seed, n - 1); break;
    case 14: case 15: r = variable(seed, n - 1); break;
    case 16: case 17: r = aligned(seed, n - 1); break;
    case 18: case 19: r = PLAIN ? aligned(seed, n - 1) : aligned_dynamic(seed, n - 1); break;
    case 20: case 21: r = PLAIN ? plain(seed, n - 1) : realigned(seed, n - 1); break;
    case 22: case 23: r = on_stack(seed, 1, 2, 3, 4, 5, 6, n - 1); break;
    case 24: r = large(seed, n - 1); break;
    case 25: case 26: r = sorted(seed, n - 1); break;
    case 27: r = seed % 8 ? plain(seed, n - 1) : enormous(seed, n - 1); break;
    case 28: r = seed % 8 || PLAIN ? plain(seed, n - 1) : by_rbx(seed, n - 1); break;
    case 29: case 30: r = nonsense_bp(seed, n - 1); break;
    default: r = mix(seed, n - 1); break;
    }
    if (seed % 8 == 1) hook();
    return r + sink;
}

extern word mix_here(word seed, int n) __attribute__((alias("mix"), visibility("hidden")));

KEEP word only_by_rbx(int n) { return n ? by_rbx(7, 0) + only_by_rbx(n - 1) : 0; }

KEEP word recurse(int n) {
    if (n == 0) {
        hook();
        return 1;
    }
    return recurse(n - 1) + sink;
}

// Leaves hooked frames by longjmp, again and again.
static __thread jmp_buf back;
KEEP static word leave(word seed, int n) {
    if (n == 0) longjmp(back, 1);
    hook();
    return leave(next(seed), n - 1) + seed;
}
KEEP word jump(word seed, int rounds) {
    for (volatile int i = 0; i < rounds; i++) {
        if (!setjmp(back)) leave(seed, i % 7);
        hook();
    }
    return 0;
}

// Signals: the handler hooks on whatever stack it is given.
static volatile int handled;
static int handler_depth;
static void handler(int s) {
    handled++;
    mix((word)handled * 77, handler_depth);
}
KEEP static void interrupted(int s) {
    raise(s);
    sink++;
}
word signals(int alternate, int depth) {
    static char stack[1 << 20];
    stack_t ss = {.ss_sp = stack, .ss_size = sizeof stack}, old;
    struct sigaction action = {.sa_handler = handler, .sa_flags = alternate ? SA_ONSTACK | SA_NODEFER : SA_NODEFER}, before;
    handler_depth = depth;
    if (alternate) sigaltstack(&ss, &old);
    sigaction(SIGUSR1, &action, &before);
    handled = 0;
    interrupted(SIGUSR1);
    sigaction(SIGUSR1, &before, 0);
    if (alternate) sigaltstack(&old, 0);
    return (word)handled;
}

// A fault inside a function's very first and last instructions.
#ifdef __x86_64__
#define INSTRUCTION REG_RIP
word faulting(volatile int *p);
__asm__(".text\n.globl faulting\n.type faulting,@function\nfaulting:\n.cfi_startproc\n"
        "mov (%rdi),%eax\npush %rbp\n.cfi_def_cfa_offset 16\n.cfi_offset rbp,-16\n"
        "mov (%rdi),%eax\nmov %rsp,%rbp\n.cfi_def_cfa_register rbp\n"
        "mov (%rdi),%eax\npop %rbp\n.cfi_def_cfa rsp,8\nmov (%rdi),%eax\nret\n.cfi_endproc\n.size faulting,.-faulting\n");
#else
#define INSTRUCTION REG_EIP
__attribute__((regparm(1))) word faulting(volatile int *p);
__asm__(".text\n.globl faulting\n.type faulting,@function\nfaulting:\n.cfi_startproc\n"
        "mov (%eax),%edx\npush %ebp\n.cfi_def_cfa_offset 8\n.cfi_offset ebp,-8\n"
        "mov (%eax),%edx\nmov %esp,%ebp\n.cfi_def_cfa_register ebp\n"
        "mov (%eax),%edx\npop %ebp\n.cfi_def_cfa esp,4\nmov (%eax),%edx\nret\n.cfi_endproc\n.size faulting,.-faulting\n");
#endif
static void skip(int s, siginfo_t *i, void *c) {
    ucontext_t *context = c;
    handled++;
    hook();
    context->uc_mcontext.gregs[INSTRUCTION] += 2; // each access is two bytes long
}
word faults(void) {
    struct sigaction action = {.sa_sigaction = skip, .sa_flags = SA_SIGINFO}, before;
    sigaction(SIGSEGV, &action, &before);
    handled = 0;
    faulting((int *)8);
    sigaction(SIGSEGV, &before, 0);
    return (word)handled;
}

// A coroutine, which hooks between switches.
static ucontext_t main_context, coroutine;
static word co_seed, co_rounds;
static void co_main(void) {
    for (;;) {
        co_seed = next(co_rounds++ % 7 + 1);
        mix(co_seed, (int)(co_seed % 12));
        swapcontext(&coroutine, &main_context);
    }
}
word coroutines(void *stack, unsigned long size, int rounds) {
    getcontext(&coroutine);
    coroutine.uc_stack.ss_sp = stack;
    coroutine.uc_stack.ss_size = size;
    coroutine.uc_link = 0;
    co_rounds = 0;
    makecontext(&coroutine, co_main, 0);
    for (int i = 0; i < rounds; i++) {
        swapcontext(&main_context, &coroutine);
        mix((word)(i % 7), 5);
    }
    return 0;
}

// Damage: overwrites words of its own frames, then hooks.
KEEP word damage(word *at, word value) {
    word before = *at;
    *at = value;
    hook();
    *at = before;
    return sink;
}
KEEP word damaged(int n, word seed, int span) {
    word here[2] = {1, 2};
    sink += here[0];
    if (n) return damaged(n - 1, seed, span) + here[1];
    word *p = here;
    return damage(p + seed % (word)span, next(seed) % 3 ? next(seed) : (word)p + next(seed) % 512) + here[0];
}

// Many call sites in one frame, in any order.
KEEP word sites(word seed) {
    switch (seed % 8) {
    case 0: hook(); return 10;
    case 1: hook(); return 11;
    case 2: hook(); return 12;
    case 3: hook(); return 13;
    case 4: hook(); return 14;
    case 5: hook(); return 15;
    case 6: hook(); return 16;
    default: hook(); return 17;
    }
}
