package regrid

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"healpipe/netcdf"
)

// plan is what is to be done with one file.
type plan struct {
	file *netcdf.File
	grid Grid
	nx   int         // columns that are read: one less than stored where the file repeats the first at the end
	time *netcdf.Var // coordinate of the time dimension, nil without one
	tdim *netcdf.Dim // nil where no variable depends on time
	z    []*level    // vertical (or ensemble) dimensions, in order of first use
	vars []*field
}

// level is a dimension between time and latitude.
type level struct {
	dim   *netcdf.Dim
	coord *netcdf.Var // nil without a coordinate variable
}

// field is a variable that is regridded.
type field struct {
	v         *netcdf.Var
	time      bool   // depends on time
	z         *level // nil for one level
	pack      netcdf.Packing
	packed    bool      // stored as integers or with scale_factor or add_offset: computed from float64
	double    bool      // float64 in the file and so in the result
	missing32 []float32 // pack.Missing for unpacked float32
	top       byte      // upperByte of missing32
	fill      float64
	hasFill   bool // the result declares a fill value
}

// levels returns the number of fields of one time.
func (f *field) levels() int {
	if f.z == nil {
		return 1
	}
	return f.z.dim.Len
}

// steps returns the number of times.
func (f *field) steps() int {
	if !f.time {
		return 1
	}
	return f.v.Shape[0]
}

// newPlan finds the grid and the variables on it, in the order of the file. Variables that lack it are left
// out, as CDO does.
func newPlan(ctx context.Context, nc *netcdf.File) (*plan, error) {
	p := &plan{file: nc}
	root := nc.Root()
	axes := map[*netcdf.Dim]axis{}
	coords := map[*netcdf.Dim]*netcdf.Var{}
	var curved *netcdf.Var
	for _, v := range root.Vars {
		a := axisOf(v)
		if len(v.Dims) == 1 && (v.Name == v.Dims[0].Name || a != noAxis && coords[v.Dims[0]] == nil) {
			coords[v.Dims[0]], axes[v.Dims[0]] = v, a
		}
		if len(v.Dims) == 2 && (a == latAxis || a == lonAxis) {
			curved = v
		}
	}
	var lat, lon *netcdf.Dim
	for _, v := range root.Vars {
		n := len(v.Dims)
		if n < 2 || v.Type == nil || !v.Type.Kind.Numeric() || v.Type.Kind == netcdf.Char {
			continue
		}
		y, x := v.Dims[n-2], v.Dims[n-1]
		if axes[y] == lonAxis && axes[x] == latAxis {
			return nil, fmt.Errorf("%w: variable %s has longitude before latitude", ErrUnsupported, v.Name)
		}
		if axes[y] != latAxis || axes[x] != lonAxis {
			continue
		}
		if lat == nil {
			lat, lon = y, x
		} else if lat != y || lon != x {
			return nil, fmt.Errorf("%w: more than one grid: %s lies on another than %s", ErrUnsupported, v.Name, p.vars[0].v.Name)
		}
		f, err := p.newField(v, axes, coords)
		if err != nil {
			return nil, fmt.Errorf("variable %s: %w", v.Name, err)
		}
		p.vars = append(p.vars, f)
	}
	switch {
	case len(p.vars) > 0:
	case curved != nil:
		return nil, fmt.Errorf("%w: %s has two dimensions", ErrGrid, curved.Name)
	case slices.ContainsFunc(root.Vars, func(v *netcdf.Var) bool { return axisOf(v) == latAxis }) &&
		slices.ContainsFunc(root.Vars, func(v *netcdf.Var) bool { return axisOf(v) == lonAxis }):
		return nil, ErrNoVariable
	default:
		return nil, fmt.Errorf("%w: no latitude and longitude", ErrGrid)
	}
	if p.tdim != nil {
		p.time = coords[p.tdim]
	}
	var err error
	if p.grid.Lat, err = netcdf.ReadAll[float64](ctx, coords[lat]); err != nil {
		return nil, err
	}
	if p.grid.Lon, err = netcdf.ReadAll[float64](ctx, coords[lon]); err != nil {
		return nil, err
	}
	if n := len(p.grid.Lon); n > 3 && math.Abs(p.grid.Lon[n-1]-p.grid.Lon[0]-360) < 1e-6 {
		p.grid.Lon = p.grid.Lon[:n-1]
	}
	p.nx = len(p.grid.Lon)
	return p, p.grid.Check()
}

