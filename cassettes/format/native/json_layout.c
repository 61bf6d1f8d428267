/* The layout of JSON and of literal blocks in one pass over the bytes.

   The reference is the Python code (json_spacing.py, scalars.py). Here only the usual text is laid
   out: JSON without white space, as servers write it, and characters that a literal block may hold.
   For anything else the result is None, and the Python code decides. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Levels of nesting; more are unusual. The brackets that are open are bits of a number. */
#define MAX_NESTING 64

/* Text that is read from `at` to `end`; what precedes `copied` is in the output. */
typedef struct {
    const uint8_t *at;
    const uint8_t *end;
    const uint8_t *copied;
} Text;

/* The output; `max_size` is how long it may become. */
typedef struct {
    char *data;
    size_t size;
    size_t capacity;
    size_t max_size;
} Buffer;

/* ---------------------------------------------------------------- characters */

/* Return the length of a character of UTF-8 that is not ASCII (RFC 3629); 0 if it is not valid, or if
   a literal block may not hold it (`_FORBIDDEN` in scalars.py). */
static size_t character_length(const uint8_t *at, const uint8_t *end)
{
    size_t size = *at < 0xC2 ? 0 : *at < 0xE0 ? 2 : *at < 0xF0 ? 3 : *at < 0xF5 ? 4 : 0;
    if (size == 0 || (size_t)(end - at) < size)
        return 0;
    uint8_t least = *at == 0xE0 ? 0xA0 : *at == 0xF0 ? 0x90 : *at == 0xC2 ? 0xA0 : 0x80;
    uint8_t most = *at == 0xED ? 0x9F : *at == 0xF4 ? 0x8F : 0xBF;
    if (at[1] < least || at[1] > most)
        return 0;
    for (size_t i = 2; i < size; i++)
        if ((at[i] & 0xC0) != 0x80)
            return 0;
    if (*at == 0xE2 && at[1] == 0x80 && (at[2] == 0xA8 || at[2] == 0xA9))
        return 0; /* U+2028, U+2029 */
    if (*at == 0xEF && at[1] == 0xBB && at[2] == 0xBF)
        return 0; /* U+FEFF */
    if (*at == 0xEF && at[1] == 0xBF && at[2] >= 0xBE)
        return 0; /* U+FFFE, U+FFFF */
    return size;
}

/* Return whether a text has nothing but printable ASCII, tabs and line ends. */
static bool is_plain(const uint8_t *data, size_t size)
{
    enum { BLOCK = 4096 }; /* compiled to code that takes many bytes at once */
    for (size_t begin = 0; begin < size; begin += BLOCK) {
        size_t end = size - begin < BLOCK ? size : begin + BLOCK;
        uint8_t other = 0;
        for (size_t i = begin; i < end; i++) {
            uint8_t byte = data[i];
            other |= (byte < 0x20) & (byte != '\n') & (byte != '\t');
            other |= byte > 0x7E;
        }
        if (other)
            return false;
    }
    return true;
}

/* Return whether a byte of a string stands for itself: ASCII but `"`, `\` and control characters. */
static inline bool is_literal(uint8_t byte)
{
    return (uint8_t)(byte - 0x20) < 0x5F && byte != '"' && byte != '\\';
}

/* ---------------------------------------------------------------- tokens */

static bool is_digit(const Text *text)
{
    return text->at < text->end && *text->at >= '0' && *text->at <= '9';
}

static bool skip_digits(Text *text)
{
    if (!is_digit(text))
        return false;
    while (is_digit(text))
        text->at++;
    return true;
}

static bool skip_byte(Text *text, uint8_t byte)
{
    if (text->at == text->end || *text->at != byte)
        return false;
    text->at++;
    return true;
}

static bool skip_number(Text *text)
{
    skip_byte(text, '-');
    if (!skip_byte(text, '0') && !skip_digits(text))
        return false;
    if (skip_byte(text, '.') && !skip_digits(text))
        return false;
    if (!skip_byte(text, 'e') && !skip_byte(text, 'E'))
        return true;
    if (!skip_byte(text, '-'))
        skip_byte(text, '+');
    return skip_digits(text);
}

