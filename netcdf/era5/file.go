package era5

import (
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"path"
	"reflect"
	"strings"
	"time"

	"healpipe/netcdf/internal/hdf5w"
)

// Kind is one of the archive's three sorts of file.
type Kind int

const (
	Surface       Kind = iota // an hourly analysis at the surface
	PressureLevel             // an hourly analysis on pressure levels
	Accumulated               // hourly precipitation, named by its month
)

// levels37 are the archive's pressure levels in hPa.
var levels37 = []float64{1, 2, 3, 5, 7, 10, 20, 30, 50, 70, 100, 125, 150, 175, 200, 225, 250, 300, 350, 400, 450, 500, 550, 600,
	650, 700, 750, 775, 800, 825, 850, 875, 900, 925, 950, 975, 1000}

// fillValue is the archive's _FillValue.
const fillValue = float32(9.999e20)

// Spec describes one file.
type Spec struct {
	Kind  Kind
	Name  string // the parameter's short name, such as 2t
	Units string
	// Table and Param are the GRIB table and parameter of the file name; not used by Accumulated.
	Table, Param int
	Start        time.Time // the first hour, UTC
	Hours        int
	Rows         int    // latitudes, both poles included; 0 means 721
	Cols         int    // longitudes; 0 means 1440
	Levels       int    // of PressureLevel; 0 means 37
	Masked       bool   // missing over land
	Seed         uint64 // of the made-up weather
}

func (s Spec) withDefaults() Spec {
	if s.Rows == 0 {
		s.Rows = 721
	}
	if s.Cols == 0 {
		s.Cols = 1440
	}
	if s.Levels == 0 {
		s.Levels = len(levels37)
	}
	return s
}

// FileName returns the archive's name for the file.
func (s Spec) FileName() string {
	if s.Kind == Accumulated {
		return fmt.Sprintf("e5.accumulated_tp_1h.%s.nc", s.Start.Format("200601"))
	}
	sort, grid := "sfc", "sc"
	if s.Kind == PressureLevel {
		sort = "pl"
		if s.Name == "u" || s.Name == "v" {
			grid = "uv"
		}
	}
	last := s.Start.Add(time.Duration(s.Hours-1) * time.Hour)
	return fmt.Sprintf("e5.oper.an.%s.%03d_%03d_%s.ll025%s.%s_%s.nc", sort, s.Table, s.Param, s.Name, grid,
		s.Start.Format("2006010215"), last.Format("2006010215"))
}

// VarName returns the name of the data variable: in capitals, with VAR_ before a digit.
func (s Spec) VarName() string {
	name := strings.ToUpper(s.Name)
	if name != "" && name[0] >= '0' && name[0] <= '9' {
		name = "VAR_" + name
	}
	return name
}

// Write writes the file that s describes. The whole field of an hour is made at a
// time, so memory holds one HDF5 chunk (153 MB for 37 levels at 0.25 degree) and its compressed form.
func Write(ctx context.Context, w io.WriterAt, s Spec) error {
	s = s.withDefaults()
	if s.Hours < 1 || s.Rows < 2 || s.Cols < 1 || s.Levels < 1 || s.Levels > len(levels37) {
		return fmt.Errorf("era5: a file of %d hours, %d levels, %d x %d cells", s.Hours, s.Levels, s.Rows, s.Cols)
	}
	def := s.definition()
	f, err := hdf5w.Create(w, def)
	if err != nil {
		return err
	}
	g := newGrid(s.Rows, s.Cols)
	if err := s.writeCoordinates(f, def, g); err != nil {
		return err
	}
	data := len(def.Vars) - 1
	weather := newWeather(s, g)
	for r := range f.Regions(data) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := f.WriteChunk(data, r, weather.region(r.Start, r.Count)); err != nil {
			return err
		}
	}
	return f.Close()
}

