/* What the files of the module share: text that is being read, and columns of numbers.

   The module reads documents in the layout of the writer, block by block, from bytes to columns. The
   reference is the Python code (document_heads.py, and format/fast_reader.py). Here only the usual
   layout is read: for anything else the result is None, and the Python code decides. So there is one
   place that knows every exception, and this code has none. */

#ifndef MESOTAPE_STORAGE_NATIVE_H
#define MESOTAPE_STORAGE_NATIVE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* ---------------------------------------------------------------- text (text.c) */

/* Bytes that are being read, from `at` up to `end`. */
typedef struct {
    const char *at;
    const char *end;
} Text;

/* Pass over a word, if the text begins with it. */
static inline bool take(Text *text, const char *word, size_t size)
{
    if ((size_t)(text->end - text->at) < size || memcmp(text->at, word, size) != 0)
        return false;
    text->at += size;
    return true;
}
#define TAKE(text, word) take(text, word, sizeof(word) - 1)

/* Read a number in the layout of the writer (NUMBER_PATTERN in scalars.py) and the line end. */
bool take_number_line(Text *text, uint64_t *number);

/* Read a time in the layout of the writer (SECONDS_PATTERN in scalars.py) and the line end. False
   also for a time that needs more than 53 bits, which is not rounded here as Python does it. */
bool take_seconds_line(Text *text, double *seconds);

/* Return the next line end that `-` or `f` follows, or NULL. */
const char *find_unindented(const char *at, const char *end);

/* ---------------------------------------------------------------- columns (text.c) */

/* A growing column of numbers of one size. */
typedef struct {
    char *data;
    size_t size, capacity;
} Column;

/* Add a number of some size. False with an exception. */
bool append(Column *column, const void *number, size_t size);

/* Return the contents of a column as bytes. */
PyObject *column_bytes(const Column *column);

/* ---------------------------------------------------------------- functions of the module */

PyObject *read_heads(PyObject *module, PyObject *args);
PyObject *read_outlines(PyObject *module, PyObject *args);
PyObject *is_ascending(PyObject *module, PyObject *args);
PyObject *rows_by_group(PyObject *module, PyObject *args);

#endif
