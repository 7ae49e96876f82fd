// Package zstd compresses whole buffers into Zstandard frames (RFC 8878) and back, with libzstd's levels and, up
// to level 12, within 3 % of its sizes. Its encoder is made for fields of noisy floats, where the entropy of the
// bytes is nearly all that can be saved; frames are read by github.com/klauspost/compress/zstd.
//
// Levels up to 4 search in two tables, as libzstd's level 3; up to 8, up to 12 and beyond in ever longer chains. There
// is no search for the best parse as in libzstd's levels above 12, whose frames may be a tenth smaller.
package zstd

import (
	"errors"
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// The levels of libzstd; 0 is its default, 3.
const (
	MinLevel = -131072
	MaxLevel = 22
)

// ErrCorrupt says that a frame is damaged, or longer than the buffer for its content.
var ErrCorrupt = errors.New("corrupt zstd frame")

// Encode appends one frame with the content's size, and its checksum if wanted.
func Encode(dst, src []byte, level int, checksum bool) ([]byte, error) {
	if uint64(len(src)) >= maxContent {
		return nil, fmt.Errorf("zstd: content of %d bytes, more than %d", len(src), uint64(maxContent))
	}
	if level == 0 {
		level = 3
	}
	e := encoders.Get().(*encoder)
	defer encoders.Put(e)
	dst = e.frame(dst, src, level, checksum)
	e.matcher.src = nil
	return dst, nil
}

// maxContent is the first length whose positions do not fit the search's tables.
const maxContent = 1<<32 - 1

// Bound is the most bytes that n bytes take.
func Bound(n int) int { return n + n>>7 + 512 }

var decoder = sync.OnceValues(func() (*zstd.Decoder, error) {
	return zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecodeAllCapLimit(true), zstd.WithDecoderMaxWindow(1<<31))
})

// Decode writes the content of the frames in src to dst, no more than its capacity, and returns it.
func Decode(dst, src []byte) ([]byte, error) {
	d, err := decoder()
	if err != nil {
		return nil, err
	}
	if len(src) == 0 {
		return nil, fmt.Errorf("%w: empty", ErrCorrupt)
	}
	out, err := d.DecodeAll(src, dst[:0])
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrCorrupt, err)
	}
	return out, nil
}
