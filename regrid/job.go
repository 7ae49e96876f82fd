package regrid

import (
	"context"
	"fmt"
	"path"

	"healpipe/storage"
)

// Job regrids objects of one storage into another.
type Job struct {
	Regridder *Regridder
	In        storage.Storage
	Out       storage.Storage
}

// Run regrids the object key of In to the object of the same base name at the root of Out and returns its
// key there. The result appears whole or not at all.
//
// Errors name the input or, if it is the output that failed, the output.
func (j Job) Run(ctx context.Context, key string) (string, Report, error) {
	out := path.Base(key)
	rep, err := j.RunTo(ctx, key, out)
	return out, rep, err
}

// RunTo is Run to another key of Out.
func (j Job) RunTo(ctx context.Context, key, out string) (Report, error) {
	src, err := j.In.Open(ctx, key)
	if err != nil {
		return Report{}, fmt.Errorf("regrid: %w", err)
	}
	defer src.Close()
	name := storage.Join(j.In.String(), key)
	dst, err := j.Out.Create(ctx, out)
	if err != nil {
		return Report{}, fmt.Errorf("regrid: %s: %w", name, err)
	}
	defer dst.Abort()
	rep, err := j.Regridder.File(ctx, Input{R: src, Size: src.Info().Size, Name: name}, dst)
	if err != nil {
		return rep, err
	}
	if _, err := dst.Commit(); err != nil {
		return rep, fmt.Errorf("regrid: %s: %w", name, err)
	}
	return rep, nil
}
