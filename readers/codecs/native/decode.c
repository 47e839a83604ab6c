/*
 * Lists of JPEG tiles to pixels in one call, without the interpreter's lock.
 *
 * decode(tiles, prefix, width, height, bands, scale, threads, descriptor) -> bytes
 *
 * Bytes, places and sizes in; pixels and a status a tile out. What a tile means and what becomes of
 * one that can't be decoded here is Python's business: whatever libjpeg warns of, or is not just
 * what was asked for, ends a tile with a status, and its pixels are not to be looked at.
 *
 * libjpeg-turbo with its accurate transforms and smooth upsampling, as in the decoders that
 * stand in for this one: the same pixels, bit by bit. Nothing is kept between calls; every tile has
 * a decoder of its own, so that no tile lives on another's tables.
 */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jpeglib.h>

#if !defined(LIBJPEG_TURBO_VERSION_NUMBER) || LIBJPEG_TURBO_VERSION_NUMBER < 2001000
#error "libjpeg-turbo 2.1 or later is needed: others upsample and smooth in other ways"
#endif

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)
#define VERSION TEXT(LIBJPEG_TURBO_VERSION)

/* What became of a tile. */
enum { DONE = 0, UNREAD = 1, OTHER = 2, WARNED = 3, REFUSED = 4 };

enum {
    MOST_THREADS = 16,
    MOST_SCANS = 100,     /* of a progressive stream: each costs a pass over all coefficients */
    MARGIN = 16,          /* columns decoded beside a crop: upsampling looks at neighbours */
    LARGEST_SIDE = 65500, /* libjpeg's own limit */
    SLACK = 1 << 16       /* bytes of a stream beyond twice its pixels: more is no tile */
};

/* An array of uint8, (rows, columns, bands), and where in the scaled tile it lies. */
typedef struct {
    Py_buffer view;
    JDIMENSION x, y, columns, rows;  /* no rows: there is none */
} Place;

/* One tile: where its stream is, and where its pixels go. */
typedef struct {
    Place target, shown;  /* what is shown is a part of the target, and gets a copy of it */
    Py_buffer stream;     /* with .obj NULL: to be read from the descriptor */
    off_t offset;
    size_t length;
} Tile;

/* What all tiles of a call share, and which is next. */
typedef struct {
    Tile *tiles;
    unsigned char *status;
    Py_ssize_t count;
    atomic_llong next;
    const unsigned char *prefix;  /* stands for the first two bytes of each stream */
    size_t prefix_length;
    JDIMENSION width, height;     /* of a whole tile at full size */
    int bands, scale, descriptor;
} Call;

typedef struct {
    struct jpeg_error_mgr base;
    jmp_buf out;
    int status;
} Errors;

/* A stream that is read into memory; used again for the next tile. */
typedef struct { unsigned char *bytes; size_t room; } Scratch;

static void leave(j_common_ptr jpeg, int status)
{
    Errors *errors = (Errors *)jpeg->err;
    errors->status = status;
    longjmp(errors->out, 1);
}

static void on_error(j_common_ptr jpeg) { leave(jpeg, REFUSED); }

/* A negative level is a warning: libjpeg makes up pixels, or may. */
static void on_message(j_common_ptr jpeg, int level)
{
    if (level < 0)
        leave(jpeg, WARNED);
}

static void on_progress(j_common_ptr jpeg)
{
    if (((j_decompress_ptr)jpeg)->input_scan_number > MOST_SCANS)
        leave(jpeg, REFUSED);
}

/* Is it just such a tile as was announced, in a kind whose pixels are the same in every version? */
static int is_expected(const struct jpeg_decompress_struct *jpeg, const Call *call)
{
    const jpeg_component_info *parts = jpeg->comp_info;
    if (jpeg->image_width != call->width || jpeg->image_height != call->height ||
        jpeg->num_components != call->bands || jpeg->data_precision != 8)
        return 0;
    if (call->bands == 1)
        return jpeg->jpeg_color_space == JCS_GRAYSCALE;
    if (jpeg->jpeg_color_space != JCS_RGB && jpeg->jpeg_color_space != JCS_YCbCr)
        return 0;
    if (jpeg->saw_JFIF_marker && jpeg->saw_Adobe_marker) /* they may contradict each other */
        return 0;
    for (int i = 1; i < 3; i++)
        if (parts[i].h_samp_factor != 1 || parts[i].v_samp_factor != 1)
            return 0;
    /* 4:4:4, 4:2:2, 4:2:0 */
    return parts[0].h_samp_factor <= 2 && parts[0].v_samp_factor <= parts[0].h_samp_factor;
}

