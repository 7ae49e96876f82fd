#!/usr/bin/env python3
"""Write the small lon/lat files of this folder; see README.md for what CDO made of them.

make.py DIR     needs numpy and netCDF4
"""
import os, sys
import numpy as np, netCDF4

rng = np.random.default_rng(11)
FILL = np.float32(9.999e20)
LAT, LON = 90 - 2.0 * np.arange(91), 2.0 * np.arange(180)
GAUSS = np.degrees(np.arcsin(np.polynomial.legendre.leggauss(64)[0]))[::-1]
PLAIN = {"long_name": "x", "units": "K", "short_name": "x"}


def fields(*shape):
    """Rough fields on a coarse binary grid, so that they compress."""
    return (280 + np.round(rng.standard_normal(shape) * 4 * 4) / 4).astype("f4")


def holes(f, share=0.15, fill=FILL):
    f = f.copy()
    f[rng.random(f.shape) < share] = fill
    return f


def write(name, lat, lon, variables, times=(876576,), time="time", tunits="hours since 1900-01-01 00:00:00", ttype="i4",
          calendar="gregorian", tattrs={}, level=None, lname="level", ltype="f8", lattrs={}, ctype="f8",
          gattrs={}, fmt="NETCDF4", extra=None, lat_name="latitude", lon_name="longitude"):
    with netCDF4.Dataset(name + ".nc", "w", format=fmt) as ds:
        ds.setncatts(gattrs)
        dims = ()
        if times is not None:
            ds.createDimension(time, len(times))
            t = ds.createVariable(time, ttype, (time,))
            t.setncatts({"units": tunits, **({"calendar": calendar} if calendar else {}), **tattrs})
            t[:] = times
            dims += (time,)
        if level is not None:
            ds.createDimension(lname, len(level))
            l = ds.createVariable(lname, ltype, (lname,))
            l.setncatts(lattrs)
            l[:] = level
            dims += (lname,)
        for n, v, u in (lat_name, lat, "degrees_north"), (lon_name, lon, "degrees_east"):
            ds.createDimension(n, len(v))
            c = ds.createVariable(n, ctype, (n,))
            c.units = u
            c[:] = v
        if extra:
            extra(ds)
        for n, (dtype, fill, data, attrs) in variables.items():
            v = ds.createVariable(n, dtype, dims + (lat_name, lon_name), zlib=fmt.startswith("NETCDF4"), shuffle=True, fill_value=fill)
            v.set_auto_maskandscale(False)
            v.setncatts(attrs)
            v[:] = data


os.chdir(sys.argv[1])
write("asc_m180_mask", LAT[::-1], LON - 180, {"x": ("f4", FILL, holes(fields(1, 91, 180)), PLAIN)}, lat_name="lat", lon_name="lon")
write("half", 89 - 2.0 * np.arange(90), LON + 1, {"x": ("f4", FILL, fields(1, 90, 180), PLAIN)})
write("half_mask", 89 - 2.0 * np.arange(90), LON, {"x": ("f4", FILL, holes(fields(1, 90, 180)), PLAIN)})
write("gauss_mask", GAUSS, 2.8125 * np.arange(128), {"x": ("f4", FILL, holes(fields(1, 64, 128)), PLAIN)})
write("gauss_asc", GAUSS[::-1], 2.8125 * np.arange(128) - 180, {"x": ("f4", FILL, fields(1, 64, 128), PLAIN)})
write("double", LAT, LON, {"x": ("f8", 1e20, fields(1, 91, 180).astype("f8") + 1 / 3, PLAIN)}, times=[10.25], ttype="f8",
      tunits="days since 2000-01-01", calendar="standard", gattrs={"title": "T"})
write("no_time", LAT, LON, {"x": ("f4", np.float32(1e20), fields(91, 180), PLAIN)}, times=None)
f = fields(1, 91, 180)
write("wrap", LAT, np.append(LON, 360), {"x": ("f4", None, np.concatenate([f, f[:, :, :1]], axis=2), PLAIN)}, calendar=None)
grib = {"GRIB_paramId": np.int64(167), "GRIB_shortName": "2t", "long_name": "2 metre temperature", "units": "K",
        "standard_name": "unknown", "GRIB_missingValue": 3.4028234663852886e+38,
        "coordinates": "number valid_time latitude longitude expver"}


