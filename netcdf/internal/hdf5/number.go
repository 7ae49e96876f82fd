package hdf5

import "math"

// Number decodes numbers of an integer, bitfield, enum or float type whose bits are not laid out as Go's.
type Number struct{ t *Datatype }

// Number returns the decoder for a numeric datatype, nil where the bytes are a plain integer of 1, 2, 4 or 8
// bytes or an IEEE float of 4 or 8, in either order.
func (t *Datatype) Number() *Number {
	switch t.Class {
	case ClassInteger, ClassBitfield:
		if t.Offset == 0 && t.Precision == 8*t.Size && (t.Size == 1 || t.Size == 2 || t.Size == 4 || t.Size == 8) {
			return nil
		}
	case ClassFloat:
		single := FloatFormat{Sign: 31, ExpPos: 23, ExpSize: 8, ManSize: 23, Bias: 127, Norm: 2}
		double := FloatFormat{Sign: 63, ExpPos: 52, ExpSize: 11, ManSize: 52, Bias: 1023, Norm: 2}
		if !t.VAX && t.Offset == 0 && (t.Size == 4 && t.Float == single || t.Size == 8 && t.Float == double) {
			return nil
		}
	}
	return &Number{t}
}

// bits returns n bits from position at of an element's bytes, at most 64.
func (n *Number) bits(b []byte, at, count int) uint64 {
	var v uint64
	size := len(b)
	for i := at / 8; i < size && i*8 < at+count; i++ {
		p := i
		switch {
		case n.t.VAX: // little-endian words of two bytes, most significant word first
			p = (size - 2 - i&^1) | i&1
		case n.t.BigEndian:
			p = size - 1 - i
		}
		if shift := i*8 - at; shift >= 0 {
			v |= uint64(b[p]) << shift
		} else {
			v |= uint64(b[p]) >> -shift
		}
	}
	if count < 64 {
		v &= 1<<count - 1
	}
	return v
}

// Uint64 decodes an unsigned integer; of more than 64 bits the lowest.
func (n *Number) Uint64(b []byte) uint64 { return n.bits(b, n.t.Offset, n.t.Precision) }

// Int64 decodes a signed integer.
func (n *Number) Int64(b []byte) int64 {
	v := n.Uint64(b)
	if p := n.t.Precision; n.t.Signed && p < 64 && v>>(p-1)&1 == 1 {
		v |= ^uint64(0) << p
	}
	return int64(v)
}

// Float64 decodes a floating point number of any layout; what float64 cannot hold is rounded.
//
//	(-1)^sign * mantissa * 2^(exponent - bias)
func (n *Number) Float64(b []byte) float64 {
	f := n.t.Float
	man := n.bits(b, f.ManPos, min(f.ManSize, 64))
	manSize := f.ManSize
	if f.ManSize > 64 { // keep the top 64 bits
		man, manSize = n.bits(b, f.ManPos+f.ManSize-64, 64), 64
	}
	exp := n.bits(b, f.ExpPos, f.ExpSize)
	sign := n.bits(b, f.Sign, 1)
	top := uint64(1)<<min(f.ExpSize, 63) - 1
	v := 0.0
	switch {
	case exp == top && !n.t.VAX:
		fraction := man
		if f.Norm == 1 { // the stored top bit is no part of the fraction
			fraction &^= 1 << (manSize - 1)
		}
		if v = math.Inf(1); fraction != 0 {
			v = math.NaN()
		}
	case exp == 0 && man == 0:
	case f.Norm == 2 && exp != 0: // implied leading one, also for VAX, whose bias is given for 1.man
		v = math.Ldexp(1+math.Ldexp(float64(man), -manSize), int(exp)-int(f.Bias))
	case f.Norm == 2: // subnormal
		v = math.Ldexp(float64(man), 1-int(f.Bias)-manSize)
	default: // the leading bit is stored
		e := int(exp)
		if exp == 0 {
			e = 1
		}
		v = math.Ldexp(float64(man), e-int(f.Bias)-(manSize-1))
	}
	if sign == 1 {
		v = -v
	}
	return v
}
