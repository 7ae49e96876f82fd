package zstd

import (
	"encoding/binary"
	"sync"

	"github.com/klauspost/compress/huff0"
)

// Range is the bytes [From, To) of a frame's content.
type Range struct{ From, To int }

// DecodeParts decodes what parts, in ascending order, name of a frame's content to its place in dst, which is as long as
// the content; what else it writes there means nothing. It is for frames without matches, as fields of noisy floats
// become: each block is then read on its own, and each of its four streams. It says false for any other frame, one
// with a checksum, several of them, and a damaged one: Decode then has the last word.
func DecodeParts(dst, src []byte, parts []Range) bool {
	src, ok := partsHeader(src, len(dst))
	if !ok {
		return false
	}
	p := partsDecoder{dst: dst, parts: parts, scratch: codes.Get().(*huff0.Scratch)}
	defer codes.Put(p.scratch)
	for {
		if len(src) < 3 {
			return false
		}
		h := int(src[0]) | int(src[1])<<8 | int(src[2])<<16
		last, kind, size := h&1 == 1, h>>1&3, h>>3
		src = src[3:]
		stored := size
		if kind == blockRLE {
			stored = 1
		}
		if size > blockSize || stored > len(src) || !p.block(kind, size, src[:stored]) {
			return false
		}
		if src = src[stored:]; last {
			return len(src) == 0 && p.at == len(dst)
		}
	}
}

// partsHeader returns what follows the header of a frame of n bytes; false where it has another length, none, a
// checksum, or needs a dictionary.
func partsHeader(src []byte, n int) ([]byte, bool) {
	if len(src) < 6 || binary.LittleEndian.Uint32(src) != frameMagic {
		return nil, false
	}
	flags := src[4]
	const dictionary, reserved = 3, 8
	if flags&(dictionary|reserved|hasChecksum) != 0 {
		return nil, false
	}
	width, at := 1<<(flags>>6), 5
	if flags&singleSegment == 0 {
		at++ // the window, which matters to matches alone
		if width == 1 {
			return nil, false // no length
		}
	}
	if len(src) < at+width {
		return nil, false
	}
	var b [8]byte
	copy(b[:], src[at:at+width])
	size := binary.LittleEndian.Uint64(b[:])
	if width == 2 {
		size += 256
	}
	return src[at+width:], size == uint64(n)
}

type partsDecoder struct {
	dst   []byte
	parts []Range // those that do not end before at
	at    int     // in dst

	tree    []byte // where the last description of a code begins; nil: none
	scratch *huff0.Scratch
	decoder *huff0.Decoder // uses scratch; nil: not made yet
	body    []byte         // what follows the description, once decoder is made
}

// want says whether any part has bytes of the n at at.
func (p *partsDecoder) want(at, n int) bool {
	for _, r := range p.parts {
		if r.From >= at+n {
			return false
		}
		if r.To > at {
			return true
		}
	}
	return false
}

// advance goes past n bytes.
func (p *partsDecoder) advance(n int) {
	p.at += n
	for len(p.parts) > 0 && p.parts[0].To <= p.at {
		p.parts = p.parts[1:]
	}
}

func (p *partsDecoder) block(kind, size int, b []byte) bool {
	switch kind {
	case blockRaw, blockRLE:
		return p.plain(size, b)
	case blockCompressed:
		return p.literals(b)
	}
	return false
}

// plain is n bytes as they are, or all the same as the only one of b.
func (p *partsDecoder) plain(n int, b []byte) bool {
	if n > len(p.dst)-p.at {
		return false
	}
	if p.want(p.at, n) {
		out := p.dst[p.at : p.at+n]
		if len(b) == n {
			copy(out, b)
		} else {
			for i := range out {
				out[i] = b[0]
			}
		}
	}
	p.advance(n)
	return true
}

// literals is a block that has nothing but literals: its section of sequences is the byte 0.
func (p *partsDecoder) literals(b []byte) bool {
	if len(b) < 2 || b[len(b)-1] != 0 {
		return false
	}
	b = b[:len(b)-1]
	kind, format := int(b[0])&3, b[0]>>2&3
	if kind == literalsRaw || kind == literalsRLE {
		size, at := int(b[0])>>3, 1
		switch {
		case format == 1 && len(b) >= 2:
			size, at = int(b[0])>>4|int(b[1])<<4, 2
		case format == 3 && len(b) >= 3:
			size, at = int(b[0])>>4|int(b[1])<<4|int(b[2])<<12, 3
		case format&1 == 1:
			return false
		}
		stored := size
		if kind == literalsRLE {
			stored = 1
		}
		return size <= blockSize && len(b)-at == stored && p.plain(size, b[at:])
	}
	header, width, streams := 3, 10, 4
	switch format {
	case 0:
		streams = 1
	case 2:
		header, width = 4, 14
	case 3:
		header, width = 5, 18
	}
	if len(b) < header {
		return false
	}
	var h [8]byte
	copy(h[:], b[:header])
	sizes := binary.LittleEndian.Uint64(h[:]) >> 4
	size, stored := int(sizes&(1<<width-1)), int(sizes>>width&(1<<width-1))
	if size == 0 || size > min(blockSize, len(p.dst)-p.at) || stored != len(b)-header {
		return false
	}
	b = b[header:]
	if kind == literalsCoded {
		p.tree, p.decoder = b, nil
	} else if p.tree == nil {
		return false
	}
	if p.want(p.at, size) {
		if !p.code() {
			return false
		}
		if kind == literalsCoded {
			b = p.body
		}
		if !p.streams(b, size, streams) {
			return false
		}
	}
	p.advance(size)
	return true
}

// code makes the decoder of the last description, once.
func (p *partsDecoder) code() bool {
	if p.decoder != nil {
		return true
	}
	s, body, err := huff0.ReadTable(p.tree, p.scratch)
	if err != nil {
		return false
	}
	p.decoder, p.body = s.Decoder(), body
	return true
}

var codes = sync.Pool{New: func() any { return new(huff0.Scratch) }}

// streams decodes those streams of a literals section that have wanted bytes.
func (p *partsDecoder) streams(b []byte, size, n int) bool {
	if n == 1 {
		return p.stream(b, p.at, size)
	}
	const jump = 6
	if len(b) < jump {
		return false
	}
	each := (size + 3) / 4
	table, b := b[:jump], b[jump:]
	for i := range 4 {
		stored, from := len(b), i*each
		if i < 3 {
			stored = int(binary.LittleEndian.Uint16(table[2*i:]))
		}
		n := min(each, size-from)
		if n <= 0 || stored > len(b) {
			return false
		}
		if !p.stream(b[:stored], p.at+from, n) {
			return false
		}
		b = b[stored:]
	}
	return true
}

func (p *partsDecoder) stream(b []byte, at, n int) bool {
	if !p.want(at, n) {
		return true
	}
	out, err := p.decoder.Decompress1X(p.dst[at:at:at+n], b)
	return err == nil && len(out) == n
}
