package zarr

import "fmt"

// newCompressor makes the codec of a specification; t is the array's type, for Blosc.
func newCompressor(s codecSpec, t DataType) (compressor, error) {
	switch s.name {
	case "zstd":
		return newZstd(s.config)
	case "gzip":
		return newGzip(s.config)
	case "crc32c":
		return crc32cCodec{}, nil
	}
	return nil, fmt.Errorf("%w", ErrUnsupported)
}
