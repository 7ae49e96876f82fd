package regrid

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"healpipe/netcdf"
)

// The header of the result is the one that CDO 2.5.1 writes for the two commands: the order of dimensions,
// variables and attributes, the types of time and level, the attributes that it adds and those that it
// drops. CDI, CDO and history name healpipe in place of CDO.

// gridMapping is the variable that carries the HEALPix parameters.
const gridMapping = "healpix"

// schema builds the header.
func (p *plan) schema(t Target, cells int, program, history string) (netcdf.Schema, error) {
	var s netcdf.Schema
	if p.tdim != nil {
		s.Dims = append(s.Dims, netcdf.Dim{Name: p.tdim.Name, Unlimited: true})
		s.Records = p.tdim.Len
	}
	s.Dims = append(s.Dims, netcdf.Dim{Name: "cells", Len: cells})
	for _, z := range p.z {
		s.Dims = append(s.Dims, netcdf.Dim{Name: z.dim.Name, Len: z.dim.Len})
	}
	if p.time != nil {
		attrs, err := timeAttrs(p.time)
		if err != nil {
			return s, err
		}
		s.Vars = append(s.Vars, netcdf.VarDef{Name: p.tdim.Name, Kind: coordKind(p.time), Dims: []string{p.tdim.Name}, Attrs: attrs})
	}
	s.Vars = append(s.Vars, netcdf.VarDef{Name: gridMapping, Kind: netcdf.Int, Attrs: []netcdf.Attr{
		text("grid_mapping_name", "healpix"),
		{Name: "healpix_nside", Value: []int32{int32(t.Nside)}},
		text("healpix_order", t.Order.String()),
	}})
	for _, z := range p.z {
		if z.coord == nil {
			continue
		}
		attrs, err := levelAttrs(z.coord)
		if err != nil {
			return s, err
		}
		s.Vars = append(s.Vars, netcdf.VarDef{Name: z.dim.Name, Kind: coordKind(z.coord), Dims: []string{z.dim.Name}, Attrs: attrs})
	}
	for _, f := range p.vars {
		attrs, err := f.attrs()
		if err != nil {
			return s, err
		}
		d := netcdf.VarDef{Name: f.v.Name, Kind: netcdf.Float, Attrs: attrs}
		if f.double {
			d.Kind = netcdf.Double
		}
		if f.time {
			d.Dims = append(d.Dims, p.tdim.Name)
		}
		if f.z != nil {
			d.Dims = append(d.Dims, f.z.dim.Name)
		}
		d.Dims = append(d.Dims, "cells")
		s.Vars = append(s.Vars, d)
	}
	names := map[string]bool{}
	for _, v := range s.Vars {
		if names[v.Name] {
			return s, fmt.Errorf("%w: the result would have two variables %s", ErrUnsupported, v.Name)
		}
		names[v.Name] = true
	}
	var err error
	s.Attrs, err = p.global(program, history)
	return s, err
}

// coordKind is the type that CDO gives time and level: float and int stay, all else becomes double.
func coordKind(v *netcdf.Var) netcdf.Kind {
	if k := v.Type.Kind; k == netcdf.Float || k == netcdf.Int {
		return k
	}
	return netcdf.Double
}

// global returns the attributes of the file.
func (p *plan) global(program, history string) ([]netcdf.Attr, error) {
	in, err := p.file.Root().Attrs()
	if err != nil {
		return nil, err
	}
	conventions := textOf(in, "Conventions")
	if conventions == "" {
		conventions = "CF-1.6"
	}
	if old := textOf(in, "history"); old != "" {
		history += "\n" + old
	}
	out := []netcdf.Attr{text("CDI", program), text("Conventions", conventions)}
	for _, first := range []string{"source", "institution"} {
		out = keep(out, in, func(name string) bool { return name == first })
	}
	out = keep(out, in, func(name string) bool {
		switch name {
		case "CDI", "CDO", "Conventions", "source", "institution", "history":
			return false
		}
		return !strings.HasPrefix(name, "_")
	})
	return append(out, text("history", history), text("CDO", program)), nil
}

