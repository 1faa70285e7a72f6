#include "server/guarded_copy.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

struct copy {
    sigjmp_buf door;
    uintptr_t to, from;
    size_t size;
};

static pthread_once_t installed = PTHREAD_ONCE_INIT;
static struct sigaction before;
static uintptr_t page_size;
/* The copy under way on this thread. The handler may not be the first to touch it: other models of thread-local memory
 * would allocate it then. */
static _Thread_local struct copy *volatile copying __attribute__((tls_model("initial-exec")));

/* The kernel may name the beginning of the page only. */
static bool is_within(uintptr_t address, uintptr_t from, size_t size) {
    return address >= from - from % page_size && address < from + size;
}

static bool is_about(const struct copy *copy, const siginfo_t *info) {
    uintptr_t address = (uintptr_t)info->si_addr;
    bool from_kernel = info->si_code > 0;
    return copy != NULL && from_kernel &&
           (is_within(address, copy->from, copy->size) || is_within(address, copy->to, copy->size));
}

/* As if no handler had ever been here. */
static void end_by_default(int number, const siginfo_t *info) {
    (void)signal(number, SIG_DFL);
    /* A fault comes again when the handler returns. */
    if (info->si_code <= 0)
        (void)raise(number);
}

static void hand_on(int number, siginfo_t *info, void *context) {
    bool has_handler = (before.sa_flags & SA_SIGINFO) != 0 ||
                       (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN);
    if (!has_handler) {
        if (before.sa_handler == SIG_DFL || info->si_code > 0) /* a fault cannot be ignored */
            end_by_default(number, info);
        return;
    }
    /* What it wanted to be blocked is so until this handler returns. */
    sigset_t blocked = before.sa_mask;
    if ((before.sa_flags & SA_NODEFER) == 0)
        sigaddset(&blocked, number);
    (void)pthread_sigmask(SIG_BLOCK, &blocked, NULL);
    if ((before.sa_flags & SA_SIGINFO) != 0)
        before.sa_sigaction(number, info, context);
    else
        before.sa_handler(number);
}

static void on_signal(int number, siginfo_t *info, void *context) {
    struct copy *copy = copying;
    if (!is_about(copy, info)) {
        hand_on(number, info, context);
        return;
    }
    copying = NULL;
    siglongjmp(copy->door, 1);
}

static struct sigaction present_action(void) {
    struct sigaction present;
    int result = sigaction(SIGBUS, NULL, &present);
    CHECK(result == 0);
    return present;
}

static bool is_ours(const struct sigaction *action) {
    return (action->sa_flags & SA_SIGINFO) != 0 && action->sa_sigaction == on_signal;
}

/* The signal is not blocked while it is handled, so nothing needs to be unblocked behind a jump. */
void guarded_copy_install(void) {
    struct sigaction action = {.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    struct sigaction present = present_action();
    if (is_ours(&present))
        return;
    action.sa_sigaction = on_signal;
    sigemptyset(&action.sa_mask);
    page_size = (uintptr_t)sysconf(_SC_PAGESIZE);
    before = present;
    int result = sigaction(SIGBUS, &action, NULL);
    CHECK(result == 0);
}

bool guarded_copy_is_ready(void) {
    (void)pthread_once(&installed, guarded_copy_install);
    struct sigaction present = present_action();
    return is_ours(&present);
}

bool guarded_copy(void *to, const void *from, size_t size) {
    struct copy copy = {.to = (uintptr_t)to, .from = (uintptr_t)from, .size = size};
    if (sigsetjmp(copy.door, 0) != 0)
        return false;
    copying = &copy;
    atomic_signal_fence(memory_order_seq_cst);
    memcpy(to, from, size);
    atomic_signal_fence(memory_order_seq_cst);
    copying = NULL;
    return true;
}
