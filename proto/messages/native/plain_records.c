/* Runs of plain records: messages as the conversions of this module take them, each after its length.

   Whether a record is plain, the conversion to the other encoding decides; its output is dropped. Then
   the type of the message and the few values that summarize it (summary_fields.py) are searched for in
   its JSON, which is known to be valid. A run ends before the first record that is unusual in any way:
   the Python code reads that one (valid_runs.py), and the next run begins after it. */

#include <string.h>

#include "native.h"

#define MAX_LENGTH_DIGITS 10
#define MAX_VALUES 64
#define MAX_SHOWN 5

/* A member of an object that has a value, or an object with such members. */
typedef struct {
    Text name;
    int node;  /* the index of the members of the object, or -1 for a value */
    int value; /* the index of the value */
} Member;

typedef struct {
    Member *members;
    size_t count;
} Node;

/* The label of a value; of several values with one label, the first one that is there is shown. */
typedef struct {
    Text text;
    int rank;     /* those with a rank are shown last, in its order */
    bool is_list; /* the value is the number of elements */
} Label;

typedef struct {
    PyObject *name;
    Text key;              /* the name */
    Text body;             /* the field of the type, or nothing */
    PyObject *description; /* NULL until its values are asked for */
    Node *nodes;
    size_t node_count;
    Label *labels;
    size_t label_count;
} RecordType;

typedef struct {
    PyObject_HEAD
    MessageType *message;
    PyObject *describe; /* returns the description of a type */
    PyObject *names;    /* the types: tuples of name, name in bytes, and body in bytes */
    RecordType *types;
    size_t count;
    size_t guess; /* the type of the last record */
    bool is_json;
} RecordReader;

/* A value that was found: a text, or a number of elements. */
typedef struct {
    Text text;
    size_t elements;
} Value;

/* ---------------------------------------------------------------- valid JSON */

static inline char next_mark(Text *json)
{
    while (json->size > 0 && (*json->data == ' ' || *json->data == '\n' || *json->data == '\t' ||
                              *json->data == '\r')) {
        json->data++;
        json->size--;
    }
    return json->size > 0 ? *json->data : 0;
}

static inline bool take_mark(Text *json, char expected)
{
    if (next_mark(json) != expected)
        return false;
    json->data++;
    json->size--;
    return true;
}

/* Take a string; `text` is what is between its quotes. */
static inline bool take_string(Text *json, Text *text)
{
    if (!take_mark(json, '"'))
        return false;
    const char *at = json->data, *end = json->data + json->size;
    while (at < end && *at != '"')
        at += *at == '\\' ? 2 : 1;
    if (at >= end)
        return false;
    *text = (Text){json->data, (size_t)(at - json->data)};
    *json = (Text){at + 1, (size_t)(end - at - 1)};
    return true;
}

/* Pass over a value, up to the comma or bracket after it. */
static bool skip_value(Text *json)
{
    Text text;
    for (size_t level = 0; json->size > 0;) {
        char mark = *json->data;
        if (mark == '"') {
            if (!take_string(json, &text))
                return false;
            continue;
        }
        if (mark == '{' || mark == '[') {
            level++;
        } else if (mark == '}' || mark == ']') {
            if (level-- == 0)
                return true;
        } else if (mark == ',' && level == 0) {
            return true;
        }
        json->data++;
        json->size--;
    }
    return false;
}

/* Count the elements of a list, and pass over it. */
static bool count_elements(Text *json, size_t *count)
{
    *count = 0;
    if (!take_mark(json, '['))
        return false;
    if (take_mark(json, ']'))
        return true;
    do {
        ++*count;
        if (!skip_value(json))
            return false;
    } while (take_mark(json, ','));
    return take_mark(json, ']');
}

static inline bool is_same(Text text, Text other)
{
    return text.size == other.size && memcmp(text.data, other.data, text.size) == 0;
}

/* Find a member of an object by its name; `json` is moved to its value. */
static bool find_member(Text *json, Text wanted)
{
    Text name;
    if (!take_mark(json, '{'))
        return false;
    do {
        if (!take_string(json, &name) || !take_mark(json, ':'))
            return false;
        if (is_same(name, wanted))
            return next_mark(json) != 'n'; /* null */
        if (!skip_value(json))
            return false;
    } while (take_mark(json, ','));
    return false;
}

