/* A page that cannot be had ends a copy and nothing else. Each claim is tried in a child process, where the guard is installed
 * anew. */
#include "server/guarded_copy.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { PAGE = 4096, PAGES = 4, SIZE = PAGES * PAGE, BROKEN = 17, FAULTS = 200, LARGE = 16 << 20 };

/* In a child no assertion of the test program's may be used: what does not hold ends it here. */
#define HOLDS(condition) ((condition) ? (void)0 : _exit(BROKEN))

static uint8_t bytes[LARGE];
static sigjmp_buf foreign_door;
static atomic_uint foreign_faults;

/* A mapping of `size` bytes of which the file has only the first `there`. */
static uint8_t *map_short_file(size_t size, size_t there, int *descriptor) {
    char path[] = "/tmp/dunlin-guard-XXXXXX";
    *descriptor = mkstemp(path);
    HOLDS(*descriptor >= 0 && unlink(path) == 0 && ftruncate(*descriptor, (off_t)size) == 0);
    uint8_t *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, *descriptor, 0);
    HOLDS(memory != MAP_FAILED);
    memset(memory, 'a', size);
    HOLDS(ftruncate(*descriptor, (off_t)there) == 0);
    return memory;
}

static int run_in_child(void (*body)(void)) {
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        body();
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void on_foreign_fault(int number, siginfo_t *info, void *context) {
    (void)number;
    (void)info;
    (void)context;
    atomic_fetch_add(&foreign_faults, 1);
    siglongjmp(foreign_door, 1);
}

static void install_foreign_handler(void) {
    struct sigaction action = {.sa_flags = SA_SIGINFO | SA_NODEFER};
    action.sa_sigaction = on_foreign_fault;
    HOLDS(sigaction(SIGBUS, &action, NULL) == 0);
}

/* True when the foreign handler was called. */
static bool faults_by_itself(const volatile uint8_t *address) {
    if (sigsetjmp(foreign_door, 0) != 0)
        return true;
    (void)*address;
    return false;
}

/* Every place and size against what the file still has. */
static void copy_all_ranges(void) {
    int descriptor;
    HOLDS(guarded_copy_is_ready());
    uint8_t *memory = map_short_file(SIZE, SIZE / 2, &descriptor);
    for (size_t from = 0; from < SIZE; from += 509) {
        for (size_t size = 1; from + size <= SIZE; size += 701) {
            bool is_there = from + size <= SIZE / 2;
            memset(bytes, 0, size);
            HOLDS(guarded_copy(bytes, memory + from, size) == is_there);
            HOLDS(!is_there || memcmp(bytes, memory + from, size) == 0);
            memset(bytes, 'b', size);
            HOLDS(guarded_copy(memory + from, bytes, size) == is_there);
            HOLDS(!is_there || memcmp(bytes, memory + from, size) == 0);
        }
    }
    HOLDS(guarded_copy(bytes, memory + SIZE, 0));
}

static void a_copy_fails_exactly_when_a_page_of_it_cannot_be_had(void **state) {
    (void)state;
    assert_int_equal(run_in_child(copy_all_ranges), 0);
}

static void fault_beside_copies(void) {
    int descriptor;
    install_foreign_handler();
    HOLDS(guarded_copy_is_ready());
    uint8_t *memory = map_short_file(SIZE, SIZE, &descriptor);
    HOLDS(guarded_copy(bytes, memory, SIZE));
    HOLDS(ftruncate(descriptor, PAGE) == 0);
    /* At the place of the last copy, and at that of a copy that failed. */
    for (unsigned i = 1; i <= FAULTS; i++) {
        HOLDS(faults_by_itself(memory + SIZE - 1));
        HOLDS(atomic_load(&foreign_faults) == i);
        HOLDS(!guarded_copy(bytes, memory, SIZE));
        HOLDS(guarded_copy(bytes, memory, PAGE));
        HOLDS(atomic_load(&foreign_faults) == i);
    }
}

static void a_fault_outside_of_a_copy_goes_to_the_handler_before(void **state) {
    (void)state;
    assert_int_equal(run_in_child(fault_beside_copies), 0);
}

static void on_plain_signal(int number) {
    if (number == SIGBUS)
        atomic_fetch_add(&foreign_faults, 1);
}

static void send_beside_copies(void) {
    struct sigaction action = {.sa_flags = 0};
    action.sa_handler = on_plain_signal;
    HOLDS(sigaction(SIGBUS, &action, NULL) == 0);
    HOLDS(guarded_copy_is_ready());
    HOLDS(guarded_copy(bytes, bytes + PAGE, PAGE));
    for (unsigned i = 1; i <= FAULTS; i++) {
        HOLDS(raise(SIGBUS) == 0);
        HOLDS(atomic_load(&foreign_faults) == i);
    }
}

static void a_signal_that_somebody_sends_goes_to_the_handler_before(void **state) {
    (void)state;
    assert_int_equal(run_in_child(send_beside_copies), 0);
}

static void fault_without_a_handler(void) {
    int descriptor;
    (void)signal(SIGBUS, SIG_DFL);
    HOLDS(guarded_copy_is_ready());
    uint8_t *memory = map_short_file(SIZE, 0, &descriptor);
    HOLDS(!guarded_copy(bytes, memory, SIZE));
    (void)*(volatile uint8_t *)memory;
}

static void fault_where_it_is_ignored(void) {
    int descriptor;
    (void)signal(SIGBUS, SIG_IGN);
    HOLDS(guarded_copy_is_ready());
    uint8_t *memory = map_short_file(SIZE, 0, &descriptor);
    HOLDS(!guarded_copy(bytes, memory, SIZE));
    HOLDS(raise(SIGBUS) == 0);
    (void)*(volatile uint8_t *)memory;
}

static void send_without_a_handler(void) {
    (void)signal(SIGBUS, SIG_DFL);
    HOLDS(guarded_copy_is_ready());
    HOLDS(guarded_copy(bytes, bytes + PAGE, PAGE));
    (void)raise(SIGBUS);
}

static void without_a_handler_before_it_ends_the_process_as_ever(void **state) {
    (void)state;
    void (*const bodies[])(void) = {fault_without_a_handler, fault_where_it_is_ignored,
                                    send_without_a_handler};
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        int status = run_in_child(bodies[i]);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), SIGBUS);
    }
}

