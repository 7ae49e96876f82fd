package zarr

import (
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// zstdCodec compresses into one Zstandard frame that states its content's size, as numcodecs does.
type zstdCodec struct {
	enc *zstd.Encoder
}

func newZstd(config object) (compressor, error) {
	level, checksum := 0, false
	if v, ok := config.get("level"); ok {
		if level, ok = jsonInt(v); !ok || level < -131072 || level > 22 {
			return nil, fmt.Errorf("%w: level %.40s", ErrInvalid, formatJSON(v))
		}
	}
	if v, ok := config.get("checksum"); ok {
		if checksum, ok = v.(bool); !ok {
			return nil, fmt.Errorf("%w: checksum %.40s", ErrInvalid, formatJSON(v))
		}
	}
	enc, err := zstdEncoder(zstdLevel(level), checksum)
	return zstdCodec{enc}, err
}

// zstdLevel is the encoder that comes within 3 % of libzstd's size at a level, or below it (measured on
// regridded ERA5 fields: at most 0.3 % over for level 0).
func zstdLevel(level int) zstd.EncoderLevel {
	switch {
	case level < 0 || level == 1 || level == 2:
		return zstd.SpeedFastest
	case level <= 4:
		return zstd.SpeedDefault
	case level <= 8:
		return zstd.SpeedBetterCompression
	}
	return zstd.SpeedBestCompression
}

// zstdEncoders are made once for each setting: an encoder's tables take megabytes.
var zstdEncoders = struct {
	sync.Mutex
	made map[zstdKey]*zstd.Encoder
}{made: map[zstdKey]*zstd.Encoder{}}

type zstdKey struct {
	level    zstd.EncoderLevel
	checksum bool
}

func zstdEncoder(level zstd.EncoderLevel, checksum bool) (*zstd.Encoder, error) {
	zstdEncoders.Lock()
	defer zstdEncoders.Unlock()
	key := zstdKey{level, checksum}
	if e := zstdEncoders.made[key]; e != nil {
		return e, nil
	}
	// Without entropy coding of literals in blocks that have no matches, noisy floats stay as they are: 1.00
	// of their size instead of 0.81.
	e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(level), zstd.WithEncoderCRC(checksum),
		zstd.WithAllLitEntropyCompression(true), zstd.WithLowerEncoderMem(true))
	if err == nil {
		zstdEncoders.made[key] = e
	}
	return e, err
}

func (c zstdCodec) encode(dst, src []byte) ([]byte, error) {
	if len(src) == 0 {
		return append(dst, 0x28, 0xb5, 0x2f, 0xfd, 0x20, 0, 1, 0, 0), nil // a frame of one empty raw block
	}
	return c.enc.EncodeAll(src, dst), nil
}

// zstdDecoder never makes more than the capacity of the buffer that it is given.
var zstdDecoder = sync.OnceValues(func() (*zstd.Decoder, error) {
	return zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecodeAllCapLimit(true), zstd.WithDecoderMaxWindow(1<<31))
})

func (c zstdCodec) decode(dst, src []byte) ([]byte, error) {
	d, err := zstdDecoder()
	if err != nil {
		return nil, err
	}
	out, err := d.DecodeAll(src, dst[:0])
	if err != nil {
		return nil, fmt.Errorf("%w: zstd: %v", ErrCorrupt, err)
	}
	return out, nil
}

func (c zstdCodec) bound(n int) int         { return n + n>>7 + 512 }
func (c zstdCodec) fixed(n int) (int, bool) { return 0, false }
