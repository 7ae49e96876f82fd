package kombu

import (
	"bytes"
	"fmt"
	"io"

	"github.com/andybalholm/brotli"
	"github.com/dsnet/compress/bzip2"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// codec is one compression. Kombu's "gzip" is a zlib stream.
type codec struct {
	contentType string
	aliases     []string
	reader      func(io.Reader) (io.Reader, error)
	writer      func(io.Writer) (io.WriteCloser, error)
}

// codecs lists what Kombu's compression.py knows.
func codecs() []codec {
	return []codec{
		{
			"application/x-gzip", []string{"gzip", "zlib"},
			func(r io.Reader) (io.Reader, error) { return zlib.NewReader(r) },
			func(w io.Writer) (io.WriteCloser, error) { return zlib.NewWriter(w), nil },
		},
		{
			"application/x-bz2", []string{"bzip2", "bzip"},
			func(r io.Reader) (io.Reader, error) { return bzip2.NewReader(r, nil) },
			func(w io.Writer) (io.WriteCloser, error) { return bzip2.NewWriter(w, nil) },
		},
		{
			"application/x-brotli", []string{"brotli"},
			func(r io.Reader) (io.Reader, error) { return brotli.NewReader(r), nil },
			func(w io.Writer) (io.WriteCloser, error) { return brotli.NewWriter(w), nil },
		},
		{
			"application/x-lzma", []string{"lzma", "xz"},
			func(r io.Reader) (io.Reader, error) {
				return xz.ReaderConfig{DictCap: maxDictionary}.NewReader(r)
			},
			func(w io.Writer) (io.WriteCloser, error) { return xz.NewWriter(w) },
		},
		{
			"application/zstd", []string{"zstd", "zstandard"},
			func(r io.Reader) (io.Reader, error) {
				d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxDictionary))
				if err != nil {
					return nil, err
				}
				return d.IOReadCloser(), nil
			},
			func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w, zstd.WithEncoderConcurrency(1)) },
		},
	}
}

// maxDictionary is the largest window that a stream may ask for: that of xz -9, and more than zstd's levels have.
const maxDictionary = 64 << 20

func findCodec(name string) (codec, error) {
	for _, c := range codecs() {
		if c.contentType == name {
			return c, nil
		}
		for _, a := range c.aliases {
			if a == name {
				return c, nil
			}
		}
	}
	return codec{}, fmt.Errorf("%w: compression %.60q", ErrSerializer, name)
}

// Compress compresses data with a compression's name or content type and returns the content type that goes
// into the header.
func Compress(data []byte, name string) (out []byte, contentType string, err error) {
	c, err := findCodec(name)
	if err != nil {
		return nil, "", err
	}
	var b bytes.Buffer
	w, err := c.writer(&b)
	if err == nil {
		if _, err = w.Write(data); err == nil {
			err = w.Close()
		}
	}
	if err != nil {
		return nil, "", fmt.Errorf("%w: compression %s: %w", ErrEncode, name, err)
	}
	return b.Bytes(), c.contentType, nil
}

// Decompress undoes Compress. More than MaxBody bytes give ErrTooLarge.
func Decompress(data []byte, name string) ([]byte, error) { return decompress(data, name, MaxBody) }

func decompress(data []byte, name string, limit int64) (out []byte, err error) {
	c, err := findCodec(name)
	if err != nil {
		return nil, err
	}
	defer func() {
		// Third-party decoders on foreign bytes.
		if p := recover(); p != nil {
			out, err = nil, fmt.Errorf("%w: %s: %v", ErrDecode, name, p)
		}
	}()
	r, err := c.reader(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrDecode, name, err)
	}
	if rc, ok := r.(io.Closer); ok {
		defer rc.Close()
	}
	out, err = io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrDecode, name, err)
	}
	if int64(len(out)) > limit {
		return nil, fmt.Errorf("%w: more than %d bytes after decompression (%s)", ErrTooLarge, limit, name)
	}
	return out, nil
}
