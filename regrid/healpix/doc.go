// Package healpix is the geometry of the HEALPix grid: Hierarchical Equal Area isoLatitude Pixelization
// of the sphere (Gorski et al. 2005, ApJ 622, 759).
//
// The sphere has 12 base faces of nside x nside cells of equal area; nside is a power of two. A cell has
// two numbers:
//
//	ring    counted from the north pole along rings of equal latitude, 4 nside - 1 of them
//	nested  face * nside^2 + the bits of the cell's x (even places) and y (odd places) in its face, so that
//	        the four children of cell p at 2 nside are 4p to 4p+3
//
// Angles are in radians: theta is the colatitude in [0, pi], phi the longitude in [0, 2 pi).
// Functions panic on an nside or a cell number outside the grid, as indexing a slice does; Check tells
// beforehand. Results agree with healpy 1.20 exactly for cell numbers and within 1e-15 rad for angles.
package healpix
