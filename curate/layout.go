package curate

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"healpipe/zarr"
)

// ErrLayout says that a store, or the settings for it, are not as they must be.
var ErrLayout = errors.New("the store does not have the wanted layout")

// Axis is a regular time axis: N instants from Start, Step apart, in UTC.
type Axis struct {
	Start time.Time
	Step  time.Duration
	N     int
}

// At returns instant i.
func (a Axis) At(i int) time.Time {
	// In two parts: a Duration spans 292 years only.
	secs := int64(a.Step / time.Second)
	rest := a.Step % time.Second
	t := time.Unix(a.Start.Unix()+secs*int64(i), int64(a.Start.Nanosecond())).UTC()
	return t.Add(rest * time.Duration(i))
}

// End returns the last instant.
func (a Axis) End() time.Time { return a.At(a.N - 1) }

// Layout is what the settings say about the store.
type Layout struct {
	Time        Axis
	TimeChunk   int       // steps in a chunk
	Epoch       time.Time // of the array time
	TimeUnits   string    // of the array time, such as "minutes since 1900-1-1 0:0:0", from Epoch on
	Levels      int       // pressure levels
	OutputLevel int       // HEALPix level: nside is 2 to this power
	// GridMapping adds, on top of the contract's arrays, what CF 1.13 (appendix F, HEALPix) wants readers to
	// find the grid by: a grid mapping variable "crs", the cells' indices as a coordinate "cell_ids", and
	// attributes that name both on the variables that Init makes. With xdggs: ds.dggs.decode(convention="cf").
	GridMapping bool
}

// The names of the arrays.
var (
	surfaceNames = []string{"tclw", "tciw", "2t", "10u", "10v", "msl", "tp", "sstk", "ci", "2d", "tcwv", "100u", "100v"}
	levelNames   = []string{"z", "t", "u", "v", "q"}
)

// Surface returns the names of the variables without levels, in the order of the store.
func Surface() []string { return slices.Clone(surfaceNames) }

// OnLevels returns the names of the variables on pressure levels, in the order of the store.
func OnLevels() []string { return slices.Clone(levelNames) }

// Variables returns the names of all variables, those of Surface first.
func Variables() []string { return append(Surface(), levelNames...) }

const (
	timeName   = "time"
	levelsName = "levels"
	cellsName  = "cells" // the dimension
	cellIDs    = "cell_ids"
	crsName    = "crs"
)

// Cells returns the number of HEALPix cells, 12 nside².
func (l Layout) Cells() int { return 12 << (2 * l.OutputLevel) }

// Check says what is wrong with the settings.
func (l Layout) Check() error {
	switch {
	case l.Time.N < 1 || l.Time.Step <= 0:
		return fmt.Errorf("%w: TIME_RANGE has %d steps of %v, and must have some", ErrLayout, l.Time.N, l.Time.Step)
	case l.TimeChunk < 1:
		return fmt.Errorf("%w: TIME_CHUNK is %d, and must be at least 1", ErrLayout, l.TimeChunk)
	case l.Levels < 1:
		return fmt.Errorf("%w: LEVELS is %d, and must be at least 1", ErrLayout, l.Levels)
	case l.OutputLevel < 0 || l.OutputLevel > 14:
		return fmt.Errorf("%w: OUTPUT_LEVEL is %d, and must be 0 to 14", ErrLayout, l.OutputLevel)
	}
	_, err := l.timeUnit()
	return err
}

// timeUnit reads TimeUnits and checks that they count from Epoch.
func (l Layout) timeUnit() (units, error) {
	u, err := parseUnits(l.TimeUnits, "standard")
	if err != nil {
		return u, fmt.Errorf("%w: TIME_UNITS: %w", ErrLayout, err)
	}
	if !u.epoch.Equal(l.Epoch) {
		return u, fmt.Errorf("%w: TIME_UNITS %q do not count from START_TIME %s: make both the same instant", ErrLayout, l.TimeUnits, showTime(l.Epoch))
	}
	return u, nil
}