static bool skip_word(Text *text, const char *word, size_t size)
{
    if ((size_t)(text->end - text->at) < size || memcmp(text->at, word, size) != 0)
        return false;
    text->at += size;
    return true;
}

/* Pass over an escape, after its backslash. A half of a surrogate pair is left to the Python code,
   which knows whether the other half is there. */
static bool skip_escape(Text *text)
{
    if (text->at == text->end)
        return false;
    uint8_t byte = *text->at++;
    if (byte != 'u')
        return byte && strchr("\"\\/bfnrt", byte);
    if (text->end - text->at >= 2 && (text->at[0] | 0x20) == 'd' && strchr("89abcdefABCDEF", text->at[1]))
        return false;
    for (int i = 0; i < 4; i++) {
        if (text->at == text->end || !Py_ISXDIGIT(*text->at))
            return false;
        text->at++;
    }
    return true;
}

/* Pass over a string. */
static bool skip_string(Text *text)
{
    if (!skip_byte(text, '"'))
        return false;
    for (;;) {
        while (text->at < text->end && is_literal(*text->at))
            text->at++;
        if (text->at == text->end)
            return false;
        if (*text->at == '"') {
            text->at++;
            return true;
        }
        if (*text->at == '\\') {
            text->at++;
            if (!skip_escape(text))
                return false;
            continue;
        }
        size_t size = character_length(text->at, text->end);
        if (size == 0)
            return false;
        text->at += size;
    }
}

static bool skip_scalar(Text *text)
{
    if (text->at == text->end)
        return false;
    switch (*text->at) {
    case '"': return skip_string(text);
    case 't': return skip_word(text, "true", 4);
    case 'f': return skip_word(text, "false", 5);
    case 'n': return skip_word(text, "null", 4);
    default: return skip_number(text);
    }
}

/* ---------------------------------------------------------------- layout */

/* Bytes that may be written after the output, and read after a text. */
enum { SPARE = 16 };

/* Make room for at least that many bytes. False without memory, or if they are too many. */
static bool reserve(Buffer *out, size_t extra)
{
    size_t needed = out->size + extra;
    if (needed <= out->capacity)
        return true;
    size_t capacity = 2 * out->capacity < needed ? needed : 2 * out->capacity;
    char *data = needed > out->max_size ? NULL : PyMem_Realloc(out->data, capacity + SPARE);
    if (!data)
        return false;
    out->data = data;
    out->capacity = capacity;
    return true;
}

/* Copy a few bytes, most often less than 32, where `SPARE` may be written after them; of the source,
   `readable` bytes may be read. This takes half the time of memcpy. */
static inline void copy(char *to, const void *from, size_t size, size_t readable)
{
    if (size + SPARE > readable) {
        memcpy(to, from, size);
        return;
    }
    for (size_t i = 0; i < size; i += SPARE)
        memcpy(to + i, (const char *)from + i, SPARE);
}

/* A line end and blanks. */
#define BLANKS "                " /* SPARE of them */
static const char LINE[] = "\n" BLANKS BLANKS BLANKS BLANKS BLANKS BLANKS BLANKS BLANKS BLANKS;
_Static_assert(sizeof LINE >= 1 + 2 * MAX_NESTING + SPARE, "too few blanks");

/* Copy what was read since the last time, and then a few bytes of a text that has SPARE more. */
static inline bool write_up_to_here(Text *text, Buffer *out, const char *next, size_t size)
{
    size_t copied = text->at - text->copied;
    if (!reserve(out, copied + size))
        return false;
    char *to = out->data + out->size;
    copy(to, text->copied, copied, text->end - text->copied);
    copy(to + copied, next, size, SIZE_MAX);
    out->size += copied + size;
    text->copied = text->at;
    return true;
}

