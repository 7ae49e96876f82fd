package zarr

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// gzipCodec compresses into a gzip member without name and time.
type gzipCodec struct {
	level   int
	writers *sync.Pool // of *gzip.Writer
}

func newGzip(config object) (compressor, error) {
	level := 5
	if v, ok := config.get("level"); ok {
		if level, ok = jsonInt(v); !ok || level < 0 || level > 9 {
			return nil, fmt.Errorf("%w: level %.40s", ErrInvalid, formatJSON(v))
		}
	}
	return gzipCodec{level, &sync.Pool{New: func() any {
		w, _ := gzip.NewWriterLevel(nil, level) // fails for levels that were refused above
		return w
	}}}, nil
}

func (c gzipCodec) encode(dst, src []byte) ([]byte, error) {
	w := c.writers.Get().(*gzip.Writer)
	defer c.writers.Put(w)
	out := bytes.NewBuffer(dst)
	w.Reset(out)
	if _, err := w.Write(src); err != nil {
		return nil, err
	}
	err := w.Close()
	return out.Bytes(), err
}

var gzipReaders = sync.Pool{New: func() any { return new(gzip.Reader) }}

func (c gzipCodec) decode(dst, src []byte) ([]byte, error) {
	r := gzipReaders.Get().(*gzip.Reader)
	defer gzipReaders.Put(r)
	if err := r.Reset(bytes.NewReader(src)); err != nil {
		return nil, fmt.Errorf("%w: gzip: %v", ErrCorrupt, err)
	}
	out, err := readAllInto(dst[:0], r)
	if err != nil {
		return nil, fmt.Errorf("%w: gzip: %v", ErrCorrupt, err)
	}
	return out, nil
}

var errTooLong = errors.New("decompresses to more than the chunk's size")

// readAllInto reads r to its end, into the capacity of dst and no further.
func readAllInto(dst []byte, r io.Reader) ([]byte, error) {
	for {
		spare := dst[len(dst):cap(dst)]
		if len(spare) == 0 {
			spare = make([]byte, 1) // the end must come now
		}
		n, err := r.Read(spare)
		if n > 0 && len(dst) == cap(dst) {
			return nil, errTooLong
		}
		dst = dst[:len(dst)+n]
		if err == io.EOF {
			return dst, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

func (c gzipCodec) bound(n int) int         { return n + n>>8 + 1024 }
func (c gzipCodec) fixed(n int) (int, bool) { return 0, false }
