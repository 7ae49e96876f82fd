// Package regrid maps global regular longitude/latitude fields to HEALPix cells with the values that CDO
// 2.5.1 gives for
//
//	cdo remapbil,hp256 IN 256.nc
//	cdo --format nc -L hpdegrade,nside=64 -selvar,VARS 256.nc OUT
//
// in one pass over the file and without the file in between.
//
//	storage --chunks--> netcdf.Decoder --rows of 8 fields--> Block --> records of a CDF-2 file --> storage
//
// Operator is the map itself, built once per grid pair and shared; Block applies it to rows as they come;
// Regridder does a file, Job an object of a storage. A Budget shared by all bounds the cores in use.
//
// Guarantees. A value of the result depends on its field alone, not on the chunks, the lanes or the number
// of goroutines. Memory does not grow with the number of times: it is that of one or two rows of chunks
// (Regridder.Memory) and of the results of as many times as a chunk holds. A Job's result appears whole or
// not at all.
//
// Limits. The last two dimensions must be latitude and longitude, before them time and one further
// dimension at most. One grid per file. Curvilinear, rotated, reduced Gaussian and regional grids are
// ErrGrid. docs/numerics.md has formulas, accuracy and the rules for names and missing values.
package regrid
