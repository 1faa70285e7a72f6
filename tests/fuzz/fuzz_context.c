/* Whatever text comes in: a context token is refused or is exactly the one that would be given out.
 *
 * The checksum keeps random text out, so the same bytes are also read as a vector, and a token is
 * made from what they say.
 */
#include "engine/data/context.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_token(struct bytes text, struct bytes key) {
    struct version_vector vector;
    if (!context_decode(text, key, &vector)) {
        CHECK(vector.count == 0);
        return;
    }
    struct buffer again = {0};
    context_encode(&vector, key, &again);
    CHECK(bytes_equal(text, buffer_bytes(&again)));
    buffer_deinit(&again);
}

static void check_vector(struct bytes bytes, struct bytes key) {
    struct version_vector vector;
    struct reader reader = reader_of(bytes);
    if (!vector_decode(&reader, &vector))
        return;
    struct buffer again = {0};
    vector_encode(&vector, &again);
    CHECK(bytes_equal(bytes_slice(bytes, 0, bytes.size - reader.left), buffer_bytes(&again)));
    buffer_clear(&again);
    context_encode(&vector, key, &again);
    struct version_vector decoded;
    CHECK(context_decode(buffer_bytes(&again), key, &decoded));
    CHECK(vector_descends(&decoded, &vector) && vector_descends(&vector, &decoded));
    buffer_deinit(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct bytes key = bytes_of_text("key");
    check_token(bytes_of(data, size), key);
    check_vector(bytes_of(data, size), key);
    return 0;
}
