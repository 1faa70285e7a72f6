/* Whatever bytes come in: the parser understands the same requests in one piece and cut into small ones.
 *
 * The first byte says how large the pieces are.
 */
#include "engine/base/hash.h"
#include "engine/node/resp_parser.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct resp_limits LIMITS = {
    .arguments_max = 16, .ask_bytes = 8, .request_bytes_max = 100};

enum { REFUSED_FROM = 24 };

struct listener {
    struct resp_parser parser;
    struct buffer input;
    uint64_t story; /* mixed from everything that was understood */
    bool ended;
};

static void tell(struct listener *listener, enum resp_status status) {
    listener->story = hash_mix(listener->story, status);
    if (status == RESP_REFUSED)
        listener->story = hash_mix(listener->story, listener->parser.refusal);
    if (status == RESP_MALFORMED) {
        CHECK(memchr(listener->parser.problem, 0, sizeof listener->parser.problem) != NULL);
        listener->ended = true;
    }
    if (status != RESP_COMPLETE)
        return;
    CHECK(listener->parser.argument_count > 0 &&
          listener->parser.argument_count <= RESP_INLINE_BYTES_MAX);
    for (uint32_t i = 0; i < listener->parser.argument_count; i++)
        listener->story = hash_mix(listener->story, hash64(listener->parser.arguments[i]));
}

static void hear(struct listener *listener, struct bytes piece) {
    buffer_append(&listener->input, piece);
    enum resp_status status = RESP_EMPTY;
    while (!listener->ended && status != RESP_PARTIAL) {
        size_t consumed;
        status = resp_parse(&listener->parser, &LIMITS, buffer_bytes(&listener->input), &consumed);
        CHECK(consumed <= listener->input.size);
        if (status == RESP_LARGE_ARGUMENT) {
            CHECK(consumed == 0);
            if (listener->parser.bulk_size >= REFUSED_FROM)
                resp_refuse(&listener->parser, RESP_VALUE_TOO_LARGE);
        } else if (status != RESP_PARTIAL) {
            tell(listener, status);
        }
        buffer_consume(&listener->input, consumed);
    }
}

static uint64_t listen(struct bytes stream, size_t piece) {
    struct listener listener = {0};
    while (stream.size > 0) {
        size_t size = piece < stream.size ? piece : stream.size;
        hear(&listener, bytes_slice(stream, 0, size));
        stream = bytes_slice(stream, size, stream.size - size);
    }
    resp_parser_deinit(&listener.parser);
    buffer_deinit(&listener.input);
    return listener.story;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2)
        return 0;
    struct bytes stream = bytes_of(data + 1, size - 1);
    CHECK(listen(stream, stream.size) == listen(stream, 1u + data[0] % 32));
    return 0;
}
