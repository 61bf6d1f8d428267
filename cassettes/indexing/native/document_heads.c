/* The heads of events, exchanges and ends in a run of documents: see document_heads.py. */

#include "native.h"

typedef enum { READ, UNSURE, FAILED } Result;

static const uint32_t NO_DOCUMENT = 0xFFFFFFFF;

/* The events of one side of an exchange: the first and the last. */
typedef struct {
    uint64_t of;
    bool is_client;
    bool is_regular; /* numbers without a gap, times in order */
    uint32_t first, last;
    uint64_t first_number, last_number;
    double first_at, last_at;
} Stream;

typedef struct {
    uint64_t start;          /* the offset of the text in the file */
    uint32_t first_document; /* the number of its first document */
    uint32_t count;
    Column starts, next_in_stream;
    Stream *streams;
    size_t stream_count, stream_capacity;
    uint32_t *slots; /* by hash: the index of a stream, plus one */
    size_t slot_count;
    Column exchange_documents, exchange_numbers, exchange_times;
    double latest;
    uint64_t last_client;
    PyObject *ends;
} Run;

/* ---------------------------------------------------------------- streams by exchange and side */

static size_t slot_of(const Run *run, uint64_t of, bool is_client)
{
    uint64_t hash = (2 * of + is_client) * UINT64_C(0x9E3779B97F4A7C15);
    size_t slot = (size_t)(hash >> 32) & (run->slot_count - 1);
    while (run->slots[slot]) {
        const Stream *stream = &run->streams[run->slots[slot] - 1];
        if (stream->of == of && stream->is_client == is_client)
            break;
        slot = (slot + 1) & (run->slot_count - 1);
    }
    return slot;
}

/* Make room for one more stream, in slots of which at least half are empty. */
static bool grow_streams(Run *run)
{
    if (run->stream_count < run->stream_capacity)
        return true;
    size_t capacity = run->stream_capacity ? 4 * run->stream_capacity : 16;
    Stream *streams = PyMem_Realloc(run->streams, capacity * sizeof *streams);
    if (streams)
        run->streams = streams;
    uint32_t *slots = PyMem_Calloc(2 * capacity, sizeof *slots);
    if (!streams || !slots) {
        PyMem_Free(slots);
        PyErr_NoMemory();
        return false;
    }
    PyMem_Free(run->slots);
    run->slots = slots;
    run->slot_count = 2 * capacity;
    run->stream_capacity = capacity;
    for (size_t i = 0; i < run->stream_count; i++)
        run->slots[slot_of(run, run->streams[i].of, run->streams[i].is_client)] = (uint32_t)i + 1;
    return true;
}

/* Return the stream of an event; a new one has no last document. NULL with an exception. */
static Stream *find_stream(Run *run, uint64_t of, bool is_client)
{
    if (!grow_streams(run))
        return NULL;
    size_t slot = slot_of(run, of, is_client);
    if (!run->slots[slot]) {
        run->streams[run->stream_count] =
            (Stream){.of = of, .is_client = is_client, .is_regular = true, .last = NO_DOCUMENT};
        run->slots[slot] = (uint32_t)++run->stream_count;
    }
    return &run->streams[run->slots[slot] - 1];
}

/* ---------------------------------------------------------------- documents */

static void see_time(Run *run, double at)
{
    if (at > run->latest)
        run->latest = at;
}

static Result read_event(Run *run, Text *text)
{
    uint64_t number, of;
    double at;
    if (!take_number_line(text, &number) || !TAKE(text, "of: ") || !take_number_line(text, &of) ||
        !TAKE(text, "at: ") || !take_seconds_line(text, &at))
        return UNSURE;
    Stream *stream = find_stream(run, of, TAKE(text, "from: client\n"));
    if (!stream)
        return FAILED;
    uint32_t document = run->first_document + run->count;
    if (stream->last == NO_DOCUMENT) {
        stream->first = document;
        stream->first_number = number;
        stream->first_at = at;
    } else {
        uint32_t *next_in_stream = (uint32_t *)run->next_in_stream.data;
        next_in_stream[stream->last - run->first_document] = document;
        if (number != stream->last_number + 1 || at < stream->last_at)
            stream->is_regular = false;
    }
    stream->last = document;
    stream->last_number = number;
    stream->last_at = at;
    see_time(run, at);
    return READ;
}

static Result read_exchange(Run *run, Text *text)
{
    uint64_t number, client;
    double at;
    if (!take_number_line(text, &number) || !TAKE(text, "at: ") || !take_seconds_line(text, &at) ||
        !TAKE(text, "client: ") || !take_number_line(text, &client))
        return UNSURE;
    uint32_t document = run->first_document + run->count;
    if (!append(&run->exchange_documents, &document, sizeof document) ||
        !append(&run->exchange_numbers, &number, sizeof number) ||
        !append(&run->exchange_times, &at, sizeof at))
        return FAILED;
    if (client > run->last_client)
        run->last_client = client;
    see_time(run, at);
    return READ;
}

