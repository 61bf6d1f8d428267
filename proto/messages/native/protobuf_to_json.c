/* Protobuf to JSON text, as Mesos writes it (json_writer.py has the rules).

   The input has to be what protobuf itself would write: known fields, each singular one once, numbers
   in as few bytes as possible, valid UTF-8, maps by key, and all required fields. The fields may be in
   any order, as agents write them; only if they are sorted by number does the text restore the bytes. */

#include <float.h>
#include <math.h>
#include <string.h>

#include "native.h"

typedef struct {
    Buffer *out;
    PyObject *format_double;
    bool is_indented;
    bool is_sorted; /* all fields so far were in the order of their numbers */
    int level;      /* objects and lists around */
} Writer;

enum { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_LENGTH = 2 };

static Result write_message(Writer *writer, MessageType *type, Bytes data, int nesting);

/* Read a number in base 128. False if it is cut off, over 64 bits, or longer than necessary. */
static inline bool read_varint(Bytes *data, uint64_t *value)
{
    uint64_t result = 0;
    for (unsigned shift = 0; shift < 64 && data->at < data->end; shift += 7) {
        uint8_t byte = *data->at++;
        if (shift == 63 && byte > 1)
            return false;
        result |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80) {
            *value = result;
            return byte != 0 || shift == 0;
        }
    }
    return false;
}

/* Read a length and that many bytes. False if there are fewer. */
static inline bool read_bytes(Bytes *data, Bytes *value)
{
    uint64_t size;
    if (!read_varint(data, &size) || size > (uint64_t)(data->end - data->at))
        return false;
    *value = (Bytes){data->at, data->at + size};
    data->at += size;
    return true;
}

/* Pass over a value of a wire type. */
static inline bool skip_value(Bytes *data, uint32_t wire_type)
{
    uint64_t number;
    Bytes bytes;
    switch (wire_type) {
    case WIRE_VARINT:
        return read_varint(data, &number);
    case WIRE_FIXED64:
        if (data->end - data->at < 8)
            return false;
        data->at += 8;
        return true;
    default:
        return read_bytes(data, &bytes);
    }
}

/* Find the bytes of each field, from its first tag to the end of its last value, with other fields
   between them if they are not sorted: `spans` is in the order of declaration, and `at` is NULL if a
   field is not set. False if the message is unusual. */
static bool find_fields(Writer *writer, const MessageType *type, Bytes data, Bytes *spans)
{
    memset(spans, 0, type->count * sizeof *spans);
    size_t next = 0;
    uint64_t last_tag = 0;
    while (data.at < data.end) {
        const uint8_t *begin = data.at;
        uint64_t tag;
        if (!read_varint(&data, &tag))
            return false;
        if (tag < last_tag) {
            writer->is_sorted = false;
            next = 0;
        }
        last_tag = tag;
        while (next < type->count && type->fields[type->by_number[next]].tag < tag)
            next++;
        if (next == type->count)
            return false;
        const Field *field = &type->fields[type->by_number[next]];
        Bytes *span = &spans[type->by_number[next]];
        if (field->tag != tag || (span->at && !field->is_repeated))
            return false;
        if (!skip_value(&data, tag & 7))
            return false;
        if (!span->at)
            span->at = begin;
        span->end = data.at;
    }
    for (size_t i = 0; i < type->count; i++)
        if (type->fields[i].is_required && !spans[i].at)
            return false;
    return true;
}

/* Write a string with quotes and escapes. */
static Result write_string(Bytes text, Buffer *out)
{
    static const char digits[] = "0123456789ABCDEF";
    if (!append_byte(out, '"'))
        return FAILED;
    for (;;) {
        size_t plain = plain_length(text.at, text.end);
        if (!append(out, text.at, plain))
            return FAILED;
        text.at += plain;
        if (text.at == text.end)
            return append_byte(out, '"') ? DONE : FAILED;
        uint8_t byte = *text.at++;
        char escape[6] = {'\\', 0, '0', '0', 0, 0};
        size_t size = 2;
        switch (byte) {
        case '"': escape[1] = '"'; break;
        case '\\': escape[1] = '\\'; break;
        case '\b': escape[1] = 'b'; break;
        case '\f': escape[1] = 'f'; break;
        case '\n': escape[1] = 'n'; break;
        case '\r': escape[1] = 'r'; break;
        case '\t': escape[1] = 't'; break;
        default:
            if (byte >= 0x20)
                return UNSURE; /* not UTF-8 */
            escape[1] = 'u';
            escape[4] = digits[byte >> 4];
            escape[5] = digits[byte & 15];
            size = 6;
        }
        if (!append(out, escape, size))
            return FAILED;
    }
}

