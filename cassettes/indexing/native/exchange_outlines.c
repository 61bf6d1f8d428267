/* The outlines of exchanges: see exchange_outlines.py. */

#include "native.h"

enum { MOST_HEADERS = 64, MOST_KEY = 1000, MOST_NESTING = 32, MOST_GROUP_BYTES = 4096, MOST_RECENT = 16 };

/* ---------------------------------------------------------------- characters */

/* Return whether a literal block may hold all of some bytes, and all are ASCII. */
static bool is_plain_text(const char *at, const char *end)
{
    unsigned char bad = 0;
    for (; at < end; at++) {
        unsigned char c = (unsigned char)*at;
        bad |= ((c < 0x20) & (c != '\n') & (c != '\t')) | (c >= 0x7F);
    }
    return !bad;
}

static bool is_printable(char c)
{
    return c > ' ' && c <= '~';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* ---------------------------------------------------------------- scalars (scalars.py) */

/* Return whether YAML takes a word for a boolean or null. */
static bool is_reserved(Text word)
{
    static const char *const reserved[] = {"y",     "n",  "yes", "no",  "true",
                                           "false", "on", "off", "null"};
    size_t size = (size_t)(word.end - word.at);
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++) {
        size_t same = 0;
        while (same < size && reserved[i][same] && (word.at[same] | 0x20) == reserved[i][same])
            same++;
        if (same == size && !reserved[i][same])
            return true;
    }
    return false;
}

/* Return whether some text without a line end is a plain scalar of the writer. */
static bool is_plain_scalar(Text text)
{
    if (text.at == text.end || !(is_letter(*text.at) || *text.at == '/' || *text.at == '_'))
        return false;
    for (const char *at = text.at + 1; at < text.end; at++) {
        if (is_printable(*at) && *at != ':')
            continue;
        char next = at + 1 < text.end ? at[1] : '\n';
        if (*at == ':' && !is_printable(next))
            return false;
        if (*at == ' ' && (next == '#' || !is_printable(next)))
            return false;
        if (*at != ' ' && !is_printable(*at))
            return false;
    }
    return !is_reserved(text);
}

/* Return whether some text is a plain scalar, or a quoted one without an escape. */
static bool is_scalar(Text text)
{
    if (text.end - text.at < 2 || *text.at != '"')
        return is_plain_scalar(text);
    for (const char *at = text.at + 1; at < text.end - 1; at++)
        if (*at == '"' || *at == '\\' || *at == '\t')
            return false;
    return text.end[-1] == '"';
}

/* Read the rest of a line. */
static bool take_line(Text *text, Text *line)
{
    const char *end = memchr(text->at, '\n', (size_t)(text->end - text->at));
    if (!end)
        return false;
    *line = (Text){text->at, end};
    text->at = end + 1;
    return true;
}

static bool take_scalar_line(Text *text)
{
    Text line;
    return take_line(text, &line) && is_scalar(line);
}

/* ---------------------------------------------------------------- JSON */

typedef struct {
    Text text;
    Text type; /* the value of the only member of this name, of the whole */
    int types; /* how many strings are `type`, anywhere */
} Json;

static void skip_blanks(Text *text)
{
    while (text->at < text->end && (*text->at == ' ' || *text->at == '\n' || *text->at == '\t'))
        text->at++;
}

/* Read a string without escapes. */
static bool take_string(Json *json, Text *string)
{
    Text *text = &json->text;
    if (!TAKE(text, "\""))
        return false;
    string->at = text->at;
    while (text->at < text->end && *text->at != '"') {
        if (*text->at == '\\' || *text->at == '\n' || *text->at == '\t')
            return false;
        text->at++;
    }
    string->end = text->at;
    json->types += string->end - string->at == 4 && memcmp(string->at, "type", 4) == 0;
    return TAKE(text, "\"");
}

static bool skip_digits(Text *text)
{
    const char *begin = text->at;
    while (text->at < text->end && *text->at >= '0' && *text->at <= '9')
        text->at++;
    return text->at > begin;
}