// timeAttrs are those of the time coordinate.
func timeAttrs(v *netcdf.Var) ([]netcdf.Attr, error) {
	in, err := v.Attrs()
	if err != nil {
		return nil, err
	}
	out := []netcdf.Attr{text("standard_name", "time")}
	out = keep(out, in, func(name string) bool { return name == "long_name" })
	calendar := strings.ToLower(textOf(in, "calendar"))
	switch calendar {
	case "":
		calendar = "standard"
	case "noleap":
		calendar = "365_day"
	case "all_leap":
		calendar = "366_day"
	}
	return append(out, text("units", textOf(in, "units")), text("calendar", calendar), text("axis", "T")), nil
}

// levelAttrs are those of a vertical coordinate. Pressure and height get the names and the direction that
// CF has for them.
func levelAttrs(v *netcdf.Var) ([]netcdf.Attr, error) {
	in, err := v.Attrs()
	if err != nil {
		return nil, err
	}
	standard, long, units, positive := textOf(in, "standard_name"), textOf(in, "long_name"), textOf(in, "units"), textOf(in, "positive")
	switch strings.TrimSpace(units) {
	case "Pa", "hPa", "millibars", "millibar", "mb", "mbar":
		standard, long, positive = cmp.Or(standard, "air_pressure"), cmp.Or(long, "pressure"), cmp.Or(positive, "down")
	case "m":
		if v.Name == "height" && standard == "" {
			standard = "height"
		}
		if standard == "height" {
			positive = cmp.Or(positive, "up")
		}
	}
	var out []netcdf.Attr
	for _, a := range [][2]string{{"standard_name", standard}, {"long_name", long}, {"units", units}, {"positive", positive}, {"axis", "Z"}} {
		if a[1] != "" {
			out = append(out, text(a[0], a[1]))
		}
	}
	return keep(out, in, func(name string) bool {
		switch name {
		case "standard_name", "long_name", "units", "positive", "axis", "bounds", "formula_terms", "_FillValue", "missing_value":
			return false
		}
		return true
	}), nil
}

// attrs are those of a regridded variable.
func (f *field) attrs() ([]netcdf.Attr, error) {
	in, err := f.v.Attrs()
	if err != nil {
		return nil, err
	}
	var out []netcdf.Attr
	for _, first := range []string{"standard_name", "long_name", "units", "code", "table"} {
		out = keep(out, in, func(name string) bool { return name == first })
	}
	out = append(out, text("grid_mapping", gridMapping))
	if f.hasFill {
		for _, name := range []string{"_FillValue", "missing_value"} {
			if f.double {
				out = append(out, netcdf.Attr{Name: name, Value: []float64{f.fill}})
			} else {
				out = append(out, netcdf.Attr{Name: name, Value: []float32{float32(f.fill)}})
			}
		}
	}
	return keep(out, in, func(name string) bool {
		switch name {
		case "standard_name", "long_name", "units", "code", "table", "param", "grid_mapping", "grid_type", "coordinates", "bounds",
			"_FillValue", "missing_value", "_Unsigned", "scale_factor", "add_offset", "valid_range", "valid_min", "valid_max":
			return false
		}
		return true
	}), nil
}

// keep appends the attributes that want picks and that a classic file can hold, 64-bit integers as 32-bit
// ones where they fit and as float64 where not.
func keep(out, in []netcdf.Attr, want func(name string) bool) []netcdf.Attr {
	for _, a := range in {
		if !want(a.Name) {
			continue
		}
		if s, ok := a.Text(); ok {
			out = append(out, text(a.Name, s))
			continue
		}
		switch a.Value.(type) {
		case []int8, []int16, []int32, []float32, []float64:
			out = append(out, netcdf.Attr{Name: a.Name, Value: a.Value})
			continue
		}
		values, ok := a.Float64s()
		if !ok {
			continue // strings, user-defined types
		}
		ints := make([]int32, len(values))
		for i, v := range values {
			ints[i] = int32(v)
		}
		if slices.ContainsFunc(values, func(v float64) bool { return math.Abs(v) > math.MaxInt32 }) {
			out = append(out, netcdf.Attr{Name: a.Name, Value: values})
		} else {
			out = append(out, netcdf.Attr{Name: a.Name, Value: ints})
		}
	}
	return out
}

func text(name, value string) netcdf.Attr { return netcdf.Attr{Name: name, Value: value} }

func textOf(attrs []netcdf.Attr, name string) string {
	for _, a := range attrs {
		if a.Name == name {
			s, _ := a.Text()
			return s
		}
	}
	return ""
}