/* ---------------------------------------------------------------- summaries */

static const Member *member_of(const Node *node, Text name)
{
    for (size_t i = 0; i < node->count; i++)
        if (is_same(node->members[i].name, name))
            return &node->members[i];
    return NULL;
}

/* Find the values in an object. False if they are not as expected. */
static bool find_values(const RecordType *type, const Node *node, Text *json, Value *values)
{
    Text name;
    if (!take_mark(json, '{'))
        return false;
    if (take_mark(json, '}'))
        return true;
    do {
        if (!take_string(json, &name) || !take_mark(json, ':'))
            return false;
        const Member *member = member_of(node, name);
        bool is_taken;
        if (!member || next_mark(json) == 'n')
            is_taken = skip_value(json);
        else if (member->node >= 0)
            is_taken = find_values(type, &type->nodes[member->node], json, values);
        else if (type->labels[member->value].is_list)
            is_taken = count_elements(json, &values[member->value].elements);
        else
            is_taken = take_string(json, &values[member->value].text);
        if (!is_taken)
            return false;
    } while (take_mark(json, ','));
    return take_mark(json, '}');
}

/* Append a text if all of it can be shown as it is: printable ASCII, without escapes of JSON. */
static Result append_shown(Text text, Buffer *out)
{
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] < 0x20 || text.data[i] > 0x7E || text.data[i] == '\\')
            return UNSURE;
    return append(out, text.data, text.size) ? DONE : FAILED;
}

static Result append_value(const Label *label, const Value *value, Buffer *out)
{
    char digits[24];
    if ((out->size > 0 && !append_byte(out, ' ')) || !append(out, label->text.data, label->text.size) ||
        !append_byte(out, '='))
        return FAILED;
    if (!label->is_list)
        return append_shown(value->text, out);
    int size = PyOS_snprintf(digits, sizeof digits, "%zu", value->elements);
    return append(out, digits, (size_t)size) ? DONE : FAILED;
}

/* Write the values of a message as `label=value`, as collect_summary_fields() selects them. */
static Result summarize(const RecordType *type, Text json, Buffer *out)
{
    Value values[MAX_VALUES];
    size_t shown[MAX_SHOWN], count = 0;
    out->size = 0;
    if (type->node_count == 0)
        return DONE;
    memset(values, 0, type->label_count * sizeof *values);
    if (!find_values(type, type->nodes, &json, values))
        return UNSURE;
    for (size_t i = 0; i < type->label_count && count < MAX_SHOWN; i++) {
        bool is_there = values[i].text.size > 0 || values[i].elements > 0;
        for (size_t j = 0; j < count && is_there; j++)
            is_there = !is_same(type->labels[shown[j]].text, type->labels[i].text);
        if (is_there)
            shown[count++] = i;
    }
    size_t left = count;
    for (int rank = 0; left > 0; rank++)
        for (size_t j = 0; j < count; j++) {
            const Label *label = &type->labels[shown[j]];
            if (label->rank != rank)
                continue;
            left--;
            Result result = append_value(label, &values[shown[j]], out);
            if (result != DONE)
                return result;
        }
    return DONE;
}

/* ---------------------------------------------------------------- descriptions of types */

static bool read_text(PyObject *object, Text *text)
{
    char *data;
    Py_ssize_t size;
    if (PyBytes_AsStringAndSize(object, &data, &size) < 0)
        return false;
    *text = (Text){data, (size_t)size};
    return true;
}

/* Whether an object is a tuple. If not, an exception is set. */
static bool is_tuple(PyObject *object)
{
    if (PyTuple_Check(object))
        return true;
    PyErr_Format(PyExc_TypeError, "expected a tuple, found %s", Py_TYPE(object)->tp_name);
    return false;
}

static void forget_values(RecordType *type)
{
    for (size_t i = 0; type->nodes && i < type->node_count; i++)
        PyMem_Free(type->nodes[i].members);
    PyMem_Free(type->nodes);
    PyMem_Free(type->labels);
    type->nodes = NULL;
    type->labels = NULL;
    type->node_count = type->label_count = 0;
    Py_CLEAR(type->description);
}

