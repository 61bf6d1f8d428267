/* The module: documents in the layout of the writer, block by block. */

#include "native.h"

static PyMethodDef module_methods[] = {
    {"read_heads", read_heads, METH_VARARGS,
     "Return the heads of a run of documents as columns; None if one is not in the writer's layout."},
    {"read_outlines", read_outlines, METH_VARARGS,
     "Return the outlines of exchanges as columns: group, client, start and size of the body."},
    {"is_ascending", is_ascending, METH_VARARGS,
     "Return whether no number of a column is below the one before it, or not even equal."},
    {"rows_by_group", rows_by_group, METH_VARARGS,
     "Return columns of the positions of each number, and of those above."},
    {NULL, NULL, 0, NULL},
};

static int module_exec(PyObject *module)
{
    return PyModule_AddIntConstant(module, "INTERFACE", 1); /* see proto/compiled.py */
}

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, module_exec},
    {0, NULL},
};

static PyModuleDef module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_native",
    .m_doc = "Documents in the layout of the writer, compiled.",
    .m_size = 0,
    .m_methods = module_methods,
    .m_slots = module_slots,
};

PyMODINIT_FUNC PyInit__native(void)
{
    return PyModuleDef_Init(&module);
}
