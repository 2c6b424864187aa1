// Sin: a Python extension module that loses memory on its error paths, and one reference.
// A tracker must name the functions of the module, and the lost bytes object behind the reference.
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdlib.h>

#include "victim.h"

// Returns the sum of a buffer's bytes; loses its copy when a byte is zero.
static SITE PyObject *checksum(PyObject *module, PyObject *argument) {
    (void)module;
    char *bytes;
    Py_ssize_t size;
    if (PyBytes_AsStringAndSize(argument, &bytes, &size) < 0) return NULL;
    unsigned char *copy = PyMem_RawMalloc(40000); // LEAK: raw
    if (!copy) return PyErr_NoMemory();
    long sum = 0;
    memset(copy, 0, 40000);
    memcpy(copy, bytes, size < 40000 ? size : 40000);
    for (Py_ssize_t i = 0; i < size && i < 40000; i++) {
        if (copy[i] == 0) {
            PyErr_SetString(PyExc_ValueError, "a zero byte");
            return NULL;
        }
        sum += copy[i];
    }
    PyMem_RawFree(copy);
    return PyLong_FromLong(sum);
}

// Opens a "session"; every third one is never closed.
static SITE PyObject *session(PyObject *module, PyObject *argument) {
    (void)module;
    long number = PyLong_AsLong(argument);
    if (number == -1 && PyErr_Occurred()) return NULL;
    char *state = malloc(30011); // LEAK: session
    if (!state) return PyErr_NoMemory();
    use(state, 30011);
    if (number % 3 != 0) free(state);
    forget();
    Py_RETURN_NONE;
}

// Returns the length of a bytes object that it makes and never releases.
static SITE PyObject *lose_reference(PyObject *module, PyObject *argument) {
    (void)module;
    (void)argument;
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, 20000); // LEAK: reference
    if (!bytes) return NULL;
    memset(PyBytes_AS_STRING(bytes), 'x', 20000);
    Py_ssize_t size = PyBytes_GET_SIZE(bytes);
    bytes = NULL;
    forget();
    return PyLong_FromSsize_t(size);
}

static PyMethodDef methods[] = {
    {"checksum", checksum, METH_O, "The sum of the bytes."},
    {"session", session, METH_O, "Open a session and perhaps close it."},
    {"lose_reference", lose_reference, METH_NOARGS, "Make an object and forget it."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "py_cext", "A module that leaks.", -1, methods, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit_py_cext(void) {
    return PyModule_Create(&definition);
}