/* Are some coefficients not there? Versions differ in how they smooth what comes of it. */
static int is_unfinished(const struct jpeg_decompress_struct *jpeg)
{
    if (jpeg->coef_bits == NULL) /* not progressive */
        return 0;
    for (int part = 0; part < jpeg->num_components; part++)
        for (int i = 0; i < DCTSIZE2; i++)
            if (jpeg->coef_bits[part][i] != 0)
                return 1;
    return 0;
}

/* Read the rows that are wanted: straight into the target, or through `row` if they are wider. */
static void read_rows(j_decompress_ptr jpeg, const Tile *tile, JSAMPROW row, size_t left)
{
    const Place *target = &tile->target, *shown = &tile->shown;
    size_t bands = (size_t)jpeg->output_components, skipped = (shown->x - target->x) * bands;
    unsigned char *pixels = target->view.buf, *copy = shown->view.buf;
    for (JDIMENSION y = target->y; y < target->y + target->rows; y++) {
        JSAMPROW to = row == NULL ? pixels : row;
        jpeg_read_scanlines(jpeg, &to, 1);
        if (row != NULL)
            memcpy(pixels, row + left, target->columns * bands);
        if (y >= shown->y && y - shown->y < shown->rows)
            memcpy(copy + (y - shown->y) * shown->view.strides[0], pixels + skipped,
                   shown->columns * bands);
        pixels += target->view.strides[0];
    }
}

/*
 * Decode what is wanted of a tile whose header was read. The codes of all of it are gone
 * through, to the end: damage as a rule shows only there, when blocks are left over or missing.
 */
static int read_pixels(j_decompress_ptr jpeg, const Tile *tile)
{
    const Place *target = &tile->target;
    JSAMPROW row = NULL;
    JDIMENSION left = 0, below = target->y + target->rows;
    int narrow = target->columns != jpeg->output_width;

    if (narrow) {
        JDIMENSION start = target->x > MARGIN ? target->x - MARGIN : 0;
        JDIMENSION end = target->x + target->columns + MARGIN;
        JDIMENSION width = (end < jpeg->output_width ? end : jpeg->output_width) - start;
        jpeg_crop_scanline(jpeg, &start, &width);
        if (start > target->x || start + jpeg->output_width < target->x + target->columns)
            return OTHER;
        left = target->x - start;
    }
    if (narrow || below < jpeg->output_height)
        /* off by one: into aligned rows libjpeg writes past the caches, and reading them is slow */
        row = 1 + (JSAMPROW)(*jpeg->mem->alloc_large)(
            (j_common_ptr)jpeg, JPOOL_IMAGE,
            1 + (size_t)jpeg->output_width * (size_t)jpeg->output_components);
    if (target->y > 0 && jpeg_skip_scanlines(jpeg, target->y) != target->y)
        return OTHER;
    read_rows(jpeg, tile, narrow ? row : NULL, (size_t)left * (size_t)jpeg->output_components);
    /* the last row is read, not skipped: libjpeg skips to the end without looking */
    if (below + 1 < jpeg->output_height)
        jpeg_skip_scanlines(jpeg, jpeg->output_height - 1 - below);
    if (below < jpeg->output_height)
        jpeg_read_scanlines(jpeg, &row, 1);
    jpeg_finish_decompress(jpeg);
    return DONE;
}

/* Decode what is wanted of a stream, if it is what was announced. */
static int read_stream(j_decompress_ptr jpeg, const Call *call, const Tile *tile)
{
    if (jpeg_read_header(jpeg, TRUE) != JPEG_HEADER_OK || !is_expected(jpeg, call))
        return OTHER;
    jpeg->out_color_space = call->bands == 3 ? JCS_RGB : JCS_GRAYSCALE;
    jpeg->scale_num = 1;
    jpeg->scale_denom = (unsigned int)call->scale;
    jpeg->dct_method = JDCT_ISLOW;
    jpeg->do_fancy_upsampling = TRUE;
    jpeg_start_decompress(jpeg);
    return is_unfinished(jpeg) ? OTHER : read_pixels(jpeg, tile);
}

static int decode_stream(const Call *call, const Tile *tile, const unsigned char *data, size_t size)
{
    struct jpeg_decompress_struct jpeg = {0};
    struct jpeg_progress_mgr progress = {.progress_monitor = on_progress};
    Errors errors;

    jpeg.err = jpeg_std_error(&errors.base);
    errors.base.error_exit = on_error;
    errors.base.emit_message = on_message;
    if (!setjmp(errors.out)) {
        jpeg_create_decompress(&jpeg);
        jpeg.progress = &progress;
        jpeg_mem_src(&jpeg, data, size);
        errors.status = read_stream(&jpeg, call, tile);
    }
    jpeg_destroy_decompress(&jpeg);
    return errors.status;
}