func (s Spec) definition() *hdf5w.Definition {
	text := func(name, value string) hdf5w.Attr { return hdf5w.Attr{Name: name, Value: value} }
	d := &hdf5w.Definition{Attrs: []hdf5w.Attr{text("source", "synthetic field in the layout of the NCAR ERA5 archive")}}
	d.Dims = append(d.Dims, hdf5w.Dim{Name: "time", Len: s.Hours})
	d.Vars = append(d.Vars, hdf5w.Var{Name: "time", Kind: reflect.Int32, Dims: []int{0}, Attrs: []hdf5w.Attr{
		text("long_name", "time"), text("units", "hours since 1900-01-01 00:00:00"), text("calendar", "gregorian")}})
	shape, chunks := []int{0}, []int{min(27, s.Hours), min(139, s.Rows), min(277, s.Cols)}
	if s.Kind == PressureLevel {
		d.Dims = append(d.Dims, hdf5w.Dim{Name: "level", Len: s.Levels})
		d.Vars = append(d.Vars, hdf5w.Var{Name: "level", Kind: reflect.Float64, Dims: []int{1}, Attrs: []hdf5w.Attr{
			text("long_name", "pressure level"), text("units", "hPa"), text("positive", "down")}})
		shape, chunks = []int{0, 1}, []int{1, s.Levels, s.Rows, s.Cols}
	}
	lat := len(d.Dims)
	d.Dims = append(d.Dims, hdf5w.Dim{Name: "latitude", Len: s.Rows}, hdf5w.Dim{Name: "longitude", Len: s.Cols})
	d.Vars = append(d.Vars,
		hdf5w.Var{Name: "latitude", Kind: reflect.Float64, Dims: []int{lat}, Attrs: []hdf5w.Attr{
			text("long_name", "latitude"), text("units", "degrees_north")}},
		hdf5w.Var{Name: "longitude", Kind: reflect.Float64, Dims: []int{lat + 1}, Attrs: []hdf5w.Attr{
			text("long_name", "longitude"), text("units", "degrees_east")}},
		hdf5w.Var{Name: "utc_date", Kind: reflect.Int32, Dims: []int{0}, Attrs: []hdf5w.Attr{
			text("long_name", "UTC date yyyy-mm-dd hh:00:00 as yyyymmddhh")}},
		hdf5w.Var{Name: s.VarName(), Kind: reflect.Float32, Dims: append(shape, lat, lat+1), Chunks: chunks,
			Shuffle: true, Deflate: 1, Fill: fillValue, Attrs: []hdf5w.Attr{
				text("long_name", s.Name), text("short_name", s.Name), text("units", s.Units)}})
	return d
}

// writeCoordinates writes every variable but the last, which holds the data.
func (s Spec) writeCoordinates(f *hdf5w.Writer, d *hdf5w.Definition, g grid) error {
	hours, dates := make([]int32, s.Hours), make([]int32, s.Hours)
	epoch := time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)
	first := int32((s.Start.Unix() - epoch.Unix()) / 3600)
	for i := range hours {
		t := s.Start.Add(time.Duration(i) * time.Hour)
		hours[i] = first + int32(i)
		dates[i] = int32(((t.Year()*100+int(t.Month()))*100+t.Day())*100 + t.Hour())
	}
	values := map[string]any{"time": hours, "utc_date": dates, "latitude": g.lat, "longitude": g.lon,
		"level": levels37[len(levels37)-s.Levels:]}
	for i, v := range d.Vars[:len(d.Vars)-1] {
		if err := f.Write(i, values[v.Name]); err != nil {
			return err
		}
	}
	return nil
}

// weather makes the values of one file.
type weather struct {
	s      Spec
	g      grid
	field  *spectrum
	land   []bool
	fields map[int][]float32 // of the hours whose chunks are being asked for
}

