package netcdf

import (
	"fmt"
	"math"
	"reflect"
)

// sink takes decoded elements into a caller's slice.
type sink interface {
	// put decodes n elements that lie densely in b to dst[at], dst[at+stride], ... and returns how many
	// did not fit the destination's type.
	put(at, stride, n int, b []byte) (bad int, err error)
	// spread stores the same element n times.
	spread(at, stride, n int, b []byte) (bad int, err error)
	// len returns the length of the destination.
	len() int
	// clone returns a sink over the same slice with scratch of its own.
	clone() sink
}

// newSink returns the sink that decodes elements of e into dst.
func newSink(dst any, e *elem) (sink, error) {
	if e.numeric() {
		switch d := dst.(type) {
		case []int8:
			return numberSink(d, e), nil
		case []int16:
			return numberSink(d, e), nil
		case []int32:
			return numberSink(d, e), nil
		case []int64:
			return numberSink(d, e), nil
		case []uint8:
			return numberSink(d, e), nil
		case []uint16:
			return numberSink(d, e), nil
		case []uint32:
			return numberSink(d, e), nil
		case []uint64:
			return numberSink(d, e), nil
		case []float32:
			return numberSink(d, e), nil
		case []float64:
			return numberSink(d, e), nil
		case []string:
			if e.kind == Char {
				return valueSink[string]{d, e, func(b []byte) (string, error) { return string(b), nil }}, nil
			}
		case []any:
			return valueSink[any]{d, e, func(b []byte) (any, error) { return e.scalar(b) }}, nil
		}
		return nil, fmt.Errorf("numbers do not go into a %T: %w", dst, ErrSelection)
	}
	switch d := dst.(type) {
	case []string:
		if e.kind == String || e.kind == Reference {
			return valueSink[string]{d, e, as[string](e)}, nil
		}
	case [][]byte:
		if e.kind == Opaque {
			return valueSink[[]byte]{d, e, as[[]byte](e)}, nil
		}
	case []Record:
		if e.kind == Compound {
			return valueSink[Record]{d, e, as[Record](e)}, nil
		}
	case []any:
		return valueSink[any]{d, e, e.value}, nil
	}
	return nil, fmt.Errorf("values of type %s do not go into a %T: %w", e.kind, dst, ErrSelection)
}

// as narrows the decoder of e to the Go type of its kind.
func as[T any](e *elem) func([]byte) (T, error) {
	return func(b []byte) (T, error) {
		v, err := e.value(b)
		t, _ := v.(T)
		return t, err
	}
}

// scalar decodes one number into an interface.
func (e *elem) scalar(b []byte) (any, error) {
	one := e.makeSlice(1)
	s, err := newSink(one, e)
	if err != nil {
		return nil, err
	}
	if _, err := s.put(0, 1, 1, b); err != nil {
		return nil, err
	}
	return reflect.ValueOf(one).Index(0).Interface(), nil
}

// valueSink stores elements that are decoded one by one.
type valueSink[T any] struct {
	dst    []T
	e      *elem
	decode func([]byte) (T, error)
}

func (s valueSink[T]) len() int    { return len(s.dst) }
func (s valueSink[T]) clone() sink { return s }

func (s valueSink[T]) put(at, stride, n int, b []byte) (int, error) {
	for i := range n {
		v, err := s.decode(b[i*s.e.size : (i+1)*s.e.size])
		if err != nil {
			return 0, err
		}
		s.dst[at+i*stride] = v
	}
	return 0, nil
}

func (s valueSink[T]) spread(at, stride, n int, b []byte) (int, error) {
	for i := range n {
		v, err := s.decode(b)
		if err != nil {
			return 0, err
		}
		s.dst[at+i*stride] = v
	}
	return 0, nil
}

// convSink stores numbers of natural type S into a slice of D.
type convSink[D, S number] struct {
	dst []D
	e   *elem
	tmp []S
}

func numberSink[D number](dst []D, e *elem) sink {
	switch e.kind {
	case Byte:
		return &convSink[D, int8]{dst: dst, e: e}
	case Short:
		return &convSink[D, int16]{dst: dst, e: e}
	case Int:
		return &convSink[D, int32]{dst: dst, e: e}
	case Int64:
		return &convSink[D, int64]{dst: dst, e: e}
	case UByte, Char:
		return &convSink[D, uint8]{dst: dst, e: e}
	case UShort:
		return &convSink[D, uint16]{dst: dst, e: e}
	case UInt:
		return &convSink[D, uint32]{dst: dst, e: e}
	case UInt64:
		return &convSink[D, uint64]{dst: dst, e: e}
	case Float:
		return &convSink[D, float32]{dst: dst, e: e}
	}
	return &convSink[D, float64]{dst: dst, e: e}
}

