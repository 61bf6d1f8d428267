/* JSON text to protobuf (json_reader.py has the rules).

   The text has to be JSON of the message in the form in which it is written, in any order and with
   any white space. Unusual is what Mesos accepts besides that: unknown or repeated names, numbers in
   strings, fractions for integers, lists in lists, null in a list, two members of a oneof; and what
   it refuses. */

#include <math.h>
#include <string.h>

#include "native.h"

typedef struct {
    const char *at;
    const char *end;
    Buffer *out;
} Parser;

/* The bytes of a field in the output. */
typedef struct {
    size_t begin;
    size_t size;
} Piece;

static Result read_message(Parser *parser, MessageType *type, int nesting);

static void skip_blanks(Parser *parser)
{
    while (parser->at < parser->end && (*parser->at == ' ' || *parser->at == '\n' ||
                                        *parser->at == '\t' || *parser->at == '\r'))
        parser->at++;
}

/* Take a character if it is the next one. */
static inline bool take(Parser *parser, char expected)
{
    if (parser->at == parser->end || *parser->at != expected)
        return false;
    parser->at++;
    return true;
}

/* Take a character after white space. */
static inline bool take_mark(Parser *parser, char expected)
{
    if (take(parser, expected))
        return true;
    skip_blanks(parser);
    return take(parser, expected);
}

/* Take a word if it is next. */
static bool take_word(Parser *parser, const char *word)
{
    size_t size = strlen(word);
    if ((size_t)(parser->end - parser->at) < size || memcmp(parser->at, word, size) != 0)
        return false;
    parser->at += size;
    return true;
}

/* Take a string without escapes; its text is what stands between the quotes. */
static bool take_plain_string(Parser *parser, Text *text)
{
    if (!take(parser, '"'))
        return false;
    size_t size = plain_length((const uint8_t *)parser->at, (const uint8_t *)parser->end);
    *text = (Text){parser->at, size};
    parser->at += size;
    return take(parser, '"');
}

/* ---------------------------------------------------------------- output */

static size_t varint_size(uint64_t value)
{
    size_t size = 1;
    while (value >>= 7)
        size++;
    return size;
}

/* Write a number in base 128 into room for it. */
static char *put_varint(char *to, uint64_t value)
{
    for (; value > 0x7F; value >>= 7)
        *to++ = (char)(value | 0x80);
    *to++ = (char)value;
    return to;
}

static bool append_varint(Buffer *out, uint64_t value)
{
    if (!reserve(out, 10))
        return false;
    out->size = put_varint(out->data + out->size, value) - out->data;
    return true;
}

/* Begin a value with a length: one byte is left free for it. */
static inline bool begin_value(Buffer *out, size_t *begin)
{
    *begin = out->size;
    return append_byte(out, 0);
}

/* Write the length of the value; if it takes more than one byte, the value moves. */
static bool end_value(Buffer *out, size_t begin)
{
    size_t size = out->size - begin - 1;
    size_t length_size = varint_size(size);
    if (!reserve(out, length_size - 1))
        return false;
    char *at = out->data + begin;
    if (length_size > 1)
        memmove(at + length_size, at + 1, size);
    put_varint(at, size);
    out->size += length_size - 1;
    return true;
}

/* Put the fields of a message, which begin at `begin`, into the order of their numbers. */
static bool sort_fields(const MessageType *type, const Piece *pieces, size_t begin, Buffer *out)
{
    size_t size = out->size - begin;
    if (!reserve(out, size))
        return false;
    char *sorted = out->data + out->size, *to = sorted;
    for (size_t i = 0; i < type->count; i++) {
        const Piece *piece = &pieces[type->by_number[i]];
        if (piece->size > 0)
            memcpy(to, out->data + piece->begin, piece->size);
        to += piece->size;
    }
    memcpy(out->data + begin, sorted, size);
    return true;
}

/* ---------------------------------------------------------------- strings and numbers */

/* Read four hexadecimal digits. */
static bool take_hex(Parser *parser, uint32_t *value)
{
    if (parser->end - parser->at < 4)
        return false;
    *value = 0;
    for (int i = 0; i < 4; i++) {
        char digit = *parser->at++;
        if (digit >= '0' && digit <= '9')
            *value = *value << 4 | (uint32_t)(digit - '0');
        else if ((digit | 0x20) >= 'a' && (digit | 0x20) <= 'f')
            *value = *value << 4 | (uint32_t)((digit | 0x20) - 'a' + 10);
        else
            return false;
    }
    return true;
}

