// Sin: leaks in worker threads, ended ones and one that still lives when the process exits.
// A tracker must attribute them to their sites, and see the stack and the TLS of the live thread.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "victim.h"

enum { WORKERS = 4, PASSED = 200 };

static SITE void lose_in_worker(void) {
    void *block = malloc(64); // LEAK: ended
    use(block, 64);
}

static pthread_key_t key;

// Runs while the thread ends: allocates, releases, and loses once more.
static SITE void destroy_value(void *value) {
    void *last = malloc(80); // LEAK: destructor
    use(last, 80);
    free(malloc(5000));
    free(value);
    forget();
}

static SITE void *worker(void *unused) {
    for (int i = 0; i < 10; i++) lose_in_worker();
    pthread_setspecific(key, malloc(96));
    forget();
    return unused;
}

static void *volatile queue[PASSED];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int produced;

static SITE void *producer(void *unused) {
    for (int i = 0; i < PASSED; i++) {
        void *block = malloc(100 + i);
        pthread_mutex_lock(&lock);
        queue[produced++] = block;
        pthread_cond_signal(&changed);
        pthread_mutex_unlock(&lock);
    }
    return unused;
}

// Releases what the other thread allocated: nothing of it may be reported.
static SITE void *consumer(void *unused) {
    for (int taken = 0; taken < PASSED; taken++) {
        pthread_mutex_lock(&lock);
        while (produced == taken) pthread_cond_wait(&changed, &lock);
        free(queue[taken]);
        queue[taken] = NULL;
        pthread_mutex_unlock(&lock);
    }
    return unused;
}

static pthread_barrier_t ready;
static _Thread_local void *volatile of_thread;

static SITE void lose_in_live_thread(void) {
    void *block = malloc(112); // LEAK: alive
    use(block, 112);
}

static SITE void *for_stack(void) {
    return malloc(128); // LEAK: live_stack
}

static SITE void *sleeper(void *unused) {
    lose_in_live_thread();
    forget();
    void *volatile on_stack = for_stack();
    of_thread = malloc(144); // LEAK: live_tls
    forget();
    pthread_barrier_wait(&ready);
    for (;;) pause();
    return on_stack ? unused : NULL;
}

int main(void) {
    pthread_t threads[WORKERS], passing[2], live;
    pthread_key_create(&key, destroy_value);
    for (int i = 0; i < WORKERS; i++) pthread_create(&threads[i], NULL, worker, NULL);
    for (int i = 0; i < WORKERS; i++) pthread_join(threads[i], NULL);
    pthread_create(&passing[0], NULL, producer, NULL);
    pthread_create(&passing[1], NULL, consumer, NULL);
    for (int i = 0; i < 2; i++) pthread_join(passing[i], NULL);
    pthread_barrier_init(&ready, NULL, 2);
    pthread_create(&live, NULL, sleeper, NULL); // its TLS block stays: reachable
    pthread_barrier_wait(&ready);
    puts("joined");
    forget();
    return 0;
}
