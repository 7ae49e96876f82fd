package kombu

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"math/big"
	"slices"
	"time"
	"unicode/utf8"
)

// MessagePack as Kombu uses it: bin for bytes, str for text, string keys (https://github.com/msgpack/msgpack/blob/master/spec.md).
// Written out here because lengths and nesting of foreign bytes must be checked before memory is taken.

func encodeMsgpack(v any) ([]byte, error) { return appendMsgpack(nil, v, 0) }

func appendMsgpack(dst []byte, v any, depth int) ([]byte, error) {
	if depth > MaxDepth {
		return nil, fmt.Errorf("%w: msgpack: nested too deeply", ErrEncode)
	}
	switch v := v.(type) {
	case nil:
		return append(dst, 0xc0), nil
	case bool:
		if v {
			return append(dst, 0xc3), nil
		}
		return append(dst, 0xc2), nil
	case int64:
		return appendMsgpackInt(dst, v), nil
	case *big.Int:
		if v.IsUint64() {
			return binary.BigEndian.AppendUint64(append(dst, 0xcf), v.Uint64()), nil
		}
		if v.IsInt64() {
			return appendMsgpackInt(dst, v.Int64()), nil
		}
		return nil, fmt.Errorf("%w: msgpack: Integer value out of range", ErrEncode)
	case float64:
		return binary.BigEndian.AppendUint64(append(dst, 0xcb), math.Float64bits(v)), nil
	case string:
		return append(appendMsgpackLen(dst, len(v), 0xa0, 31, 0xd9), v...), nil
	case []byte:
		return append(appendMsgpackLen(dst, len(v), 0, -1, 0xc4), v...), nil
	case []any:
		dst = appendMsgpackLen(dst, len(v), 0x90, 15, 0xdb) // 0xdc, 0xdd: no 8-bit form
		for _, e := range v {
			var err error
			if dst, err = appendMsgpack(dst, e, depth+1); err != nil {
				return nil, err
			}
		}
		return dst, nil
	case Object:
		return appendMsgpack(dst, v.Map(), depth)
	case map[string]any:
		dst = appendMsgpackLen(dst, len(v), 0x80, 15, 0xdd) // 0xde, 0xdf
		for _, k := range slices.Sorted(maps.Keys(v)) {
			var err error
			dst = append(appendMsgpackLen(dst, len(k), 0xa0, 31, 0xd9), k...)
			if dst, err = appendMsgpack(dst, v[k], depth+1); err != nil {
				return nil, err
			}
		}
		return dst, nil
	case DateTime, Date, TimeOfDay, Decimal:
		return nil, fmt.Errorf("%w: msgpack: can not serialize %T", ErrEncode, v)
	}
	p, err := plain(v)
	if err != nil {
		return nil, err
	}
	return appendMsgpack(dst, p, depth)
}

// plain turns a Go value into the basic types by way of JSON.
func plain(v any) (any, error) {
	text, err := EncodeJSON(v)
	if err != nil {
		return nil, err
	}
	p, err := DecodeJSON(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEncode, err)
	}
	switch p.(type) {
	case nil, bool, int64, *big.Int, float64, string, []byte, []any, map[string]any:
		return p, nil
	}
	return nil, fmt.Errorf("%w: can not serialize %T", ErrEncode, v)
}

func appendMsgpackInt(dst []byte, n int64) []byte {
	switch {
	case n >= -32 && n <= 127:
		return append(dst, byte(n))
	case n >= 0 && n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(dst, 0xce), uint32(n))
	case n >= math.MinInt32 && n < 0:
		return binary.BigEndian.AppendUint32(append(dst, 0xd2), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(dst, 0xd3), uint64(n))
}

// appendMsgpackLen writes a length: in the byte fix up to most, else after code (8 bit), code+1 (16) or code+2 (32). Arrays
// and maps have no 8-bit form, and code is then one less than the 16-bit one.
func appendMsgpackLen(dst []byte, n int, fix byte, most int, code byte) []byte {
	switch {
	case n <= most:
		return append(dst, fix|byte(n))
	case n <= math.MaxUint8 && code != 0xdb && code != 0xdd:
		return append(dst, code, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(dst, code+1), uint16(n))
	}
	return binary.BigEndian.AppendUint32(append(dst, code+2), uint32(n))
}

func decodeMsgpack(data []byte) (any, error) {
	r := msgpackReader{data}
	v, err := r.value(0)
	if err != nil {
		return nil, fmt.Errorf("%w: msgpack: %w", ErrDecode, err)
	}
	if len(r.s) > 0 {
		return nil, fmt.Errorf("%w: msgpack: unpack(b) received extra data", ErrDecode)
	}
	return v, nil
}

type msgpackReader struct{ s []byte }

// take returns the next n bytes.
func (r *msgpackReader) take(n int) ([]byte, error) {
	if n > len(r.s) {
		return nil, fmt.Errorf("%d bytes wanted, %d left", n, len(r.s))
	}
	b := r.s[:n]
	r.s = r.s[n:]
	return b, nil
}

