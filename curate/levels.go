package curate

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"

	"healpipe/netcdf"
	"healpipe/storage"
	"healpipe/zarr"
)

// Levels is the pressure coordinate of a file.
type Levels struct {
	File       string // where it comes from, for messages
	Values     []float64
	DataType   zarr.DataType // as the file has it
	Attributes map[string]any
}

// ErrNoLevels says that there is no file of u yet, from which the store takes its pressure levels.
var ErrNoLevels = errors.New("no file of the variable u yet, from which the store takes the pressure levels")

// LevelFile finds the first file of the variable u in an output index (index.csv): the one whose levels the
// store takes. None is ErrNoLevels.
func LevelFile(index io.Reader) (string, error) {
	r := csv.NewReader(index)
	header, err := r.Read()
	if err != nil {
		return "", fmt.Errorf("the output index: %w", err)
	}
	if len(header) == 1 { // what pandas writes for no rows
		return "", fmt.Errorf("the output index has %w", ErrNoLevels)
	}
	file, name := slices.Index(header, "file"), slices.Index(header, "name")
	if file < 0 || name < 0 {
		return "", fmt.Errorf("the output index has no columns file and name but %q: write it anew with `healpipe index update`", header)
	}
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return "", fmt.Errorf("the output index has %w", ErrNoLevels)
		}
		if err != nil {
			return "", fmt.Errorf("the output index: %w", err)
		}
		if row[name] == "u" {
			return row[file], nil
		}
	}
}

// levelTypes are the types that a level coordinate may have.
var levelTypes = map[netcdf.Kind]zarr.DataType{
	netcdf.Byte: "int8", netcdf.UByte: "uint8", netcdf.Short: "int16", netcdf.UShort: "uint16", netcdf.Int: "int32",
	netcdf.UInt: "uint32", netcdf.Int64: "int64", netcdf.UInt64: "uint64", netcdf.Float: "float32", netcdf.Double: "float64",
}

// ReadLevels reads the coordinate of the level dimension of a regridded file.
func ReadLevels(ctx context.Context, in storage.Storage, key string) (Levels, error) {
	f, err := openInput(ctx, in, key)
	if err != nil {
		return Levels{}, err
	}
	defer f.close()
	lev, err := f.levels(ctx)
	return lev, f.wrap(err)
}

// levels finds the level coordinate by the first variable that has one.
func (f *input) levels(ctx context.Context) (Levels, error) {
	for _, v := range f.nc.Root().Vars {
		if len(v.Dims) == 3 && f.isTime(v.Dims[0]) {
			c := f.coordinate(v.Dims[1])
			if c == nil {
				return Levels{}, fmt.Errorf("the dimension %s has no coordinate variable", v.Dims[1].Name)
			}
			return readLevels(ctx, f.path, c)
		}
	}
	return Levels{}, errors.New("no variable with the dimensions time, level, cells")
}

func readLevels(ctx context.Context, file string, c *netcdf.Var) (Levels, error) {
	lev := Levels{File: file, DataType: levelTypes[c.Type.Kind], Attributes: map[string]any{}}
	if lev.DataType == "" {
		return lev, fmt.Errorf("the coordinate %s has the type %v", c.Name, c.Type.Kind)
	}
	lev.Values = make([]float64, c.Len())
	if err := c.Read(ctx, lev.Values, nil, nil, nil); err != nil {
		return lev, err
	}
	attrs, err := c.Attrs()
	if err != nil {
		return lev, err
	}
	for _, a := range attrs {
		if v, ok := plainValue(a); ok {
			lev.Attributes[a.Name] = v
		}
	}
	return lev, nil
}

// plainValue makes an attribute what JSON can hold: a text, a number, or a list of them.
func plainValue(a netcdf.Attr) (any, bool) {
	if s, ok := a.Text(); ok {
		return s, true
	}
	if list, ok := a.Value.([]string); ok {
		return list, true
	}
	values, ok := a.Float64s()
	if !ok {
		return nil, false
	}
	list := make([]any, len(values))
	for i, v := range values {
		if list[i] = v; a.Type.Kind != netcdf.Float && a.Type.Kind != netcdf.Double {
			list[i] = int64(v)
		}
	}
	if len(list) == 1 {
		return list[0], true
	}
	return list, true
}

func (l Levels) array() zarr.ArrayOptions {
	return zarr.ArrayOptions{
		Shape: []int{len(l.Values)}, DataType: l.DataType, Chunks: []int{len(l.Values)},
		DimensionNames: []string{levelsName}, Attributes: l.Attributes,
	}
}

// write stores the values in an array of the levels' own type.
func (l Levels) write(ctx context.Context, a *zarr.Array) error {
	switch a.DataType() {
	case "int8":
		return writeAs[int8](ctx, a, l.Values)
	case "uint8":
		return writeAs[uint8](ctx, a, l.Values)
	case "int16":
		return writeAs[int16](ctx, a, l.Values)
	case "uint16":
		return writeAs[uint16](ctx, a, l.Values)
	case "int32":
		return writeAs[int32](ctx, a, l.Values)
	case "uint32":
		return writeAs[uint32](ctx, a, l.Values)
	case "int64":
		return writeAs[int64](ctx, a, l.Values)
	case "uint64":
		return writeAs[uint64](ctx, a, l.Values)
	case "float32":
		return writeAs[float32](ctx, a, l.Values)
	case "float64":
		return writeAs[float64](ctx, a, l.Values)
	}
	return fmt.Errorf("%w: array levels has the type %s", ErrLayout, a.DataType())
}

type number interface {
	int8 | uint8 | int16 | uint16 | int32 | uint32 | int64 | uint64 | float32 | float64
}

func writeAs[T number](ctx context.Context, a *zarr.Array, values []float64) error {
	out := make([]T, len(values))
	for i, v := range values {
		out[i] = T(v)
	}
	return zarr.Write(ctx, a, whole(a), out)
}

// readFloats reads a whole array of any type that levels may have.
func readFloats(ctx context.Context, a *zarr.Array) ([]float64, error) {
	switch a.DataType() {
	case "int8":
		return readAs[int8](ctx, a)
	case "uint8":
		return readAs[uint8](ctx, a)
	case "int16":
		return readAs[int16](ctx, a)
	case "uint16":
		return readAs[uint16](ctx, a)
	case "int32":
		return readAs[int32](ctx, a)
	case "uint32":
		return readAs[uint32](ctx, a)
	case "int64":
		return readAs[int64](ctx, a)
	case "uint64":
		return readAs[uint64](ctx, a)
	case "float32":
		return readAs[float32](ctx, a)
	}
	return readAs[float64](ctx, a)
}

func readAs[T number](ctx context.Context, a *zarr.Array) ([]float64, error) {
	values := make([]T, whole(a).Len())
	if err := zarr.Read(ctx, a, whole(a), values); err != nil {
		return nil, err
	}
	out := make([]float64, len(values))
	for i, v := range values {
		out[i] = float64(v)
	}
	return out, nil
}
