/* The digests of many messages in JSON, which differ in one field: see exchanges/call_digests.py. */

#include <string.h>

#include "native.h"

/* ---------------------------------------------------------------- BLAKE2b (RFC 7693), without a key */

enum { BLOCK_BYTES = 128, WORDS = 16, DIGEST_BYTES = 16, ROUNDS = 12 };

static const uint64_t INITIAL[8] = {
    0x6A09E667F3BCC908, 0xBB67AE8584CAA73B, 0x3C6EF372FE94F82B, 0xA54FF53A5F1D36F1,
    0x510E527FADE682D1, 0x9B05688C2B3E6C1F, 0x1F83D9ABFB41BD6B, 0x5BE0CD19137E2179,
};

static const uint8_t ORDER[10][WORDS] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
    {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
    {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
    {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
    {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
    {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
    {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
    {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
    {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
};

static inline uint64_t rotate(uint64_t word, int bits)
{
    return word >> bits | word << (64 - bits);
}

static inline void mix(uint64_t *v, int a, int b, int c, int d, uint64_t x, uint64_t y)
{
    v[a] += v[b] + x;
    v[d] = rotate(v[d] ^ v[a], 32);
    v[c] += v[d];
    v[b] = rotate(v[b] ^ v[c], 24);
    v[a] += v[b] + y;
    v[d] = rotate(v[d] ^ v[a], 16);
    v[c] += v[d];
    v[b] = rotate(v[b] ^ v[c], 63);
}

/* Add a block, the bytes up to `total` of the message, to the state. */
static void compress(uint64_t state[8], const uint8_t *block, uint64_t total, bool is_last)
{
    uint64_t v[WORDS], m[WORDS];
    for (int i = 0; i < WORDS; i++) {
        m[i] = 0;
        for (int byte = 7; byte >= 0; byte--)
            m[i] = m[i] << 8 | block[8 * i + byte];
    }
    memcpy(v, state, 8 * sizeof *v);
    memcpy(v + 8, INITIAL, sizeof INITIAL);
    v[12] ^= total;
    if (is_last)
        v[14] = ~v[14];
    for (int round = 0; round < ROUNDS; round++) {
        const uint8_t *s = ORDER[round % 10];
        for (int i = 0; i < 4; i++)
            mix(v, i, 4 + i, 8 + i, 12 + i, m[s[2 * i]], m[s[2 * i + 1]]);
        for (int i = 0; i < 4; i++)
            mix(v, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4, m[s[8 + 2 * i]],
                m[s[9 + 2 * i]]);
    }
    for (int i = 0; i < 8; i++)
        state[i] ^= v[i] ^ v[8 + i];
}

/* Return the first four bytes of the digest of 16 bytes, the first one highest. */
static uint32_t digest_beginning(const char *data, size_t size)
{
    uint64_t state[8];
    uint8_t last[BLOCK_BYTES] = {0};
    size_t at = 0;
    memcpy(state, INITIAL, sizeof state);
    state[0] ^= 0x01010000 ^ DIGEST_BYTES;
    for (; size - at > BLOCK_BYTES; at += BLOCK_BYTES)
        compress(state, (const uint8_t *)data + at, at + BLOCK_BYTES, false);
    if (size > at)
        memcpy(last, data + at, size - at);
    compress(state, last, size, true);
    uint32_t beginning = 0;
    for (int i = 0; i < 4; i++)
        beginning = beginning << 8 | (uint8_t)(state[0] >> 8 * i);
    return beginning;
}

/* ---------------------------------------------------------------- messages */

/* What the messages have in common: all but one field of some tag, which some may lack. */
typedef struct {
    Text bare;
    Text tag;
    int may_be_bare;
} Common;

static bool has_only_one_more_field(Text message, const Common *common)
{
    Text bare = common->bare, tag = common->tag;
    if (message.size < bare.size || memcmp(message.data, bare.data, bare.size) != 0)
        return false;
    const char *at = message.data + bare.size, *end = message.data + message.size;
    if (at == end)
        return common->may_be_bare;
    if ((size_t)(end - at) <= tag.size || memcmp(at, tag.data, tag.size) != 0)
        return false;
    at += tag.size;
    uint64_t size = 0;
    for (int bits = 0; at < end && bits < 63; bits += 7) {
        size |= (uint64_t)(*at & 0x7F) << bits;
        if (!(*at++ & 0x80))
            return size == (uint64_t)(end - at);
    }
    return false;
}

/* Append the digest and the row of a message to `known`, or its row to `others`. */
static bool append_row(MessageType *type, Text text, const Common *common, uint32_t row,
                       Buffer *message, Buffer *known, Buffer *others)
{
    message->size = 0;
    Result result = json_to_protobuf(type, text, message);
    if (result == FAILED)
        return false;
    Text converted = {message->data, message->size};
    if (result == UNSURE || !has_only_one_more_field(converted, common))
        return append(others, &row, sizeof row);
    uint64_t number = (uint64_t)digest_beginning(converted.data, converted.size) << 32 | row;
    return append(known, &number, sizeof number);
}

PyObject *digest_rows(MessageType *self, PyObject *args)
{
    Py_buffer block, starts, sizes, rows;
    Common common;
    Py_ssize_t bare_size, tag_size;
    unsigned long long begin;
    if (!PyArg_ParseTuple(args, "y*Ky*y*y*y#y#p", &block, &begin, &starts, &sizes, &rows,
                          &common.bare.data, &bare_size, &common.tag.data, &tag_size,
                          &common.may_be_bare))
        return NULL;
    common.bare.size = (size_t)bare_size;
    common.tag.size = (size_t)tag_size;
    Buffer message = {0}, known = {0}, others = {0};
    const uint32_t *row = rows.buf, *end = row + rows.len / (Py_ssize_t)sizeof *row;
    bool is_complete = reserve(&message, 1);
    for (; is_complete && row < end; row++) {
        if (*row >= (size_t)starts.len / sizeof(uint64_t) || *row >= (size_t)sizes.len / sizeof *row)
            break;
        uint64_t start = ((const uint64_t *)starts.buf)[*row] - begin;
        uint64_t size = ((const uint32_t *)sizes.buf)[*row];
        if (start > (uint64_t)block.len || size > (uint64_t)block.len - start)
            break; /* It is in another block. */
        Text text = {(const char *)block.buf + start, (size_t)size};
        is_complete = append_row(self, text, &common, *row, &message, &known, &others);
    }
    PyObject *digests = NULL;
    if (is_complete)
        digests = Py_BuildValue("y#y#", known.data ? known.data : "", (Py_ssize_t)known.size,
                                others.data ? others.data : "", (Py_ssize_t)others.size);
    PyMem_Free(message.data);
    PyMem_Free(known.data);
    PyMem_Free(others.data);
    PyBuffer_Release(&block);
    PyBuffer_Release(&starts);
    PyBuffer_Release(&sizes);
    PyBuffer_Release(&rows);
    return digests;
}

/* ---------------------------------------------------------------- sorting */

static int compare_numbers(const void *one, const void *other)
{
    uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)other;
    return (a > b) - (a < b);
}

PyObject *sort_numbers(PyObject *module, PyObject *numbers)
{
    (void)module;
    Py_buffer buffer;
    if (PyObject_GetBuffer(numbers, &buffer, PyBUF_WRITABLE) < 0)
        return NULL;
    qsort(buffer.buf, (size_t)buffer.len / sizeof(uint64_t), sizeof(uint64_t), compare_numbers);
    PyBuffer_Release(&buffer);
    Py_RETURN_NONE;
}
