package curate

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"healpipe/zarr"
)

// Init creates the group, the arrays that are lacking, and the values of the coordinates, and brings the
// consolidated metadata up to date. It returns the names of the arrays that it made. levels is asked for the
// pressure levels only if that array is lacking; where it returns ErrNoLevels, the array levels is left for a
// later Init. Arrays that are there and differ from the layout are an error, all named in it, before anything
// is made.
func (s *Store) Init(ctx context.Context, levels func(context.Context) (Levels, error)) (created []string, err error) {
	g, err := zarr.OpenGroup(ctx, s.zs, "", zarr.Options{Workers: s.opt.Workers, Budget: s.opt.Budget})
	if errors.Is(err, fs.ErrNotExist) {
		g, err = zarr.CreateGroup(ctx, s.zs, "", nil, zarr.Options{Workers: s.opt.Workers, Budget: s.opt.Budget})
		if errors.Is(err, zarr.ErrExists) { // by another process, just now
			g, err = s.group(ctx, s.zs, s.opt.Workers)
		}
	}
	if err != nil {
		return nil, err
	}
	lacking, err := s.lacking(ctx)
	if err != nil {
		return nil, err
	}
	var lev Levels
	noLevels := false
	if slices.Contains(lacking, levelsName) || !s.hasLevels(ctx) {
		lev, err = levels(ctx)
		switch {
		case errors.Is(err, ErrNoLevels):
			noLevels = slices.Contains(lacking, levelsName)
			lacking = slices.DeleteFunc(lacking, func(name string) bool { return name == levelsName })
		case err != nil:
			return nil, err
		case len(lev.Values) != s.layout.Levels:
			return nil, fmt.Errorf("%w: %s has %d levels where the settings say %d: set %s", ErrLayout, lev.File, len(lev.Values), s.layout.Levels, levelsSetting(len(lev.Values)))
		}
	}
	for _, name := range lacking {
		o, ok := s.layout.fixed(name)
		if !ok {
			o = lev.array()
		}
		_, err := g.Create(ctx, name, o)
		if err != nil && !errors.Is(err, zarr.ErrExists) {
			return created, err
		}
		created = append(created, name)
	}
	if err := s.fillCoordinates(ctx, lev); err != nil {
		return created, err
	}
	names := s.layout.names()
	if noLevels {
		names = slices.DeleteFunc(names, func(name string) bool { return name == levelsName })
	}
	return created, g.Consolidate(ctx, names...)
}

// lacking returns the names of the arrays that are not there, and an error about those that differ.
func (s *Store) lacking(ctx context.Context) (names []string, err error) {
	var wrong differences
	for _, name := range s.layout.names() {
		// Not by way of the group: its consolidated metadata may be older than the arrays.
		a, err := zarr.OpenArray(ctx, s.zs, name, zarr.Options{})
		switch {
		case errors.Is(err, fs.ErrNotExist):
			names = append(names, name)
			continue
		case err != nil:
			return nil, err
		}
		switch want, ok := s.layout.fixed(name); {
		case name == timeName:
			err = s.checkTime(ctx, a)
			wrong.other(err, []string{timeRangeSetting})
		case ok:
			got := a.Options()
			wrong.array(name, difference(got, want), settingsOf(got, want))
		default:
			err = s.checkLevelCount(a)
			var settings []string
			if shape := a.Shape(); len(shape) == 1 {
				settings = []string{levelsSetting(shape[0])}
			}
			wrong.other(err, settings)
		}
		if err != nil && !errors.Is(err, ErrLayout) {
			return nil, err
		}
	}
	return names, wrong.report(s)
}

// differences gathers what arrays have that the settings do not want. Those with the same difference are named
// together.
type differences struct {
	texts    []string   // what differs
	arrays   [][]string // the arrays of each; nil where the text names its own
	settings []string   // that would fit
	hopeless bool       // no settings would
}

// array adds an array with a difference, if there is one.
func (d *differences) array(name, difference string, settings []string) {
	if difference == "" {
		return
	}
	i := slices.Index(d.texts, difference)
	if i < 0 {
		i = len(d.texts)
		d.texts, d.arrays = append(d.texts, difference), append(d.arrays, nil)
	}
	d.arrays[i] = append(d.arrays[i], name)
	d.set(settings)
}

// other adds an error about an array, if there is one.
func (d *differences) other(err error, settings []string) {
	if err != nil {
		d.texts, d.arrays = append(d.texts, err.Error()), append(d.arrays, nil)
		d.set(settings)
	}
}

func (d *differences) set(settings []string) {
	d.hopeless = d.hopeless || len(settings) == 0
	for _, s := range settings {
		if !slices.Contains(d.settings, s) {
			d.settings = append(d.settings, s)
		}
	}
}

