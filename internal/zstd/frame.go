package zstd

import (
	"encoding/binary"
	"math"
	"sync"
)

// A frame (RFC 8878, section 3.1):
//
//	frame: magic, header, blocks of at most 128 KiB, checksum if wanted
//	block: header (3 bytes), and the bytes as they are, or one that is repeated, or
//	       literals section, sequences section
//
// Contents up to 8 MiB are a single segment, larger ones have a window of 8 MiB, which all decoders take.

const (
	blockSize = 128 << 10
	windowLog = 23
)

const (
	blockRaw = iota
	blockRLE
	blockCompressed
)

// encoder makes frames; it is used again, since its tables take a megabyte.
type encoder struct {
	matcher  matcher
	literals literals
	codes    sequenceCodes
	lits     []byte // of a block with sequences
}

var encoders = sync.Pool{New: func() any { return new(encoder) }}

// frame appends a frame.
func (e *encoder) frame(dst, src []byte, level int, checksum bool) []byte {
	dst = appendFrameHeader(grow(dst, Bound(len(src))), len(src), checksum)
	e.matcher.reset(src, 1<<windowLog, level)
	e.literals.reset(src)
	e.codes.repeat = false
	if len(src) == 0 {
		dst = appendBlockHeader(dst, true, blockRaw, 0)
	}
	for from := 0; from < len(src); from += blockSize {
		end := min(from+blockSize, len(src))
		dst = e.block(dst, from, end)
	}
	if checksum {
		dst = binary.LittleEndian.AppendUint32(dst, uint32(xxhash(src)))
	}
	return dst
}

// frameMagic begins a frame; the others are flags of its header.
const frameMagic, singleSegment, hasChecksum = 0xfd2fb528, 1 << 5, 1 << 2

func appendFrameHeader(dst []byte, n int, checksum bool) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, frameMagic)
	var flags byte
	if checksum {
		flags = hasChecksum
	}
	width := 3 // log of the bytes of the content's size
	switch {
	case n < 256:
		width = 0
	case n < 256+1<<16:
		width = 1
	case uint64(n) <= math.MaxUint32:
		width = 2
	}
	flags |= byte(width << 6)
	if n <= 1<<windowLog {
		dst = append(dst, flags|singleSegment)
	} else {
		dst = append(dst, flags, (windowLog-10)<<3)
	}
	switch width {
	case 0:
		return append(dst, byte(n))
	case 1:
		return binary.LittleEndian.AppendUint16(dst, uint16(n-256))
	case 2:
		return binary.LittleEndian.AppendUint32(dst, uint32(n))
	}
	return binary.LittleEndian.AppendUint64(dst, uint64(n))
}

func appendBlockHeader(dst []byte, last bool, kind, size int) []byte {
	h := uint32(kind<<1 | size<<3)
	if last {
		h |= 1
	}
	return append(dst, byte(h), byte(h>>8), byte(h>>16))
}

// block appends a block.
func (e *encoder) block(dst []byte, from, end int) []byte {
	const header = 3
	m := &e.matcher
	src, last := m.src[from:end], end == len(m.src)
	if len(src) > 1 && same(src) {
		return append(appendBlockHeader(dst, last, blockRLE, len(src)), src[0])
	}
	reps, code := m.reps, e.literals.code
	hist, n := count(src)
	seqs, rest := m.block(from, end, hist, n)
	start := len(dst)
	dst = append(dst, 0, 0, 0)
	dst = e.sections(dst, src, seqs, m.src[rest:end], hist, n)
	if len(seqs) > 0 && entropy(hist, n)/float64(n)*float64(len(src)) < float64(len(dst)-start) {
		// Short matches may take more than what they stand for.
		m.reps, e.literals.code, e.codes.repeat = reps, code, false
		dst = e.sections(dst[:start+header], src, nil, src, hist, n)
	}
	if len(dst)-start-header >= len(src) {
		m.reps = reps
		e.literals.code, e.codes.repeat = nil, false
		return append(appendBlockHeader(dst[:start], last, blockRaw, len(src)), src...)
	}
	appendBlockHeader(dst[:start], last, blockCompressed, len(dst)-start-header)
	return dst
}

// sections appends the literals and the sequences of a block. hist and counted are src's (see count).
func (e *encoder) sections(dst, src []byte, seqs []sequence, rest []byte, hist *[256]uint32, counted int) []byte {
	lits := src
	if len(seqs) > 0 {
		lits = e.lits[:0]
		at := 0
		for i := range seqs {
			s := &seqs[i]
			lits = append(lits, src[at:at+int(s.literals)]...)
			at += int(s.literals + s.length)
		}
		lits = append(lits, rest...)
		e.lits = lits
		hist, counted = count(lits)
	}
	if len(lits) == 0 {
		dst = append(dst, 0) // raw, none
	} else {
		dst = e.literals.append(dst, lits, hist, counted, len(lits) >= len(src)-len(src)/16)
	}
	return e.codes.appendSequences(dst, seqs)
}