static void replace_the_guard(void) {
    int descriptor;
    HOLDS(guarded_copy_is_ready());
    install_foreign_handler();
    HOLDS(!guarded_copy_is_ready() && !guarded_copy_is_ready());
    guarded_copy_install();
    guarded_copy_install();
    HOLDS(guarded_copy_is_ready());
    uint8_t *memory = map_short_file(SIZE, 0, &descriptor);
    HOLDS(!guarded_copy(bytes, memory, SIZE) && atomic_load(&foreign_faults) == 0);
    HOLDS(faults_by_itself(memory) && atomic_load(&foreign_faults) == 1);
}

static void
a_guard_that_was_replaced_is_known_to_be_gone_until_it_is_installed_again(void **state) {
    (void)state;
    assert_int_equal(run_in_child(replace_the_guard), 0);
}

struct copier {
    uint8_t *memory;
    bool is_there;
    atomic_bool is_over;
    atomic_uint copies, wrong;
};

static void *copy_until_told(void *argument) {
    static _Thread_local uint8_t to[LARGE];
    struct copier *copier = argument;
    while (!atomic_load(&copier->is_over)) {
        bool is_right = guarded_copy(to, copier->memory, LARGE) == copier->is_there;
        atomic_fetch_add(&copier->wrong, is_right ? 0 : 1);
        atomic_fetch_add(&copier->copies, 1);
    }
    return NULL;
}

/* One thread copies what is there, one what is not quite, and this one faults by itself in the place where that does. */
static void fault_beside_threads(void) {
    int descriptor, short_descriptor;
    install_foreign_handler();
    HOLDS(guarded_copy_is_ready());
    struct copier whole = {.memory = map_short_file(LARGE, LARGE, &descriptor), .is_there = true};
    struct copier lacking = {.memory = map_short_file(LARGE, LARGE - PAGE, &short_descriptor)};
    pthread_t threads[2];
    HOLDS(pthread_create(&threads[0], NULL, copy_until_told, &whole) == 0);
    HOLDS(pthread_create(&threads[1], NULL, copy_until_told, &lacking) == 0);
    while (atomic_load(&foreign_faults) < FAULTS || atomic_load(&whole.copies) < 3 ||
           atomic_load(&lacking.copies) < 3) {
        unsigned before = atomic_load(&foreign_faults);
        HOLDS(faults_by_itself(lacking.memory + LARGE - 1));
        HOLDS(atomic_load(&foreign_faults) == before + 1);
        HOLDS(guarded_copy(bytes, whole.memory, PAGE));
        HOLDS(!guarded_copy(bytes, lacking.memory + LARGE - PAGE, PAGE));
    }
    atomic_store(&whole.is_over, true);
    atomic_store(&lacking.is_over, true);
    for (int i = 0; i < 2; i++)
        HOLDS(pthread_join(threads[i], NULL) == 0);
    HOLDS(atomic_load(&whole.wrong) == 0 && atomic_load(&lacking.wrong) == 0);
}

static void one_threads_guard_is_no_others(void **state) {
    (void)state;
    assert_int_equal(run_in_child(fault_beside_threads), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_fails_exactly_when_a_page_of_it_cannot_be_had),
        cmocka_unit_test(a_fault_outside_of_a_copy_goes_to_the_handler_before),
        cmocka_unit_test(a_signal_that_somebody_sends_goes_to_the_handler_before),
        cmocka_unit_test(without_a_handler_before_it_ends_the_process_as_ever),
        cmocka_unit_test(a_guard_that_was_replaced_is_known_to_be_gone_until_it_is_installed_again),
        cmocka_unit_test(one_threads_guard_is_no_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