static bool read_members(PyObject *items, RecordType *type, size_t index)
{
    Node *node = &type->nodes[index];
    size_t count = (size_t)PyTuple_GET_SIZE(items);
    node->members = PyMem_Calloc(count + 1, sizeof *node->members);
    if (!node->members) {
        PyErr_NoMemory();
        return false;
    }
    for (; node->count < count; node->count++) {
        Member *member = &node->members[node->count];
        PyObject *name, *item = PyTuple_GET_ITEM(items, node->count);
        if (!is_tuple(item) ||
            !PyArg_ParseTuple(item, "Sii", &name, &member->node, &member->value) ||
            !read_text(name, &member->name))
            return false;
        bool is_value = member->node < 0;
        size_t place = (size_t)(is_value ? member->value : member->node);
        /* An object comes after the one that it is in, so that there are no circles. */
        if (is_value ? member->value < 0 || place >= type->label_count
                     : place >= type->node_count || place <= index) {
            PyErr_SetString(PyExc_ValueError, "there is no such value or object");
            return false;
        }
    }
    return true;
}

/* Read a description: the members of each object, and the labels of the values. */
static bool read_values(PyObject *description, RecordType *type)
{
    PyObject *nodes, *labels;
    if (!PyArg_ParseTuple(description, "O!O!", &PyTuple_Type, &nodes, &PyTuple_Type, &labels))
        return false;
    size_t node_count = (size_t)PyTuple_GET_SIZE(nodes);
    size_t label_count = (size_t)PyTuple_GET_SIZE(labels);
    if (label_count > MAX_VALUES) {
        PyErr_SetString(PyExc_ValueError, "too many values");
        return false;
    }
    type->nodes = PyMem_Calloc(node_count + 1, sizeof *type->nodes);
    type->labels = PyMem_Calloc(label_count + 1, sizeof *type->labels);
    if (!type->nodes || !type->labels) {
        PyErr_NoMemory();
        return false;
    }
    type->node_count = node_count;
    type->label_count = label_count;
    for (size_t i = 0; i < label_count; i++) {
        PyObject *text, *item = PyTuple_GET_ITEM(labels, i);
        int is_list;
        Label *label = &type->labels[i];
        if (!is_tuple(item) || !PyArg_ParseTuple(item, "Sip", &text, &label->rank, &is_list) ||
            !read_text(text, &label->text))
            return false;
        if (label->rank < 0) {
            PyErr_SetString(PyExc_ValueError, "expected a rank of 0 or more");
            return false;
        }
        label->is_list = is_list;
    }
    for (size_t i = 0; i < node_count; i++) {
        PyObject *members = PyTuple_GET_ITEM(nodes, i);
        if (!is_tuple(members) || !read_members(members, type, i))
            return false;
    }
    return true;
}

/* Make sure that the values of a type are known. */
static bool describe_values(RecordReader *self, RecordType *type)
{
    if (type->description)
        return true;
    PyObject *description = PyObject_CallOneArg(self->describe, type->name);
    if (!description)
        return false;
    if (type->description) { /* by the call, or another thread meanwhile */
        Py_DECREF(description);
        return true;
    }
    if (!is_tuple(description)) {
        Py_DECREF(description);
        return false;
    }
    type->description = description;
    if (read_values(description, type))
        return true;
    forget_values(type);
    return false;
}

/* ---------------------------------------------------------------- records */

/* Read the length of a record; `data` is moved behind it. False unless the record is complete. */
static bool take_length(Bytes *data, size_t most, size_t *length)
{
    const uint8_t *begin = data->at;
    size_t value = 0;
    while (data->at < data->end && *data->at >= '0' && *data->at <= '9' &&
           data->at - begin < MAX_LENGTH_DIGITS)
        value = value * 10 + (size_t)(*data->at++ - '0');
    if (data->at == begin || *begin == '0' || data->at == data->end || *data->at != '\n')
        return false;
    data->at++;
    *length = value;
    return value <= most && value <= (size_t)(data->end - data->at);
}

static RecordType *type_by_name(RecordReader *self, Text name)
{
    for (size_t i = 0; i < self->count; i++) {
        size_t index = (self->guess + i) % self->count;
        if (is_same(self->types[index].key, name)) {
            self->guess = index;
            return &self->types[index];
        }
    }
    return NULL;
}

