package netcdf_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"healpipe/netcdf"
)

func schema() netcdf.Schema {
	return netcdf.Schema{
		Dims:    []netcdf.Dim{{Name: "time", Unlimited: true}, {Name: "cells", Len: 5}},
		Records: 3,
		Attrs:   []netcdf.Attr{{Name: "Conventions", Value: "CF-1.6"}, {Name: "n", Value: []int32{1, 2}}},
		Vars: []netcdf.VarDef{
			{Name: "time", Kind: netcdf.Double, Dims: []string{"time"}, Attrs: []netcdf.Attr{{Name: "units", Value: []string{"hours"}}}},
			{Name: "healpix", Kind: netcdf.Int, Attrs: []netcdf.Attr{{Name: "healpix_nside", Value: []int32{64}}}},
			{Name: "t2m", Kind: netcdf.Float, Dims: []string{"time", "cells"}, Attrs: []netcdf.Attr{{Name: "_FillValue", Value: []float32{-9}}}},
		},
	}
}

// TestCreate writes a file record by record and compares it with what libnetcdf and we read back.
func TestCreate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var files []string
	for _, format := range []netcdf.Format{netcdf.CDF1, netcdf.CDF2, netcdf.CDF5} {
		var buf bytes.Buffer
		w, err := netcdf.Create(&buf, format, schema())
		if err != nil {
			t.Fatal(err)
		}
		write := func(name string, values any) {
			if err := w.Write(name, values); err != nil {
				t.Fatal(err)
			}
		}
		write("healpix", []int32{7})
		for rec := range 3 {
			write("time", []float64{float64(rec)})
			write("t2m", []float32{1, 2}) // in two pieces
			write("t2m", []float32{3, float32(rec), -9})
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, format.String()+".nc")
		if err := os.WriteFile(path, buf.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, path)
	}
	want := libnetcdf(t, files...)
	for _, path := range files {
		f := open(t, path)
		compareGroup(t, f.Root(), want[path])
		v, err := f.Var("t2m")
		if err != nil {
			t.Fatal(err)
		}
		if fill, err := v.FillValue(); err != nil || fill != float32(-9) {
			t.Errorf("fill value %v, %v", fill, err)
		}
		got, err := v.Values(t.Context())
		if err != nil || !same(got, []float32{1, 2, 3, 0, -9, 1, 2, 3, 1, -9, 1, 2, 3, 2, -9}) {
			t.Errorf("%v, %v", got, err)
		}
	}
}

// TestCreateErrors checks definitions and writes that must be refused.
func TestCreateErrors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		format netcdf.Format
		change func(*netcdf.Schema)
		want   error
	}{
		"format":    {netcdf.NetCDF4, func(*netcdf.Schema) {}, netcdf.ErrUnsupported},
		"dimension": {netcdf.CDF2, func(s *netcdf.Schema) { s.Vars[0].Dims[0] = "x" }, netcdf.ErrNotFound},
		"attribute": {netcdf.CDF2, func(s *netcdf.Schema) { s.Attrs[0].Value = struct{}{} }, netcdf.ErrUnsupported},
		"kind":      {netcdf.CDF2, func(s *netcdf.Schema) { s.Vars[0].Kind = netcdf.String }, netcdf.ErrSelection},
		"wide":      {netcdf.CDF2, func(s *netcdf.Schema) { s.Vars[0].Kind = netcdf.UInt64 }, netcdf.ErrSelection},
	} {
		s := schema()
		c.change(&s)
		if _, err := netcdf.Create(&bytes.Buffer{}, c.format, s); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	w, err := netcdf.Create(&bytes.Buffer{}, netcdf.CDF2, schema())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write("time", []float64{1}); !errors.Is(err, netcdf.ErrSelection) {
		t.Errorf("out of turn: %v", err)
	}
	if err := w.Write("healpix", []float64{1}); !errors.Is(err, netcdf.ErrSelection) {
		t.Errorf("wrong type: %v", err)
	}
	if err := w.Write("healpix", []int32{1, 2}); !errors.Is(err, netcdf.ErrSelection) {
		t.Errorf("too many: %v", err)
	}
	if err := w.Close(); err == nil {
		t.Error("a file without its values was closed")
	}
}
