package zarr

import (
	"fmt"

	"healpipe/internal/zstd"
)

// zstdCodec compresses into one Zstandard frame that states its content's size, as numcodecs does.
type zstdCodec struct {
	level    int
	checksum bool
}

func newZstd(config object) (compressor, error) {
	var c zstdCodec
	if v, ok := config.get("level"); ok {
		if c.level, ok = jsonInt(v); !ok || c.level < zstd.MinLevel || c.level > zstd.MaxLevel {
			return nil, fmt.Errorf("%w: level %s", ErrInvalid, brief(v))
		}
	}
	if v, ok := config.get("checksum"); ok {
		if c.checksum, ok = v.(bool); !ok {
			return nil, fmt.Errorf("%w: checksum %s", ErrInvalid, brief(v))
		}
	}
	return c, nil
}

func (c zstdCodec) encode(dst, src []byte) ([]byte, error) {
	return zstd.Encode(dst, src, c.level, c.checksum)
}

func (c zstdCodec) decode(dst, src []byte) ([]byte, error) {
	out, err := zstd.Decode(dst, src)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return out, nil
}

func (c zstdCodec) decodeParts(dst, src []byte, parts []zstd.Range) bool {
	return zstd.DecodeParts(dst, src, parts)
}

func (c zstdCodec) bound(n int) int         { return zstd.Bound(n) }
func (c zstdCodec) fixed(n int) (int, bool) { return 0, false }