// newField sorts out the dimensions and the values of a variable on the grid.
func (p *plan) newField(v *netcdf.Var, axes map[*netcdf.Dim]axis, coords map[*netcdf.Dim]*netcdf.Var) (*field, error) {
	f := &field{v: v}
	outer := v.Dims[:len(v.Dims)-2]
	if len(outer) > 0 && (axes[outer[0]] == timeAxis || outer[0].Unlimited) {
		if p.tdim == nil {
			p.tdim = outer[0]
		} else if p.tdim != outer[0] {
			return nil, fmt.Errorf("%w: two time dimensions, %s and %s", ErrUnsupported, p.tdim.Name, outer[0].Name)
		}
		f.time = true
		outer = outer[1:]
	}
	if len(outer) > 1 {
		var names []string
		for _, d := range outer {
			names = append(names, d.Name)
		}
		return nil, fmt.Errorf("%w: more dimensions than time, level, latitude and longitude: %s", ErrUnsupported, strings.Join(names, ", "))
	}
	if len(outer) == 1 {
		d := outer[0]
		if axes[d] == timeAxis {
			return nil, fmt.Errorf("%w: time is not the first dimension", ErrUnsupported)
		}
		if i := slices.IndexFunc(p.z, func(l *level) bool { return l.dim == d }); i >= 0 {
			f.z = p.z[i]
		} else {
			f.z = &level{dim: d, coord: coords[d]}
			p.z = append(p.z, f.z)
		}
	}
	if f.levels() == 0 {
		return nil, fmt.Errorf("%w: dimension %s is empty", ErrUnsupported, f.z.dim.Name)
	}
	var err error
	if f.pack, err = v.Packing(); err != nil {
		return nil, err
	}
	f.pack.Unwrap(f.pack.Missing) // as the values will be
	integer := v.Type.Kind != netcdf.Float && v.Type.Kind != netcdf.Double && v.Type.Kind != netcdf.Half
	f.double = v.Type.Kind == netcdf.Double && !f.pack.Packed()
	f.packed = integer || f.pack.Packed() || v.Type.Kind == netcdf.Double
	f.fill = math.NaN()
	for _, m := range f.pack.Missing {
		f.missing32 = append(f.missing32, float32(m))
	}
	f.top = upperByte(f.missing32)
	if len(f.pack.Missing) > 0 {
		f.fill, f.hasFill = f.pack.Missing[0], true
	}
	return f, nil
}

// axis is what a coordinate variable stands for.
type axis uint8

const (
	noAxis axis = iota
	latAxis
	lonAxis
	timeAxis
)

// axisOf goes by CF: units, then standard_name, then axis; plain names last.
func axisOf(v *netcdf.Var) axis {
	units := strings.TrimSpace(v.Text("units"))
	switch units {
	case "degrees_north", "degree_north", "degree_N", "degrees_N", "degreeN", "degreesN":
		return latAxis
	case "degrees_east", "degree_east", "degree_E", "degrees_E", "degreeE", "degreesE":
		return lonAxis
	}
	if len(v.Dims) == 0 || v.Type == nil || v.Type.Kind == netcdf.Char || !v.Type.Kind.Numeric() {
		return noAxis
	}
	if strings.Contains(units, " since ") && (len(v.Dims) != 1 || v.Name == v.Dims[0].Name || v.Text("standard_name") == "time") {
		return timeAxis
	}
	switch v.Text("standard_name") {
	case "latitude":
		return latAxis
	case "longitude":
		return lonAxis
	case "time":
		return timeAxis
	}
	switch v.Text("axis") {
	case "T":
		return timeAxis
	case "Y":
		return latAxis
	case "X":
		return lonAxis
	}
	switch strings.ToLower(v.Name) {
	case "lat", "latitude":
		return latAxis
	case "lon", "longitude":
		return lonAxis
	case "time", "valid_time":
		return timeAxis
	}
	return noAxis
}
