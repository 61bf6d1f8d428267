/* What the files of the module share: message types, a buffer for the output, UTF-8.

   The module converts messages between protobuf and the JSON of Mesos, from bytes to bytes. The
   reference is the Python code (json_writer.py, json_reader.py). Here only the usual input is
   converted: protobuf as servers write it, JSON as they write it or with other white space and
   order. For anything else the result is UNSURE, and the Python code decides. So there is one place
   that knows every exception, and this code has none. */

#ifndef MESOTAPE_NATIVE_H
#define MESOTAPE_NATIVE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdbool.h>
#include <stdint.h>

/* Fields of a message type, and levels of nesting: more is UNSURE. One level takes 2 KB of stack. */
#define MAX_FIELDS 128
#define MAX_NESTING 32

typedef enum {
    DONE,   /* the output is complete */
    UNSURE, /* the input is unusual: use the Python code */
    FAILED, /* a Python exception is set */
} Result;

/* Bytes that something else keeps alive. */
typedef struct {
    const char *data;
    size_t size;
} Text;

/* Bytes that are being read, up to `end`. */
typedef struct {
    const uint8_t *at;
    const uint8_t *end;
} Bytes;

/* ---------------------------------------------------------------- message types (module.c) */

/* The types of fields: numbers of FieldDescriptor.Type in descriptor.proto, and a map. */
typedef enum {
    TYPE_MAP = 0,
    TYPE_DOUBLE = 1,
    TYPE_INT64 = 3,
    TYPE_UINT64 = 4,
    TYPE_INT32 = 5,
    TYPE_BOOL = 8,
    TYPE_STRING = 9,
    TYPE_MESSAGE = 11,
    TYPE_BYTES = 12,
    TYPE_UINT32 = 13,
    TYPE_ENUM = 14,
} FieldType;

typedef struct {
    int32_t number;
    Text name; /* with quotes */
} EnumValue;

typedef struct MessageType MessageType;

typedef struct {
    Text start; /* `"name":` */
    Text unset; /* what is written if the field is not set: nothing, or a whole member */
    uint32_t number;
    uint32_t tag; /* number and wire type */
    uint8_t tag_size; /* as a varint */
    FieldType type;
    bool is_repeated; /* also a map */
    bool is_required;
    bool is_hidden;       /* never written to JSON */
    bool omits_zero;      /* of proto3: zero is not written to protobuf, and unusual here */
    int oneof;            /* the index of its oneof in the message, or -1 */
    MessageType *message; /* of a message; of a map the entry: the key, then the value */
    EnumValue *values;    /* of an enum */
    size_t value_count;
} Field;

struct MessageType {
    PyObject_HEAD
    PyObject *describe;      /* is called when the type is first used, returns the description */
    PyObject *format_double; /* formats a double that is very small or large */
    PyObject *description;   /* NULL until then */
    Field *fields;           /* in the order of declaration */
    size_t count;
    uint8_t by_number[MAX_FIELDS]; /* the positions of the fields, in the order of their numbers */
};

/* Make sure that the fields of a type are known: DONE, or FAILED. */
Result describe(MessageType *type);

/* ---------------------------------------------------------------- output (module.c) */

typedef struct {
    char *data;
    size_t size;
    size_t capacity;
} Buffer;

/* Make room for that many more bytes. Return false without memory; the exception is set. */
bool grow(Buffer *buffer, size_t extra);

static inline bool reserve(Buffer *buffer, size_t extra)
{
    return extra <= buffer->capacity - buffer->size || grow(buffer, extra);
}

static inline bool append(Buffer *buffer, const void *data, size_t size)
{
    if (!reserve(buffer, size))
        return false;
    memcpy(buffer->data + buffer->size, data, size);
    buffer->size += size;
    return true;
}

static inline bool append_byte(Buffer *buffer, char byte)
{
    if (!reserve(buffer, 1))
        return false;
    buffer->data[buffer->size++] = byte;
    return true;
}

/* Return the length of the plain text at the beginning: valid UTF-8 without `"`, `\` and bytes
   below 0x20. */
size_t plain_length(const uint8_t *at, const uint8_t *end);

/* Return whether a key of a map comes after another one. If one begins with the other, it does not:
   protobuf writes the longer one first, JSON the shorter one. */
bool is_after(Text text, Text other);

/* ---------------------------------------------------------------- conversions */

/* Append the JSON of a message in protobuf, compact or indented by two blanks. The text restores the
   bytes if the fields were sorted by their numbers. */
Result protobuf_to_json(MessageType *type, Bytes data, bool is_indented, Buffer *out,
                        bool *is_sorted);

/* Append the protobuf of a message in JSON, fields by number and maps by key. */
Result json_to_protobuf(MessageType *type, Text text, Buffer *out);

/* ---------------------------------------------------------------- functions (message_digests.c) */

PyObject *digest_rows(MessageType *self, PyObject *args);
PyObject *sort_numbers(PyObject *module, PyObject *numbers);

/* ---------------------------------------------------------------- records (plain_records.c) */

extern PyType_Spec record_reader_spec;

#endif