static bool take_number(Text *text)
{
    (void)TAKE(text, "-");
    if (!TAKE(text, "0") && !skip_digits(text))
        return false;
    if (TAKE(text, ".") && !skip_digits(text))
        return false;
    if (TAKE(text, "e") || TAKE(text, "E")) {
        (void)(TAKE(text, "+") || TAKE(text, "-"));
        return skip_digits(text);
    }
    return true;
}

static bool take_value(Json *json, int depth);

/* Read a member of an object; of the whole, remember its type. */
static bool take_member(Json *json, int depth)
{
    Text name;
    if (!take_string(json, &name))
        return false;
    skip_blanks(&json->text);
    if (!TAKE(&json->text, ":"))
        return false;
    skip_blanks(&json->text);
    const char *begin = json->text.at;
    if (!take_value(json, depth + 1))
        return false;
    if (depth == 0 && name.end - name.at == 4 && memcmp(name.at, "type", 4) == 0)
        json->type = (Text){begin, json->text.at};
    return true;
}

/* Read the rest of an object or list, after its bracket. */
static bool take_items(Json *json, const char *close, bool is_object, int depth)
{
    skip_blanks(&json->text);
    if (take(&json->text, close, 1))
        return true;
    do {
        skip_blanks(&json->text);
        if (!(is_object ? take_member(json, depth) : take_value(json, depth + 1)))
            return false;
        skip_blanks(&json->text);
    } while (TAKE(&json->text, ","));
    return take(&json->text, close, 1);
}

static bool take_value(Json *json, int depth)
{
    Text string, *text = &json->text;
    if (depth > MOST_NESTING || text->at == text->end)
        return false;
    if (*text->at == '"')
        return take_string(json, &string);
    if (TAKE(text, "{"))
        return take_items(json, "}", true, depth);
    if (TAKE(text, "["))
        return take_items(json, "]", false, depth);
    return TAKE(text, "true") || TAKE(text, "false") || TAKE(text, "null") || take_number(text);
}

/* Read the type of a call: the one string `type` in it is the name of a member of the whole. The
   text is the whole body. False also for JSON that is not plain: with escapes, deeply nested. */
static bool read_call_type(Text body, Text *type)
{
    Json json = {.text = body};
    if (!TAKE(&json.text, "{") || !take_items(&json, "}", true, 0) || json.text.at != body.end)
        return false;
    *type = json.type;
    return json.types == 1 && type->at && *type->at == '"';
}

/* ---------------------------------------------------------------- parts of an exchange */

/* Read lines with a form and the bytes of a literal block, without its last line end. */
static bool take_block(Text *text, Text *block)
{
    static const char indent[] = "    ";
    const size_t size = sizeof indent - 1;
    block->at = text->at;
    if ((size_t)(text->end - text->at) <= size || memchr(" \t\n", text->at[size], 3))
        return false;
    do {
        Text line;
        if (!TAKE(text, "    ") || !take_line(text, &line))
            return false;
        block->end = line.end;
    } while ((size_t)(text->end - text->at) >= size && memcmp(text->at, indent, size) == 0);
    return true;
}

/* Read header lines with different names and simple values. */
static bool take_headers(Text *text)
{
    Text names[MOST_HEADERS];
    int count = 0;
    while (TAKE(text, "    ")) {
        Text line;
        if (count == MOST_HEADERS || !take_line(text, &line))
            return false;
        const char *colon = memchr(line.at, ':', (size_t)(line.end - line.at));
        if (!colon || line.end - colon < 3 || colon[1] != ' ' || colon - line.at > MOST_KEY)
            return false;
        Text name = {line.at, colon};
        if (!is_plain_scalar(name) || !is_scalar((Text){colon + 2, line.end}))
            return false;
        for (const char *at = name.at; at < name.end; at++)
            if (!is_letter(*at) && *at != '-' && !(*at >= '0' && *at <= '9'))
                return false;
        for (int i = 0; i < count; i++)
            if (names[i].end - names[i].at == name.end - name.at &&
                memcmp(names[i].at, name.at, (size_t)(name.end - name.at)) == 0)
                return false;
        names[count++] = name;
    }
    return count > 0;
}