/* Write bytes in base64, with quotes. */
static Result write_base64(Bytes data, Buffer *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t size = data.end - data.at;
    if (!reserve(out, (size + 2) / 3 * 4 + 2))
        return FAILED;
    char *to = out->data + out->size;
    *to++ = '"';
    for (; size >= 3; size -= 3, data.at += 3) {
        uint32_t bits = (uint32_t)data.at[0] << 16 | data.at[1] << 8 | data.at[2];
        *to++ = digits[bits >> 18];
        *to++ = digits[bits >> 12 & 63];
        *to++ = digits[bits >> 6 & 63];
        *to++ = digits[bits & 63];
    }
    if (size > 0) {
        uint32_t bits = (uint32_t)data.at[0] << 16 | (size == 2 ? data.at[1] << 8 : 0);
        *to++ = digits[bits >> 18];
        *to++ = digits[bits >> 12 & 63];
        *to++ = size == 2 ? digits[bits >> 6 & 63] : '=';
        *to++ = '=';
    }
    *to++ = '"';
    out->size = to - out->data;
    return DONE;
}

/* Write an integer in decimal. */
static Result write_integer(uint64_t magnitude, bool is_negative, Buffer *out)
{
    char digits[21], *at = digits + sizeof digits;
    do
        *--at = (char)('0' + magnitude % 10);
    while (magnitude /= 10);
    if (is_negative)
        *--at = '-';
    return append(out, at, digits + sizeof digits - at) ? DONE : FAILED;
}

static Result write_signed(int64_t value, Buffer *out)
{
    return write_integer(value < 0 ? 0 - (uint64_t)value : (uint64_t)value, value < 0, out);
}

/* Write a double that is laid out in another way than by repr(). */
static Result write_unusual_double(double value, PyObject *format_double, Buffer *out)
{
    PyObject *text = PyObject_CallFunction(format_double, "d", value);
    if (!text)
        return FAILED;
    Py_ssize_t size;
    const char *data = PyUnicode_AsUTF8AndSize(text, &size);
    Result result = data && append(out, data, size) ? DONE : FAILED;
    Py_DECREF(text);
    return result;
}

/* Write a number of millionths as a decimal with one to six digits after its point. */
static Result write_millionths(uint64_t millionths, bool is_negative, Buffer *out)
{
    char text[24], *at = text + sizeof text;
    uint64_t whole = millionths / 1000000, fraction = millionths % 1000000;
    int digits = 6;
    for (; digits > 1 && fraction % 10 == 0; digits--)
        fraction /= 10;
    for (; digits > 0; digits--, fraction /= 10)
        *--at = (char)('0' + fraction % 10);
    *--at = '.';
    do
        *--at = (char)('0' + whole % 10);
    while (whole /= 10);
    if (is_negative)
        *--at = '-';
    return append(out, at, text + sizeof text - at) ? DONE : FAILED;
}

/* Write a double with the shortest digits that read back as the same value.

   Nearly all doubles of a cluster have at most six decimals: resources, and times in microseconds.
   Below 2 to the power of 31, where doubles are closer together than millionths, only one number of
   millionths can read back as the value, so this is the text of repr(), in a tenth of its 0.4 µs. */
