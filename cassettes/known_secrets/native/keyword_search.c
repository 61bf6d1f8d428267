/* Whether one of many keywords is in a text, in upper or lower case.

   The reference is the automaton in suspects.py. Nearly all texts have no keyword, so the search is
   for the first three bytes of each: of every byte the lower five bits, which are the same for upper
   and lower case, and 15 bits select an entry of a table. One place in fifty has an entry; there the
   keywords that begin so are compared. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum {
    BEGIN_BYTES = 3,
    CLASS_BITS = 5,
    CLASSES = 1 << CLASS_BITS,
    TABLE_SIZE = 1 << (BEGIN_BYTES * CLASS_BITS),
};

/* A keyword, and the next one with the same begin, or -1. */
typedef struct {
    const uint8_t *word;
    size_t size;
    int next;
} Keyword;

typedef struct {
    PyObject_HEAD
    PyObject *words; /* the tuple that has them */
    Keyword *keywords;
    int count;
    bool is_begin[TABLE_SIZE];
    int first[TABLE_SIZE]; /* of the keywords with a begin */
} KeywordSearch;

/* Return the entry of three bytes, of which `begin` has the first two. */
static inline uint32_t add_byte(uint32_t begin, uint8_t byte)
{
    return (begin << CLASS_BITS | (byte & (CLASSES - 1))) & (TABLE_SIZE - 1);
}

static inline uint8_t lower(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? byte + 32 : byte;
}

/* Return whether a keyword with a begin is at a place of a text. */
static bool is_at(const KeywordSearch *search, uint32_t begin, const uint8_t *at, const uint8_t *end)
{
    int i = search->is_begin[begin] ? search->first[begin] : -1;
    for (; i >= 0; i = search->keywords[i].next) {
        const Keyword *keyword = &search->keywords[i];
        if ((size_t)(end - at) < keyword->size)
            continue;
        size_t same = 0;
        while (same < keyword->size && lower(at[same]) == keyword->word[same])
            same++;
        if (same == keyword->size)
            return true;
    }
    return false;
}

/* Pass over blanks, eight at a time: half of indented JSON is blanks, and no keyword begins so. */
static const uint8_t *skip_blanks(const uint8_t *at, const uint8_t *end)
{
    while (end - at >= 8 && memcmp(at, "        ", 8) == 0)
        at += 8;
    return at;
}

static bool has_keyword(const KeywordSearch *search, const uint8_t *data, size_t size)
{
    const uint8_t *at = data, *end = data + size;
    uint32_t begin = 0;
    while (at < end) {
        uint8_t byte = *at++;
        begin = add_byte(begin, byte);
        if (search->is_begin[begin] && at - data >= BEGIN_BYTES &&
            is_at(search, begin, at - BEGIN_BYTES, end))
            return true;
        if (begin == 0 && at - data >= BEGIN_BYTES && memcmp(at - BEGIN_BYTES, "   ", BEGIN_BYTES) == 0)
            at = skip_blanks(at, end);
    }
    /* A keyword of two bytes may be at the end. */
    begin = add_byte(begin, 0);
    return size >= BEGIN_BYTES - 1 && is_at(search, begin, end - (BEGIN_BYTES - 1), end);
}

/* ---------------------------------------------------------------- the module */

/* Add a keyword to those with a begin. */
static void add_entry(KeywordSearch *self, uint32_t begin, Keyword keyword)
{
    keyword.next = self->is_begin[begin] ? self->first[begin] : -1;
    self->keywords[self->count] = keyword;
    self->first[begin] = self->count++;
    self->is_begin[begin] = true;
}

/* Add a keyword to the table; one of two bytes with each third. False with an exception. */
static bool add_keyword(KeywordSearch *self, PyObject *item)
{
    if (!PyBytes_Check(item)) {
        PyErr_SetString(PyExc_TypeError, "expected bytes for a keyword");
        return false;
    }
    const uint8_t *word = (const uint8_t *)PyBytes_AS_STRING(item);
    Keyword keyword = {word, PyBytes_GET_SIZE(item), -1};
    if (keyword.size < BEGIN_BYTES - 1 || word[0] == ' ') {
        PyErr_SetString(PyExc_ValueError, "expected two bytes, and no blank first, of a keyword");
        return false;
    }
    uint32_t begin = add_byte(add_byte(0, word[0]), word[1]);
    if (keyword.size >= BEGIN_BYTES)
        add_entry(self, add_byte(begin, word[2]), keyword);
    else
        for (int third = 0; third < CLASSES; third++)
            add_entry(self, add_byte(begin, third), keyword);
    return true;
}

static PyObject *keyword_search_new(PyTypeObject *cls, PyObject *args, PyObject *kwargs)
{
    PyObject *words;
    static char *names[] = {"keywords", NULL};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!", names, &PyTuple_Type, &words))
        return NULL;
    KeywordSearch *self = (KeywordSearch *)cls->tp_alloc(cls, 0);
    if (!self)
        return NULL;
    Py_ssize_t count = PyTuple_GET_SIZE(words);
    self->words = Py_NewRef(words);
    if (count < INT32_MAX / CLASSES)
        self->keywords = PyMem_Calloc((count + 1) * CLASSES, sizeof *self->keywords);
    bool is_made = self->keywords != NULL;
    if (!is_made)
        PyErr_NoMemory();
    for (Py_ssize_t i = 0; i < count && is_made; i++)
        is_made = add_keyword(self, PyTuple_GET_ITEM(words, i));
    if (!is_made)
        Py_CLEAR(self);
    return (PyObject *)self;
}

static void keyword_search_dealloc(KeywordSearch *self)
{
    PyTypeObject *cls = Py_TYPE(self);
    PyMem_Free(self->keywords);
    Py_CLEAR(self->words);
    cls->tp_free(self);
    Py_DECREF(cls);
}

static PyObject *keyword_search_is_in(KeywordSearch *self, PyObject *data)
{
    Py_buffer input;
    if (PyObject_GetBuffer(data, &input, PyBUF_SIMPLE) < 0)
        return NULL;
    bool result = has_keyword(self, input.buf, input.len);
    PyBuffer_Release(&input);
    return PyBool_FromLong(result);
}

static PyMethodDef keyword_search_methods[] = {
    {"is_in", (PyCFunction)keyword_search_is_in, METH_O,
     "Return whether a keyword is in a text, in upper or lower case."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot keyword_search_slots[] = {
    {Py_tp_doc, "A search for keywords, a tuple of bytes in lower case."},
    {Py_tp_new, keyword_search_new},
    {Py_tp_dealloc, keyword_search_dealloc},
    {Py_tp_methods, keyword_search_methods},
    {0, NULL},
};

static PyType_Spec keyword_search_spec = {
    .name = "mesotape.cassettes.known_secrets._native.KeywordSearch",
    .basicsize = sizeof(KeywordSearch),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = keyword_search_slots,
};

static int module_exec(PyObject *module)
{
    if (PyModule_AddIntConstant(module, "INTERFACE", 1) < 0) /* see proto/compiled.py */
        return -1;
    PyObject *type = PyType_FromModuleAndSpec(module, &keyword_search_spec, NULL);
    if (!type)
        return -1;
    int result = PyModule_AddType(module, (PyTypeObject *)type);
    Py_DECREF(type);
    return result;
}

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, module_exec},
    {0, NULL},
};

static PyModuleDef module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_native",
    .m_doc = "The search for keywords, compiled.",
    .m_size = 0,
    .m_slots = module_slots,
};

PyMODINIT_FUNC PyInit__native(void)
{
    return PyModuleDef_Init(&module);
}
