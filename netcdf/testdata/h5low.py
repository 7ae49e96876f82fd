"""The functions of libhdf5 that h5py does not offer, called in the library that h5py itself has loaded."""
import ctypes, glob, os
import h5py

lib = ctypes.CDLL(glob.glob(os.path.join(os.path.dirname(h5py.__file__), "..", "h5py.libs", "libhdf5-*.so*"))[0])
hid, size, uint = ctypes.c_int64, ctypes.c_size_t, ctypes.c_uint


def call(name, *args, result=ctypes.c_int):
    """Call a function: h5py's ids and Python integers are taken as hid_t, ctypes values as they are."""
    fn = getattr(lib, name)
    fn.restype = result
    out = fn(*[hid(getattr(a, "id", a)) if isinstance(a, int) or hasattr(a, "id") else a for a in args])
    if out < 0:
        raise RuntimeError(name)
    return out


def make(name, *args):
    """Call a function that returns an id."""
    return call(name, *args, result=hid)


def predefined(name):
    """A copy of a predefined datatype such as H5T_VAX_F32."""
    return h5py.h5t.TypeID(make("H5Tcopy", hid.in_dll(lib, name + "_g").value))


def create(path, bounds=("EARLIEST", "LATEST"), setup=None):
    """A new h5py.File; setup gets the creation and access property lists."""
    fcpl, fapl = h5py.h5p.create(h5py.h5p.FILE_CREATE), h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    fapl.set_libver_bounds(*[getattr(h5py.h5f, "LIBVER_" + b) for b in bounds])
    if setup:
        setup(fcpl, fapl)
    return h5py.File(h5py.h5f.create(os.fsencode(path), h5py.h5f.ACC_TRUNC, fcpl, fapl))


def dataset(f, name, typ, shape, data=None, maxshape=None, setup=None):
    """A new dataset of a low-level type; setup gets the creation property list."""
    dcpl = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    if setup:
        setup(dcpl)
    space = h5py.h5s.create(h5py.h5s.SCALAR) if shape is None else h5py.h5s.create_simple(
        shape, maxshape and tuple(h5py.h5s.UNLIMITED if n is None else n for n in maxshape))
    d = h5py.h5d.create(f.id, name.encode(), typ, space, dcpl)
    if data is not None:
        d.write(h5py.h5s.ALL, h5py.h5s.ALL, data)
    return h5py.Dataset(d)


def deflate(plist, level=6):
    call("H5Pset_deflate", plist, uint(level))


def group(f, name, setup):
    """A new group; setup gets the creation property list."""
    gcpl = h5py.h5p.create(h5py.h5p.GROUP_CREATE)
    setup(gcpl)
    return h5py.Group(h5py.h5g.create(f.id, name.encode(), gcpl=gcpl))


def shared_messages(fcpl, *masks, minimum=1):
    """Indexes of shared messages, each for the message types in a mask."""
    call("H5Pset_shared_mesg_nindexes", fcpl, uint(len(masks)))
    for i, mask in enumerate(masks):
        call("H5Pset_shared_mesg_index", fcpl, uint(i), uint(mask), uint(minimum))


class CacheImage(ctypes.Structure):
    _fields_ = [("version", ctypes.c_int), ("generate", ctypes.c_bool), ("resize", ctypes.c_bool), ("ageout", ctypes.c_int)]


def cache_image(fapl):
    """Leave the metadata in a cache image when the file is closed."""
    call("H5Pset_mdc_image_config", fapl, ctypes.byref(CacheImage(1, True, False, -1)))
