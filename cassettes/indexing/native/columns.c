/* Whole columns of numbers, each of which is an array: see columns.py. */

#include "native.h"

/* Define whether no number of a column is below the one before it; `strictly`: each is above it. */
#define DEFINE_ASCENDING(name, type)                                                               \
    static bool name(const type *number, Py_ssize_t count, bool strictly)                          \
    {                                                                                              \
        for (Py_ssize_t i = 1; i < count; i++)                                                     \
            if (number[i] < number[i - 1] || (strictly && number[i] == number[i - 1]))             \
                return false;                                                                      \
        return true;                                                                               \
    }

DEFINE_ASCENDING(are_ascending_places, uint32_t)
DEFINE_ASCENDING(are_ascending_numbers, uint64_t)
DEFINE_ASCENDING(are_ascending_times, double)

PyObject *is_ascending(PyObject *module, PyObject *args)
{
    (void)module;
    PyObject *column;
    Py_buffer buffer;
    int strictly;
    if (!PyArg_ParseTuple(args, "Op", &column, &strictly) ||
        PyObject_GetBuffer(column, &buffer, PyBUF_FORMAT | PyBUF_ND) < 0)
        return NULL;
    Py_ssize_t count = buffer.len / buffer.itemsize;
    char kind = buffer.format[0];
    bool found = kind == 'I'   ? are_ascending_places(buffer.buf, count, strictly)
                 : kind == 'Q' ? are_ascending_numbers(buffer.buf, count, strictly)
                 : kind == 'd' ? are_ascending_times(buffer.buf, count, strictly)
                               : false;
    PyBuffer_Release(&buffer);
    if (!strchr("IQd", kind))
        return PyErr_Format(PyExc_TypeError, "a column of type %c", kind);
    return PyBool_FromLong(found);
}

/* Append the position of each number to the column of that number; others to the last column. */
static bool divide(const uint32_t *groups, size_t count, Column *columns, size_t group_count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t row = (uint32_t)i;
        size_t group = groups[i] < group_count ? groups[i] : group_count;
        if (!append(&columns[group], &row, sizeof row))
            return false;
    }
    return true;
}

PyObject *rows_by_group(PyObject *module, PyObject *args)
{
    (void)module;
    Py_buffer groups;
    unsigned int group_count;
    if (!PyArg_ParseTuple(args, "y*I", &groups, &group_count))
        return NULL;
    size_t column_count = (size_t)group_count + 1;
    Column *columns = PyMem_Calloc(column_count, sizeof *columns);
    size_t count = (size_t)groups.len / sizeof(uint32_t);
    if (!columns)
        PyErr_NoMemory();
    bool is_divided = columns && divide(groups.buf, count, columns, group_count);
    PyObject *list = is_divided ? PyList_New((Py_ssize_t)column_count) : NULL;
    for (size_t i = 0; list && i < column_count; i++) {
        PyObject *bytes = column_bytes(&columns[i]);
        if (!bytes)
            Py_CLEAR(list);
        else
            PyList_SET_ITEM(list, (Py_ssize_t)i, bytes);
    }
    for (size_t i = 0; columns && i < column_count; i++)
        PyMem_Free(columns[i].data);
    PyMem_Free(columns);
    PyBuffer_Release(&groups);
    return list;
}
