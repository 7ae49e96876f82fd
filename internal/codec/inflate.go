package codec

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zlib"
)

var (
	// ErrCorrupt marks compressed data or a checksum that is wrong.
	ErrCorrupt = errors.New("corrupt data")
	// ErrTooLarge marks a stream with more output than the destination takes.
	ErrTooLarge = errors.New("too large")
)

// Inflater decodes whole zlib streams. It is reused to keep its tables; the zero value is ready. It must not
// be used by two goroutines at once.
type Inflater struct {
	z io.ReadCloser
}

// Zlib decodes the zlib stream (RFC 1950) at the start of src into dst, checks its Adler-32 and returns the number of
// bytes written. A stream of more than len(dst) bytes is ErrTooLarge, a broken one ErrCorrupt; dst may then
// hold part of the output. Bytes after the stream are ignored.
func (f *Inflater) Zlib(dst, src []byte) (n int, err error) {
	r := bytes.NewReader(src)
	if f.z == nil {
		f.z, err = zlib.NewReader(r)
	} else {
		err = f.z.(zlib.Resetter).Reset(r, nil)
	}
	if err != nil {
		return 0, fmt.Errorf("inflate: %w: %w", ErrCorrupt, err)
	}
	for err == nil && n < len(dst) {
		var k int
		k, err = f.z.Read(dst[n:])
		n += k
	}
	if err == nil {
		var more [1]byte
		var k int
		if k, err = io.ReadFull(f.z, more[:]); k > 0 {
			return n, fmt.Errorf("inflate: %w: more than %d bytes", ErrTooLarge, len(dst))
		}
	}
	if err != io.EOF {
		return n, fmt.Errorf("inflate: %w: %w", ErrCorrupt, err)
	}
	return n, nil
}