func newWeather(s Spec, g grid) *weather {
	w := &weather{s: s, g: g, field: newSpectrum(rand.New(rand.NewPCG(s.Seed, 1)), 40), fields: map[int][]float32{}}
	if s.Masked {
		height := make([]float64, s.Rows*s.Cols)
		newSpectrum(rand.New(rand.NewPCG(s.Seed, 2)), 12).evaluate(height, g, 0, 0)
		w.land = make([]bool, len(height))
		for i, h := range height {
			w.land[i] = h > 0.45
		}
	}
	return w
}

// region returns the values of one chunk, row-major.
func (w *weather) region(start, count []int) []float32 {
	hours := count[0]
	if w.s.Kind == PressureLevel {
		return w.hour(start[0], count[1])
	}
	for h := range w.fields {
		if h < start[0] {
			delete(w.fields, h)
		}
	}
	out := make([]float32, 0, hours*count[1]*count[2])
	for h := start[0]; h < start[0]+hours; h++ {
		if w.fields[h] == nil {
			w.fields[h] = w.hour(h, 1)
		}
		for j := start[1]; j < start[1]+count[1]; j++ {
			row := w.fields[h][j*w.s.Cols:]
			out = append(out, row[start[2]:start[2]+count[2]]...)
		}
	}
	return out
}

// hour returns all levels of one hour.
func (w *weather) hour(hour, levels int) []float32 {
	cells := w.s.Rows * w.s.Cols
	out := make([]float32, levels*cells)
	x := make([]float64, cells)
	rng := rand.New(rand.NewPCG(w.s.Seed, 1000+uint64(hour)))
	for l := range levels {
		w.field.evaluate(x, w.g, hour, l)
		noise(x, rng, 0.02)
		dst := out[l*cells : (l+1)*cells]
		for i := range dst {
			lat := w.g.lat[i/w.s.Cols] / 90
			dst[i] = float32(w.value(x[i], lat, l))
		}
		for i, land := range w.land {
			if land {
				dst[i] = fillValue
			}
		}
	}
	return out
}

// value turns a unit-variance number into the parameter's range, rounded to a binary grid as GRIB packing
// leaves it.
func (w *weather) value(x, lat float64, level int) float64 {
	round := func(v, step float64) float64 { return math.Round(v/step) * step }
	switch {
	case w.s.Kind == Accumulated:
		return round(max(0, x-1)/1000, 1.0/(1<<20))
	case w.s.Name == "u" || w.s.Name == "v":
		return round(x*8+float64(level)/4*(1-lat*lat), 1.0/512)
	}
	return round(280-60*lat*lat+6*x-float64(level)/4, 1.0/512)
}

// Demo returns the data set of `healpipe demo`: surface fields with and without a mask, two fields on 37
// pressure levels, precipitation.
func Demo() []Spec {
	start := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	return []Spec{
		{Kind: Surface, Name: "2t", Units: "K", Table: 128, Param: 167, Start: start, Hours: 6, Seed: 1},
		{Kind: Surface, Name: "sstk", Units: "K", Table: 128, Param: 34, Start: start, Hours: 6, Masked: true, Seed: 2},
		{Kind: PressureLevel, Name: "t", Units: "K", Table: 128, Param: 130, Start: start, Hours: 2, Seed: 3},
		{Kind: PressureLevel, Name: "u", Units: "m s**-1", Table: 128, Param: 131, Start: start, Hours: 2, Seed: 4},
		{Kind: Accumulated, Name: "tp", Units: "m", Start: start, Hours: 6, Seed: 5},
	}
}

// Folder returns the archive's folder for the file, as config.py's ERA5_ROOTS usually name them.
func (s Spec) Folder() string {
	return [...]string{Surface: "ERA5_sfc", PressureLevel: "ERA5_pl", Accumulated: "ERA5_1h_acc_precip"}[s.Kind]
}

// Path returns Folder and FileName joined.
func (s Spec) Path() string { return path.Join(s.Folder(), s.FileName()) }
