/* The module: message types, and what the conversions share. */

#include <string.h>

#include "native.h"

/* ---------------------------------------------------------------- output */

#ifdef __SANITIZE_ADDRESS__
enum { HAS_SPARE_ROOM = 0 }; /* so that each byte past what was reserved is noticed */
#else
enum { HAS_SPARE_ROOM = 1 };
#endif

bool grow(Buffer *buffer, size_t extra)
{
    size_t needed = buffer->size + extra, capacity = needed;
    if (HAS_SPARE_ROOM && buffer->capacity * 2 > needed)
        capacity = buffer->capacity * 2;
    char *data = needed < extra ? NULL : PyMem_Realloc(buffer->data, capacity);
    if (!data) {
        PyErr_NoMemory();
        return false;
    }
    buffer->data = data;
    buffer->capacity = capacity;
    return true;
}

/* Return the length of the character of UTF-8 at the beginning of some bytes, which is not ASCII; 0
   if it is not valid (RFC 3629). */
static size_t character_length(const uint8_t *at, const uint8_t *end)
{
    size_t size = *at < 0xC2 ? 0 : *at < 0xE0 ? 2 : *at < 0xF0 ? 3 : *at < 0xF5 ? 4 : 0;
    if (size == 0 || (size_t)(end - at) < size)
        return 0;
    uint8_t least = *at == 0xE0 ? 0xA0 : *at == 0xF0 ? 0x90 : 0x80;
    uint8_t most = *at == 0xED ? 0x9F : *at == 0xF4 ? 0x8F : 0xBF;
    if (at[1] < least || at[1] > most)
        return 0;
    for (size_t i = 2; i < size; i++)
        if ((at[i] & 0xC0) != 0x80)
            return 0;
    return size;
}

size_t plain_length(const uint8_t *begin, const uint8_t *end)
{
    const uint8_t *at = begin;
    while (at < end) {
        if (*at < 0x80) {
            if (*at < 0x20 || *at == '"' || *at == '\\')
                break;
            at++;
        } else {
            size_t size = character_length(at, end);
            if (size == 0)
                break;
            at += size;
        }
    }
    return at - begin;
}

bool is_after(Text text, Text other)
{
    return memcmp(text.data, other.data, text.size < other.size ? text.size : other.size) > 0;
}

/* ---------------------------------------------------------------- message types */

/* Point to the contents of a bytes object. False if it is none; the exception is set. */
static bool text_of(PyObject *object, Text *text)
{
    char *data;
    Py_ssize_t size;
    if (PyBytes_AsStringAndSize(object, &data, &size) < 0)
        return false;
    *text = (Text){data, size};
    return true;
}

static void free_fields(Field *fields, size_t count)
{
    for (size_t i = 0; fields && i < count; i++)
        PyMem_Free(fields[i].values);
    PyMem_Free(fields);
}

/* Read the values of an enum: tuples of number and name. False with an exception. */
static bool read_enum_values(PyObject *values, Field *field)
{
    if (!PyTuple_Check(values)) {
        PyErr_SetString(PyExc_TypeError, "expected a tuple of enum values");
        return false;
    }
    Py_ssize_t count = PyTuple_GET_SIZE(values);
    field->values = PyMem_Calloc(count ? count : 1, sizeof *field->values);
    if (!field->values) {
        PyErr_NoMemory();
        return false;
    }
    field->value_count = count;
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *name;
        int number;
        if (!PyArg_ParseTuple(PyTuple_GET_ITEM(values, i), "iS", &number, &name) ||
            !text_of(name, &field->values[i].name))
            return false;
        field->values[i].number = number;
    }
    return true;
}

