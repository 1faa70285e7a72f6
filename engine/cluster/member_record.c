#include "engine/cluster/member_record.h"

int member_record_compare(const struct member_record *left, const struct member_record *right) {
    if (left->incarnation != right->incarnation)
        return left->incarnation < right->incarnation ? -1 : 1;
    return (left->heartbeat > right->heartbeat) - (left->heartbeat < right->heartbeat);
}

static bool record_is_valid(const struct member_record *record) {
    bool known = record->status == MEMBER_ALIVE || record->status == MEMBER_SUSPECT ||
                 record->status == MEMBER_DEAD;
    return known && record->incarnation != 0 && record->heartbeat <= MEMBER_HEARTBEAT_MAX;
}

void member_records_encode(const struct member_record *records, uint32_t count, struct buffer *to) {
    CHECK(count <= MEMBER_RECORDS_MAX);
    buffer_put_varint(to, count);
    for (uint32_t i = 0; i < count; i++) {
        CHECK(record_is_valid(&records[i]) && (i == 0 || records[i - 1].id < records[i].id));
        buffer_put_u64(to, records[i].id);
        buffer_put_varint(to, records[i].incarnation);
        buffer_put_varint(to, records[i].heartbeat);
        buffer_put_u8(to, (uint8_t)records[i].status);
    }
}

bool member_records_decode(struct bytes payload, struct member_record records[MEMBER_RECORDS_MAX],
                           uint32_t *count) {
    struct reader from = reader_of(payload);
    uint64_t announced = reader_varint(&from);
    if (from.failed || announced > MEMBER_RECORDS_MAX)
        return false;
    for (uint32_t i = 0; i < announced; i++) {
        struct member_record *record = &records[i];
        record->id = reader_u64(&from);
        record->incarnation = reader_varint(&from);
        record->heartbeat = reader_varint(&from);
        uint8_t status = reader_u8(&from);
        record->status = status <= MEMBER_DEAD ? (enum member_status)status : MEMBER_UNKNOWN;
        bool ascends = i == 0 || records[i - 1].id < record->id;
        if (from.failed || !ascends || !record_is_valid(record))
            return false;
    }
    *count = (uint32_t)announced;
    return reader_finished(&from);
}