static Result write_double(double value, PyObject *format_double, Buffer *out)
{
    double magnitude = fabs(value);
    if (FLT_EVAL_METHOD == 0 && magnitude < 0x1p31 && (magnitude >= 1e-4 || magnitude == 0)) {
        uint64_t millionths = (uint64_t)(magnitude * 1e6 + 0.5);
        if ((double)millionths / 1e6 == magnitude)
            return write_millionths(millionths, signbit(value), out);
    }
    if (isnan(value))
        return UNSURE; /* its text is not JSON */
    if (magnitude < 1e-4 || magnitude >= 1e16)
        return write_unusual_double(value, format_double, out);
    char *text = PyOS_double_to_string(value, 'r', 0, Py_DTSF_ADD_DOT_0, NULL);
    if (!text)
        return FAILED;
    Result result = append(out, text, strlen(text)) ? DONE : FAILED;
    PyMem_Free(text);
    return result;
}

/* Write the name of an enum value. */
static Result write_enum(const Field *field, uint64_t value, Buffer *out)
{
    for (size_t i = 0; i < field->value_count; i++) {
        const EnumValue *each = &field->values[i];
        if ((uint64_t)(int64_t)each->number == value)
            return append(out, each->name.data, each->name.size) ? DONE : FAILED;
    }
    return UNSURE;
}

/* Write a value of a type that is a varint in protobuf. */
static Result write_number(const Field *field, uint64_t value, Buffer *out)
{
    if (value == 0 && field->omits_zero)
        return UNSURE;
    switch (field->type) {
    case TYPE_BOOL:
        if (value > 1)
            return UNSURE;
        return append(out, value ? "true" : "false", value ? 4 : 5) ? DONE : FAILED;
    case TYPE_ENUM:
        return write_enum(field, value, out);
    case TYPE_UINT64:
        return write_integer(value, false, out);
    case TYPE_UINT32:
        return value > UINT32_MAX ? UNSURE : write_integer(value, false, out);
    case TYPE_INT32:
        if (value != (uint64_t)(int64_t)(int32_t)value)
            return UNSURE;
        return write_signed((int64_t)value, out);
    default:
        return write_signed((int64_t)value, out);
    }
}

/* ---------------------------------------------------------------- layout */

/* Begin a new line if the text is indented, by two blanks for each level. */
static bool begin_line(Writer *writer)
{
    size_t size = 1 + 2 * (size_t)writer->level;
    if (!writer->is_indented)
        return true;
    if (!reserve(writer->out, size))
        return false;
    char *at = writer->out->data + writer->out->size;
    *at = '\n';
    memset(at + 1, ' ', size - 1);
    writer->out->size += size;
    return true;
}

/* Begin an object or a list. */
static bool open_value(Writer *writer, char bracket)
{
    writer->level++;
    return append_byte(writer->out, bracket);
}

/* Begin a member of an object or an element of a list. */
static bool begin_item(Writer *writer, bool is_first)
{
    return (is_first || append_byte(writer->out, ',')) && begin_line(writer);
}

/* End an object or a list. */
static bool close_value(Writer *writer, char bracket, bool is_empty)
{
    writer->level--;
    return (is_empty || begin_line(writer)) && append_byte(writer->out, bracket);
}

/* Write what separates a name from its value. */
static bool write_colon(Writer *writer)
{
    return append(writer->out, ": ", writer->is_indented ? 2 : 1);
}

/* ---------------------------------------------------------------- messages */

/* Write one value of a field; `data` is moved behind it. */
static Result write_value(Writer *writer, const Field *field, Bytes *data, int nesting)
{
    uint64_t number;
    Bytes bytes;
    if (field->type == TYPE_DOUBLE) {
        double value;
        if (data->end - data->at < 8)
            return UNSURE;
        number = 0;
        for (int i = 7; i >= 0; i--)
            number = number << 8 | data->at[i];
        memcpy(&value, &number, 8);
        data->at += 8;
        return write_double(value, writer->format_double, writer->out);
    }
    if ((field->tag & 7) == WIRE_VARINT)
        return read_varint(data, &number) ? write_number(field, number, writer->out) : UNSURE;
    if (!read_bytes(data, &bytes))
        return UNSURE;
    switch (field->type) {
    case TYPE_STRING:
        return write_string(bytes, writer->out);
    case TYPE_BYTES:
        return write_base64(bytes, writer->out);
    default:
        return write_message(writer, field->message, bytes, nesting + 1);
    }
}