static Result read_end(Run *run, Text *text)
{
    uint64_t of;
    double at;
    if (!take_number_line(text, &of) || !TAKE(text, "at: ") || !take_seconds_line(text, &at))
        return UNSURE;
    bool is_client = TAKE(text, "from: client\n");
    if (!TAKE(text, "cause: "))
        return UNSURE;
    PyObject *end = Py_BuildValue("KOId", (unsigned long long)of, is_client ? Py_True : Py_False,
                                  (unsigned int)(run->first_document + run->count), at);
    int failed = end ? PyList_Append(run->ends, end) : -1;
    Py_XDECREF(end);
    see_time(run, at);
    return failed ? FAILED : READ;
}

/* Go to the start mark of the next document, or to the end of the text. */
static bool skip_rest(Text *text, const char *head_end)
{
    const char *at = head_end;
    while ((at = find_unindented(at, text->end - 1))) {
        Text line = {at + 1, text->end};
        if (TAKE(&line, "from:"))
            return false; /* An event may have its side where the writer does not put it. */
        if (TAKE(&line, "---"))
            break;
        at++;
    }
    text->at = at ? at + 1 : text->end;
    return text->at - head_end >= 5 && memcmp(text->at - 5, "\n...\n", 5) == 0;
}

static Result read_document(Run *run, Text *text, const char *begin)
{
    uint64_t start = run->start + (uint64_t)(text->at - begin);
    if (!TAKE(text, "---\n"))
        return UNSURE;
    if (!append(&run->starts, &start, sizeof start) ||
        !append(&run->next_in_stream, &NO_DOCUMENT, sizeof NO_DOCUMENT))
        return FAILED;
    Result result = TAKE(text, "event: ")      ? read_event(run, text)
                    : TAKE(text, "exchange: ") ? read_exchange(run, text)
                    : TAKE(text, "end: ")      ? read_end(run, text)
                                               : UNSURE;
    if (result != READ)
        return result;
    run->count++;
    return skip_rest(text, text->at - 1) ? READ : UNSURE;
}

/* ---------------------------------------------------------------- the function */

static PyObject *stream_list(const Run *run)
{
    PyObject *list = PyList_New((Py_ssize_t)run->stream_count);
    for (size_t i = 0; list && i < run->stream_count; i++) {
        const Stream *each = &run->streams[i];
        PyObject *item = Py_BuildValue(
            "KOIIKKddO", (unsigned long long)each->of, each->is_client ? Py_True : Py_False,
            (unsigned int)each->first, (unsigned int)each->last,
            (unsigned long long)each->first_number, (unsigned long long)each->last_number,
            each->first_at, each->last_at, each->is_regular ? Py_True : Py_False);
        if (!item)
            Py_CLEAR(list);
        else
            PyList_SET_ITEM(list, (Py_ssize_t)i, item);
    }
    return list;
}

static PyObject *finish(const Run *run)
{
    return Py_BuildValue("NNNNNNdKO", column_bytes(&run->starts),
                         column_bytes(&run->next_in_stream), stream_list(run),
                         column_bytes(&run->exchange_documents),
                         column_bytes(&run->exchange_numbers), column_bytes(&run->exchange_times),
                         run->latest, (unsigned long long)run->last_client, run->ends);
}

PyObject *read_heads(PyObject *module, PyObject *args)
{
    (void)module;
    unsigned long long start;
    unsigned int first_document;
    Py_buffer data;
    if (!PyArg_ParseTuple(args, "KIy*", &start, &first_document, &data))
        return NULL;
    const char *begin = data.buf;
    Text text = {begin, begin + data.len};
    Run run = {.start = start, .first_document = first_document, .ends = PyList_New(0)};
    Result result = !run.ends ? FAILED : data.len ? READ : UNSURE;
    while (result == READ && text.at < text.end)
        result = read_document(&run, &text, begin);
    PyObject *heads = result == READ ? finish(&run) : NULL;
    PyMem_Free(run.starts.data);
    PyMem_Free(run.next_in_stream.data);
    PyMem_Free(run.streams);
    PyMem_Free(run.slots);
    PyMem_Free(run.exchange_documents.data);
    PyMem_Free(run.exchange_numbers.data);
    PyMem_Free(run.exchange_times.data);
    Py_XDECREF(run.ends);
    PyBuffer_Release(&data);
    return result == UNSURE ? Py_NewRef(Py_None) : heads;
}