/* Read the description of a field. False with an exception. */
static bool read_field(PyObject *item, PyTypeObject *message_type, Field *field)
{
    PyObject *start, *unset, *inner;
    unsigned int number;
    int type, is_repeated, is_required, is_hidden, omits_zero;
    if (!PyTuple_Check(item)) {
        PyErr_SetString(PyExc_TypeError, "expected a tuple for a field");
        return false;
    }
    if (!PyArg_ParseTuple(item, "SIippppiSO", &start, &number, &type, &is_repeated, &is_required,
                          &is_hidden, &omits_zero, &field->oneof, &unset, &inner) ||
        !text_of(start, &field->start) || !text_of(unset, &field->unset))
        return false;
    uint32_t wire_type;
    switch (type) {
    case TYPE_MAP: case TYPE_MESSAGE: case TYPE_STRING: case TYPE_BYTES:
        wire_type = 2;
        break;
    case TYPE_DOUBLE:
        wire_type = 1;
        break;
    case TYPE_INT32: case TYPE_INT64: case TYPE_UINT32: case TYPE_UINT64: case TYPE_BOOL:
    case TYPE_ENUM:
        wire_type = 0;
        break;
    default:
        PyErr_Format(PyExc_NotImplementedError, "fields of type %d", type);
        return false;
    }
    if (omits_zero && (wire_type != 0 || type == TYPE_BOOL || type == TYPE_ENUM)) {
        PyErr_Format(PyExc_NotImplementedError, "fields of type %d without presence", type);
        return false;
    }
    if (number < 1 || number >= 1 << 29 || field->oneof >= 64) {
        PyErr_SetString(PyExc_ValueError, "a field number or the index of a oneof is too large");
        return false;
    }
    field->number = number;
    field->tag = number << 3 | wire_type;
    field->tag_size = 1;
    for (uint32_t rest = field->tag >> 7; rest; rest >>= 7)
        field->tag_size++;
    field->type = type;
    field->is_repeated = is_repeated;
    field->is_required = is_required;
    field->is_hidden = is_hidden;
    field->omits_zero = omits_zero;
    if (type == TYPE_ENUM)
        return read_enum_values(inner, field);
    if (type == TYPE_MESSAGE || type == TYPE_MAP) {
        if (!PyObject_TypeCheck(inner, message_type)) {
            PyErr_SetString(PyExc_TypeError, "expected a MessageType");
            return false;
        }
        field->message = (MessageType *)inner;
    }
    return true;
}

/* Read the fields of a type from its description, a tuple that the type keeps. */
static Result read_description(MessageType *type, PyObject *description)
{
    Py_ssize_t count = PyTuple_GET_SIZE(description);
    if (count > MAX_FIELDS) {
        PyErr_SetString(PyExc_ValueError, "a message type has too many fields");
        return FAILED;
    }
    Field *fields = PyMem_Calloc(count ? count : 1, sizeof *fields);
    if (!fields) {
        PyErr_NoMemory();
        return FAILED;
    }
    for (Py_ssize_t i = 0; i < count; i++)
        if (!read_field(PyTuple_GET_ITEM(description, i), Py_TYPE(type), &fields[i])) {
            free_fields(fields, count);
            return FAILED;
        }
    for (Py_ssize_t i = 0; i < count; i++) { /* insertion sort */
        Py_ssize_t place = i;
        for (; place > 0 && fields[type->by_number[place - 1]].number > fields[i].number; place--)
            type->by_number[place] = type->by_number[place - 1];
        type->by_number[place] = (uint8_t)i;
    }
    type->fields = fields;
    type->count = count;
    type->description = Py_NewRef(description);
    return DONE;
}

static Result call_describe(MessageType *type)
{
    PyObject *description = PyObject_CallNoArgs(type->describe);
    if (!description)
        return FAILED;
    Result result = FAILED;
    if (type->description) /* another thread was faster */
        result = DONE;
    else if (!PyTuple_Check(description))
        PyErr_SetString(PyExc_TypeError, "expected a tuple of fields");
    else
        result = read_description(type, description);
    Py_DECREF(description);
    return result;
}

Result describe(MessageType *type)
{
    return type->description ? DONE : call_describe(type);
}

static PyObject *message_type_new(PyTypeObject *cls, PyObject *args, PyObject *kwargs)
{
    PyObject *describe, *format_double;
    static char *names[] = {"describe", "format_double", NULL};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO", names, &describe, &format_double))
        return NULL;
    MessageType *self = (MessageType *)cls->tp_alloc(cls, 0);
    if (self) {
        self->describe = Py_NewRef(describe);
        self->format_double = Py_NewRef(format_double);
    }
    return (PyObject *)self;
}

static int message_type_traverse(MessageType *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->describe);
    Py_VISIT(self->format_double);
    Py_VISIT(self->description);
    return 0;
}

static int message_type_clear(MessageType *self)
{
    Py_CLEAR(self->describe);
    Py_CLEAR(self->format_double);
    free_fields(self->fields, self->count);
    self->fields = NULL;
    self->count = 0;
    Py_CLEAR(self->description);
    return 0;
}

static void message_type_dealloc(MessageType *self)
{
    PyTypeObject *cls = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    message_type_clear(self);
    cls->tp_free(self);
    Py_DECREF(cls);
}

/* Return the output as bytes, None if UNSURE, or NULL with an exception; free the buffer. */
static PyObject *finish(Result result, Buffer *out)
{
    PyObject *converted = NULL;
    if (result == DONE)
        converted = PyBytes_FromStringAndSize(out->data, out->size);
    else if (result == UNSURE)
        converted = Py_NewRef(Py_None);
    PyMem_Free(out->data);
    return converted;
}

