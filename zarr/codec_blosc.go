package zarr

import (
	"errors"
	"fmt"

	"healpipe/internal/blosc"
)

// bloscCodec compresses into one Blosc buffer.
type bloscCodec struct{ opt blosc.Options }

var bloscShuffles = map[string]blosc.Shuffle{
	"noshuffle": blosc.NoShuffle, "shuffle": blosc.ByteShuffle, "bitshuffle": blosc.BitShuffle,
}

// newBlosc reads the configuration; without one (version 2), the codec only decodes, which needs none.
func newBlosc(config object, t DataType) (compressor, error) {
	c := bloscCodec{blosc.Options{Compressor: "zstd", Level: 5, Shuffle: blosc.ByteShuffle, TypeSize: t.Size()}}
	for _, m := range config {
		ok := true
		switch m.key {
		case "cname":
			c.opt.Compressor, ok = m.val.(string)
		case "clevel":
			c.opt.Level, ok = jsonInt(m.val)
		case "shuffle":
			name, _ := m.val.(string)
			c.opt.Shuffle, ok = bloscShuffles[name]
		case "typesize":
			if c.opt.TypeSize, ok = jsonInt(m.val); c.opt.TypeSize == 0 {
				c.opt.TypeSize = t.Size()
			}
		case "blocksize":
			c.opt.BlockSize, ok = jsonInt(m.val)
		}
		if !ok {
			return nil, fmt.Errorf("%w: %s %s", ErrInvalid, m.key, brief(m.val))
		}
	}
	switch c.opt.Compressor {
	case "blosclz", "lz4hc": // read, not written
		return c, nil
	case "snappy":
		return nil, fmt.Errorf("%w: cname %q", ErrUnsupported, c.opt.Compressor)
	}
	if err := c.opt.Check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return c, nil
}

func (c bloscCodec) encode(dst, src []byte) ([]byte, error) {
	out, err := blosc.Encode(dst, src, c.opt)
	if errors.Is(err, blosc.ErrUnsupported) {
		err = fmt.Errorf("%w: %w", ErrUnsupported, err)
	}
	return out, err
}

func (c bloscCodec) decode(dst, src []byte) ([]byte, error) {
	n, err := blosc.Decode(dst[:cap(dst)], src)
	if errors.Is(err, blosc.ErrUnsupported) {
		return nil, fmt.Errorf("%w: %w", ErrUnsupported, err)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return dst[:n], nil
}

func (c bloscCodec) bound(n int) int         { return blosc.Bound(n) }
func (c bloscCodec) fixed(n int) (int, bool) { return 0, false }