/* Write an entry of a map: `"key":value`. Its key has to come after `last`, and becomes that. */
static Result write_entry(Writer *writer, MessageType *entry, Bytes data, Text *last, int nesting)
{
    if (describe(entry) != DONE)
        return FAILED;
    Bytes spans[MAX_FIELDS], key;
    if (entry->count != 2 || !find_fields(writer, entry, data, spans) || !spans[0].at || !spans[1].at)
        return UNSURE;
    spans[0].at += entry->fields[0].tag_size;
    spans[1].at += entry->fields[1].tag_size;
    if (!read_bytes(&spans[0], &key))
        return UNSURE;
    Text text = {(const char *)key.at, (size_t)(key.end - key.at)};
    if (last->data && !is_after(text, *last))
        return UNSURE;
    *last = text;
    Result result = write_string(key, writer->out);
    if (result != DONE)
        return result;
    if (!write_colon(writer))
        return FAILED;
    return write_value(writer, &entry->fields[1], &spans[1], nesting);
}

/* Write the values of a list or the entries of a map; other fields may be between them. */
static Result write_values(Writer *writer, const Field *field, Bytes data, int nesting)
{
    bool is_map = field->type == TYPE_MAP, is_first = true;
    Text last_key = {NULL, 0};
    Result result = DONE;
    if (!open_value(writer, is_map ? '{' : '['))
        return FAILED;
    while (data.at < data.end && result == DONE) {
        uint64_t tag;
        Bytes entry;
        if (!read_varint(&data, &tag))
            return UNSURE;
        if (tag != field->tag) {
            result = skip_value(&data, tag & 7) ? DONE : UNSURE;
            continue;
        }
        if (!begin_item(writer, is_first))
            return FAILED;
        is_first = false;
        if (!is_map)
            result = write_value(writer, field, &data, nesting);
        else if (read_bytes(&data, &entry))
            result = write_entry(writer, field->message, entry, &last_key, nesting + 1);
        else
            result = UNSURE;
    }
    if (result == DONE && !close_value(writer, is_map ? '}' : ']', false))
        return FAILED;
    return result;
}

/* Write a member of an object: a field that is set, or the text of one that is not. */
static Result write_member(Writer *writer, const Field *field, Bytes data, int nesting)
{
    if (!append(writer->out, field->start.data, field->start.size - 1) || !write_colon(writer))
        return FAILED;
    if (!data.at) {
        const Text unset = field->unset; /* it begins like `start` */
        size_t size = unset.size - field->start.size;
        return append(writer->out, unset.data + field->start.size, size) ? DONE : FAILED;
    }
    if (field->is_repeated)
        return write_values(writer, field, data, nesting);
    data.at += field->tag_size;
    return write_value(writer, field, &data, nesting);
}

static Result write_message(Writer *writer, MessageType *type, Bytes data, int nesting)
{
    Bytes spans[MAX_FIELDS];
    if (nesting > MAX_NESTING)
        return UNSURE;
    if (describe(type) != DONE)
        return FAILED;
    if (!find_fields(writer, type, data, spans))
        return UNSURE;
    if (!open_value(writer, '{'))
        return FAILED;
    bool is_empty = true;
    for (size_t i = 0; i < type->count; i++) {
        const Field *field = &type->fields[i];
        if (spans[i].at ? field->is_hidden : !field->unset.size)
            continue;
        if (!begin_item(writer, is_empty))
            return FAILED;
        Result result = write_member(writer, field, spans[i], nesting);
        if (result != DONE)
            return result;
        is_empty = false;
    }
    return close_value(writer, '}', is_empty) ? DONE : FAILED;
}

Result protobuf_to_json(MessageType *type, Bytes data, bool is_indented, Buffer *out,
                        bool *is_sorted)
{
    Writer writer = {out, type->format_double, is_indented, true, 0};
    Result result = write_message(&writer, type, data, 1);
    *is_sorted = writer.is_sorted;
    return result;
}
