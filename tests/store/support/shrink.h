/* shrink: the smallest history that still fails.
 *
 *     whole history --drop runs of operations (delta debugging)--> fewer operations
 *                   --make options plain, one by one-----------> fewer options
 *                   --make numbers smaller---------------------> smaller numbers      until nothing helps
 *
 *     shrink(&history, history_fails, context);
 *
 * Source: Zeller and Hildebrandt, "Simplifying and isolating failure-inducing input", 2002 (ddmin).
 */
#ifndef DUNLIN_TESTS_SHRINK_H
#define DUNLIN_TESTS_SHRINK_H

#include "tests/store/support/trial_operation.h"

typedef bool shrink_fails(const struct trial_history *history, void *context);

/* `history` fails. Whatever is left of it does too. */
void shrink(struct trial_history *history, shrink_fails *fails, void *context);

#endif
