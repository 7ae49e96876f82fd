package hdf5

import (
	"bytes"
	"compress/bzip2"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/pierrec/lz4/v4"

	"healpipe/internal/blosc"
	"healpipe/internal/codec"
	"healpipe/internal/zstd"
)

// decode undoes the filter from src into dst and returns how many bytes it wrote. More output than dst takes
// is codec.ErrTooLarge.
func (fl *Filter) decode(s *Scratch, dst, src []byte) (int, error) {
	switch fl.ID {
	case FilterDeflate:
		return s.inf.Zlib(dst, src)
	case FilterZstd:
		out, err := zstd.Decode(dst[:0:len(dst)], src)
		return len(out), err
	case FilterBlosc:
		if n, err := blosc.DecodedLen(src); err != nil || n > len(dst) {
			return 0, errOr(err, codec.ErrTooLarge)
		}
		return blosc.Decode(dst, src)
	case FilterBzip2:
		return decodeBzip2(dst, src)
	case FilterLZ4:
		return decodeLZ4(dst, src)
	case FilterLZF:
		return decodeLZF(dst, src)
	case FilterBitshuffle:
		return fl.bitshuffle(dst, src)
	case FilterScaleOffset:
		return fl.scaleOffset(dst, src)
	case FilterNbit:
		return fl.nbit(dst, src)
	case FilterSzip:
		return fl.szip(dst, src)
	}
	return 0, unsupported("filter %d %q", fl.ID, fl.Name)
}