/* Read an escape after its backslash, and append what it stands for. */
static Result read_escape(Parser *parser, Buffer *out)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    if (parser->at == parser->end)
        return UNSURE;
    char name = *parser->at++;
    uint32_t code;
    if (name != 'u') {
        const char *place = name ? strchr(names, name) : NULL;
        if (!place)
            return UNSURE;
        return append_byte(out, values[place - names]) ? DONE : FAILED;
    }
    if (!take_hex(parser, &code))
        return UNSURE;
    if (code >= 0xD800 && code < 0xE000) { /* the first half of a pair, or an error */
        uint32_t second;
        if (code >= 0xDC00 || !take_word(parser, "\\u") || !take_hex(parser, &second) ||
            second < 0xDC00 || second >= 0xE000)
            return UNSURE;
        code = 0x10000 + ((code - 0xD800) << 10 | (second - 0xDC00));
    }
    char utf8[4];
    size_t size = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const uint8_t leads[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = size - 1; i > 0; i--, code >>= 6)
        utf8[i] = (char)(0x80 | (code & 0x3F));
    utf8[0] = (char)(leads[size] | code);
    return append(out, utf8, size) ? DONE : FAILED;
}

/* Read a string; append its length and its text. */
static Result read_string(Parser *parser)
{
    Buffer *out = parser->out;
    size_t begin;
    if (!take(parser, '"'))
        return UNSURE;
    if (!begin_value(out, &begin))
        return FAILED;
    while (!take(parser, '"')) {
        size_t plain = plain_length((const uint8_t *)parser->at, (const uint8_t *)parser->end);
        if (!append(out, parser->at, plain))
            return FAILED;
        parser->at += plain;
        if (take(parser, '\\')) {
            Result result = read_escape(parser, out);
            if (result != DONE)
                return result;
        } else if (plain == 0) {
            return UNSURE; /* the end of the text, a control character, or not UTF-8 */
        }
    }
    return end_value(out, begin) ? DONE : FAILED;
}

/* Return the six bits of a base64 digit, or 64. */
static uint32_t base64_bits(char digit)
{
    if (digit >= 'A' && digit <= 'Z')
        return (uint32_t)(digit - 'A');
    if (digit >= 'a' && digit <= 'z')
        return (uint32_t)(digit - 'a') + 26;
    if (digit >= '0' && digit <= '9')
        return (uint32_t)(digit - '0') + 52;
    return digit == '+' ? 62 : digit == '/' ? 63 : 64;
}

/* Read bytes in base64, with padding and without blanks; append their length and them. */
static Result read_base64(Parser *parser)
{
    Text text;
    size_t begin;
    if (!take_plain_string(parser, &text) || text.size % 4 != 0)
        return UNSURE;
    if (!begin_value(parser->out, &begin) || !reserve(parser->out, text.size / 4 * 3))
        return FAILED;
    char *to = parser->out->data + parser->out->size;
    for (const char *at = text.data, *end = text.data + text.size; at < end; at += 4) {
        bool is_last = at + 4 == end;
        int padding = is_last && at[3] == '=' ? (at[2] == '=' ? 2 : 1) : 0;
        uint32_t bits = 0;
        for (int i = 0; i < 4; i++) {
            uint32_t six = i < 4 - padding ? base64_bits(at[i]) : 0;
            if (six > 63)
                return UNSURE;
            bits = bits << 6 | six;
        }
        *to++ = (char)(bits >> 16);
        if (padding < 2)
            *to++ = (char)(bits >> 8);
        if (padding < 1)
            *to++ = (char)bits;
    }
    parser->out->size = to - parser->out->data;
    return end_value(parser->out, begin) ? DONE : FAILED;
}