typedef struct {
    uint64_t client;
    Text head;   /* the lines of the request up to its body */
    Text body;   /* empty without one */
    Text type;   /* of a call, or empty */
    Text status; /* three digits */
    Text spacing; /* the name of the white space of the answer's JSON, or empty */
} Exchange;

static bool take_request(Text *text, Exchange *exchange)
{
    exchange->head.at = text->at;
    if (!TAKE(text, "request:\n"))
        return false;
    while (text->end - text->at > 2 && memcmp(text->at, "  ", 2) == 0) {
        Text line;
        if (TAKE(text, "  json: |-\n")) {
            exchange->head.end = text->at;
            return take_block(text, &exchange->body) &&
                   read_call_type((Text){exchange->body.at + 4, exchange->body.end},
                                  &exchange->type);
        }
        if (!take_line(text, &line))
            return false;
    }
    exchange->head.end = text->at;
    exchange->body = exchange->type = (Text){text->at, text->at};
    return true;
}

/* Read the response, and in its body only the indentation. */
static bool take_response(Text *text, Exchange *exchange)
{
    double after;
    Text line;
    if (!TAKE(text, "response:\n  after: ") || !take_seconds_line(text, &after) ||
        !TAKE(text, "  status: ") || !take_line(text, &line) || line.end - line.at != 3 ||
        line.at[0] < '2' || line.at[0] > '5' || line.at[1] < '0' || line.at[1] > '9' ||
        line.at[2] < '0' || line.at[2] > '9')
        return false;
    exchange->status = line;
    if (TAKE(text, "  reason: ") && !take_scalar_line(text))
        return false;
    if (TAKE(text, "  headers:\n") && !take_headers(text))
        return false;
    if (TAKE(text, "  spacing: ") && !take_line(text, &exchange->spacing))
        return false;
    bool has_spacing = exchange->spacing.at;
    if (TAKE(text, "  json: |-\n") ||
        (!has_spacing && (TAKE(text, "  text: |-\n") || TAKE(text, "  proto: |-\n")))) {
        if (!take_block(text, &line))
            return false;
    } else if (has_spacing) {
        return false;
    }
    return TAKE(text, "...\n") && text->at == text->end;
}

static bool read_exchange(Text text, Exchange *exchange)
{
    uint64_t number;
    double at;
    return is_plain_text(text.at, text.end) && TAKE(&text, "---\nexchange: ") &&
           take_number_line(&text, &number) && TAKE(&text, "at: ") &&
           take_seconds_line(&text, &at) && TAKE(&text, "client: ") &&
           take_number_line(&text, &exchange->client) &&
           (!TAKE(&text, "peer: ") || take_scalar_line(&text)) && take_request(&text, exchange) &&
           take_response(&text, exchange);
}

/* ---------------------------------------------------------------- groups */

static const uint32_t NO_GROUP = 0xFFFFFFFF;

/* The groups that were found last: most exchanges are in one of them. */
typedef struct {
    PyObject *numbers; /* by name */
    struct {
        PyObject *name;
        uint32_t number;
    } recent[MOST_RECENT];
    unsigned int next;
} Groups;

/* Return the number of a group, a new one for a new name. NO_GROUP with an exception. */
static uint32_t look_up(Groups *groups, PyObject *name)
{
    PyObject *new = PyLong_FromSsize_t(PyDict_GET_SIZE(groups->numbers));
    PyObject *found = new ? PyDict_SetDefault(groups->numbers, name, new) : NULL; /* borrowed */
    uint32_t number = found ? (uint32_t)PyLong_AsUnsignedLong(found) : NO_GROUP;
    Py_XDECREF(new);
    if (found) {
        unsigned int place = groups->next++ % MOST_RECENT;
        Py_XSETREF(groups->recent[place].name, Py_NewRef(name));
        groups->recent[place].number = number;
    }
    return number;
}