def number_expver(ds):
    n = ds.createVariable("number", "i8", ())
    n.long_name, n.units, n.standard_name = "ensemble member numerical id", "1", "realization"
    n[...] = 0
    ds.createVariable("expver", str, ("valid_time",))[:] = np.array(["0001"], dtype=object)


NAN = np.float32("nan")
cds = dict(times=[946684800], time="valid_time", tunits="seconds since 1970-01-01", ttype="i8", calendar="proleptic_gregorian",
           tattrs={"long_name": "time", "standard_name": "time"}, extra=number_expver,
           gattrs={"GRIB_centre": "ecmf", "Conventions": "CF-1.7", "institution": "ECMWF", "history": "made by cfgrib"})
write("cds", LAT, LON, {"t2m": ("f4", NAN, holes(fields(1, 91, 180), 0.1, NAN), grib),
                        "u10": ("f4", NAN, fields(1, 91, 180), {**grib, "long_name": "10 metre U wind component"})}, **cds)
write("cds_levels", LAT, LON, {"t": ("f4", NAN, fields(1, 2, 91, 180), grib)}, level=[1000.0, 850.0], lname="pressure_level",
      lattrs={"long_name": "pressure", "units": "hPa", "positive": "down", "stored_direction": "decreasing", "standard_name": "air_pressure"}, **cds)
packed = {"scale_factor": 0.002, "add_offset": 280.0, "missing_value": np.int16(-32767), "units": "K", "long_name": "Temperature"}
write("packed", LAT, LON, {"t": ("i2", np.int16(-32767), holes((rng.standard_normal((1, 2, 91, 180)) * 500).astype("i2"), 0.05, -32767), packed)},
      level=[500, 1000], ltype="i4", lattrs={"units": "millibars", "long_name": "pressure_level"}, tunits="hours since 1900-01-01 00:00:00.0",
      tattrs={"long_name": "time"}, ctype="f4", fmt="NETCDF3_64BIT_OFFSET", gattrs={"Conventions": "CF-1.6"})
write("attributes", LAT[::5], LON[::5], {"x": ("f4", np.float32(1e20), fields(1, 19, 36), {
    "comment": "c", "cell_methods": "time: mean", "valid_min": np.float32(-5), "code": np.int32(167), "table": np.int32(128), "i8": np.int64(5),
    "i2": np.int16(5), "arr": np.array([1.5, 2.5], "f4"), "standard_name": "air_temperature", "units": "K", "Foo": "bar",
    "missing_value": np.float32(-999), "grid_type": "gaussian", "ancillary_variables": "q", "empty": ""})}, ttype="f4",
    tattrs={"long_name": "my time", "foo": "bar", "axis": "T", "comment": "zz"}, calendar="noleap", level=[10], lname="plev", ltype="f4",
    lattrs={"units": "Pa"}, gattrs={"b_int": np.int32(3), "a_arr": np.array([1.0, 2.0]), "source": "src", "title": "t", "institution": "inst",
                                    "Conventions": "CF-1.8", "history": "old line", "CDI": "old cdi", "CDO": "old cdo"})

# Behind everything else, so that the files above stay as they are.
bytes_ = rng.integers(0, 256, (1, 91, 180)).astype("u1")
shorts = holes(rng.integers(0, 65000, (1, 91, 180)).astype("u2"), 0.05, 65535)
write("unsigned", LAT, LON, {"b": ("i1", None, bytes_.view("i1"), {"units": "K", "scale_factor": 0.5, "add_offset": 200.0, "_Unsigned": "true"})})
# CDO takes _Unsigned for bytes alone: its answer is that to the same numbers in a wider type.
unsigned = {"units": "K", "scale_factor": 0.01}
write("unsigned_short", LAT, LON, {"s": ("i2", np.int16(-1), shorts.view("i2"), {**unsigned, "_Unsigned": "true"})})
write("unsigned_short.plain", LAT, LON, {"s": ("i4", np.int32(65535), shorts.astype("i4"), unsigned)})
write("half_degree", 89.75 - 0.5 * np.arange(360), 0.25 + 0.5 * np.arange(720), {"x": ("f4", FILL, holes(np.round(fields(1, 360, 720)), 0.1), PLAIN)})
