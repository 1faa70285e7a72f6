#include "harness/figures.h"

#include <stddef.h>
#include <string.h>

static const char *const NAMES[FIGURE_COUNT] = {
#define FIGURE_NAME(enumerator, name) #name,
    FIGURES(FIGURE_NAME)
#undef FIGURE_NAME
};

const char *figure_name(enum figure figure) {
    return NAMES[figure];
}

bool figure_find(const char *name, enum figure *figure) {
    for (size_t i = 0; i < FIGURE_COUNT; i++) {
        if (strcmp(NAMES[i], name) == 0) {
            *figure = (enum figure)i;
            return true;
        }
    }
    return false;
}