/* Find the type of a message that is plain; its JSON is in `json`. UNSURE if it is not plain. */
static Result read_type(RecordReader *self, Bytes payload, Buffer *out, Text *json, RecordType **type)
{
    static const Text type_member = {"type", 4};
    Text name, place;
    Result result;
    out->size = 0;
    if (self->is_json) {
        *json = (Text){(const char *)payload.at, (size_t)(payload.end - payload.at)};
        result = json_to_protobuf(self->message, *json, out);
    } else {
        bool is_sorted;
        result = protobuf_to_json(self->message, payload, false, out, &is_sorted);
        *json = (Text){out->data, out->size};
    }
    if (result != DONE)
        return result;
    place = *json;
    if (!find_member(&place, type_member) || !take_string(&place, &name))
        return UNSURE;
    *type = type_by_name(self, name);
    if (!*type)
        return UNSURE;
    place = *json;
    if (!self->is_json && (*type)->body.size > 0 && !find_member(&place, (*type)->body))
        return UNSURE;
    return DONE;
}

/* Append the size of a record to the list of its type. */
static bool append_size(PyObject *sizes, PyObject *name, PyObject *size)
{
    PyObject *list = PyDict_GetItemWithError(sizes, name);
    if (list) {
        if (PyList_Check(list))
            return PyList_Append(list, size) == 0;
        PyErr_SetString(PyExc_TypeError, "expected lists of sizes");
    }
    if (PyErr_Occurred() || !(list = PyList_New(0)))
        return false;
    bool is_done = PyList_Append(list, size) == 0 && PyDict_SetItem(sizes, name, list) == 0;
    Py_DECREF(list);
    return is_done;
}

/* Append a record to a list: its type, its size and its summary. */
static bool append_record(PyObject *records, PyObject *name, PyObject *size, const Buffer *summary)
{
    PyObject *record = PyTuple_New(3), *text = PyUnicode_New((Py_ssize_t)summary->size, 0x7F);
    bool is_done = record && text;
    if (is_done) {
        memcpy(PyUnicode_DATA(text), summary->data, summary->size);
        PyTuple_SET_ITEM(record, 0, Py_NewRef(name));
        PyTuple_SET_ITEM(record, 1, Py_NewRef(size));
        PyTuple_SET_ITEM(record, 2, Py_NewRef(text));
        is_done = PyList_Append(records, record) == 0;
    }
    Py_XDECREF(record);
    Py_XDECREF(text);
    return is_done;
}

/* Read one record; `data` is moved behind it. UNSURE if it is not plain. */
static Result read_record(RecordReader *self, Bytes *data, size_t most, PyObject *sizes,
                          PyObject *records, Buffer *buffers, RecordType **type)
{
    Bytes rest = *data;
    Text json;
    size_t length;
    if (!take_length(&rest, most, &length))
        return UNSURE;
    Result result = read_type(self, (Bytes){rest.at, rest.at + length}, &buffers[0], &json, type);
    if (result == DONE && records)
        result = describe_values(self, *type) ? summarize(*type, json, &buffers[1]) : FAILED;
    if (result != DONE)
        return result;
    rest.at += length;
    PyObject *name = (*type)->name, *size = PyLong_FromSsize_t(rest.at - data->at);
    bool is_done = size && append_size(sizes, name, size) &&
                   (!records || append_record(records, name, size, &buffers[1]));
    Py_XDECREF(size);
    data->at = rest.at;
    return is_done ? DONE : FAILED;
}

static PyObject *reader_read(RecordReader *self, PyObject *args)
{
    PyObject *bytes, *sizes, *records;
    Py_ssize_t position, most;
    if (!PyArg_ParseTuple(args, "SnnO!O", &bytes, &position, &most, &PyDict_Type, &sizes, &records))
        return NULL;
    if (position < 0 || position > PyBytes_GET_SIZE(bytes) || most < 0) {
        PyErr_SetString(PyExc_ValueError, "expected a position in the data, and a limit");
        return NULL;
    }
    if (records == Py_None)
        records = NULL;
    else if (!PyList_Check(records)) {
        PyErr_SetString(PyExc_TypeError, "expected a list of records, or None");
        return NULL;
    }
    const uint8_t *begin = (const uint8_t *)PyBytes_AS_STRING(bytes);
    Bytes data = {begin + position, begin + PyBytes_GET_SIZE(bytes)};
    Buffer buffers[2] = {{NULL, 0, 0}, {NULL, 0, 0}};
    RecordType *type = NULL, *last = NULL;
    Result result = reserve(&buffers[0], 64) && reserve(&buffers[1], 64) ? DONE : FAILED;
    while (result == DONE) {
        result = read_record(self, &data, (size_t)most, sizes, records, buffers, &type);
        if (result == DONE)
            last = type;
    }
    PyMem_Free(buffers[0].data);
    PyMem_Free(buffers[1].data);
    if (result == FAILED)
        return NULL;
    return Py_BuildValue("nO", (Py_ssize_t)(data.at - begin), last ? last->name : Py_None);
}