/* Find the number of a group: the exchanges that have the head of the request, the type of the call,
   the status and the spacing in common. False with an exception. */
static bool find_group(Groups *groups, const Exchange *exchange, uint32_t *group)
{
    char name[MOST_GROUP_BYTES]; /* What differs most comes first, so that names differ early. */
    const Text parts[] = {exchange->type, exchange->status, exchange->spacing, exchange->head};
    size_t size = 0;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        size_t part = (size_t)(parts[i].end - parts[i].at);
        if (part + 1 > sizeof name - size)
            return true;
        if (part)
            memcpy(name + size, parts[i].at, part);
        size += part;
        name[size++] = '\0'; /* No part has one. */
    }
    for (int i = 0; i < MOST_RECENT && groups->recent[i].name; i++) {
        PyObject *recent = groups->recent[i].name;
        if ((size_t)PyBytes_GET_SIZE(recent) == size &&
            memcmp(PyBytes_AS_STRING(recent), name, size) == 0) {
            *group = groups->recent[i].number;
            return true;
        }
    }
    PyObject *object = PyBytes_FromStringAndSize(name, (Py_ssize_t)size);
    *group = object ? look_up(groups, object) : NO_GROUP;
    Py_XDECREF(object);
    return *group != NO_GROUP;
}

/* Add the row of one exchange at an offset to the columns. False with an exception. */
static bool add_row(Text text, uint64_t start, Groups *groups, Column columns[4])
{
    Exchange exchange = {0};
    uint64_t body_start = start;
    uint32_t group = NO_GROUP, body_size = 0;
    if (read_exchange(text, &exchange)) {
        body_start += (uint64_t)(exchange.body.at - text.at);
        body_size = (uint32_t)(exchange.body.end - exchange.body.at);
        if (!find_group(groups, &exchange, &group))
            return false;
    }
    return append(&columns[0], &group, sizeof group) &&
           append(&columns[1], &exchange.client, sizeof exchange.client) &&
           append(&columns[2], &body_start, sizeof body_start) &&
           append(&columns[3], &body_size, sizeof body_size);
}

PyObject *read_outlines(PyObject *module, PyObject *args)
{
    (void)module;
    Py_buffer text, starts;
    Groups groups = {0};
    if (!PyArg_ParseTuple(args, "y*y*O!", &text, &starts, &PyDict_Type, &groups.numbers))
        return NULL;
    const uint64_t *offsets = starts.buf;
    Py_ssize_t count = starts.len / (Py_ssize_t)sizeof *offsets - 1;
    Column columns[4] = {{0}};
    bool is_read = count > 0;
    for (Py_ssize_t i = 0; is_read && i < count; i++) {
        const char *data = text.buf;
        uint64_t begin = offsets[i] - offsets[0], end = offsets[i + 1] - offsets[0];
        if (begin > end || end > (uint64_t)text.len)
            begin = end = 0; /* The file has changed. */
        is_read = add_row((Text){data + begin, data + end}, offsets[i], &groups, columns);
    }
    PyObject *outlines = NULL;
    if (is_read)
        outlines = Py_BuildValue("NNNN", column_bytes(&columns[0]), column_bytes(&columns[1]),
                                 column_bytes(&columns[2]), column_bytes(&columns[3]));
    else if (!PyErr_Occurred())
        PyErr_SetString(PyExc_ValueError, "expected the offsets of documents, and of their end");
    for (int i = 0; i < 4; i++)
        PyMem_Free(columns[i].data);
    for (int i = 0; i < MOST_RECENT; i++)
        Py_XDECREF(groups.recent[i].name);
    PyBuffer_Release(&text);
    PyBuffer_Release(&starts);
    return outlines;
}
