// Package curate lays out the Zarr store of the pipeline and writes regridded files into it.
//
// # The store
//
// A Zarr version 3 group with consolidated metadata and these arrays, for a time axis of N steps (hours),
// L pressure levels and M = 12 * 4^OutputLevel HEALPix cells:
//
//	tclw tciw 2t 10u 10v msl tp sstk ci 2d tcwv 100u 100v   float32 (N, M)     chunks (TimeChunk, M)
//	z t u v q                                               float32 (N, L, M)  chunks (TimeChunk, 1, M) in shards (TimeChunk, L, M)
//	time                                                    int64   (N)        one chunk, values in TimeUnits
//	levels                                                  (L)                one chunk, values and attributes as in the files
//
// Chunk i along time holds the steps from i*TimeChunk on. What no file has covered reads as the fill value 0.
//
// With Layout.GridMapping there are also crs and cell_ids, by which CF software finds the grid.
//
// # Statistics
//
// With Options.Statistics every file leaves the moments of its variables in VARIABLE/FIRST_LAST.json (hours as
// YYYYMMDDHH), and MergeStatistics makes statistics.json of them: count, mean, standard deviation, minimum and
// maximum for each variable and level, whatever the order of the files and however often one was processed.
// Files that overlap in time count each for itself.
//
// # Guarantees
//
//   - Init creates what is lacking and changes nothing that is there; a second Init writes nothing. Arrays
//     that differ from the layout are reported.
//   - Process checks a whole file before it writes the first value: a file that is not what it should be
//     changes nothing. Hours are located on the store's axis one by one, in whatever order the file has them.
//   - Process is idempotent: after two runs the store holds the same bytes as after one. The store is valid
//     at every moment, and writers of disjoint hours of one chunk, in any number of processes, lose nothing.
//   - Memory is bounded by a few chunks, whatever the length of the file.
//
// # Limits
//
// Time coordinates are those of the Gregorian calendar (standard, gregorian, proleptic_gregorian). Variables
// have the dimensions (time, cells) or (time, level, cells), in this order.
package curate