/* Take an integer of at most 64 bits, in decimal and without leading zeros. */
static bool take_integer(Parser *parser, uint64_t *magnitude, bool *is_negative)
{
    *is_negative = take(parser, '-');
    const char *begin = parser->at;
    uint64_t value = 0;
    for (; parser->at < parser->end && *parser->at >= '0' && *parser->at <= '9'; parser->at++) {
        uint64_t digit = (uint64_t)(*parser->at - '0');
        if (value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *magnitude = value;
    return parser->at > begin && (*begin != '0' || parser->at == begin + 1);
}

/* Read an integer within the range of its type; append it. What follows it is checked later: a
   fraction or an exponent is neither a comma nor a bracket. */
static Result read_integer(Parser *parser, const Field *field)
{
    FieldType type = field->type;
    uint64_t magnitude;
    bool is_negative;
    if (!take_integer(parser, &magnitude, &is_negative) || (magnitude == 0 && field->omits_zero))
        return UNSURE;
    uint64_t most = type == TYPE_INT32    ? INT32_MAX
                    : type == TYPE_INT64  ? INT64_MAX
                    : type == TYPE_UINT32 ? UINT32_MAX
                                          : UINT64_MAX;
    bool is_signed = type == TYPE_INT32 || type == TYPE_INT64;
    if (magnitude > most + (is_signed && is_negative) || (is_negative && !is_signed && magnitude))
        return UNSURE;
    return append_varint(parser->out, is_negative ? 0 - magnitude : magnitude) ? DONE : FAILED;
}

/* Take the characters of a number with a fraction or an exponent, in the grammar of JSON. */
static bool take_decimal(Parser *parser)
{
    const char *at = parser->at, *end = parser->end, *digits;
    if (at < end && *at == '-')
        at++;
    for (digits = at; at < end && *at >= '0' && *at <= '9';)
        at++;
    if (at == digits || (*digits == '0' && at > digits + 1))
        return false;
    if (at < end && *at == '.') {
        for (digits = ++at; at < end && *at >= '0' && *at <= '9';)
            at++;
        if (at == digits)
            return false;
    }
    if (at < end && (*at | 0x20) == 'e') {
        at++;
        if (at < end && (*at == '+' || *at == '-'))
            at++;
        for (digits = at; at < end && *at >= '0' && *at <= '9';)
            at++;
        if (at == digits)
            return false;
    }
    parser->at = at;
    return true;
}

/* Read a double; append its eight bytes. */
static Result read_double(Parser *parser)
{
    char text[64];
    const char *begin = parser->at;
    if (!take_decimal(parser) || (size_t)(parser->at - begin) >= sizeof text)
        return UNSURE;
    size_t size = parser->at - begin;
    memcpy(text, begin, size);
    text[size] = 0;
    double value = PyOS_string_to_double(text, NULL, NULL);
    if (value == -1.0 && PyErr_Occurred())
        return FAILED;
    if (isinf(value))
        return UNSURE;
    if (value == 0 && size == 2) /* "-0" is an integer, which has no negative zero */
        value = 0;
    uint64_t bits;
    char bytes[8];
    memcpy(&bits, &value, 8);
    for (int i = 0; i < 8; i++, bits >>= 8)
        bytes[i] = (char)bits;
    return append(parser->out, bytes, 8) ? DONE : FAILED;
}

/* Read the name of an enum value; append its number. */
static Result read_enum(Parser *parser, const Field *field)
{
    Text name;
    if (!take_plain_string(parser, &name))
        return UNSURE;
    for (size_t i = 0; i < field->value_count; i++) {
        const EnumValue *each = &field->values[i]; /* its name has quotes */
        if (each->name.size == name.size + 2 && !memcmp(each->name.data + 1, name.data, name.size))
            return append_varint(parser->out, (uint64_t)(int64_t)each->number) ? DONE : FAILED;
    }
    return UNSURE;
}

/* ---------------------------------------------------------------- messages */

/* Read one value of a field; append it without its tag. */
static Result read_value(Parser *parser, const Field *field, int nesting)
{
    switch (field->type) {
    case TYPE_STRING:
        return read_string(parser);
    case TYPE_BYTES:
        return read_base64(parser);
    case TYPE_DOUBLE:
        return read_double(parser);
    case TYPE_ENUM:
        return read_enum(parser, field);
    case TYPE_BOOL:
        if (take_word(parser, "true"))
            return append_byte(parser->out, 1) ? DONE : FAILED;
        if (take_word(parser, "false"))
            return append_byte(parser->out, 0) ? DONE : FAILED;
        return UNSURE;
    case TYPE_MESSAGE: {
        size_t begin;
        if (!begin_value(parser->out, &begin))
            return FAILED;
        Result result = read_message(parser, field->message, nesting + 1);
        if (result == DONE && !end_value(parser->out, begin))
            return FAILED;
        return result;
    }
    default:
        return read_integer(parser, field);
    }
}

/* Read a list; append a tag and a value for each element. */
static Result read_list(Parser *parser, const Field *field, int nesting)
{
    if (!take(parser, '['))
        return UNSURE;
    if (take_mark(parser, ']'))
        return DONE;
    do {
        skip_blanks(parser);
        if (!append_varint(parser->out, field->tag))
            return FAILED;
        Result result = read_value(parser, field, nesting);
        if (result != DONE)
            return result;
    } while (take_mark(parser, ','));
    return take_mark(parser, ']') ? DONE : UNSURE;
}

/* Read an entry of a map; append it. The place of its key in the output is returned in `key`. */
static Result read_entry(Parser *parser, MessageType *entry, int nesting, Piece *key)
{
    Buffer *out = parser->out;
    size_t begin;
    if (!begin_value(out, &begin) || !append_varint(out, entry->fields[0].tag))
        return FAILED;
    key->begin = out->size - begin; /* from the entry on, which moves */
    Result result = read_string(parser);
    if (result != DONE)
        return result;
    key->size = out->size - begin - key->begin;
    if (!take_mark(parser, ':'))
        return UNSURE;
    skip_blanks(parser);
    if (!append_varint(out, entry->fields[1].tag))
        return FAILED;
    result = read_value(parser, &entry->fields[1], nesting);
    if (result != DONE)
        return result;
    size_t before = out->size;
    if (!end_value(out, begin))
        return FAILED;
    key->begin += begin + (out->size - before);
    return DONE;
}

/* Return the text of a key in the output, which begins with its length. */
static Text key_text(const Buffer *out, Piece key)
{
    size_t length_size = 1;
    while (out->data[key.begin + length_size - 1] & 0x80)
        length_size++;
    return (Text){out->data + key.begin + length_size, key.size - length_size};
}

/* Read a map, whose keys have to be in order; append a tag and an entry for each of them. */
static Result read_map(Parser *parser, const Field *field, int nesting)
{
    if (!take(parser, '{'))
        return UNSURE;
    if (describe(field->message) != DONE)
        return FAILED;
    if (field->message->count != 2 || nesting > MAX_NESTING)
        return UNSURE;
    if (take_mark(parser, '}'))
        return DONE;
    Piece last = {0, 0};
    do {
        Piece key;
        skip_blanks(parser);
        if (!append_varint(parser->out, field->tag))
            return FAILED;
        Result result = read_entry(parser, field->message, nesting + 1, &key);
        if (result != DONE)
            return result;
        if (last.size > 0 &&
            !is_after(key_text(parser->out, key), key_text(parser->out, last)))
            return UNSURE;
        last = key;
    } while (take_mark(parser, ','));
    return take_mark(parser, '}') ? DONE : UNSURE;
}

/* Read the value of a member; append the field with its tag, or nothing for null. */
static Result read_member(Parser *parser, const Field *field, int nesting)
{
    if (take_word(parser, "null"))
        return DONE;
    if (field->type == TYPE_MAP)
        return read_map(parser, field, nesting);
    if (field->is_repeated)
        return read_list(parser, field, nesting);
    if (!append_varint(parser->out, field->tag))
        return FAILED;
    return read_value(parser, field, nesting);
}

/* Find a field by its name: mostly it is declared shortly after the last one, at `guess`. Return
   its position, or the count of fields if there is none. */
static size_t find_field(const MessageType *type, Text name, size_t guess)
{
    for (size_t i = 0; i < type->count; i++) {
        size_t position = guess + i < type->count ? guess + i : guess + i - type->count;
        const Text *start = &type->fields[position].start; /* `"name":` */
        if (start->size == name.size + 3 && !memcmp(start->data + 1, name.data, name.size))
            return position;
    }
    return type->count;
}

/* Check that each required field is there, and at most one of each oneof. */
static bool is_complete(const MessageType *type, const Piece *pieces)
{
    uint64_t oneofs = 0;
    for (size_t i = 0; i < type->count; i++) {
        const Field *field = &type->fields[i];
        if (pieces[i].size == 0) {
            if (field->is_required)
                return false;
        } else if (field->oneof >= 0) {
            uint64_t bit = (uint64_t)1 << field->oneof;
            if (oneofs & bit)
                return false;
            oneofs |= bit;
        }
    }
    return true;
}

/* Read an object; append the fields of the message. */
static Result read_message(Parser *parser, MessageType *type, int nesting)
{
    if (nesting > MAX_NESTING || !take(parser, '{'))
        return UNSURE;
    if (describe(type) != DONE)
        return FAILED;
    size_t begin = parser->out->size, guess = 0;
    uint32_t last_number = 0;
    bool is_sorted = true;
    Piece pieces[MAX_FIELDS];
    bool is_read[MAX_FIELDS];
    memset(pieces, 0, type->count * sizeof *pieces);
    memset(is_read, 0, type->count * sizeof *is_read);
    if (!take_mark(parser, '}')) {
        do {
            Text name;
            skip_blanks(parser);
            if (!take_plain_string(parser, &name) || !take_mark(parser, ':'))
                return UNSURE;
            skip_blanks(parser);
            size_t position = find_field(type, name, guess);
            if (position == type->count || is_read[position])
                return UNSURE;
            const Field *field = &type->fields[position];
            is_read[position] = true;
            guess = position + 1;
            size_t start = parser->out->size;
            Result result = read_member(parser, field, nesting);
            if (result != DONE)
                return result;
            pieces[position] = (Piece){start, parser->out->size - start};
            is_sorted = is_sorted && field->number > last_number;
            last_number = field->number;
        } while (take_mark(parser, ','));
        if (!take_mark(parser, '}'))
            return UNSURE;
    }
    if (!is_complete(type, pieces))
        return UNSURE;
    return is_sorted || sort_fields(type, pieces, begin, parser->out) ? DONE : FAILED;
}

Result json_to_protobuf(MessageType *type, Text text, Buffer *out)
{
    Parser parser = {text.data, text.data + text.size, out};
    skip_blanks(&parser);
    Result result = read_message(&parser, type, 1);
    skip_blanks(&parser);
    return result == DONE && parser.at < parser.end ? UNSURE : result;
}