/* Lay out JSON without white space, each value on a line, indented by two blanks for each level. */
static bool indent(Text *text, Buffer *out)
{
    uint64_t lists = 0; /* whether each open bracket is that of a list; the innermost is the lowest */
    size_t depth = 0;
    for (;;) {
        bool is_list = lists & 1;
        if (depth > 0 && !is_list) { /* the name of a member */
            if (!skip_string(text) || !skip_byte(text, ':') || !write_up_to_here(text, out, LINE + 1, 1))
                return false;
        }
        if (text->at < text->end && (*text->at == '{' || *text->at == '[')) {
            uint8_t open = *text->at++;
            if (!skip_byte(text, open + 2)) { /* `}` and `]` follow their counterparts by two */
                if (depth == MAX_NESTING)
                    return false;
                lists = lists << 1 | (open == '[');
                depth++;
                if (!write_up_to_here(text, out, LINE, 1 + 2 * depth))
                    return false;
                continue;
            }
        } else if (!skip_scalar(text)) {
            return false;
        }
        while (depth > 0 && text->at < text->end && *text->at == (lists & 1 ? ']' : '}')) {
            depth--;
            if (!write_up_to_here(text, out, LINE, 1 + 2 * depth))
                return false;
            text->at++;
            lists >>= 1;
        }
        if (depth == 0)
            return text->at == text->end && write_up_to_here(text, out, LINE, 0);
        if (!skip_byte(text, ',') || !write_up_to_here(text, out, LINE, 1 + 2 * depth))
            return false;
    }
}

/* Indent the lines of a text after the first by that many blanks. */
static bool indent_lines(Text *text, Buffer *out, size_t blanks)
{
    const uint8_t *line_end;
    while ((line_end = memchr(text->at, '\n', text->end - text->at))) {
        text->at = line_end;
        if (!write_up_to_here(text, out, LINE, 1 + blanks))
            return false;
        text->copied = ++text->at;
    }
    text->at = text->end;
    return write_up_to_here(text, out, LINE, 0);
}

/* ---------------------------------------------------------------- the module */

/* Return the output as bytes, or None; free the buffer. */
static PyObject *finish(bool is_done, Buffer *out)
{
    PyObject *result = is_done ? PyBytes_FromStringAndSize(out->data, out->size) : Py_NewRef(Py_None);
    PyMem_Free(out->data);
    return result;
}

static PyObject *indent_json(PyObject *module, PyObject *args)
{
    Py_buffer input;
    Py_ssize_t max_growth;
    if (!PyArg_ParseTuple(args, "y*n", &input, &max_growth))
        return NULL;
    const uint8_t *begin = input.buf;
    Text text = {begin, begin + input.len, begin};
    Buffer out = {NULL, 0, 0, (size_t)input.len * max_growth};
    bool is_done = reserve(&out, 2 * (size_t)input.len + 1) && indent(&text, &out);
    PyBuffer_Release(&input);
    return finish(is_done, &out);
}

static PyObject *indent_plain_lines(PyObject *module, PyObject *args)
{
    Py_buffer input;
    Py_ssize_t blanks;
    if (!PyArg_ParseTuple(args, "y*n", &input, &blanks))
        return NULL;
    const uint8_t *begin = input.buf;
    Text text = {begin, begin + input.len, begin};
    Buffer out = {NULL, 0, 0, PY_SSIZE_T_MAX};
    bool is_done = blanks >= 0 && blanks <= 2 * MAX_NESTING && is_plain(begin, input.len) &&
                   reserve(&out, 2 * (size_t)input.len + 1) && indent_lines(&text, &out, blanks);
    PyBuffer_Release(&input);
    return finish(is_done, &out);
}

static PyMethodDef methods[] = {
    {"indent_json", indent_json, METH_VARARGS,
     "indent_json(data, max_growth): lay out JSON as msgspec.json.format does; None if it is unusual, "
     "or would become longer than that many times."},
    {"indent_plain_lines", indent_plain_lines, METH_VARARGS,
     "indent_plain_lines(data, blanks): indent the lines after the first; None if there is anything "
     "but printable ASCII, tabs and line ends."},
    {NULL, NULL, 0, NULL},
};

static int module_exec(PyObject *module)
{
    return PyModule_AddIntConstant(module, "INTERFACE", 1); /* see proto/compiled.py */
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, module_exec},
    {0, NULL},
};

static PyModuleDef module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_native",
    .m_doc = "The layout of JSON and of literal blocks, compiled.",
    .m_size = 0,
    .m_methods = methods,
    .m_slots = slots,
};

PyMODINIT_FUNC PyInit__native(void)
{
    return PyModuleDef_Init(&module);
}
