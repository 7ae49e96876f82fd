// Package cdf reads and writes the classic netCDF formats: CDF-1 (32 bit offsets), CDF-2 (64 bit
// offsets) and CDF-5 (64 bit sizes too), as "The NetCDF Classic Format Specification" defines them.
//
//	magic     'C' 'D' 'F' version(1 byte)
//	numrecs   N                     all ones: streaming, the count follows from the file's size
//	dims      tag 10, N count, { name, N length }            length 0: the record dimension
//	gatts     tag 12, N count, { name, type, N count, values }
//	vars      tag 11, N count, { name, N ndims, N dimids, attributes, type, N vsize, O begin }
//	fixed     each variable's values from its begin on, padded to 4 bytes
//	records   record after record; in each the slab of every record variable, padded to 4 bytes;
//	          a lone record variable is not padded
//
// N is 4 bytes (8 in CDF-5), O is 4 bytes in CDF-1 and 8 otherwise; all big-endian. Names and values are
// padded to 4 bytes.
//
// Guarantees: every length is checked before memory is taken for it; the header takes at most
// [Options.MaxHeader] bytes; a file that is shorter than its header says is an error at [Open], where
// libnetcdf would read zeros. A [File] is safe for concurrent readers. A [Writer] streams in file order
// and lays a file out as libnetcdf does, byte for byte.
package cdf
