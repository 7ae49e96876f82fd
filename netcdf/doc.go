// Package netcdf reads netCDF files of every format (classic CDF-1, CDF-2, CDF-5 and netCDF-4, which is
// HDF5) and writes classic ones, in pure Go.
//
// One model serves all formats: a File has a root Group; a Group has dimensions, variables, attributes and
// sub-groups; a Var has a Type, dimensions and attributes, and its values are read
//
//   - by selection into the caller's slice, with conversion: Var.Read, Var.Values, ReadAll;
//   - chunk by chunk through per-goroutine scratch, for programs that must not hold a whole variable:
//     Var.Chunks and Decoder.
//
// Guarantees. Everything is safe for concurrent readers, without a lock around the decoding. No input makes
// the package panic or loop, and memory taken because of a file's contents is bounded by Options.MaxMemory.
// Checksums that a file carries are verified. Errors wrap one of the sentinels below and name the file and
// the object.
//
// Limits. HDF5 external and virtual storage is ErrUnsupported; docs/hdf5-coverage.md lists every structure.
package netcdf
