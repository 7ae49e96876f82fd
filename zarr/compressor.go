package zarr

import "fmt"

// newCompressor makes the codec of a specification; t is the array's type, for Blosc.
func newCompressor(s codecSpec, t DataType) (compressor, error) {
	switch s.name {
	case "zstd":
		return newZstd(s.config)
	case "gzip":
		return newGzip(s.config)
	case "blosc":
		return newBlosc(s.config, t)
	case "crc32c":
		return crc32cCodec{}, nil
	case "numcodecs.zlib":
		return zlibCodec{}, nil
	case "numcodecs.lz4":
		return lz4Codec{}, nil
	}
	return nil, fmt.Errorf("%w", ErrUnsupported)
}

// knownCodec says whether a codec of a chain has an implementation here.
func knownCodec(name string) bool {
	switch name {
	case "bytes", "endian", "transpose", "sharding_indexed", "zstd", "gzip", "blosc", "crc32c", "numcodecs.zlib", "numcodecs.lz4":
		return true
	}
	return false
}