/* Fill memory from the descriptor; 0 where the file ends before, or can't be read. */
static int read_fully(int descriptor, unsigned char *to, size_t length, off_t offset)
{
    while (length > 0) {
        ssize_t got = pread(descriptor, to, length, offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return 0;
        to += got, offset += got, length -= (size_t)got;
    }
    return 1;
}

/* Put the prefix and the stream behind its first two bytes into the scratch memory. */
static int fetch(const Call *call, const Tile *tile, Scratch *scratch)
{
    size_t ahead = call->prefix_length - 2;
    unsigned char *to;
    if (scratch->room < ahead + tile->length) {
        unsigned char *more = realloc(scratch->bytes, ahead + tile->length);
        if (more == NULL)
            return UNREAD;
        scratch->bytes = more, scratch->room = ahead + tile->length;
    }
    to = scratch->bytes + ahead;
    if (tile->stream.obj != NULL)
        memcpy(to, tile->stream.buf, tile->length);
    else if (!read_fully(call->descriptor, to, tile->length, tile->offset))
        return UNREAD;
    if (to[0] != 0xFF || to[1] != 0xD8)
        return OTHER;
    memcpy(scratch->bytes, call->prefix, call->prefix_length);
    return DONE;
}

static int decode_tile(const Call *call, const Tile *tile, Scratch *scratch)
{
    size_t pixels = (size_t)call->width * call->height * (size_t)call->bands;
    int status, scale = call->scale;

    if (tile->length < 4 || tile->length > 2 * pixels + SLACK)
        return OTHER;
    /* of a single pixel, others can't say at which scale they made it */
    if (scale > 1 && (int)call->width <= scale && (int)call->height <= scale)
        return OTHER;
    if ((status = fetch(call, tile, scratch)) != DONE)
        return status;
    return decode_stream(call, tile, scratch->bytes, call->prefix_length - 2 + tile->length);
}

static void *work(void *given)
{
    Call *call = given;
    Scratch scratch = {NULL, 0};

    for (long long i; (i = atomic_fetch_add(&call->next, 1)) < call->count;)
        call->status[i] = (unsigned char)decode_tile(call, &call->tiles[i], &scratch);
    free(scratch.bytes);
    return NULL;
}

/* Decode all tiles with so many threads, this one among them; those that can't be had are none. */
static void work_together(Call *call, int threads)
{
    pthread_t others[MOST_THREADS];
    int started = 0;

    while (started < threads - 1 && started < call->count - 1 &&
           !pthread_create(&others[started], NULL, work, call))
        started++;
    work(call);
    while (started > 0)
        pthread_join(others[--started], NULL);
}

/* Check an array and where it lies in the scaled tile, or in another array of it. */
static int take_place(Place *place, PyObject *array, const Call *call, Py_ssize_t x, Py_ssize_t y,
                      Place within)
{
    Py_buffer *view = &place->view;

    if (PyObject_GetBuffer(array, view, PyBUF_STRIDES | PyBUF_WRITABLE) < 0)
        return -1;
    if (view->ndim != 3 || view->itemsize != 1 || view->shape[2] != call->bands ||
        view->strides[2] != 1 || view->strides[1] != call->bands || view->shape[0] < 1 ||
        view->shape[1] < 1 || view->strides[0] < view->shape[1] * call->bands) {
        PyErr_SetString(PyExc_ValueError, "a target must be rows of whole pixels of bytes");
        return -1;
    }
    if (x < within.x || x - within.x > (Py_ssize_t)within.columns - view->shape[1] ||
        y < within.y || y - within.y > (Py_ssize_t)within.rows - view->shape[0]) {
        PyErr_SetString(PyExc_ValueError, "a target must lie within its tile");
        return -1;
    }
    place->x = (JDIMENSION)x, place->y = (JDIMENSION)y;
    place->rows = (JDIMENSION)view->shape[0], place->columns = (JDIMENSION)view->shape[1];
    return 0;
}

/* Take one tile: ((offset, length) or bytes, target, x, y[, shown, x, y]). */
static int take_tile(Tile *tile, PyObject *item, const Call *call)
{
    PyObject *source, *array, *shown = NULL;
    Py_ssize_t x, y, left = 0, top = 0;
    Place whole = {.columns = (call->width + (JDIMENSION)call->scale - 1) / (JDIMENSION)call->scale,
                   .rows = (call->height + (JDIMENSION)call->scale - 1) / (JDIMENSION)call->scale};

    if (!PyArg_ParseTuple(item, "OOnn|Onn", &source, &array, &x, &y, &shown, &left, &top))
        return -1;
    if (PyTuple_Check(source)) {
        long long offset, length;
        if (!PyArg_ParseTuple(source, "LL:place", &offset, &length))
            return -1;
        if (offset < 0 || length < 0 || offset > LLONG_MAX - length || call->descriptor < 0) {
            PyErr_SetString(PyExc_ValueError, "a place must be in a file");
            return -1;
        }
        tile->offset = (off_t)offset, tile->length = (size_t)length;
    } else {
        if (PyObject_GetBuffer(source, &tile->stream, PyBUF_SIMPLE) < 0)
            return -1;
        tile->length = (size_t)tile->stream.len;
    }
    if (take_place(&tile->target, array, call, x, y, whole) < 0)
        return -1;
    return shown == NULL ? 0 : take_place(&tile->shown, shown, call, left, top, tile->target);
}

static void let_go(Call *call)
{
    for (Py_ssize_t i = 0; call->tiles != NULL && i < call->count; i++) {
        PyBuffer_Release(&call->tiles[i].target.view);
        PyBuffer_Release(&call->tiles[i].shown.view);
        PyBuffer_Release(&call->tiles[i].stream);
    }
    PyMem_Free(call->tiles);
    if (call->descriptor >= 0)
        close(call->descriptor);
}

/* Run a call whose numbers are checked; `items` is a tuple that nobody else has. */
static PyObject *run(Call *call, PyObject *items, int threads)
{
    PyObject *result = NULL;

    call->count = PyTuple_GET_SIZE(items);
    call->tiles = PyMem_Calloc((size_t)call->count + 1, sizeof(Tile));
    if (call->tiles == NULL)
        return PyErr_NoMemory();
    for (Py_ssize_t i = 0; i < call->count; i++)
        if (take_tile(&call->tiles[i], PyTuple_GET_ITEM(items, i), call) < 0)
            return NULL;
    if ((result = PyBytes_FromStringAndSize(NULL, call->count)) == NULL)
        return NULL;
    call->status = (unsigned char *)PyBytes_AS_STRING(result);
    Py_BEGIN_ALLOW_THREADS
    work_together(call, threads);
    Py_END_ALLOW_THREADS
    return result;
}

static PyObject *decode(PyObject *self, PyObject *arguments)
{
    PyObject *tiles, *items, *result = NULL;
    Py_buffer prefix;
    int width, height, bands, scale, threads, descriptor;
    Call call = {.descriptor = -1};

    (void)self;
    if (!PyArg_ParseTuple(arguments, "Oy*iiiiii:decode", &tiles, &prefix, &width, &height, &bands,
                          &scale, &threads, &descriptor))
        return NULL;
    if (width < 1 || height < 1 || width > LARGEST_SIDE || height > LARGEST_SIDE ||
        (bands != 1 && bands != 3) || (scale != 1 && scale != 2 && scale != 4 && scale != 8) ||
        threads < 1 || threads > MOST_THREADS || prefix.len < 2) {
        PyErr_SetString(PyExc_ValueError, "invalid size, bands, scale, threads or prefix");
        PyBuffer_Release(&prefix);
        return NULL;
    }
    call.prefix = prefix.buf, call.prefix_length = (size_t)prefix.len;
    call.width = (JDIMENSION)width, call.height = (JDIMENSION)height;
    call.bands = bands, call.scale = scale;
    items = PySequence_Tuple(tiles);
    if (items != NULL) {
        /* a descriptor of its own: one that is closed meanwhile may become another file's */
        if (descriptor >= 0 && (call.descriptor = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)) < 0)
            PyErr_SetFromErrno(PyExc_OSError);
        else
            result = run(&call, items, threads);
        let_go(&call);
        Py_DECREF(items);
    }
    PyBuffer_Release(&prefix);
    return result;
}

static PyMethodDef methods[] = {
    {"decode", decode, METH_VARARGS, "See the head of decode.c."},
    {NULL, NULL, 0, NULL},
};

static int fill_module(PyObject *module)
{
    return PyModule_AddStringConstant(module, "LIBRARY", "libjpeg-turbo " VERSION);
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, fill_module},
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#ifdef Py_mod_gil
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_decode",
    .m_doc = "Lists of JPEG tiles to pixels, without the interpreter's lock.",
    .m_methods = methods,
    .m_slots = slots,
};

PyMODINIT_FUNC PyInit__decode(void) { return PyModuleDef_Init(&definition); }
