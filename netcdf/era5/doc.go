// Package era5 writes synthetic files in the layout of the NCAR ERA5 archive: netCDF-4, deflate level 1
// and shuffle, float32 with _FillValue 9.999e20, the archive's grid, dimensions, attributes and file
// names. `healpipe demo` and tests use them in place of files that nobody can ship.
//
// The values are a sum of plane waves plus roughness, rounded to a binary grid as GRIB packing leaves
// them; sea surface temperature and sea ice are missing over a made-up land mask. They mean nothing.
package era5