/* Convert a message to JSON text. Return it as bytes, None if UNSURE, or NULL with an exception. */
static PyObject *convert_to_json(MessageType *self, PyObject *data, bool is_indented,
                                 bool *is_sorted)
{
    Py_buffer input;
    Buffer out = {NULL, 0, 0};
    if (PyObject_GetBuffer(data, &input, PyBUF_SIMPLE) < 0)
        return NULL;
    const uint8_t *at = input.buf;
    Result result = FAILED;
    if (reserve(&out, HAS_SPARE_ROOM ? 4 * (size_t)input.len + 64 : 1))
        result = protobuf_to_json(self, (Bytes){at, at + input.len}, is_indented, &out, is_sorted);
    PyBuffer_Release(&input);
    return finish(result, &out);
}

static PyObject *message_type_to_json(MessageType *self, PyObject *data)
{
    bool is_sorted = true;
    PyObject *text = convert_to_json(self, data, false, &is_sorted);
    return text && text != Py_None ? Py_BuildValue("NN", text, PyBool_FromLong(is_sorted)) : text;
}

static PyObject *message_type_to_indented_json(MessageType *self, PyObject *data)
{
    bool is_sorted = true;
    PyObject *text = convert_to_json(self, data, true, &is_sorted);
    if (text && !is_sorted) {
        Py_DECREF(text);
        return Py_NewRef(Py_None);
    }
    return text;
}

static PyObject *message_type_to_protobuf(MessageType *self, PyObject *text)
{
    Py_buffer input;
    Buffer out = {NULL, 0, 0};
    if (PyObject_GetBuffer(text, &input, PyBUF_SIMPLE) < 0)
        return NULL;
    Result result = FAILED;
    if (reserve(&out, HAS_SPARE_ROOM ? (size_t)input.len + 64 : 1))
        result = json_to_protobuf(self, (Text){input.buf, (size_t)input.len}, &out);
    PyBuffer_Release(&input);
    return finish(result, &out);
}

static PyMethodDef message_type_methods[] = {
    {"to_json", (PyCFunction)message_type_to_json, METH_O,
     "Convert a message in protobuf to JSON text, with whether its fields are sorted; None if the data "
     "is unusual."},
    {"to_indented_json", (PyCFunction)message_type_to_indented_json, METH_O,
     "Convert a message with sorted fields to the layout of msgspec.json.format, or return None."},
    {"to_protobuf", (PyCFunction)message_type_to_protobuf, METH_O,
     "Convert a message in JSON text to protobuf; None if the text is unusual."},
    {"digest_rows", (PyCFunction)digest_rows, METH_VARARGS,
     "Return beginnings of digests with the rows of messages, and the rows of unusual messages."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot message_type_slots[] = {
    {Py_tp_doc, "A message type: describe() returns its fields when it is first used."},
    {Py_tp_new, message_type_new},
    {Py_tp_traverse, message_type_traverse},
    {Py_tp_clear, message_type_clear},
    {Py_tp_dealloc, message_type_dealloc},
    {Py_tp_methods, message_type_methods},
    {0, NULL},
};

static PyType_Spec message_type_spec = {
    .name = "mesotape.proto.messages._native.MessageType",
    .basicsize = sizeof(MessageType),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = message_type_slots,
};

static int add_type(PyObject *module, PyType_Spec *spec)
{
    PyObject *type = PyType_FromModuleAndSpec(module, spec, NULL);
    if (!type)
        return -1;
    int result = PyModule_AddType(module, (PyTypeObject *)type);
    Py_DECREF(type);
    return result;
}

static PyMethodDef module_methods[] = {
    {"sort_numbers", sort_numbers, METH_O, "Sort an array of numbers of 64 bits."},
    {NULL, NULL, 0, NULL},
};

static int module_exec(PyObject *module)
{
    if (PyModule_AddIntConstant(module, "INTERFACE", 1) < 0) /* see proto/compiled.py */
        return -1;
    return add_type(module, &message_type_spec) < 0 ? -1 : add_type(module, &record_reader_spec);
}

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, module_exec},
    {0, NULL},
};

static PyModuleDef module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_native",
    .m_doc = "Messages between protobuf and JSON, compiled.",
    .m_size = 0,
    .m_methods = module_methods,
    .m_slots = module_slots,
};

PyMODINIT_FUNC PyInit__native(void)
{
    return PyModuleDef_Init(&module);
}
