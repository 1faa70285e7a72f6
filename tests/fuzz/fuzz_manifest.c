/* Feeds the manifest's decoder with payloads from anywhere, one snapshot and its edits: each piece of
 * the input is a payload behind a varint length. What was accepted is written out as a snapshot and
 * read again: it must say the same.
 */
#include "engine/store/manifest.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_snapshot(const struct manifest_state *state, struct buffer *to) {
    manifest_put_facts(to, &state->facts, true);
    for (uint32_t i = 0; i < state->table_count; i++)
        manifest_put_added(to, state->tables[i].level, state->tables[i].file);
}

static void check_round_trip(const struct manifest_state *state) {
    struct manifest_state again = {0};
    struct buffer first = {0};
    struct buffer second = {0};
    write_snapshot(state, &first);
    bool accepted = manifest_state_apply(&again, buffer_bytes(&first));
    CHECK(accepted);
    write_snapshot(&again, &second);
    CHECK(bytes_equal(buffer_bytes(&first), buffer_bytes(&second)));
    manifest_state_deinit(&again);
    buffer_deinit(&first);
    buffer_deinit(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct manifest_state state = {0};
    struct reader reader = reader_of(bytes_of(data, size));
    bool sound = true;
    while (sound && reader.left > 0) {
        struct bytes payload = reader_bytes(&reader);
        sound = !reader.failed && manifest_state_apply(&state, payload);
        if (sound)
            check_round_trip(&state);
    }
    manifest_state_deinit(&state);
    return 0;
}