func errOr(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

// outputSize returns the size of the output where the filter itself tells it, else -1.
func (fl *Filter) outputSize(src []byte) (int, error) {
	switch fl.ID {
	case FilterBlosc:
		return blosc.DecodedLen(src)
	case FilterLZ4:
		return frameSize(src)
	case FilterBitshuffle:
		if fl.param(4) == 0 {
			return len(src), nil
		}
		return frameSize(src)
	case FilterScaleOffset:
		return int(uint64(fl.param(2)) * uint64(fl.param(4))), nil
	case FilterNbit:
		return int(uint64(fl.param(2)) * uint64(fl.param(4))), nil
	case FilterLZF:
		return int(fl.param(2)), nil
	case FilterSzip:
		if len(src) >= 4 {
			return int(binary.LittleEndian.Uint32(src)), nil
		}
	}
	return -1, nil
}

// param returns a parameter, 0 where there are not so many.
func (fl *Filter) param(i int) uint32 {
	if i < len(fl.Params) {
		return fl.Params[i]
	}
	return 0
}

func decodeBzip2(dst, src []byte) (int, error) {
	r := bzip2.NewReader(bytes.NewReader(src))
	n, err := io.ReadFull(r, dst)
	switch {
	case err == io.EOF || err == io.ErrUnexpectedEOF && n < len(dst):
		// The stream may end early; the pipeline checks the size. A cut stream is an error of its own.
		if _, again := r.Read(make([]byte, 1)); again != io.EOF {
			return n, fmt.Errorf("bzip2 stream is cut: %w", ErrCorrupt)
		}
		return n, nil
	case err != nil:
		return n, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if m, err := r.Read(make([]byte, 1)); m > 0 {
		return n, codec.ErrTooLarge
	} else if err != io.EOF && err != nil {
		return n, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return n, nil
}

// frameSize returns the size of the output of a filter that starts with it, in 8 bytes.
func frameSize(src []byte) (int, error) {
	if len(src) < 12 {
		return 0, fmt.Errorf("%d bytes are no frame: %w", len(src), ErrCorrupt)
	}
	n := binary.BigEndian.Uint64(src)
	if n > 1<<40 {
		return 0, fmt.Errorf("frame of %d bytes: %w", n, ErrTooLarge)
	}
	return int(n), nil
}

// decodeLZ4 undoes filter 32004: size 8, block size 4, blocks; each: stored bytes 4 (as long as the block:
// not compressed), data. All big-endian.
func decodeLZ4(dst, src []byte) (int, error) {
	n, err := frameSize(src)
	if err != nil {
		return 0, err
	}
	if n > len(dst) {
		return 0, codec.ErrTooLarge
	}
	block := int(binary.BigEndian.Uint32(src[8:]))
	src = src[12:]
	if block == 0 && n > 0 {
		return 0, fmt.Errorf("blocks of 0 bytes: %w", ErrCorrupt)
	}
	for at := 0; at < n; at += block {
		size := min(block, n-at)
		var data []byte
		if data, src, err = frame(src); err != nil {
			return at, err
		}
		if len(data) == size {
			copy(dst[at:], data)
			continue
		}
		if m, err := lz4.UncompressBlock(data, dst[at:at+size]); err != nil || m != size {
			return at, fmt.Errorf("lz4 block at %d: %w", at, ErrCorrupt)
		}
	}
	return n, nil
}

// frame cuts a block with its length, 4 bytes big-endian, from the front of src.
func frame(src []byte) (data, rest []byte, err error) {
	if len(src) < 4 {
		return nil, nil, fmt.Errorf("block is missing: %w", ErrCorrupt)
	}
	n := int(binary.BigEndian.Uint32(src))
	if n > len(src)-4 {
		return nil, nil, fmt.Errorf("block of %d bytes is cut: %w", n, ErrCorrupt)
	}
	return src[4 : 4+n], src[4+n:], nil
}

// decodeLZF undoes filter 32000, LibLZF's format: a control byte below 32 is followed by that many and one
// literals; else its top three bits (7: and the next byte) and 2 are the length of a match, its low five and
// the next byte the distance less one.
func decodeLZF(dst, src []byte) (int, error) {
	n, i := 0, 0
	for i < len(src) {
		ctrl := int(src[i])
		i++
		if ctrl < 32 {
			k := ctrl + 1
			if k > len(src)-i {
				return n, fmt.Errorf("lzf literals are cut: %w", ErrCorrupt)
			}
			if k > len(dst)-n {
				return n, codec.ErrTooLarge
			}
			copy(dst[n:], src[i:i+k])
			n, i = n+k, i+k
			continue
		}
		k := ctrl >> 5
		if k == 7 {
			if i == len(src) {
				return n, fmt.Errorf("lzf match is cut: %w", ErrCorrupt)
			}
			k += int(src[i])
			i++
		}
		if i == len(src) {
			return n, fmt.Errorf("lzf match is cut: %w", ErrCorrupt)
		}
		back := (ctrl&31)<<8 + int(src[i]) + 1
		i++
		if k += 2; back > n {
			return n, fmt.Errorf("lzf match before the start: %w", ErrCorrupt)
		}
		if k > len(dst)-n {
			return n, codec.ErrTooLarge
		}
		for range k { // byte by byte: matches may overlap themselves
			dst[n] = dst[n-back]
			n++
		}
	}
	return n, nil
}

// bitshuffle undoes filter 32008. Parameters: version 2, element size, elements of a block (0: default),
// compressor (0 none, 2 lz4, 3 zstd). With a compressor the frame is that of decodeLZ4.
func (fl *Filter) bitshuffle(dst, src []byte) (int, error) {
	size := int(fl.param(2))
	block := int(fl.param(3))
	if size < 1 || size > 1<<16 || block < 0 || block > 1<<24 || block%8 != 0 {
		return 0, fmt.Errorf("bitshuffle of %d bytes in blocks of %d: %w", size, block, ErrCorrupt)
	}
	if block == 0 {
		block = max(8192/size/8*8, 128)
	}
	compressor := fl.param(4)
	n := len(src)
	if compressor != 0 {
		var err error
		if n, err = frameSize(src); err != nil {
			return 0, err
		}
		stored := int(binary.BigEndian.Uint32(src[8:]))
		if block = stored / size; block == 0 || block%8 != 0 || stored%size != 0 {
			return 0, fmt.Errorf("bitshuffle blocks of %d bytes: %w", stored, ErrCorrupt)
		}
		src = src[12:]
	}
	if n > len(dst) {
		return 0, codec.ErrTooLarge
	}
	whole := n / size / 8 * 8 * size // bytes that are shuffled; the rest follows as it is
	var tmp []byte
	for at := 0; at < whole; at += block * size {
		k := min(block*size, whole-at)
		in := src
		if compressor == 0 {
			in, src = src[:k], src[k:]
		} else {
			var err error
			if in, src, err = frame(src); err != nil {
				return at, err
			}
			if len(tmp) < k {
				tmp = make([]byte, k)
			}
			if in, err = decompressBlock(compressor, tmp[:k], in); err != nil {
				return at, err
			}
		}
		blosc.BitUnshuffle(dst[at:at+k], in, size)
	}
	if len(src) < n-whole {
		return whole, fmt.Errorf("bitshuffle chunk is cut: %w", ErrCorrupt)
	}
	copy(dst[whole:n], src)
	return n, nil
}

// decompressBlock decodes exactly len(dst) bytes.
func decompressBlock(compressor uint32, dst, src []byte) ([]byte, error) {
	n := -1
	switch compressor {
	case 2:
		if m, err := lz4.UncompressBlock(src, dst); err == nil {
			n = m
		}
	case 3:
		if out, err := zstd.Decode(dst[:0:len(dst)], src); err == nil {
			n = len(out)
		}
	default:
		return nil, unsupported("bitshuffle with compressor %d", compressor)
	}
	if n != len(dst) {
		return nil, fmt.Errorf("bitshuffle block of %d bytes: %w", len(dst), ErrCorrupt)
	}
	return dst, nil
}
