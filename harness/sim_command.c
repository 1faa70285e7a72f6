#include "harness/sim_command.h"

#include "engine/base/text.h"

bool command_parse_number(const char *text, uint64_t *number) {
    return text_parse_u64(bytes_of_text(text), number);
}

bool command_parse_seeds(const char *text, uint64_t *first, uint64_t *last) {
    const char *dots = strstr(text, "..");
    if (dots == NULL) {
        bool good = command_parse_number(text, first);
        *last = *first;
        return good;
    }
    return text_parse_u64(bytes_of(text, (size_t)(dots - text)), first) &&
           command_parse_number(dots + 2, last) && *first <= *last;
}
