// Package hdf5 reads the HDF5 file format: one file per structure of the "HDF5 File Format Specification
// Version 3.0" (section numbers in the comments are that document's). It knows nothing of netCDF.
//
// From the file's first bytes to a value:
//
//	superblock (II) -> object header (IV.A) -> messages (IV.A.2): dataspace, datatype, layout, filters
//	     |                  |
//	     |                  +- group: links in the header, symbol table (III.A-C, B-tree 1 + local heap)
//	     |                  |         or fractal heap (III.G) indexed by B-tree 2 (III.A.2)
//	     |                  +- dataset: bytes in the header (compact), in one piece (contiguous) or in chunks
//	     |                            found through B-tree 1, B-tree 2, fixed or extensible array, ... (VII)
//	     |                            values of variable length in global heaps (III.E)
//	     +- extension: shared messages (III.H)
//
// Addresses are relative to the superblock (a user block may precede it) and have 2, 4 or 8 bytes; all bits
// set is the undefined address. Integers are little-endian.
//
// Guarantees: every address, length and count is checked before bytes are read or memory is taken; trees
// are walked with the set of visited nodes, so no structure of links makes a walk endless; checksums are
// verified wherever the format has them; memory is limited by Config.MaxMemory.
package hdf5
