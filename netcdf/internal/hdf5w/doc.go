// Package hdf5w writes netCDF-4 files (HDF5) as libnetcdf's classic model lays them out: one root group,
// dimension scales, contiguous and chunked variables with shuffle and deflate. It exists for input files
// of demonstrations and tests in the layout of the NCAR archive; it is not a general HDF5 writer.
//
//	superblock            version 2, 48 bytes; end of file and root filled in last
//	object headers        version 2: the root group with its links, then one per dataset
//	global heap           one collection: the references of the DIMENSION_LIST attributes
//	contiguous values     in the order of definition
//	chunks                in the order written
//	chunk B-trees         version 1, node type 1, bottom up
//
// The headers' sizes follow from the definition alone, so that their place is reserved first and values
// stream through: memory holds one chunk and 8 bytes per chunk and dimension.
//
// Section numbers in comments are those of the HDF5 File Format Specification, version 3.0.
package hdf5w