func (s *convSink[D, S]) len() int    { return len(s.dst) }
func (s *convSink[D, S]) clone() sink { return &convSink[D, S]{dst: s.dst, e: s.e} }

func (s *convSink[D, S]) put(at, stride, n int, b []byte) (bad int, err error) {
	if same, ok := any(s.dst).([]S); ok && stride == 1 {
		decodeRow(same[at:at+n], b, s.e)
		return 0, nil
	}
	// A row at a time keeps the scratch small enough for the cache.
	const most = 4096
	if s.tmp == nil {
		s.tmp = make([]S, min(n, most))
	}
	for done := 0; done < n; {
		if m := min(n, most); len(s.tmp) < m {
			s.tmp = make([]S, m)
		}
		k := min(n-done, len(s.tmp))
		decodeRow(s.tmp[:k], b[done*s.e.size:], s.e)
		bad += convert(s.dst[at+done*stride:], stride, s.tmp[:k])
		done += k
	}
	return bad, nil
}

func (s *convSink[D, S]) spread(at, stride, n int, b []byte) (bad int, err error) {
	var one [1]S
	decodeRow(one[:], b, s.e)
	if n == 0 {
		return 0, nil
	}
	bad = convert(s.dst[at:], 1, one[:])
	v := s.dst[at]
	for i := 1; i < n; i++ {
		s.dst[at+i*stride] = v
	}
	return bad * n, nil
}

// convert stores src into every stride-th element of dst by the rules of Var.Read and returns how many values
// did not fit.
func convert[D, S number](dst []D, stride int, src []S) (bad int) {
	switch d := any(dst).(type) {
	case []float64:
		for i, v := range src {
			d[i*stride] = float64(v)
		}
		return 0
	case []float32:
		for i, v := range src {
			f := float32(v)
			if math.IsInf(float64(f), 0) && !math.IsInf(float64(v), 0) {
				bad++
			}
			d[i*stride] = f
		}
		return bad
	}
	if isFloat[S]() {
		lo, hi := limits[D]()
		for i, v := range src {
			t := math.Trunc(float64(v))
			if !(t >= lo && t < hi) { // also NaN
				bad++
				dst[i*stride] = 0
				continue
			}
			dst[i*stride] = D(t)
		}
		return bad
	}
	for i, v := range src {
		d := D(v)
		if S(d) != v || (d < 0) != (v < 0) {
			bad++
			d = 0
		}
		dst[i*stride] = d
	}
	return bad
}

func isFloat[T number]() bool {
	half := 0.5
	return T(half) != 0
}

// limits returns the least value of an integer type and the first float64 above its greatest.
func limits[D number]() (lo, hi float64) {
	var d D
	switch any(d).(type) {
	case int8:
		return math.MinInt8, 1 << 7
	case int16:
		return math.MinInt16, 1 << 15
	case int32:
		return math.MinInt32, 1 << 31
	case int64:
		return math.MinInt64, 1 << 63
	case uint8:
		return 0, 1 << 8
	case uint16:
		return 0, 1 << 16
	case uint32:
		return 0, 1 << 32
	}
	return 0, 1 << 64
}

// valueLen returns the length of a string or slice.
func valueLen(v any) int {
	r := reflect.ValueOf(v)
	switch r.Kind() {
	case reflect.String, reflect.Slice:
		return r.Len()
	}
	return 0
}

// convertSlice converts a slice of numbers into another; bad counts the values that did not fit.
func convertSlice[D number](dst []D, src any) (bad int, err error) {
	switch s := src.(type) {
	case []int8:
		return convert(dst, 1, s), nil
	case []int16:
		return convert(dst, 1, s), nil
	case []int32:
		return convert(dst, 1, s), nil
	case []int64:
		return convert(dst, 1, s), nil
	case []uint8:
		return convert(dst, 1, s), nil
	case []uint16:
		return convert(dst, 1, s), nil
	case []uint32:
		return convert(dst, 1, s), nil
	case []uint64:
		return convert(dst, 1, s), nil
	case []float32:
		return convert(dst, 1, s), nil
	case []float64:
		return convert(dst, 1, s), nil
	}
	return 0, fmt.Errorf("a %T holds no numbers: %w", src, ErrSelection)
}