// uint reads a big-endian number of 1, 2, 4 or 8 bytes.
func (r *msgpackReader) uint(size int) (uint64, error) {
	b, err := r.take(size)
	if err != nil {
		return 0, err
	}
	var n uint64
	for _, c := range b {
		n = n<<8 | uint64(c)
	}
	return n, nil
}

func (r *msgpackReader) value(depth int) (any, error) {
	if depth > MaxDepth {
		return nil, fmt.Errorf("nested too deeply")
	}
	head, err := r.take(1)
	if err != nil {
		return nil, err
	}
	c := head[0]
	switch {
	case c <= 0x7f:
		return int64(c), nil
	case c <= 0x8f:
		return r.mapping(int(c&15), depth)
	case c <= 0x9f:
		return r.array(int(c&15), depth)
	case c <= 0xbf:
		return r.text(int(c & 31))
	case c >= 0xe0:
		return int64(int8(c)), nil
	}
	switch c {
	case 0xc0:
		return nil, nil
	case 0xc2, 0xc3:
		return c == 0xc3, nil
	case 0xca:
		n, err := r.uint(4)
		return float64(math.Float32frombits(uint32(n))), err
	case 0xcb:
		n, err := r.uint(8)
		return math.Float64frombits(n), err
	case 0xcc, 0xcd, 0xce, 0xcf:
		n, err := r.uint(1 << (c - 0xcc))
		if n > math.MaxInt64 {
			return new(big.Int).SetUint64(n), err
		}
		return int64(n), err
	case 0xd0, 0xd1, 0xd2, 0xd3:
		size := 1 << (c - 0xd0)
		n, err := r.uint(size)
		shift := 64 - 8*size
		return int64(n<<shift) >> shift, err
	case 0xd4, 0xd5, 0xd6, 0xd7, 0xd8:
		return r.extension(1 << (c - 0xd4))
	}
	// What is left has a length of 1, 2 or 4 bytes.
	size := map[byte]int{
		0xc4: 1, 0xc5: 2, 0xc6: 4, 0xc7: 1, 0xc8: 2, 0xc9: 4, 0xd9: 1, 0xda: 2, 0xdb: 4, 0xdc: 2, 0xdd: 4, 0xde: 2, 0xdf: 4,
	}[c]
	if size == 0 {
		return nil, fmt.Errorf("byte 0x%02x starts no value", c)
	}
	u, err := r.uint(size)
	if err != nil {
		return nil, err
	}
	n := int(u)
	switch {
	case c <= 0xc6:
		b, err := r.take(n)
		return slices.Clone(b), err
	case c <= 0xc9:
		return r.extension(n)
	case c <= 0xdb:
		return r.text(n)
	case c <= 0xdd:
		return r.array(n, depth)
	}
	return r.mapping(n, depth)
}

func (r *msgpackReader) text(n int) (any, error) {
	b, err := r.take(n)
	if err == nil && !utf8.Valid(b) {
		err = fmt.Errorf("text is not utf-8")
	}
	return string(b), err
}

func (r *msgpackReader) array(n, depth int) (any, error) {
	if n > len(r.s) { // each element takes a byte at least
		return nil, fmt.Errorf("array of %d elements in %d bytes", n, len(r.s))
	}
	out := make([]any, 0, min(n, 1024))
	for range n {
		v, err := r.value(depth + 1)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

func (r *msgpackReader) mapping(n, depth int) (any, error) {
	if n > len(r.s)/2 {
		return nil, fmt.Errorf("map of %d members in %d bytes", n, len(r.s))
	}
	out := make(map[string]any, min(n, 1024))
	for range n {
		key, err := r.value(depth + 1)
		if err != nil {
			return nil, err
		}
		v, err := r.value(depth + 1)
		if err != nil {
			return nil, err
		}
		switch k := key.(type) {
		case string:
			out[k] = v
		case []byte:
			out[string(k)] = v
		default:
			return nil, fmt.Errorf("%T is not allowed for map key", key)
		}
	}
	return out, nil
}

// extension reads a value of an extension type; only the timestamp is known.
func (r *msgpackReader) extension(n int) (any, error) {
	kind, err := r.take(1)
	if err != nil {
		return nil, err
	}
	b, err := r.take(n)
	if err != nil {
		return nil, err
	}
	if int8(kind[0]) != -1 {
		return nil, fmt.Errorf("extension type %d", int8(kind[0]))
	}
	var sec int64
	var nano uint32
	switch n {
	case 4:
		sec = int64(binary.BigEndian.Uint32(b))
	case 8:
		u := binary.BigEndian.Uint64(b)
		sec, nano = int64(u&(1<<34-1)), uint32(u>>34)
	case 12:
		sec, nano = int64(binary.BigEndian.Uint64(b[4:])), binary.BigEndian.Uint32(b)
	default:
		return nil, fmt.Errorf("timestamp of %d bytes", n)
	}
	return DateTime{Time: time.Unix(sec, int64(nano)).UTC()}, nil
}