// report puts all in one line.
func (d *differences) report(s *Store) error {
	if len(d.texts) == 0 {
		return nil
	}
	if d.hopeless {
		d.settings = nil
	}
	prefix := fmt.Sprintf("%v: %s: ", ErrLayout, s)
	for i, names := range d.arrays {
		switch len(names) {
		case 0:
			d.texts[i] = strings.TrimPrefix(d.texts[i], prefix)
		case 1:
			d.texts[i] = fmt.Sprintf("array %s has %s", names[0], d.texts[i])
		default:
			d.texts[i] = fmt.Sprintf("arrays %s have %s", strings.Join(names, " "), d.texts[i])
		}
	}
	return fmt.Errorf("%w: %s: %s: %s; nothing is changed in this one", ErrLayout, s, strings.Join(d.texts, "; "), remedy(d.settings))
}

// hasLevels says whether the values of the array levels are there.
func (s *Store) hasLevels(ctx context.Context) bool {
	a, err := zarr.OpenArray(ctx, s.zs, levelsName, zarr.Options{})
	if err != nil {
		return false
	}
	has, err := a.HasChunk(ctx, []int{0})
	return err == nil && has
}

// fillCoordinates writes the values of the coordinates where they are not stored: also after an Init that
// was interrupted between making the array and filling it.
func (s *Store) fillCoordinates(ctx context.Context, lev Levels) error {
	if err := s.fillIfEmpty(ctx, timeName, func(a *zarr.Array) error {
		u, err := s.layout.timeUnit()
		if err != nil {
			return err
		}
		first, step, err := s.layout.timeValues(u)
		if err != nil {
			return err
		}
		values := make([]int64, s.layout.Time.N)
		for i := range values {
			values[i] = first + int64(i)*step
		}
		return zarr.Write(ctx, a, whole(a), values)
	}); err != nil {
		return err
	}
	if s.layout.GridMapping {
		if err := s.fillIfEmpty(ctx, cellIDs, func(a *zarr.Array) error {
			values := make([]int64, s.layout.Cells())
			for i := range values {
				values[i] = int64(i)
			}
			return zarr.Write(ctx, a, whole(a), values)
		}); err != nil {
			return err
		}
	}
	if lev.Values == nil {
		return nil
	}
	return s.fillIfEmpty(ctx, levelsName, func(a *zarr.Array) error { return lev.write(ctx, a) })
}

func (s *Store) fillIfEmpty(ctx context.Context, name string, fill func(*zarr.Array) error) error {
	a, err := zarr.OpenArray(ctx, s.zs, name, zarr.Options{})
	if err != nil {
		return err
	}
	if has, err := a.HasChunk(ctx, []int{0}); err != nil || has {
		return err
	}
	return fill(a)
}

// whole is the region of an entire array.
func whole(a *zarr.Array) zarr.Region {
	shape := a.Shape()
	return zarr.Region{Start: make([]int, len(shape)), Shape: shape}
}

// checkTime compares the array time, as far as it has values, with the layout's axis.
func (s *Store) checkTime(ctx context.Context, a *zarr.Array) error {
	if shape := a.Shape(); len(shape) != 1 || shape[0] != s.layout.Time.N {
		return fmt.Errorf("%w: %s: array time has the shape %v where the settings say [%d]", ErrLayout, s, shape, s.layout.Time.N)
	}
	if a.DataType() != "int64" {
		return fmt.Errorf("%w: %s: array time has the type %s, not int64", ErrLayout, s, a.DataType())
	}
	if has, err := a.HasChunk(ctx, make([]int, 1)); err != nil || !has {
		return err
	}
	attrs := a.Attributes()
	text, _ := attrs["units"].(string)
	calendar, _ := attrs["calendar"].(string)
	u, err := parseUnits(text, calendar)
	if err != nil {
		return fmt.Errorf("%w: %s: array time: %w", ErrLayout, s, err)
	}
	values := make([]int64, s.layout.Time.N)
	if err := zarr.Read(ctx, a, whole(a), values); err != nil {
		return err
	}
	first, step, err := s.layout.timeValues(u)
	if err != nil {
		return fmt.Errorf("%s: array time has the units %q: %w", s, text, err)
	}
	for i, v := range values {
		if v == first+int64(i)*step {
			continue
		}
		got, err := u.decode(float64(v))
		if err != nil {
			return fmt.Errorf("%w: %s: array time: %w", ErrLayout, s, err)
		}
		return fmt.Errorf("%w: %s: array time has %s at step %d where TIME_RANGE has %s", ErrLayout, s, showTime(got), i, showTime(s.layout.Time.At(i)))
	}
	return nil
}

// checkLevelCount compares the array levels with the layout.
func (s *Store) checkLevelCount(a *zarr.Array) error {
	if shape := a.Shape(); len(shape) != 1 || shape[0] != s.layout.Levels {
		return fmt.Errorf("%w: %s: array levels has the shape %v where the settings say [%d]", ErrLayout, s, shape, s.layout.Levels)
	}
	return nil
}
