// Package codec holds the byte transforms and checksums that netcdf and zarr share: inflate (RFC 1950 and
// 1951), HDF5's shuffle filter, Fletcher-32, Jenkins lookup3, Adler-32 and CRC-32C.
//
// Shuffle stores a chunk of n elements of s bytes as s planes of n bytes, byte k of every element in plane
// k; what does not fill an element follows unchanged:
//
//	elements   a0 a1 a2 a3  b0 b1 b2 b3  c0 c1 c2 c3  rest
//	shuffled   a0 b0 c0  a1 b1 c1  a2 b2 c2  a3 b3 c3  rest
//
// Everything works on whole buffers that the caller owns, and neither allocates nor keeps them (an
// [Inflater] has its tables inside). Foreign bytes give an error, never a panic and never a write
// outside the destination.
package codec
