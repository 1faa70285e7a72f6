/* Whatever a client sends, in whatever pieces, and in whatever order its operations complete: no crash, and replies that
 * another parser of the protocol could read one by one.
 *
 * The first byte picks how the session is set up, the second the size of the pieces, the rest is the stream.
 */
#include "tests/node/support/fake_core.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LINK = 1 };

/* Reads to the end of the line and returns the number behind the mark. */
static int64_t take_line(struct reader *reply) {
    int64_t number = 0;
    bool negative = false;
    for (uint8_t byte = reader_u8(reply); byte != '\r'; byte = reader_u8(reply)) {
        CHECK(!reply->failed && byte != '\n');
        negative |= byte == '-';
        if (byte >= '0' && byte <= '9' && number < 1 << 30)
            number = number * 10 + (byte - '0');
    }
    CHECK(reader_u8(reply) == '\n' && !reply->failed);
    return negative ? -number : number;
}

/* One whole reply: `open` counts the elements still to come. */
static void check_reply(struct reader *reply) {
    for (uint64_t open = 1; open > 0; open--) {
        uint8_t mark = reader_u8(reply);
        int64_t number = take_line(reply);
        switch (mark) {
        case '+':
        case '-':
        case ':':
        case '_':
            break;
        case '$':
        case '=':
            if (number < 0)
                break;
            (void)reader_take(reply, (size_t)number);
            CHECK(reader_u8(reply) == '\r' && reader_u8(reply) == '\n' && !reply->failed);
            break;
        case '*':
        case '~':
            open += (uint64_t)number;
            break;
        case '%':
            open += 2 * (uint64_t)number;
            break;
        default:
            CHECK_UNREACHABLE("a reply begins with a mark");
        }
    }
}

static void check_output(struct node *core) {
    struct reader replies = reader_of(fake_core_output(core, LINK));
    while (replies.left > 0)
        check_reply(&replies);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 3)
        return 0;
    uint8_t set_up = data[0];
    struct fake_options options = {
        .key_bytes_max = 16,
        .value_bytes_max = 64,
        .client_output_bytes_max = 1000,
        .pipeline_max = 4,
        .member_count = 3,
        .password = (set_up & 1) != 0 ? "p" : NULL,
        .siblings = (set_up & 2) != 0 ? KEYSPACE_ERROR : KEYSPACE_WINNER,
    };
    struct node *core = fake_core_create(&options);
    struct session *session = fake_core_connect(core, LINK);
    fake_core_hold(core, (set_up & 4) != 0);
    if ((set_up & 8) != 0)
        fake_core_fail(core, set_up >> 4, OPERATION_IN_DOUBT, "so it is");
    struct bytes stream = bytes_of(data + 2, size - 2);
    while (stream.size > 0 && !fake_core_is_closed(core, LINK)) {
        size_t piece = 1u + data[1] < stream.size ? 1u + data[1] : stream.size;
        session_receive(session, bytes_slice(stream, 0, piece));
        stream = bytes_slice(stream, piece, stream.size - piece);
        if (fake_core_waiting(core) > 2)
            fake_core_finish(core, fake_core_waiting(core) / 2);
        check_output(core);
        session_drained(session);
    }
    while (fake_core_waiting(core) > 0)
        fake_core_finish(core, fake_core_waiting(core) / 2);
    check_output(core);
    fake_core_destroy(core);
    return 0;
}
