package netcdf

import (
	"errors"
	"fmt"
	"math"
)

// Packing is the CF convention of a variable for turning stored numbers into physical values: those that
// are missing become NaN, the others stored*Scale + Offset.
type Packing struct {
	Scale, Offset float64   // 1 and 0 where the variable has no scale_factor or add_offset
	Missing       []float64 // _FillValue and missing_value, in stored numbers; NaN is always missing
	// Wrap is set where the attribute _Unsigned contradicts the type of an integer: to 256 for a byte that stands for
	// an unsigned one, and so on, so that Wrap is added to negative numbers before scaling; to -256 for an unsigned
	// byte that stands for a signed one, so that it is added to numbers from 128 on. Else it is 0.
	Wrap float64
}

// Packing reads scale_factor, add_offset, _FillValue, missing_value and _Unsigned. Without _FillValue nothing but
// missing_value and NaN is missing, as in xarray (libnetcdf's default fill values are not applied).
func (v *Var) Packing() (Packing, error) {
	p := Packing{Scale: 1}
	if !v.Type.Kind.Numeric() {
		return p, v.wrap(fmt.Errorf("no packing for type %s: %w", v.Type.Kind, ErrSelection))
	}
	numbers := func(name string) ([]float64, error) {
		a, err := v.Attr(name)
		if errors.Is(err, ErrNotFound) {
			return nil, nil
		}
		if err == nil {
			err = a.Err
		}
		if err != nil {
			return nil, err
		}
		n, ok := a.Float64s()
		if !ok {
			return nil, v.wrap(fmt.Errorf("attribute %q of type %s is not a number: %w", name, a.Type.Kind, ErrSelection))
		}
		return n, nil
	}
	for name, to := range map[string]*float64{"scale_factor": &p.Scale, "add_offset": &p.Offset} {
		n, err := numbers(name)
		if err != nil {
			return p, err
		}
		if len(n) > 0 {
			*to = n[0]
		}
	}
	for _, name := range []string{"_FillValue", "missing_value"} {
		n, err := numbers(name)
		if err != nil {
			return p, err
		}
		p.Missing = append(p.Missing, n...)
	}
	switch k := v.Type.Kind; v.Text("_Unsigned") {
	case "true":
		if k == Byte || k == Short || k == Int || k == Int64 {
			p.Wrap = math.Ldexp(1, 8*kindSize(k))
		}
	case "false":
		if k == UByte || k == UShort || k == UInt || k == UInt64 {
			p.Wrap = -math.Ldexp(1, 8*kindSize(k))
		}
	}
	return p, nil
}

// Packed says whether values differ from the stored numbers.
func (p Packing) Packed() bool { return p.Scale != 1 || p.Offset != 0 || p.Wrap != 0 }

// Apply turns stored numbers into physical values in place, missing ones into NaN:
//
//	value = (stored, wrapped)*Scale + Offset, in float64
//
// Stored float32 numbers compare with Missing after widening, so they must come from Var.Read unconverted.
func (p Packing) Apply(values []float64) {
	for i, x := range values {
		if p.IsMissing(x) {
			values[i] = math.NaN()
		} else if p.Packed() {
			values[i] = p.unwrap(x)*p.Scale + p.Offset
		}
	}
}

// Unwrap gives stored numbers the sign that the attribute _Unsigned says they have, in place.
func (p Packing) Unwrap(values []float64) {
	if p.Wrap == 0 {
		return
	}
	for i, x := range values {
		values[i] = p.unwrap(x)
	}
}

func (p Packing) unwrap(x float64) float64 {
	if p.Wrap > 0 && x < 0 || p.Wrap < 0 && x >= -p.Wrap/2 {
		x += p.Wrap
	}
	return x
}

// IsMissing says whether a stored number stands for a missing value.
func (p Packing) IsMissing(stored float64) bool {
	for _, m := range p.Missing {
		if stored == m {
			return true
		}
	}
	return stored != stored
}
