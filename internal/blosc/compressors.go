package blosc

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"sync"

	"github.com/pierrec/lz4/v4"

	"healpipe/internal/zstd"
)

// The compressors' numbers in the flags.
const (
	formatBloscLZ = 0
	formatLZ4     = 1
	formatZlib    = 3
	formatZstd    = 4
)

// decompress fills dst from one stream.
func (s *scratch) decompress(format int, dst, src []byte) error {
	if len(src) == len(dst) {
		copy(dst, src)
		return nil
	}
	var n int
	var err error
	switch format {
	case formatBloscLZ:
		n, err = bloscLZ(dst, src)
	case formatLZ4:
		n, err = lz4.UncompressBlock(src, dst)
	case formatZlib:
		n, err = s.inflater.Zlib(dst, src)
	case formatZstd:
		var out []byte
		out, err = zstd.Decode(dst[:0:len(dst)], src)
		n = len(out)
	default:
		return fmt.Errorf("%w %d", ErrUnsupported, format)
	}
	switch {
	case err != nil:
		return fmt.Errorf("%w: %v", ErrCorrupt, err)
	case n != len(dst):
		return fmt.Errorf("%w: stream of %d bytes instead of %d", ErrCorrupt, n, len(dst))
	}
	return nil
}

// bloscLZ decodes a BloscLZ stream, a descendant of FastLZ level 2: a control byte of 000lllll is followed by
// l+1 literals; any other, lll ooooo, is a match of length l+2 (l = 7: plus the following bytes up to one below
// 255) at a distance of 256*o plus the next byte (o = 31 and that 255: 8191 plus a big-endian uint16), plus one.
func bloscLZ(dst, src []byte) (int, error) {
	truncated := fmt.Errorf("blosclz stream ends early")
	if len(src) == 0 {
		return 0, truncated
	}
	out, pos := 0, 1
	for ctrl := int(src[0] & 31); ; ctrl, pos = int(src[pos]), pos+1 {
		if ctrl >= 32 {
			length, far := ctrl>>5-1, (ctrl&31)<<8
			for more := length == 6; more; pos++ {
				if pos >= len(src) {
					return 0, truncated
				}
				length += int(src[pos])
				more = src[pos] == 255
			}
			if pos >= len(src) {
				return 0, truncated
			}
			low := int(src[pos])
			pos++
			distance := far + low + 1
			if low == 255 && far == 31<<8 {
				if pos+2 > len(src) {
					return 0, truncated
				}
				distance = int(src[pos])<<8 + int(src[pos+1]) + 8191 + 1
				pos += 2
			}
			length += 3
			if distance > out || length > len(dst)-out {
				return 0, fmt.Errorf("blosclz match of %d at %d bytes back, outside the block", length, distance)
			}
			for i := range length {
				dst[out+i] = dst[out+i-distance]
			}
			out += length
		} else {
			n := ctrl + 1
			if n > len(src)-pos || n > len(dst)-out {
				return 0, fmt.Errorf("blosclz literals reach past the end")
			}
			out += copy(dst[out:out+n], src[pos:])
			pos += n
		}
		if pos >= len(src) {
			return out, nil
		}
	}
}

// compress appends a stream to dst[:at] and returns its length, 0 where it would not be shorter than src.
// dst has room for a stream as long as src.
func (o Options) compress(dst, src []byte) (int, error) {
	switch o.Compressor {
	case "lz4":
		c := lz4Compressors.Get().(*lz4.Compressor)
		defer lz4Compressors.Put(c)
		n, err := c.CompressBlock(src, dst[:len(src)])
		if err == lz4.ErrInvalidSourceShortBuffer {
			return 0, nil
		}
		return n, err
	case "zlib":
		var out bytes.Buffer
		w, err := zlib.NewWriterLevel(&out, o.Level)
		if err == nil {
			_, err = w.Write(src)
		}
		if err == nil {
			err = w.Close()
		}
		if err != nil || out.Len() >= len(src) {
			return 0, err
		}
		return copy(dst, out.Bytes()), nil
	}
	level := 2*o.Level - 1 // c-blosc's scale
	switch {
	case o.Level == 8:
		level = zstd.MaxLevel - 2
	case o.Level > 8:
		level = zstd.MaxLevel
	}
	out, err := zstd.Encode(make([]byte, 0, zstd.Bound(len(src))), src, level, false)
	if err != nil || len(out) >= len(src) {
		return 0, err
	}
	return copy(dst, out), nil
}

var lz4Compressors = sync.Pool{New: func() any { return new(lz4.Compressor) }}
