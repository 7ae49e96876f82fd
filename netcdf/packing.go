package netcdf

import "errors"

// Packing is the CF convention of a variable for turning stored numbers into physical values: those that
// are missing become NaN, the others stored*Scale + Offset.
type Packing struct {
	Scale, Offset float64   // 1 and 0 where the variable has no scale_factor or add_offset
	Missing       []float64 // _FillValue and missing_value, in stored numbers; NaN is always missing
}

// Packing reads scale_factor, add_offset, _FillValue and missing_value. Without _FillValue nothing but
// missing_value and NaN is missing, as in xarray (libnetcdf's default fill values are not applied).
func (v *Var) Packing() (Packing, error) { return Packing{}, errors.ErrUnsupported }

// Packed says whether values differ from the stored numbers.
func (p Packing) Packed() bool { return p.Scale != 1 || p.Offset != 0 }
