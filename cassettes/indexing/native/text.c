/* Text in the layout of the writer, and columns of numbers. */

#include "native.h"

enum { STRIDE = 64, MOST_DIGITS = 18, MOST_SECONDS_DIGITS = 12, DECIMALS = 6 };

/* Read up to `most` digits; return how many there are. */
static int take_digits(Text *text, int most, uint64_t *number)
{
    int count = 0;
    while (count < most && text->at < text->end && *text->at >= '0' && *text->at <= '9') {
        *number = 10 * *number + (uint64_t)(*text->at++ - '0');
        count++;
    }
    return count;
}

bool take_number_line(Text *text, uint64_t *number)
{
    *number = 0;
    if (text->at < text->end && *text->at == '0')
        return false;
    return take_digits(text, MOST_DIGITS, number) > 0 && TAKE(text, "\n");
}

bool take_seconds_line(Text *text, double *seconds)
{
    uint64_t microseconds = 0;
    if (take_digits(text, MOST_SECONDS_DIGITS, &microseconds) == 0 || !TAKE(text, ".") ||
        take_digits(text, DECIMALS, &microseconds) != DECIMALS || !TAKE(text, "\n") ||
        microseconds > (uint64_t)1 << 53)
        return false;
    *seconds = (double)microseconds / 1e6; /* Both are exact, so this is rounded once. */
    return true;
}

static bool is_unindented(const char *at)
{
    return at[0] == '\n' && (at[1] == '-' || at[1] == 'f');
}

const char *find_unindented(const char *at, const char *end)
{
    /* Compilers make vector instructions of the inner loop: 64 bytes take a few nanoseconds. */
    while (end - at > STRIDE) {
        unsigned char found = 0;
        for (int i = 0; i < STRIDE; i++)
            found |= (at[i] == '\n') & ((at[i + 1] == '-') | (at[i + 1] == 'f'));
        if (found)
            break;
        at += STRIDE;
    }
    for (; at + 1 < end; at++)
        if (is_unindented(at))
            return at;
    return NULL;
}

bool append(Column *column, const void *number, size_t size)
{
    if (column->size + size > column->capacity) {
        size_t capacity = 2 * column->capacity + 64 * size;
        char *data = PyMem_Realloc(column->data, capacity);
        if (!data) {
            PyErr_NoMemory();
            return false;
        }
        column->data = data;
        column->capacity = capacity;
    }
    memcpy(column->data + column->size, number, size);
    column->size += size;
    return true;
}

PyObject *column_bytes(const Column *column)
{
    return PyBytes_FromStringAndSize(column->data, (Py_ssize_t)column->size);
}