// timeValues returns the values of the array time, in u: first, first+step, ...
func (l Layout) timeValues(u units) (first, step int64, err error) {
	if first, err = u.encode(l.Time.At(0)); err == nil && l.Time.N > 1 {
		step, err = u.encode(l.Time.At(1))
		step -= first
	}
	if err != nil {
		err = fmt.Errorf("%w: the time axis cannot be written in whole numbers: %w: set TIME_UNITS to a smaller unit", ErrLayout, err)
	}
	return first, step, err
}

// surface, levels and timeArray are the arrays that do not depend on a file.
func (l Layout) surface() zarr.ArrayOptions {
	return zarr.ArrayOptions{
		Shape: []int{l.Time.N, l.Cells()}, DataType: "float32", Chunks: []int{l.TimeChunk, l.Cells()},
		DimensionNames: []string{timeName, cellsName},
		Attributes:     l.mapped(map[string]any{"_ARRAY_DIMENSIONS": []any{timeName, cellsName}}),
	}
}

func (l Layout) levels() zarr.ArrayOptions {
	return zarr.ArrayOptions{
		Shape: []int{l.Time.N, l.Levels, l.Cells()}, DataType: "float32",
		Chunks: []int{l.TimeChunk, 1, l.Cells()}, Shards: []int{l.TimeChunk, l.Levels, l.Cells()},
		DimensionNames: []string{timeName, levelsName, cellsName}, Attributes: l.mapped(map[string]any{}),
	}
}

// mapped adds the grid mapping to a variable's attributes.
func (l Layout) mapped(attributes map[string]any) map[string]any {
	if l.GridMapping {
		attributes["grid_mapping"], attributes["coordinates"] = crsName, cellIDs
	}
	return attributes
}

// crs is the grid mapping variable; its value means nothing.
func (l Layout) crs() zarr.ArrayOptions {
	return zarr.ArrayOptions{
		Shape: []int{}, DataType: "int32", Chunks: []int{}, DimensionNames: []string{},
		Attributes: map[string]any{
			"grid_mapping_name": "healpix", "refinement_level": l.OutputLevel, "indexing_scheme": "nested",
		},
	}
}

// cellIndices is the coordinate of the cells: their indices in the nested scheme.
func (l Layout) cellIndices() zarr.ArrayOptions {
	return zarr.ArrayOptions{
		Shape: []int{l.Cells()}, DataType: "int64", Chunks: []int{l.Cells()}, DimensionNames: []string{cellsName},
		Attributes: map[string]any{"standard_name": "healpix_index", "long_name": "HEALPix cell index", "units": "1"},
	}
}

func (l Layout) timeArray() zarr.ArrayOptions {
	return zarr.ArrayOptions{
		Shape: []int{l.Time.N}, DataType: "int64", Chunks: []int{l.Time.N}, DimensionNames: []string{timeName},
		Attributes: map[string]any{"units": l.TimeUnits, "calendar": "standard"},
	}
}

// names returns all arrays in the order in which Init makes them.
func (l Layout) names() []string {
	names := append(Variables(), timeName, levelsName)
	if l.GridMapping {
		names = append(names, cellIDs, crsName)
	}
	return names
}

// array returns the options of a variable's array.
func (l Layout) array(name string) (o zarr.ArrayOptions, ok bool) {
	switch {
	case slices.Contains(surfaceNames, name):
		return l.surface(), true
	case slices.Contains(levelNames, name):
		return l.levels(), true
	}
	return o, false
}

// fixed returns the options of an array that depends on the layout alone.
func (l Layout) fixed(name string) (o zarr.ArrayOptions, ok bool) {
	switch name {
	case timeName:
		return l.timeArray(), true
	case cellIDs:
		return l.cellIndices(), true
	case crsName:
		return l.crs(), true
	}
	return l.array(name)
}

// chunkOf returns the index, along time, of the chunk that holds a step.
func (l Layout) chunkOf(step int) int { return step / l.TimeChunk }

func showTime(t time.Time) string {
	if t.Second() == 0 && t.Nanosecond() == 0 {
		return t.UTC().Format("2006-01-02 15:04")
	}
	return t.UTC().Format("2006-01-02 15:04:05.999999999")
}