/* ---------------------------------------------------------------- the Python type */

static bool read_types(RecordReader *self)
{
    size_t count = (size_t)PyTuple_GET_SIZE(self->names);
    self->types = PyMem_Calloc(count + 1, sizeof *self->types);
    if (!self->types) {
        PyErr_NoMemory();
        return false;
    }
    for (; self->count < count; self->count++) {
        RecordType *type = &self->types[self->count];
        PyObject *key, *body, *item = PyTuple_GET_ITEM(self->names, self->count);
        if (!is_tuple(item) || !PyArg_ParseTuple(item, "USS", &type->name, &key, &body) ||
            !read_text(key, &type->key) || !read_text(body, &type->body))
            return false;
    }
    return true;
}

/* Whether an object is a MessageType of the module. If not, an exception is set. */
static bool is_message_type(PyTypeObject *cls, PyObject *object)
{
    PyObject *module = PyType_GetModule(cls);
    PyObject *type = module ? PyObject_GetAttrString(module, "MessageType") : NULL;
    int is_one = type ? PyObject_IsInstance(object, type) : -1;
    Py_XDECREF(type);
    if (is_one == 0)
        PyErr_SetString(PyExc_TypeError, "expected a MessageType");
    return is_one == 1;
}

static PyObject *reader_new(PyTypeObject *cls, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"message", "is_json", "types", "describe", NULL};
    PyObject *message, *types, *describe;
    int is_json;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OpO!O", names, &message, &is_json, &PyTuple_Type,
                                     &types, &describe) ||
        !is_message_type(cls, message))
        return NULL;
    RecordReader *self = (RecordReader *)cls->tp_alloc(cls, 0);
    if (!self)
        return NULL;
    self->message = (MessageType *)Py_NewRef(message);
    self->describe = Py_NewRef(describe);
    self->names = Py_NewRef(types);
    self->is_json = is_json;
    if (!read_types(self))
        Py_CLEAR(self);
    return (PyObject *)self;
}

static int reader_traverse(RecordReader *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->message);
    Py_VISIT(self->describe);
    Py_VISIT(self->names);
    for (size_t i = 0; i < self->count; i++)
        Py_VISIT(self->types[i].description);
    return 0;
}

static int reader_clear(RecordReader *self)
{
    for (size_t i = 0; i < self->count; i++)
        forget_values(&self->types[i]);
    PyMem_Free(self->types);
    self->types = NULL;
    self->count = 0;
    Py_CLEAR(self->message);
    Py_CLEAR(self->describe);
    Py_CLEAR(self->names);
    return 0;
}

static void reader_dealloc(RecordReader *self)
{
    PyTypeObject *cls = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    reader_clear(self);
    cls->tp_free(self);
    Py_DECREF(cls);
}

static PyMethodDef reader_methods[] = {
    {"read", (PyCFunction)reader_read, METH_VARARGS,
     "Read the plain records of a stream from a position on, none larger than a limit. Append their\n"
     "sizes to the lists in a dict, and themselves to a list unless that is None. Return where they\n"
     "end, and the type of the last one."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot reader_slots[] = {
    {Py_tp_doc, "Reads records of one message; describe() returns the values that summarize a type."},
    {Py_tp_new, reader_new},
    {Py_tp_traverse, reader_traverse},
    {Py_tp_clear, reader_clear},
    {Py_tp_dealloc, reader_dealloc},
    {Py_tp_methods, reader_methods},
    {0, NULL},
};

PyType_Spec record_reader_spec = {
    .name = "mesotape.proto.messages._native.RecordReader",
    .basicsize = sizeof(RecordReader),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = reader_slots,
};
