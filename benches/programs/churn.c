// A server's churn, after the idea of larson: each thread replaces random blocks of its own array,
// and now and then hands the array to a new thread and ends. Arguments: threads, replacements for
// each thread, array size. Prints a checksum, and the replacements a second for each thread's CPU.
#define _GNU_SOURCE
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { GENERATIONS = 8 };

struct line {
    unsigned char **array;
    long size;
    long left; // generations
    long each; // replacements of a generation
    uint32_t seed;
    uint64_t sum;
    double cpu; // seconds of all generations
    sem_t done;
} __attribute__((aligned(128)));

static double thread_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static __attribute__((noinline)) unsigned char *replacement(uint32_t seed) {
    unsigned char *block = malloc(8 + (seed >> 16) % 1000);
    block[0] = (unsigned char)(seed >> 8);
    return block;
}

static void start(struct line *line);

static void *generation(void *argument) {
    struct line *line = argument;
    double started = thread_seconds();
    uint32_t seed = line->seed;
    uint64_t sum = 0;
    for (long i = 0; i < line->each; i++) {
        seed = seed * 1664525u + 1013904223u;
        long slot = (long)((seed >> 4) % (uint32_t)line->size);
        sum += line->array[slot][0];
        free(line->array[slot]);
        line->array[slot] = replacement(seed);
    }
    line->seed = seed;
    line->sum += sum;
    line->cpu += thread_seconds() - started;
    if (--line->left > 0) start(line);
    else sem_post(&line->done);
    return NULL;
}

// Starts the next generation; nobody waits for its thread, only for the line.
static void start(struct line *line) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, generation, line) != 0) abort();
    pthread_detach(thread);
}

int main(int argc, char **argv) {
    int threads = argc > 1 ? atoi(argv[1]) : 2;
    long replacements = argc > 2 ? atol(argv[2]) : 30000000;
    long size = argc > 3 ? atol(argv[3]) : 1000;
    if (threads < 1 || threads > 64 || size < 1) return 2;
    struct line *lines = aligned_alloc(128, sizeof *lines * (size_t)threads);
    for (int i = 0; i < threads; i++) {
        lines[i] = (struct line){.size = size, .left = GENERATIONS, .each = replacements / GENERATIONS,
                                 .seed = (uint32_t)i + 1};
        sem_init(&lines[i].done, 0, 0);
        lines[i].array = malloc(sizeof *lines[i].array * (size_t)size);
        for (long j = 0; j < size; j++) lines[i].array[j] = replacement((uint32_t)j * 2654435761u);
    }
    for (int i = 0; i < threads; i++) start(&lines[i]);
    uint64_t sum = 0;
    double cpu = 0;
    for (int i = 0; i < threads; i++) {
        sem_wait(&lines[i].done);
        sum += lines[i].sum;
        cpu += lines[i].cpu;
        for (long j = 0; j < size; j++) free(lines[i].array[j]);
        free(lines[i].array);
    }
    free(lines);
    printf("checksum %llu\n", (unsigned long long)sum);
    // Not part of the checksum: differs from run to run.
    fprintf(stderr, "rate %.0f\n", (double)replacements * threads / cpu);
    return 0;
}
